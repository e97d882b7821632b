"""Request bodies of packages and their options."""

from datetime import timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from pydantic import Field, StrictBool, StrictStr, conint, validator
from pydantic.fields import ModelField

from ..errors import InvalidInput
from ..models import MAX_PER_PURCHASE, Body, Count, clean_text
from .times import read_moment

MAX_CHOICES = 50
WHAT = {
    "sale_starts_at": "The start of the sale",
    "sale_ends_at": "The end of the sale",
    "valid_from": "The begin of the validity",
    "valid_until": "The end of the validity",
}

if TYPE_CHECKING:
    _PerOrder = int
else:
    _PerOrder = conint(strict=True, ge=1, le=MAX_PER_PURCHASE)

Kind = Literal["admission", "addon"]
OptionType = Literal["text", "boolean", "single", "multi"]

_NAME = "What it is called, 1 to 100 characters."
_KIND = (
    "`admission` opens the door and takes a seat of the event; `addon` (a drink, a shirt) does"
    " neither. Cannot change once it was sold."
)
_DESCRIPTION = "Plain text or Markdown, at most 2,000 characters."
_PRICE = (
    "Per ticket, in `currency`, 0 is free; no finer than the currency's smallest unit. Orders that"
    " were placed keep the price they had."
)
_CURRENCY = "`sat` or an ISO 4217 code this host can convert."
_LIMIT = "Tickets of this type in all, sold ones included; null is unlimited."
_SALE = (
    "ISO 8601; without an offset it is local time of the event. null is no bound; the event's"
    " `closing_date` holds all the same."
)
_SALE_ENDS = f"From then on it is not sold. {_SALE}"
_VALID = (
    "ISO 8601, as `sale_starts_at`: when its tickets open the door. null: any time. Tickets that"
    " are being bought or sold keep the window they had."
)
_VALID_UNTIL = f"From then on they do not. {_VALID}"
_LEAST = "Least tickets in one order, 1 to 10."
_MOST = "Most tickets in one order, 1 to 10."
_ENABLED = "Whether it can be bought at all."
_HIDDEN = "Not shown to the public; who knows its id can buy it."


class _PackageFields(Body):
    """Checks that new and changed packages share."""

    @validator("name", check_fields=False)
    def _name(cls, value: str | None) -> str | None:
        if value is None:
            return None
        name = clean_text(value, "The name of a ticket type", 100)
        if not name:
            raise InvalidInput("The ticket type needs a name.")
        return name

    @validator("description", check_fields=False)
    def _description(cls, value: str | None) -> str | None:
        if value is None:
            return None
        return clean_text(value, "The description", 2000, multiline=True)

    @validator("sale_starts_at", "sale_ends_at", "valid_from", "valid_until", check_fields=False)
    def _moment(cls, value: str | None, field: ModelField) -> str | None:
        if value is not None:
            # The event's time zone is not known here; the form is judged.
            read_moment(value, timezone.utc, WHAT[field.name])
        return value


class PackageBody(_PackageFields):
    """A new ticket type."""

    name: StrictStr = Field(..., description=_NAME)
    kind: Kind = Field("admission", description=_KIND)
    description: StrictStr = Field("", description=_DESCRIPTION)
    price: Decimal = Field(..., ge=0, description=_PRICE)
    currency: StrictStr | None = Field(
        None, description=f"{_CURRENCY} Without one, that of the event."
    )
    quantity_limit: Count | None = Field(None, description=_LIMIT)
    sale_starts_at: StrictStr | None = Field(None, description=_SALE)
    sale_ends_at: StrictStr | None = Field(None, description=_SALE_ENDS)
    valid_from: StrictStr | None = Field(None, description=_VALID)
    valid_until: StrictStr | None = Field(None, description=_VALID_UNTIL)
    min_per_order: _PerOrder = Field(1, description=_LEAST)
    max_per_order: _PerOrder = Field(MAX_PER_PURCHASE, description=_MOST)
    is_enabled: StrictBool = Field(True, description=_ENABLED)
    is_hidden: StrictBool = Field(False, description=_HIDDEN)


class PackagePatch(_PackageFields):
    """Any subset of a ticket type. null clears a limit or a time and leaves the rest alone."""

    name: StrictStr | None = Field(None, description=_NAME)
    kind: Kind | None = Field(None, description=_KIND)
    description: StrictStr | None = Field(None, description=_DESCRIPTION)
    price: Decimal | None = Field(None, ge=0, description=_PRICE)
    currency: StrictStr | None = Field(None, description=_CURRENCY)
    quantity_limit: Count | None = Field(
        None, description=f"{_LIMIT} Never below what is sold or held: 409 `below_sold`."
    )
    sale_starts_at: StrictStr | None = Field(None, description=_SALE)
    sale_ends_at: StrictStr | None = Field(None, description=_SALE_ENDS)
    valid_from: StrictStr | None = Field(None, description=_VALID)
    valid_until: StrictStr | None = Field(None, description=_VALID_UNTIL)
    min_per_order: _PerOrder | None = Field(None, description=_LEAST)
    max_per_order: _PerOrder | None = Field(None, description=_MOST)
    is_enabled: StrictBool | None = Field(None, description=_ENABLED)
    is_hidden: StrictBool | None = Field(None, description=_HIDDEN)
    version: Count | None = Field(
        None, description="As it was read; a stale one is 409 `stale_version`."
    )


class PackageOrder(Body):
    """The ticket types of an event, as they are to be shown."""

    package_ids: list[StrictStr] = Field(
        ..., max_items=1000, description="The ids of all of them, once each."
    )


_LABEL = "The question, 1 to 200 characters."
_TYPE = "`text`, `boolean`, `single` (one of `choices`) or `multi` (some of them)."
_CHOICES = "1 to 50 different texts of 1 to 200 characters for single and multi, else none."
_REQUIRED = "Whether each attendee must answer it."


class _OptionFields(Body):
    """Checks that new and changed options share."""

    @validator("label", check_fields=False)
    def _label(cls, value: str | None) -> str | None:
        if value is None:
            return None
        label = clean_text(value, "The question", 200)
        if not label:
            raise InvalidInput("The question may not be empty.")
        return label

    @validator("choices", check_fields=False)
    def _choices(cls, value: list[str] | None) -> list[str] | None:
        if value is None:
            return None
        choices = [clean_text(choice, "A choice", 200) for choice in value]
        if len(choices) > MAX_CHOICES:
            raise InvalidInput(f"At most {MAX_CHOICES} choices can be given.")
        if not all(choices) or len(set(choices)) < len(choices):
            raise InvalidInput("Each choice needs a text of its own.")
        return choices


class OptionBody(_OptionFields):
    """A question that everybody who gets a ticket of this type is asked."""

    label: StrictStr = Field(..., description=_LABEL)
    type: OptionType = Field("text", description=_TYPE)
    choices: list[StrictStr] = Field([], description=_CHOICES)
    required: StrictBool = Field(False, description=_REQUIRED)


class OptionPatch(_OptionFields):
    """Any subset of a question. What was answered before stays as it was asked and answered."""

    label: StrictStr | None = Field(None, description=_LABEL)
    type: OptionType | None = Field(None, description=_TYPE)
    choices: list[StrictStr] | None = Field(None, description=_CHOICES)
    required: StrictBool | None = Field(None, description=_REQUIRED)
