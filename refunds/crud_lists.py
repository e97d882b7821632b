"""SELECTs over `events.refunds`: of an order, of an event, and what the worker has to do."""

from datetime import datetime

from ..clock import to_ms
from ..crud import Tx
from .models import Refund


async def list_of_order(tx: Tx, order_id: str) -> list[Refund]:
    rows = await tx.fetch_all(
        "SELECT * FROM events.refunds WHERE order_id = :id ORDER BY created_at, id",
        {"id": order_id},
    )
    return [Refund.from_row(row) for row in rows]


async def list_of_event(
    tx: Tx, event_id: str, status: str | None, limit: int, offset: int
) -> tuple[list[Refund], int]:
    """An event's refunds, newest first, and how many there are."""
    where = (
        "FROM events.refunds WHERE event_id = :event_id"
        " AND (CAST(:status AS TEXT) IS NULL OR status = :status)"
    )
    values = {"status": status, "event_id": event_id}
    count = await tx.fetch_one(f"SELECT COUNT(*) AS total {where}", values)
    rows = await tx.fetch_all(
        f"SELECT * {where} ORDER BY created_at DESC, id LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    return [Refund.from_row(row) for row in rows], int(count["total"]) if count else 0


async def list_paying(tx: Tx) -> list[Refund]:
    """Refunds whose invoice is, or was, being paid; oldest attempt first."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.refunds WHERE status = 'paying' ORDER BY attempted_at, id"
    )
    return [Refund.from_row(row) for row in rows]


async def list_to_pay(tx: Tx, now: datetime, limit: int) -> list[Refund]:
    """Refunds with a destination whose next attempt is due, oldest first."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.refunds WHERE status = 'due' AND destination IS NOT NULL"
        " AND method = 'lightning' AND (next_attempt_at IS NULL OR next_attempt_at <= :now)"
        " ORDER BY created_at, id LIMIT :limit",
        {"now": to_ms(now), "limit": limit},
    )
    return [Refund.from_row(row) for row in rows]


async def list_without_claim(tx: Tx, limit: int) -> list[Refund]:
    """Rows that were written before there were claim links."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.refunds WHERE claim_hash IS NULL ORDER BY id LIMIT :limit",
        {"limit": limit},
    )
    return [Refund.from_row(row) for row in rows]
