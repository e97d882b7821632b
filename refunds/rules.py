"""Pure decisions about refunds: how much comes back, and when a payment is tried again."""

from datetime import datetime, timedelta, timezone

from ..catalog.models import Event, RefundTier
from ..catalog.times import event_begins_at, zone_of

# After so many attempts in a row the organiser is asked to look.
ATTEMPTS_IN_A_ROW = 12
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=24)


def tier_ends_at(event: Event, tier: RefundTier) -> datetime | None:
    """The last moment of a tier: so many days before the start, by the clock on the wall of the
    event's time zone, so that a change to summer time moves nothing. None without a start."""
    begins = event_begins_at(event)
    if begins is None:
        return None
    zone = zone_of(event)
    local = begins.astimezone(zone).replace(tzinfo=None) - timedelta(days=tier.days_before)
    return local.replace(tzinfo=zone).astimezone(timezone.utc)


def current_tier(event: Event, now: datetime) -> RefundTier | None:
    """The tier that holds now: the one with the most days among those not over yet."""
    for tier in event.refund_tiers:
        ends = tier_ends_at(event, tier)
        if ends is not None and now <= ends:
            return tier
    return None


def refund_percent(event: Event, now: datetime) -> int:
    """What part of the price comes back when a ticket is cancelled now, in percent."""
    tier = current_tier(event, now)
    return tier.percent if tier else 0


def share_sat(price_sat: int, percent: int) -> int:
    """A part of a ticket's price in whole sats, half up. Taken per ticket, so that cancelling
    one by one gives back what cancelling all at once does."""
    return (price_sat * percent + 50) // 100


def backoff(attempts: int) -> timedelta | None:
    """How long to wait after so many attempts; None: no more of them by itself."""
    in_a_row = attempts % ATTEMPTS_IN_A_ROW
    if in_a_row == 0:
        return None
    return min(_FIRST_WAIT * (1 << (in_a_row - 1)), _LONGEST_WAIT)
