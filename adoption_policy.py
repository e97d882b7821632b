"""What 1.6.9 changed about an event's promises: its minimum, and the days it takes place on.

Pure, and it never fails, as `adoption_rules.py`.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import adoption_rules as rules

Row = Mapping[str, Any]

_MAX_TICKETS = 2_147_483_647  # PostgreSQL's INTEGER
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS = timedelta(milliseconds=1)


def followed(event: Row) -> dict[str, Any]:
    """The columns as 1.6.9's own say; equal to those of the row when it changed nothing."""
    starts_at = _moved(event, "starts_at", "event_start_date")
    ends_at = _moved(event, "ends_at", "event_end_date")
    if starts_at is not None and ends_at is not None and ends_at < starts_at:
        ends_at = None
    return {"starts_at": starts_at, "ends_at": ends_at, "min_tickets": _minimum(event)}


def _minimum(event: Row) -> int | None:
    """Tickets below which it does not take place. Without the number 1.6.9 means 1; below 1 it
    never cancels."""
    extra = rules.read_extra(event["extra"])
    if extra.get("conditional") is not True:
        return None
    return rules.whole(extra.get("min_tickets", 1), _MAX_TICKETS) or None


def _moved(event: Row, column: str, day_column: str) -> int | None:
    """1.6.9 knows the day only: when it has another one, the time of day stays."""
    at: int | None = event[column]
    day, zone = _date(event[day_column]), _zone(event["timezone"])
    if at is None or day is None or zone is None:
        return at
    try:
        local = (_EPOCH + at * _MS).astimezone(zone)
        if local.date() == day:
            return at
        moved = datetime.combine(day, local.time().replace(fold=0), zone)
        return (moved.astimezone(timezone.utc) - _EPOCH) // _MS
    except OverflowError:
        return at


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(rules.read_text(value))
    except ValueError:
        return None


def _zone(name: str | None) -> tzinfo | None:
    """None for a name this machine does not know: then nobody can say which day it is there."""
    if name in (None, "UTC"):
        return timezone.utc
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
