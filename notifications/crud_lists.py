"""SQL of an event's messages as its organiser sees them. One that was outdated before it could be
sent is no failure: nobody misses it, and there is nothing to send again."""

from collections.abc import Mapping
from datetime import datetime

from ..clock import to_ms
from ..crud import Row, Tx
from .crud import REQUEUED
from .models import Channel, Kind, State

OUTDATED = "outdated"
_SHOWN_STATE = (
    "(CASE WHEN m.state = 'failed' AND COALESCE(m.error_code, '') = 'outdated' THEN 'outdated'"
    " ELSE m.state END)"
)


async def list_of_event(
    tx: Tx, event_id: str, state: State | None, kind: Kind | None, page: tuple[int, int]
) -> tuple[list[Row], int]:
    """A page (limit, offset) of an event's messages with their tickets' numbers, newest first, and
    how many there are. Outdated ones are in no state that can be asked for."""
    where = (
        " FROM events.messages m LEFT JOIN events.ticket t ON t.id = m.ticket_id"
        " WHERE m.event_id = :event_id"
        f" AND (CAST(:state AS TEXT) IS NULL OR {_SHOWN_STATE} = :state)"
        " AND (CAST(:kind AS TEXT) IS NULL OR m.kind = :kind)"
    )
    values = {
        "event_id": event_id,
        "state": state.value if state else None,
        "kind": kind.value if kind else None,
    }
    count = await tx.fetch_one(f"SELECT COUNT(*) AS total{where}", values)
    limit, offset = page
    rows = await tx.fetch_all(
        # Only words of this file are put in.
        f"SELECT m.*, t.number AS ticket_number{where}"
        " ORDER BY m.created_at DESC, m.id LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    return rows, int(count["total"]) if count else 0


async def count_states(tx: Tx, event_id: str) -> Mapping[str, int]:
    """By state; `outdated` ones apart."""
    rows = await tx.fetch_all(
        # Only words of this file are put in.
        f"SELECT {_SHOWN_STATE} AS shown, COUNT(*) AS total FROM events.messages m"  # noqa: S608
        " WHERE m.event_id = :id GROUP BY 1",
        {"id": event_id},
    )
    return {str(row["shown"]): int(row["total"]) for row in rows}


async def requeue_failed(
    tx: Tx, event_id: str, now: datetime, most: int
) -> list[tuple[str, Channel]]:
    """So many of an event's failed messages are sent now, as if for the first time: those that
    failed first, so that one that fails anew comes after all others. Returns what they are."""
    rows = await tx.fetch_all(
        # Only words of this file and its neighbour are put in.
        f"UPDATE events.messages SET {REQUEUED} WHERE state = 'failed' AND id IN ("  # noqa: S608
        f"SELECT m.id FROM events.messages m WHERE m.event_id = :id AND {_SHOWN_STATE} = 'failed'"
        " ORDER BY m.next_try_at, m.id LIMIT :most) RETURNING id, channel",
        {"id": event_id, "now": to_ms(now), "most": most},
    )
    return [(str(row["id"]), Channel(row["channel"])) for row in rows]
