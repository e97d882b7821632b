"""SQL about the orders with valid tickets of an event, in pages."""

from collections.abc import Sequence

from ..crud import Tx
from ..tickets.models import Ticket
from .models import Order


async def list_order_ids(tx: Tx, event_id: str, after: str, limit: int) -> list[str]:
    """Ids of orders of an event, whatever became of them, that sort behind `after`."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT order_id FROM events.order_lines WHERE event_id = :event_id"
        " AND order_id > :after ORDER BY order_id LIMIT :limit",
        {"event_id": event_id, "after": after, "limit": limit},
    )
    return [str(row["order_id"]) for row in rows]


async def list_orders(tx: Tx, order_ids: Sequence[str]) -> list[Order]:
    marks, values = _marks(order_ids)
    rows = await tx.fetch_all(
        # Only bind marks are put in.
        f"SELECT * FROM events.orders WHERE id IN ({marks}) ORDER BY id",  # noqa: S608
        values,
    )
    return [Order.from_row(row) for row in rows]


async def list_valid_tickets(tx: Tx, event_id: str, order_ids: Sequence[str]) -> list[Ticket]:
    """Valid and used ones, by their numbers."""
    marks, values = _marks(order_ids)
    rows = await tx.fetch_all(
        f"SELECT * FROM events.ticket WHERE order_id IN ({marks})"  # noqa: S608
        " AND event = :event_id AND status IN ('active', 'used') ORDER BY number, id",
        {**values, "event_id": event_id},
    )
    return [Ticket.from_row(row) for row in rows]


def _marks(items: Sequence[str]) -> tuple[str, dict[str, str]]:
    values = {f"o{index}": item for index, item in enumerate(items)}
    return ", ".join(f":{name}" for name in values), values
