"""SQL of `events.refunds`."""

from collections.abc import Mapping
from typing import Any

from ..crud import Row, Tx


async def insert_refund(tx: Tx, row: Mapping[str, Any]) -> bool:
    """Record a debt once; False when this cause is on the books already."""
    columns = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    return (
        await tx.execute(
            f"INSERT INTO events.refunds ({columns}) VALUES ({marks})"  # noqa: S608  # own names
            " ON CONFLICT (cause) DO NOTHING",
            row,
        )
        == 1
    )


async def has_any(tx: Tx, event_id: str) -> bool:
    row = await tx.fetch_one(
        "SELECT 1 AS found FROM events.refunds WHERE event_id = :id LIMIT 1", {"id": event_id}
    )
    return row is not None


async def list_of_order(tx: Tx, order_id: str) -> list[Row]:
    return await tx.fetch_all(
        "SELECT * FROM events.refunds WHERE order_id = :id ORDER BY created_at, id",
        {"id": order_id},
    )
