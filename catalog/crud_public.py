"""SQL of the public list. Moments are compared as unix milliseconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..crud import Tx, containing, is_sqlite, looks_like
from .models import Event, Package


@dataclass(frozen=True)
class Wanted:
    """What is asked for. `since_ms` is inclusive, `until_ms` exclusive; both bound the start.
    `text` stands anywhere in name, location or description, in capitals or not."""

    event_type: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    text: str | None = None


# When the event begins. One without a time of day counts from midnight UTC of its first day; a day
# that 1.6.9 stored without it being one comes first.
_BEGINS_SQLITE = """COALESCE(starts_at,
    CAST(strftime('%s', substr(event_start_date, 1, 10)) AS INTEGER) * 1000, 0)"""
# Added up, since a conversion would fail at a 31st of June and the whole list with it.
_BEGINS_POSTGRES = """COALESCE(starts_at,
    CASE WHEN event_start_date ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN
        CAST(EXTRACT(EPOCH FROM TIMESTAMP '1970-01-01' + make_interval(
            years => CAST(substr(event_start_date, 1, 4) AS INTEGER) - 1970,
            months => CAST(substr(event_start_date, 6, 2) AS INTEGER) - 1,
            days => CAST(substr(event_start_date, 9, 2) AS INTEGER) - 1
        )) AS BIGINT) * 1000
    ELSE 0 END)"""
# What is over: by its end, else by its last day, which ends up to 12 hours later than that of UTC.
# The timer that completes events knows their time zones.
_LIVE = (
    "listed = TRUE AND status = 'published' AND (ends_at > :now"
    " OR (ends_at IS NULL AND substr(event_end_date, 1, 10) >= :day))"
)
_PAGE = """
    WITH found AS (SELECT id, {begins} AS begins FROM events.events WHERE {where})
    SELECT e.*, c.total, p.begins FROM (SELECT COUNT(*) AS total FROM found) c
    LEFT JOIN (
        SELECT id AS page_id, begins FROM found ORDER BY begins, id LIMIT :limit OFFSET :offset
    ) p ON 1 = 1
    LEFT JOIN events.events e ON e.id = p.page_id
    ORDER BY p.begins, e.id
"""


async def list_events(
    tx: Tx, wanted: Wanted, now_ms: int, day: str, limit: int, offset: int
) -> tuple[list[Event], int]:
    """One page, soonest first, and how many there are in all: one statement. `day`: an event whose
    last day it is may still be going on."""
    begins = _BEGINS_SQLITE if is_sqlite() else _BEGINS_POSTGRES
    where, values = _where(wanted, begins)
    values |= {"now": now_ms, "day": day, "limit": limit, "offset": offset}
    rows = await tx.fetch_all(_PAGE.format(begins=begins, where=where), values)
    # Of a page past the end there is one row, with nothing but the number.
    events = [Event.from_row(row) for row in rows if row["id"] is not None]
    return events, int(rows[0]["total"]) if rows else 0


async def list_packages(tx: Tx, event_ids: Sequence[str]) -> list[Package]:
    """Packages of these events, in display order: one statement."""
    values = {f"e{number}": event_id for number, event_id in enumerate(event_ids)}
    marks = ", ".join(f":{name}" for name in values)
    rows = await tx.fetch_all(
        # Only bind marks are put in.
        f"SELECT * FROM events.packages WHERE event_id IN ({marks}) ORDER BY display_order, id",  # noqa: S608
        values,
    )
    return [Package.from_row(row) for row in rows]


def _where(wanted: Wanted, begins: str) -> tuple[str, dict[str, Any]]:
    conditions: list[str] = [_LIVE]
    values: dict[str, Any] = {}
    if wanted.event_type is not None:
        conditions.append("event_type = :event_type")
        values["event_type"] = wanted.event_type
    if wanted.since_ms is not None:
        conditions.append(f"{begins} >= :since")
        values["since"] = wanted.since_ms
    if wanted.until_ms is not None:
        conditions.append(f"{begins} < :until")
        values["until"] = wanted.until_ms
    if wanted.text is not None:
        fields = ("name", "location", "info")
        conditions.append(f"({' OR '.join(looks_like(field, 'text') for field in fields)})")
        values["text"] = containing(wanted.text)
    return " AND ".join(conditions), values
