"""Calendar files (RFC 5545) of events, for who has a ticket.

Building one looks for the changes of the clocks around the event, some milliseconds of pure CPU:
call it from a thread.
"""

import unicodedata
from datetime import date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from ..catalog.markdown import summary
from ..catalog.models import Event
from ..catalog.times import day_end, zone_of
from ..models import EventStatus
from .vendored import find

icalendar = find("icalendar")

FILE_NAME = "event.ics"
MEDIA_TYPE = "text/calendar"
# How the file is meant (RFC 5546): for information, nobody is to answer.
METHOD = "PUBLISH"
_PRODUCT = "-//LNbits//events//EN"
# Clock changes are described for this long; what ends later says so in UTC.
_DESCRIBED = timedelta(days=730)


def is_possible(event: Event) -> bool:
    """Whether there is a date, and the library to write it with."""
    return icalendar is not None and bool(event.starts_at or _first_day(event))


def calendar_file(event: Event, base_url: str, link: str, stamp: datetime) -> bytes | None:
    """One VEVENT; None where `is_possible` says no.

    Its UID is the event's, so a newer file (by SEQUENCE, the event's version) replaces an older
    one in a calendar. `link` is the page to look at, `stamp` when this file was made.
    """
    if not is_possible(event):
        return None
    entry = icalendar.Event()
    entry.add("uid", f"{event.id}@{urlsplit(base_url).hostname or 'lnbits'}")
    entry.add("dtstamp", stamp.astimezone(timezone.utc))
    entry.add("sequence", event.version)
    for name, moment in _bounds(event).items():
        entry.add(name, moment)
    entry.add("summary", _plain(event.name, keep=""))
    if event.location or event.is_online:
        entry.add("location", _plain(event.location or "Online", keep=""))
    about = [summary(event.info), link]
    entry.add("description", _plain("\n\n".join(part for part in about if part), keep="\n"))
    entry.add("url", link)
    is_cancelled = event.status is EventStatus.CANCELLED
    entry.add("status", "CANCELLED" if is_cancelled else "CONFIRMED")
    return _calendar_of(entry, event)


def _calendar_of(entry: Any, event: Event) -> bytes:
    calendar = icalendar.Calendar()
    calendar.add("prodid", _PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", METHOD)
    calendar.add_component(entry)
    if event.starts_at is not None:
        year = event.starts_at.year
        calendar.add_missing_timezones(date(year - 1, 1, 1), date(min(year + 4, 9999), 1, 1))
    return bytes(calendar.to_ical())


def _bounds(event: Event) -> dict[str, date]:
    """DTSTART and, where it is known, the DTEND after it. Whole days end before the next one."""
    if event.starts_at is None:
        first = _first_day(event) or date.min
        last = _day(event.event_end_date) or first
        if last == date.max:
            return {"dtstart": first}
        return {"dtstart": first, "dtend": max(first, last) + timedelta(days=1)}
    starts = _local(event.starts_at, event)
    ends_at = event.ends_at
    last_day = _day(event.event_end_date)
    if ends_at is None and last_day is not None and last_day > starts.date():
        ends_at = day_end(event.event_end_date, zone_of(event))
    if ends_at is None or ends_at <= event.starts_at:
        return {"dtstart": starts}
    is_far = ends_at - event.starts_at > _DESCRIBED
    return {"dtstart": starts, "dtend": ends_at if is_far else _local(ends_at, event)}


def _local(moment: datetime, event: Event) -> datetime:
    """By the clock of the event's zone. Where it shows this time twice a calendar takes it for the
    first (RFC 5545, 3.3.5), so the second is told in UTC."""
    local = moment.astimezone(zone_of(event))
    return moment.astimezone(timezone.utc) if local.fold else local


def _first_day(event: Event) -> date | None:
    return _day(event.event_start_date) or _day(event.event_end_date)


def _day(text: str | None) -> date | None:
    """None for what 1.6.9 stored without it being a day."""
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None


def _plain(text: str, keep: str) -> str:
    """Without control characters, which a calendar line cannot hold."""
    return "".join(
        char if char in keep or unicodedata.category(char) != "Cc" else " " for char in text
    )
