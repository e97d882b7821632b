"""Request bodies of cancelling and paying back."""

from pydantic import Field, StrictBool, StrictInt, StrictStr, validator

from ..errors import InvalidInput
from ..models import Body, clean_text
from ..orders.bodies import clean_payback
from . import payouts

_LONGEST_INVOICE = 7000


def clean_destination(value: str | None) -> str | None:
    """A BOLT 11 invoice, a lightning address (LUD-16) or an LNURL-pay (LUD-06, LUD-17), by form.

    Raises InvalidInput.
    """
    text = clean_text(value or "", "The destination", _LONGEST_INVOICE)
    if not text:
        return None
    if payouts.read_invoice(text) is not None:
        return text
    if text.lower().removeprefix("lightning:").startswith(("lnbc", "lntb", "lnbcrt")):
        raise InvalidInput("The invoice could not be read.")
    return clean_payback(text)


class CancelBody(Body):
    """`POST /orders/{id}/cancel` and `POST /tickets/{id}/cancel`."""

    refund_address: str | None = Field(
        None, description="Lightning address or LNURL; without one the refund waits for a claim."
    )
    percent: StrictInt | None = Field(
        None, description="0 to 100, instead of the event's policy. Organiser only."
    )
    order_secret: str | None = Field(
        None, max_length=128, description="Or the header `X-Order-Secret`."
    )

    _payback = validator("refund_address", allow_reuse=True)(clean_payback)

    @validator("percent")
    def _percent(cls, value: int | None) -> int | None:
        if value is not None and not 0 <= value <= 100:
            raise InvalidInput("The percent must be a whole number from 0 to 100.")
        return value


class PayBody(Body):
    """`POST /refunds/{id}/pay`."""

    destination: str | None = Field(
        None, description="BOLT 11 over exactly the sum, lightning address, or LNURL-pay."
    )
    by_hand: StrictBool = Field(False, description="It was paid in another way; nothing is sent.")
    note: StrictStr = Field("", description="How it was paid by hand, up to 500 characters.")

    _destination = validator("destination", allow_reuse=True)(clean_destination)

    @validator("note")
    def _note(cls, value: str) -> str:
        return clean_text(value, "The note", 500)
