"""SQL of what one buyer, or one network address, may have at once."""

from collections.abc import Mapping
from typing import Any

from ..crud import Row, Tx

# The guard of the bounds: counted in the statement that adds one more, while the event's row is
# locked. Orders of one address for different events, in two processes, may each see the other not
# yet. No buyer key matches nothing: such buyers are bounded by their address alone.
_OPEN_OF_BUYER = (
    "(SELECT COUNT(*) FROM events.orders o WHERE o.buyer_key = :buyer_key"
    " AND o.status = 'reserved' AND EXISTS (SELECT 1 FROM events.order_lines l"
    " WHERE l.order_id = o.id AND l.event_id = :event_id))"
)
_OPEN_OF_ADDRESS = (
    "(SELECT COUNT(*) FROM events.orders o WHERE o.address = :address AND o.status = 'reserved')"
)
_FREE_OF_ADDRESS = (
    "(SELECT COUNT(*) FROM events.orders o WHERE o.address = :address AND o.method = 'free'"
    " AND o.created_at > :since)"
)
_HOUR_MS = 3_600_000
# PostgreSQL does not guess the types of a SELECT's values.
_NUMBERS = frozenset(
    {
        *("quantity", "subtotal_sat", "discount_sat", "total_sat", "settled_msat"),
        *("hold_expires_at", "created_at", "confirmed_at"),
    }
)


async def insert_order_within(
    tx: Tx, row: Mapping[str, Any], event_id: str, limits: tuple[int, int]
) -> bool:
    """Add an order while its buyer (for this event) and its address (for all) have fewer unpaid
    ones than these; False when one of them has too many."""
    bounds = {"event_id": event_id, "of_buyer": limits[0], "of_address": limits[1]}
    condition = f"{_OPEN_OF_BUYER} < :of_buyer AND {_OPEN_OF_ADDRESS} < :of_address"
    return await _insert_if(tx, row, condition, bounds)


async def insert_free_within(tx: Tx, row: Mapping[str, Any], most: int) -> bool:
    """Add a free order while its address has made fewer than `most` within the hour before; False
    when it has not. Free orders cost nothing, and each sends mail to whomever it names."""
    bounds = {"since": row["created_at"] - _HOUR_MS, "most": most}
    return await _insert_if(tx, row, f"{_FREE_OF_ADDRESS} < :most", bounds)


async def _insert_if(
    tx: Tx, row: Mapping[str, Any], condition: str, bounds: Mapping[str, Any]
) -> bool:
    types = {name: "BIGINT" if name in _NUMBERS else "TEXT" for name in row}
    marks = ", ".join(f"CAST(:{name} AS {kind})" for name, kind in types.items())
    # Names, marks and conditions are this package's own.
    statement = f"INSERT INTO events.orders ({', '.join(row)}) SELECT {marks} WHERE {condition}"
    return await tx.execute(statement, {**row, **bounds}) == 1


async def count_open(tx: Tx, event_id: str, buyer_key: str | None, address: str) -> tuple[int, int]:
    """Unpaid reserved orders: of this buyer for this event, and of this address for any."""
    row: Row | None = await tx.fetch_one(
        # Only statements of this file are put in.
        f"SELECT {_OPEN_OF_BUYER} AS by_buyer, {_OPEN_OF_ADDRESS} AS by_address",
        {"buyer_key": buyer_key, "address": address, "event_id": event_id},
    )
    return (int(row["by_buyer"]), int(row["by_address"])) if row else (0, 0)


async def count_tickets_of_buyer(tx: Tx, event_id: str, buyer_key: str | None) -> int:
    """Tickets of an event that a buyer has or holds, over all orders."""
    row = await tx.fetch_one(
        "SELECT COUNT(*) AS total FROM events.orders o JOIN events.ticket t ON t.order_id = o.id"
        " WHERE o.buyer_key = :buyer_key AND o.status IN ('reserved', 'confirmed')"
        " AND t.event = :event_id AND t.status IN ('reserved', 'active', 'used')",
        {"buyer_key": buyer_key or "", "event_id": event_id},
    )
    return int(row["total"]) if row else 0
