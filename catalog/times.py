"""Days and times of an event, in the time zone it takes place in. Pure.

A local time that the clocks skip is read with the offset before the gap, and one that happens
twice is the first of the two, as RFC 5545 (3.3.5) has it.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import InvalidInput
from .models import ADMISSION, UTC_NAME, Event, Package

_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
# Files beside the zones: another leap second count, no zone at all, or whatever this machine has.
_NO_ZONES = re.compile(r"(posix|right)/.*|posixrules|Factory|localtime")
_MOMENT = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<minute>[0-9]{2}:[0-9]{2})"
    r"(:(?P<second>[0-9]{2})(\.[0-9]{1,9})?)?"
    r"(?P<offset>Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?",
    re.IGNORECASE,
)
# Whatever a zone adds, the local day is still one that a calendar has.
_YEARS = range(1970, 9999)


@lru_cache(maxsize=1024)
def known_zone(name: str) -> tzinfo | None:
    """A time zone by its IANA name; None for a name that is not one here."""
    if name == UTC_NAME:
        return timezone.utc
    if not _ZONE_NAME.fullmatch(name) or _NO_ZONES.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def clean_zone(value: str) -> str:
    """An IANA time zone name. Raises InvalidInput."""
    name = value.strip()
    if len(name) > 64 or known_zone(name) is None:
        raise InvalidInput("The time zone must be an IANA name like Europe/Berlin.")
    return name


def zone_of(event: Event) -> tzinfo:
    """The event's time zone. UTC if this machine no longer knows its name: nothing stops at it."""
    return known_zone(event.timezone) or timezone.utc


def read_moment(text: str, zone: tzinfo, what: str) -> datetime:
    """UTC, to the second, from ISO 8601; without an offset it is a local time in `zone`.

    Raises InvalidInput naming `what`.
    """
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"{what} must be a time like 2030-05-31T20:00.")
    try:
        local = datetime.fromisoformat(
            f"{found['day']}T{found['minute']}:{found['second'] or '00'}"
        )
    except ValueError as exc:
        raise InvalidInput(f"{what} must be a time like 2030-05-31T20:00.") from exc
    return at_local(local, _offset(found["offset"]) or zone, what)


def _offset(text: str | None) -> tzinfo | None:
    if not text:
        return None
    if text in "Zz":
        return timezone.utc
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(-ahead if text[0] == "-" else ahead)


def at_local(local: datetime, zone: tzinfo, what: str) -> datetime:
    """UTC of what the clocks in `zone` show. Raises InvalidInput far outside any calendar."""
    moment = _utc(local, zone)
    if moment is None or moment.year not in _YEARS:
        raise InvalidInput(f"{what} must lie between the years 1970 and 9998.")
    return moment


def _utc(local: datetime, zone: tzinfo) -> datetime | None:
    try:
        return local.replace(tzinfo=zone).astimezone(timezone.utc)
    except OverflowError:
        return None


def local_day(moment: datetime, zone: tzinfo) -> str:
    """The `YYYY-MM-DD` day of a moment in a time zone."""
    return moment.astimezone(zone).date().isoformat()


def on_day(moment: datetime, day: str, zone: tzinfo, new_zone: tzinfo, what: str) -> datetime:
    """The same time of day as `moment` has in `zone`, on another day and maybe in another zone."""
    clock = moment.astimezone(zone).time().replace(fold=0)
    return at_local(datetime.combine(date.fromisoformat(day), clock), new_zone, what)


def day_start(day: str | None, zone: tzinfo = timezone.utc) -> datetime | None:
    """When a `YYYY-MM-DD` day begins, in UTC; None for what 1.6.9 stored without it being one."""
    try:
        parsed = date.fromisoformat((day or "")[:10])
    except ValueError:
        return None
    return _utc(datetime.combine(parsed, time()), zone)


def day_end(day: str | None, zone: tzinfo = timezone.utc) -> datetime | None:
    """The moment a day is over. 1.6.9 sells through the whole closing day.

    None for the last day there is (9999-12-31), which people write for "never".
    """
    try:
        following = date.fromisoformat((day or "")[:10]) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return day_start(following.isoformat(), zone)


def event_begins_at(event: Event) -> datetime | None:
    """When the event begins: its start, else the begin of its first day. None for no date."""
    return event.starts_at or day_start(event.event_start_date, zone_of(event))


def event_is_over_at(event: Event) -> datetime | None:
    """When the event is over: its end, else the end of its last day. None for no date."""
    return event.ends_at or day_end(event.event_end_date, zone_of(event))


def completes_at(event: Event) -> datetime | None:
    """From when on a published event counts as completed. None for no date.

    1.6.9 sells until the closing date whatever the days of the event are, and its organisers use
    that, so an event without an exact end lasts as long as its sale.
    """
    if event.ends_at:
        return event.ends_at
    ends = (event_is_over_at(event), day_end(event.closing_date, zone_of(event)))
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def sales_close_at(event: Event, packages: Sequence[Package]) -> datetime | None:
    """From when on no date lets anything be bought, as `rules.package_sales` reads them.

    None: no date ends the sale.
    """
    closings = [day_end(event.closing_date, zone_of(event))]
    ends = [p.sale_ends_at for p in packages if p.is_enabled and p.kind == ADMISSION]
    last = [end for end in ends if end is not None]
    if last and len(last) == len(ends):
        closings.append(max(last))
    return min((closing for closing in closings if closing is not None), default=None)
