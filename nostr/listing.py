"""What an event's listing says of its state: pure, from its rows and the time.

Unpaid orders are left out of it. They come and go with each visitor, and only what changes the
rows that a listing is made of publishes a new one.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone

from ..catalog.models import ADMISSION, Event, Listing, Package
from ..catalog.rules import event_sales, package_sales
from ..catalog.times import completes_at, day_end, day_start, event_is_over_at, zone_of
from ..models import EventStatus, Sales

PUBLISHED = "published"
SOLD_OUT = "sold_out"
CANCELLED = "cancelled"
COMPLETED = "completed"

# Of an event whose end nobody said, or that ends as it starts: clients need an end after it.
_SOME_TIME = timedelta(hours=1)


@dataclass(frozen=True)
class Times:
    """When an event takes place: at `starts_at`, or on whole days. `ends_at` is exclusive, and so
    is `last_day`; None where the calendar ends."""

    starts_at: datetime | None
    first_day: date
    last_day: date | None
    ends_at: datetime | None


@dataclass(frozen=True)
class State:
    """`total` and `available` are None when unlimited. `wave` is the package whose price counts
    now; `changes_at` when the same rows say something else."""

    status: str
    total: int | None
    sold: int
    available: int | None
    wave: Package | None
    changes_at: datetime | None


def times_of(event: Event) -> Times | None:
    """None for an event whose days 1.6.9 stored without their being any."""
    begins = event.starts_at or day_start(event.event_start_date)
    if begins is None:
        return None
    if event.starts_at is not None:
        ends = event_is_over_at(event)
        if ends is None or _second(ends) <= _second(event.starts_at):
            ends = event.starts_at + _SOME_TIME
        return Times(event.starts_at, begins.date(), ends.date(), ends)
    has_end = day_start(event.event_end_date) is not None
    over = day_end(event.event_end_date if has_end else event.event_start_date)
    first, last = begins.date(), over.date() if over else None
    if last is not None and last <= first:
        last = first + timedelta(days=1)
    return Times(None, first, last, event_is_over_at(event))


def _second(moment: datetime) -> int:
    return int(moment.timestamp())


def state_of(listing: Listing, now: datetime) -> State:
    """The state of a published, cancelled or completed event; of a draft there is no listing."""
    paid = _without_holds(listing)
    event = paid.event
    total = _total(paid)
    available = None if total is None else max(0, total - event.sold)
    status = _status(paid, available, now)
    is_open = status in (PUBLISHED, SOLD_OUT)
    return State(
        status=status,
        total=total,
        sold=event.sold,
        available=available,
        wave=_active_wave(paid, now),
        changes_at=_next_change(paid, now) if is_open else None,
    )


def _without_holds(listing: Listing) -> Listing:
    packages = [replace(package, held=0) for package in listing.packages]
    return replace(listing, event=replace(listing.event, held=0), packages=packages)


def _status(paid: Listing, available: int | None, now: datetime) -> str:
    event = paid.event
    if event.status is EventStatus.CANCELLED:
        return CANCELLED
    # As the catalog has it: after the last day tickets may still be on sale, without an end, too.
    over_at = completes_at(event)
    if event.status is EventStatus.COMPLETED or (over_at is not None and now >= over_at):
        return COMPLETED
    if available == 0 or event_sales(event, paid.packages, now) is Sales.SOLD_OUT:
        return SOLD_OUT
    return PUBLISHED


def _total(paid: Listing) -> int | None:
    """Seats there are: the event's, or what its packages can sell where that is less."""
    admitting = [package for package in paid.packages if package.kind == ADMISSION]
    limits = [p.quantity_limit if p.is_enabled else p.sold for p in admitting]
    known = [limit for limit in limits if limit is not None]
    can_sell = any(package.is_enabled for package in admitting)
    bounds = [paid.event.capacity]
    if can_sell and len(known) == len(limits):
        bounds.append(sum(known))
    return min((bound for bound in bounds if bound is not None), default=None)


def _active_wave(paid: Listing, now: datetime) -> Package | None:
    """The first that anybody can buy now to be let in, else the first that there is."""
    waves = [package for package in paid.packages if package.is_wave]
    on_sale = (p for p in waves if package_sales(paid.event, p, now) is Sales.OPEN)
    return next(on_sale, waves[0] if waves else None)


def _next_change(paid: Listing, now: datetime) -> datetime | None:
    event = paid.event
    moments = [completes_at(event), day_end(event.closing_date, zone_of(event))]
    for package in paid.packages:
        if package.is_wave:
            moments += [package.sale_starts_at, package.sale_ends_at]
    return min((at for at in moments if at is not None and at > now), default=None)


def days_covered(times: Times, at_most: int) -> list[int]:
    """The days of UTC since 1970 that a timed event touches (NIP-52, `D`)."""
    if times.starts_at is None or times.ends_at is None:
        return []
    day_s = int(timedelta(days=1).total_seconds())
    first = _second(times.starts_at.astimezone(timezone.utc)) // day_s
    last = (_second(times.ends_at) - 1) // day_s
    return list(range(first, min(last, first + at_most - 1) + 1))
