"""SQL of `events.orders` and `events.order_lines`. A transition is one conditional UPDATE."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Tx
from ..models import OrderStatus
from .models import Order, OrderLine

# The guard of I3: of many announcements of one payment, one finds the order in the old state;
# of two invoices for one order (a killed request, then its repetition), one becomes the order's.
# An order that was confirmed once and cancelled since is not settled a second time.
CONFIRM = """
    UPDATE events.orders
    SET status = 'confirmed', payment_hash = :payment_hash, confirmed_at = :at,
        settled_msat = :settled_msat
    WHERE id = :id AND status = :expected AND confirmed_at IS NULL
      AND (payment_hash IS NULL OR payment_hash = :payment_hash)
"""


_LONGEST_HOLD_MS = 86_400_000


async def insert_order(tx: Tx, row: Mapping[str, Any]) -> None:
    await tx.insert("orders", [row])


async def insert_lines(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.insert("order_lines", rows)


async def _one(tx: Tx, where: str, value: str) -> Order | None:
    row = await tx.fetch_one(
        f"SELECT * FROM events.orders WHERE {where} = :value",  # noqa: S608  # a column name of ours
        {"value": value},
    )
    return Order.from_row(row) if row else None


async def get_order(tx: Tx, order_id: str) -> Order | None:
    return await _one(tx, "id", order_id)


async def get_by_payment_hash(tx: Tx, payment_hash: str) -> Order | None:
    return await _one(tx, "payment_hash", payment_hash)


async def get_by_secret_hash(tx: Tx, secret_hash: str) -> Order | None:
    return await _one(tx, "secret_hash", secret_hash)


async def get_by_idempotency(tx: Tx, idempotency_hash: str) -> Order | None:
    return await _one(tx, "idempotency_hash", idempotency_hash)


async def get_lines(tx: Tx, order_id: str) -> list[OrderLine]:
    rows = await tx.fetch_all(
        "SELECT * FROM events.order_lines WHERE order_id = :id ORDER BY id", {"id": order_id}
    )
    return [OrderLine.from_row(row) for row in rows]


async def attach_invoice(
    tx: Tx, order_id: str, payment_hash: str, payment_request: str
) -> Order | None:
    """Store an order's invoice, also when its payment was announced first and stored the hash.

    Returns the order as it is now, None when another invoice is the order's.
    """
    row = await tx.fetch_one(
        "UPDATE events.orders SET payment_hash = :hash, payment_request = :request"
        " WHERE id = :id AND (payment_hash IS NULL OR payment_hash = :hash) RETURNING *",
        {"hash": payment_hash, "request": payment_request, "id": order_id},
    )
    return Order.from_row(row) if row else None


async def confirm(
    tx: Tx,
    order_id: str,
    expected: OrderStatus,
    payment_hash: str | None,
    settled_msat: int,
    at: datetime,
) -> bool:
    """From `expected` to confirmed; False when the order was not in that state (any more)."""
    values = {
        "id": order_id,
        "expected": expected.value,
        "payment_hash": payment_hash,
        "settled_msat": settled_msat,
        "at": to_ms(at),
    }
    return await tx.execute(CONFIRM, values) == 1


async def move(tx: Tx, order_id: str, expected: OrderStatus, to: OrderStatus) -> bool:
    """One transition; False when the order was not in the expected state (any more)."""
    return (
        await tx.execute(
            "UPDATE events.orders SET status = :to WHERE id = :id AND status = :expected",
            {"to": to.value, "id": order_id, "expected": expected.value},
        )
        == 1
    )


async def free_idempotency_key(tx: Tx, order_id: str) -> None:
    await tx.execute(
        "UPDATE events.orders SET idempotency_hash = NULL WHERE id = :id", {"id": order_id}
    )


async def list_reserved(tx: Tx, after: tuple[str, int], limit: int) -> list[Order]:
    """Unpaid orders that hold seats, oldest first, from the one after (id, created_at)."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.orders WHERE status = 'reserved'"
        " AND (created_at > :at OR (created_at = :at AND id > :id))"
        " ORDER BY created_at, id LIMIT :limit",
        {"id": after[0], "at": after[1], "limit": limit},
    )
    return [Order.from_row(row) for row in rows]


async def list_lapsed(tx: Tx, since: datetime, after: tuple[str, int], limit: int) -> list[Order]:
    """Orders that gave up their seats since a moment and have an invoice that may yet be paid.

    Those of 1.6.9 never held seats: their age counts.
    """
    rows = await tx.fetch_all(
        "SELECT * FROM events.orders WHERE status IN ('expired', 'cancelled')"
        " AND confirmed_at IS NULL"
        # No hold is longer than that, so the index narrows by creation first.
        " AND created_at > :earliest"
        " AND payment_hash IS NOT NULL AND COALESCE(hold_expires_at, created_at) > :since"
        " AND (created_at > :at OR (created_at = :at AND id > :id))"
        " ORDER BY created_at, id LIMIT :limit",
        {
            "since": to_ms(since),
            "earliest": to_ms(since) - _LONGEST_HOLD_MS,
            "id": after[0],
            "at": after[1],
            "limit": limit,
        },
    )
    return [Order.from_row(row) for row in rows]


async def unsettled(tx: Tx, payment_hashes: Sequence[str], order_ids: Sequence[str]) -> set[str]:
    """Which of these hashes and order ids belong to orders that are not settled."""
    hashes = {f"h{index}": value for index, value in enumerate(payment_hashes)}
    orders = {f"o{index}": value for index, value in enumerate(order_ids)}
    by_hash = ", ".join(f":{name}" for name in hashes) or "NULL"
    by_id = ", ".join(f":{name}" for name in orders) or "NULL"
    rows = await tx.fetch_all(
        # Only bind marks are put in.
        "SELECT id, payment_hash FROM events.orders"  # noqa: S608
        f" WHERE status IN ('reserved', 'expired', 'cancelled') AND confirmed_at IS NULL"
        f" AND (payment_hash IN ({by_hash}) OR id IN ({by_id}))",
        {**hashes, **orders},
    )
    return {str(value) for row in rows for value in (row["id"], row["payment_hash"]) if value}


async def list_event_orders(
    tx: Tx, event_id: str, status: str | None, limit: int, offset: int
) -> tuple[list[Order], int]:
    """An event's orders, newest first, and how many there are."""
    where = (
        "FROM events.orders o WHERE (CAST(:status AS TEXT) IS NULL OR o.status = :status)"
        " AND EXISTS (SELECT 1 FROM events.order_lines l"
        " WHERE l.order_id = o.id AND l.event_id = :event_id)"
    )
    values = {"status": status, "event_id": event_id}
    count = await tx.fetch_one(f"SELECT COUNT(*) AS total {where}", values)
    rows = await tx.fetch_all(
        f"SELECT o.* {where} ORDER BY o.created_at DESC, o.id LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    return [Order.from_row(row) for row in rows], int(count["total"]) if count else 0


async def abandon(tx: Tx, order_id: str) -> bool:
    """A lapsed or cancelled order is given up for good; False while it may still be paid."""
    return (
        await tx.execute(
            "UPDATE events.orders SET status = 'cancelled'"
            " WHERE id = :id AND status IN ('expired', 'cancelled') AND confirmed_at IS NULL",
            {"id": order_id},
        )
        == 1
    )


async def lock_confirmed(tx: Tx, order_id: str) -> Order | None:
    row = await tx.fetch_one(
        "UPDATE events.orders SET status = status WHERE id = :id AND status = 'confirmed'"
        " RETURNING *",
        {"id": order_id},
    )
    return Order.from_row(row) if row else None


async def set_total(tx: Tx, order_id: str, total_sat: int) -> None:
    await tx.execute(
        "UPDATE events.orders SET total_sat = :sat, subtotal_sat = :sat WHERE id = :id",
        {"sat": total_sat, "id": order_id},
    )


async def next_confirmed(tx: Tx, event_id: str, limit: int) -> list[str]:
    rows = await tx.fetch_all(
        "SELECT DISTINCT order_id FROM events.ticket WHERE event = :id"
        " AND status IN ('active', 'used') AND order_id IS NOT NULL ORDER BY order_id LIMIT :limit",
        {"id": event_id, "limit": limit},
    )
    return [str(row["order_id"]) for row in rows]
