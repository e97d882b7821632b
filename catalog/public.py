"""The public list: published and listed events that are not over, soonest first."""

import re
from datetime import datetime, timedelta, timezone

from ..clock import to_ms
from ..crud import reading
from ..errors import InvalidInput
from ..models import clean_text
from . import crud_public
from .bodies import clean_date
from .crud_public import Wanted
from .models import EventType, Listing
from .services import with_packages
from .times import day_end, day_start, read_moment

MAX_QUERY = 100
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# Nowhere does a day end later than 12 hours after that of UTC.
_LAST_ZONE = timedelta(hours=12)


def clean_wanted(
    event_type: str | None, since: str | None, until: str | None, text: str | None
) -> Wanted:
    """The filters of a request; an empty one is none. Raises InvalidInput.

    Days are those of UTC. `since` and `until` are inclusive: as a day the whole day.
    """
    return Wanted(
        event_type=_type(event_type),
        since_ms=_bound(since, "from"),
        until_ms=_bound(until, "to"),
        text=clean_text(text or "", "q", MAX_QUERY) or None,
    )


def _type(text: str | None) -> str | None:
    if not text:
        return None
    known = [kind.value for kind in EventType]
    if text not in known:
        raise InvalidInput(f"event_type must be one of {', '.join(known)}.")
    return text


def _bound(text: str | None, name: str) -> int | None:
    """Unix milliseconds: where it begins, and for `to` where it is over."""
    if not text or not text.strip():
        return None
    is_end = name == "to"
    if _DAY.fullmatch(text.strip()):
        day = clean_date(text, name)
        edge = day_end(day) if is_end else day_start(day)
        return to_ms(edge) if edge else None
    return to_ms(read_moment(text, timezone.utc, name)) + (1000 if is_end else 0)


async def list_public(
    wanted: Wanted, limit: int, offset: int, now: datetime
) -> tuple[list[Listing], int]:
    """One page, and how many events there are in all: two statements, however many there are."""
    day = (now - _LAST_ZONE).astimezone(timezone.utc).date().isoformat()
    async with reading() as tx:
        events, total = await crud_public.list_events(tx, wanted, to_ms(now), day, limit, offset)
        ids = [event.id for event in events]
        packages = await crud_public.list_packages(tx, ids) if ids else []
    return with_packages(events, packages), total
