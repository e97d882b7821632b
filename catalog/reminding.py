"""Which events begin soon, and that their guests were reminded of it."""

from datetime import datetime, timedelta

from ..crud import Tx
from . import crud_endings
from .models import Event
from .times import event_begins_at

AHEAD = timedelta(hours=24)
# Of an event that begins with its day: nine in the morning of the day before, not midnight.
_AHEAD_OF_A_DAY = timedelta(hours=15)


async def list_to_remind(tx: Tx, now: datetime) -> list[Event]:
    """Events that begin within a day, whose holders are to be reminded and were not yet."""
    found = await crud_endings.list_to_remind(tx, now + AHEAD)
    return [event for event in found if begins_soon(event, now)]


def begins_soon(event: Event, now: datetime) -> bool:
    """Whether it is time to remind of it, and it has not begun."""
    begins_at = event_begins_at(event)
    return begins_at is not None and now < begins_at <= now + _ahead(event)


def _ahead(event: Event) -> timedelta:
    return _AHEAD_OF_A_DAY if event.starts_at is None else AHEAD


async def remind(tx: Tx, event: Event, now: datetime) -> bool:
    """They are reminded, in this transaction; False when somebody else does it, or the event was
    changed since it was read."""
    return await crud_endings.mark_reminded(tx, event, now)


def is_to_remind_again(event: Event, moved: Event, now: datetime) -> bool:
    """Whether guests who were reminded of an event hear of it again: it was put off, and it is
    not time yet."""
    was_at, begins_at = event_begins_at(event), event_begins_at(moved)
    if event.reminded_at is None or begins_at is None or begins_at <= now + _ahead(moved):
        return False
    return was_at is None or begins_at > was_at
