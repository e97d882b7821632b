"""Request bodies of the event routes: 1.6.9's, plus our own optional fields."""

import re
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from pydantic import Field, StrictStr, validator

from ..errors import InvalidInput
from ..models import Body, Count, EventStatus, clean_text
from .bodies_details import DESCRIBED, DetailFields
from .bodies_policy import PolicyFields

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def clean_date(value: str, what: str) -> str:
    """A calendar day, `YYYY-MM-DD`. Raises InvalidInput."""
    text = value.strip()
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        date.fromisoformat(text)
    except ValueError as exc:
        raise InvalidInput(f"{what} must be a date like 2030-05-31.") from exc
    return text


def clean_link(value: str | None, what: str) -> str | None:
    """An address a browser may load: http, https or a path on this host. Raises InvalidInput."""
    if value is None or not value.strip():
        return None
    link = clean_text(value, what, 2000)
    if not re.match(r"https?://|/", link):
        raise InvalidInput(f"{what} must start with http:// or https://.")
    return link


class WaveBody(Body):
    """A ticket wave of 1.6.9. `amount_tickets` is what remains; the price is in `currency`."""

    id: str = Field(..., min_length=1, max_length=64)
    title: StrictStr = "Tickets"
    opening_date: str | None = None
    closing_date: str | None = None
    currency: str = "sat"
    allow_fiat: bool = False
    fiat_currency: str = Field("GBP", max_length=8)
    amount_tickets: Count = Field(..., description="Tickets that remain.")
    price_per_ticket: Decimal = Field(..., ge=0, description="In `currency`.")
    sold: Count | None = Field(None, description="As it was read; ours, 1.6.9 sends it back.")
    use_ticket_image: bool = False
    ticket_image_id: str | None = Field(None, max_length=128)

    @validator("title")
    def _title(cls, value: str) -> str:
        return clean_text(value, "The title of a ticket wave", 100) or "Tickets"

    @validator("id")
    def _id(cls, value: str) -> str:
        return clean_text(value, "The id of a ticket wave", 64)

    @validator("opening_date", "closing_date")
    def _date(cls, value: str | None) -> str | None:
        return clean_date(value, "The sale dates of a ticket wave") if value else None


def clean_promo_code(value: str) -> str:
    """A code as it is stored: trimmed, upper case. Raises InvalidInput."""
    code = clean_text(value, "A promo code", 64).upper()
    if not code:
        raise InvalidInput("A promo code may not be empty.")
    return code


class PromoBody(Body):
    """A promo code of 1.6.9. What it cannot say of a code (a window, limits, a sum instead of a
    percentage) is kept, and such codes stay out of its list."""

    code: StrictStr = Field(..., description="1 to 64 characters; upper and lower case are alike.")
    discount_percent: Decimal = Field(
        ..., ge=0, le=100, description="Percent off, 0 to 100; more than two decimals are cut."
    )
    active: bool = Field(True, description="An inactive code is refused like an unknown one.")

    @validator("code")
    def _code(cls, value: str) -> str:
        return clean_promo_code(value)


class ExtraBody(Body):
    """`extra` of 1.6.9. Waves become packages, codes become promo codes."""

    promo_codes: list[PromoBody] = Field([], max_items=1000)
    ticket_waves: list[WaveBody] = Field([], max_items=100)
    conditional: bool = False
    min_tickets: Count = Field(1, description="Tickets, with `conditional`.")
    email_notifications: bool = False
    nostr_notifications: bool = False
    notification_subject: StrictStr = ""
    notification_body: StrictStr = ""
    onchain_enabled: bool = False
    onchain_wallet_id: str | None = Field(None, max_length=128)
    onchain_zeroconf: bool = False
    onchain_fasttrack: bool = False

    @validator("notification_subject")
    def _subject(cls, value: str) -> str:
        return clean_text(value, "The subject of the notification", 200)

    @validator("notification_body")
    def _body(cls, value: str) -> str:
        return clean_text(value, "The text of the notification", 10_000, multiline=True)

    @validator("promo_codes")
    def _unique_codes(cls, value: list[PromoBody]) -> list[PromoBody]:
        if len({promo.code for promo in value}) < len(value):
            raise InvalidInput("Each promo code may stand only once.")
        return value

    @validator("ticket_waves")
    def _unique_waves(cls, value: list[WaveBody]) -> list[WaveBody]:
        if len({wave.id for wave in value}) < len(value):
            raise InvalidInput("Each ticket wave needs an id of its own.")
        return value

    def settings(self, *, only_sent: bool = False) -> dict[str, Any]:
        """What stays in the `extra` column; waves are mirrored from the packages instead."""
        kept = self.dict(exclude={"ticket_waves", "promo_codes"}, exclude_unset=only_sent)
        if self.sets_codes or not only_sent:
            kept["promo_codes"] = [
                {**promo.dict(), "discount_percent": float(promo.discount_percent)}
                for promo in self.promo_codes
            ]
        return kept

    @property
    def sets_codes(self) -> bool:
        return "promo_codes" in self.__fields_set__


class _Shared(DetailFields, PolicyFields):
    class Config:
        fields: ClassVar[dict[str, Any]] = {
            name: {"description": text} for name, text in DESCRIBED.items()
        }

    @validator("amount_tickets", pre=True, check_fields=False)
    def _amount(cls, value: object) -> object:
        if value is None:
            raise InvalidInput("amount_tickets must be a number; capacity null means unlimited.")
        return value

    @validator("name", check_fields=False)
    def _name(cls, value: str | None) -> str | None:
        if value is None:
            return None
        name = clean_text(value, "The name of the event", 200)
        if not name:
            raise InvalidInput("The event needs a name.")
        return name

    @validator("info", check_fields=False)
    def _info(cls, value: str | None) -> str | None:
        if value is None:
            return None
        return clean_text(value, "The description", 20_000, multiline=True)

    @validator("banner", check_fields=False)
    def _banner(cls, value: str | None) -> str | None:
        return clean_link(value, "The banner")

    @validator("closing_date", "event_start_date", "event_end_date", check_fields=False)
    def _dates(cls, value: str | None) -> str | None:
        return None if value is None else clean_date(value, "Each date of the event")


class EventBody(_Shared):
    """A new event. `capacity` null is unlimited; absent it follows `amount_tickets`, else 1000."""

    wallet: str | None = Field(None, max_length=128)
    name: StrictStr
    info: StrictStr = ""
    closing_date: str | None = None
    event_start_date: str | None = None
    event_end_date: str | None = None
    currency: str = "sat"
    allow_fiat: bool = False
    fiat_currency: str = Field("GBP", max_length=8)
    amount_tickets: Count | None = None
    price_per_ticket: Decimal = Field(Decimal(0), ge=0)
    banner: str | None = None
    extra: ExtraBody = ExtraBody()
    capacity: Count | None = None
    status: EventStatus = EventStatus.PUBLISHED

    @validator("status")
    def _status(cls, value: EventStatus) -> EventStatus:
        if value not in (EventStatus.DRAFT, EventStatus.PUBLISHED):
            raise InvalidInput("A new event is a draft or published.")
        return value


class EventPatch(_Shared):
    """Any subset of an event. With `version` a stale one is refused.

    `amount_tickets` is 1.6.9's remaining stock. An old client sends the whole event back, and with
    it the `sold` it had read: the two together give the capacity it meant, also when sales ran on.
    """

    wallet: str | None = Field(None, max_length=128)
    name: StrictStr | None = None
    info: StrictStr | None = None
    closing_date: str | None = None
    event_start_date: str | None = None
    event_end_date: str | None = None
    currency: str | None = None
    allow_fiat: bool | None = None
    fiat_currency: str | None = Field(None, max_length=8)
    amount_tickets: Count | None = None
    sold: Count | None = None
    price_per_ticket: Decimal | None = Field(None, ge=0)
    banner: str | None = None
    extra: ExtraBody | None = None
    capacity: Count | None = None
    version: Count | None = None
