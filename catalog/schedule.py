"""When an event takes place, out of a body: its times, and 1.6.9's days that follow them. Pure."""

from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from typing import Any

from ..clock import to_ms
from ..errors import InvalidInput
from .bodies import EventBody, EventPatch
from .bodies_policy import WHAT
from .models import UTC_NAME, Event
from .times import known_zone, local_day, on_day, read_moment, zone_of


@dataclass(frozen=True)
class Schedule:
    """Days are `YYYY-MM-DD` in `timezone`; with a time they are its local day."""

    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None
    first_day: str
    last_day: str

    @property
    def zone(self) -> tzinfo:
        return known_zone(self.timezone) or timezone.utc

    def columns(self) -> dict[str, Any]:
        """What a row of `events.events` says of it."""
        return {
            "timezone": self.timezone,
            "starts_at": to_ms(self.starts_at) if self.starts_at else None,
            "ends_at": to_ms(self.ends_at) if self.ends_at else None,
            "event_start_date": self.first_day,
            "event_end_date": self.last_day,
        }


def new_schedule(body: EventBody) -> Schedule:
    """Of a new event. Raises InvalidInput without a start, or when it ends before."""
    name = body.timezone or UTC_NAME
    zone = known_zone(name) or timezone.utc
    starts = read_moment(body.starts_at, zone, WHAT["starts_at"]) if body.starts_at else None
    ends = read_moment(body.ends_at, zone, WHAT["ends_at"]) if body.ends_at else None
    first = local_day(starts, zone) if starts else body.event_start_date
    if first is None:
        raise InvalidInput("The event needs a start: starts_at, or a day in event_start_date.")
    last = local_day(ends, zone) if ends else body.event_end_date or first
    return _checked(Schedule(name, starts, ends, first, last))


def changed_schedule(event: Event, patch: EventPatch) -> Schedule:
    """Of an event after a change. Raises InvalidInput when it would end before it starts.

    A time stays the same moment when only the time zone changes. Clients send back what they
    read, so a day that was changed moves a time that was not.
    """
    old, name = zone_of(event), patch.timezone or event.timezone
    new = known_zone(name) or timezone.utc
    starts = _Point("starts_at", event.starts_at, event.event_start_date)
    starts = starts.changed(patch, patch.event_start_date, old, new)
    ends = _Point("ends_at", event.ends_at, event.event_end_date)
    ends = ends.changed(patch, patch.event_end_date, old, new)
    last_day = ends.day
    if _is_one_day(event, patch) and starts.at and not ends.at:
        # Nobody ever said when it ends: its only day moves along with the start.
        last_day = starts.day
    return _checked(Schedule(name, starts.at, ends.at, starts.day, last_day))


@dataclass(frozen=True)
class _Point:
    """The start or the end of an event."""

    field: str
    at: datetime | None
    day: str

    def changed(self, patch: EventPatch, day: str | None, old: tzinfo, new: tzinfo) -> "_Point":
        sent: str | None = getattr(patch, self.field)
        at = read_moment(sent, new, WHAT[self.field]) if sent else None
        if self.field not in patch.__fields_set__ or at == self.at:
            at = self.at
            if at and day and day != self.day:
                at = on_day(at, day, old, new, WHAT[self.field])
        return _Point(self.field, at, local_day(at, new) if at else day or self.day)


def _is_one_day(event: Event, patch: EventPatch) -> bool:
    """Whether the event has one day, and the change names no other for its start or end."""
    days = {event.event_start_date, event.event_end_date}
    days |= {day for day in (patch.event_start_date, patch.event_end_date) if day}
    return len(days) == 1


def _checked(schedule: Schedule) -> Schedule:
    starts, ends = schedule.starts_at, schedule.ends_at
    if schedule.last_day < schedule.first_day or (starts and ends and ends < starts):
        raise InvalidInput("The event ends before it starts.")
    return schedule
