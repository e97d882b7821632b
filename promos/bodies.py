"""Request bodies of the promo code routes."""

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from pydantic import Field, StrictBool, StrictStr, conint, validator

from ..catalog.bodies import clean_promo_code
from ..models import MAX_COUNT, Body, Count

MAX_PACKAGES = 100

if TYPE_CHECKING:
    _Limit = int
else:
    _Limit = conint(strict=True, ge=1, le=MAX_COUNT)


class _Terms(Body):
    """What new and changed codes share. Where null is allowed it takes the bound away."""

    currency: StrictStr | None = Field(
        None,
        description="Of a fixed discount: `sat` or an ISO 4217 code; without one the event's own.",
    )
    valid_from: StrictStr | None = Field(
        None,
        description="ISO 8601, first moment it is valid; without an offset local time in the"
        " event's time zone. Null: from now on.",
    )
    valid_until: StrictStr | None = Field(
        None, description="As `valid_from`; the first moment it is no longer valid. Null: no end."
    )
    max_uses: _Limit | None = Field(
        None, description="Orders in all, unpaid ones while they are held included; null: any."
    )
    max_per_buyer: _Limit | None = Field(
        None,
        description="Orders per buyer, who must then give an e-mail address, a Nostr identifier"
        " or a login; null: any.",
    )
    package_ids: list[StrictStr] | None = Field(
        None,
        max_items=MAX_PACKAGES,
        description="Packages of the event it is good for; null or none: all of them.",
    )

    @validator("code", check_fields=False)
    def _code(cls, value: str | None) -> str | None:
        return None if value is None else clean_promo_code(value)


class CodeBody(_Terms):
    """A new promo code. Errors: 409 `code_exists`, 400 `invalid_input`."""

    code: StrictStr = Field(
        ..., description="1 to 64 characters, unique in the event; upper and lower case are alike."
    )
    kind: Literal["percent", "fixed"] = Field(
        "percent", description="A part of the price, or a sum once per order."
    )
    value: Decimal = Field(
        ...,
        description="Percent: above 0 to 100, at most two decimals. Fixed: an amount above 0 in"
        " `currency`, no finer than its smallest unit.",
    )
    active: StrictBool = Field(True, description="An inactive code is refused like an unknown one.")


class CodePatch(_Terms):
    """Any subset of a promo code; what it took off orders stays.

    Errors: 409 `stale_version`, 409 `code_exists`, 409 `below_used` (`max_uses` below the uses
    there are), 400 `invalid_input`.
    """

    code: StrictStr | None = Field(None, description="A new name.")
    kind: Literal["percent", "fixed"] | None = Field(
        None, description="Another kind needs a new `value`."
    )
    value: Decimal | None = Field(None, description="As in a new code.")
    active: StrictBool | None = None
    version: Count | None = Field(None, description="As it was read; a stale one is refused.")
