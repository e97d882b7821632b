"""SQL about letters that an event takes place at another time or place."""

from collections.abc import Sequence
from datetime import datetime

from ..clock import to_ms
from ..crud import Tx
from .models import Message

_OF_ORDERS = " WHERE event_id = :event_id AND kind = 'event_changed' AND order_id IN ({0})"


async def drop_waiting(tx: Tx, event_id: str, order_ids: Sequence[str]) -> list[Message]:
    """Delete what was to tell these orders of a change and was not sent; returns it."""
    names, marks = _marks(order_ids)
    rows = await tx.fetch_all(
        # Only bind marks are put in.
        f"DELETE FROM events.messages{_OF_ORDERS.format(names)}"  # noqa: S608
        " AND state = 'queued' RETURNING *",
        {**marks, "event_id": event_id},
    )
    return [Message.from_row(row) for row in rows]


async def list_since(
    tx: Tx, event_id: str, order_ids: Sequence[str], since: datetime
) -> list[Message]:
    """What told these orders of changes from then on, the newest first; not what was outdated
    before it was sent."""
    names, marks = _marks(order_ids)
    rows = await tx.fetch_all(
        # Only bind marks are put in.
        f"SELECT * FROM events.messages{_OF_ORDERS.format(names)}"  # noqa: S608
        " AND created_at > :since AND state <> 'queued'"
        " AND COALESCE(error_code, '') <> 'outdated' ORDER BY created_at DESC, id",
        {**marks, "event_id": event_id, "since": to_ms(since)},
    )
    return [Message.from_row(row) for row in rows]


def _marks(order_ids: Sequence[str]) -> tuple[str, dict[str, str]]:
    marks = {f"o{index}": order_id for index, order_id in enumerate(order_ids)}
    return ", ".join(f":{name}" for name in marks), marks
