"""Fields of an event's body that say when it takes place and when money comes back."""

from datetime import timezone
from itertools import pairwise
from typing import TYPE_CHECKING

from pydantic import Field, StrictBool, StrictStr, conint, validator
from pydantic.fields import ModelField

from ..errors import InvalidInput
from ..models import Body, Count
from .tiers import MAX_DAYS_BEFORE, RefundTier
from .times import clean_zone, read_moment

MAX_TIERS = 10
WHAT = {"starts_at": "The start of the event", "ends_at": "The end of the event"}

if TYPE_CHECKING:
    _Days = int
    _Percent = int
else:
    _Days = conint(strict=True, ge=0, le=MAX_DAYS_BEFORE)
    _Percent = conint(strict=True, ge=0, le=100)


class TierBody(Body):
    """Until so many days before the start, this part of the price comes back."""

    days_before: _Days = Field(..., description="Whole days before the event begins.")
    percent: _Percent = Field(..., description="0 to 100, of what was paid.")


class PolicyFields(Body):
    """Shared by new and changed events; None is "not said", but clears a time of a change."""

    timezone: StrictStr | None = Field(None, description="IANA name; without one UTC.")
    starts_at: StrictStr | None = Field(
        None, description="ISO 8601; without an offset it is local time in `timezone`."
    )
    ends_at: StrictStr | None = Field(None, description="As `starts_at`.")
    buyer_can_cancel: StrictBool | None = Field(
        None, description="Whether buyers may cancel; a new event lets them unless told not."
    )
    refund_tiers: list[TierBody] | None = Field(
        None, description="At most 10; an empty list gives nothing back."
    )
    conditional: StrictBool | None = Field(
        None, description="Whether the event is cancelled below `min_tickets`."
    )
    min_tickets: Count | None = Field(
        None, description="Tickets that must be sold for it to take place; a number alone means it."
    )

    @validator("timezone")
    def _timezone(cls, value: str | None) -> str | None:
        return None if value is None else clean_zone(value)

    @validator("starts_at", "ends_at")
    def _moment(cls, value: str | None, field: ModelField) -> str | None:
        if value is not None:
            # Which zone it is in may only be known with the stored event; the form is judged here.
            read_moment(value, timezone.utc, WHAT[field.name])
        return value

    @validator("refund_tiers")
    def _tiers(cls, value: list[TierBody] | None) -> list[TierBody] | None:
        if value is None:
            return None
        if len(value) > MAX_TIERS:
            raise InvalidInput(f"At most {MAX_TIERS} refund tiers can be set.")
        tiers = sorted(value, key=lambda tier: -tier.days_before)
        for earlier, later in pairwise(tiers):
            if earlier.days_before == later.days_before:
                raise InvalidInput("Each refund tier needs its own number of days.")
            if later.percent > earlier.percent:
                raise InvalidInput("Refund tiers may not rise as the event comes nearer.")
        return tiers

    @validator("min_tickets")
    def _least(cls, value: int | None, values: dict[str, object]) -> int | None:
        if value == 0 and values.get("conditional"):
            raise InvalidInput("The least number of tickets to be sold must be 1 or more.")
        return value

    @property
    def tiers(self) -> list[RefundTier] | None:
        if self.refund_tiers is None:
            return None
        return [RefundTier(tier.days_before, tier.percent) for tier in self.refund_tiers]
