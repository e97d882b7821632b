"""What our tables say of the money of an event's orders. SELECT only."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..crud import Row, Tx
from ..models import OrderStatus
from .models import Refund

_ORDERS = """
    SELECT o.id, o.payment_hash, o.wallet, o.status, o.method, o.origin, o.confirmed_at,
        o.total_sat, SUM(l.total_sat) AS event_sat,
        (SELECT COUNT(*) FROM events.order_lines x
         WHERE x.order_id = o.id AND x.event_id <> :event_id) AS lines_elsewhere
    FROM events.order_lines l JOIN events.orders o ON o.id = l.order_id
    WHERE l.event_id = :event_id AND {which}
    GROUP BY o.id ORDER BY o.id LIMIT :limit
"""
# A ticket that went back keeps what the organiser retained of it. Without a refund row its
# going back is only a word of 1.6.9's.
_TICKETS = """
    SELECT order_id, MAX(COALESCE(price_sat, 0)) AS highest_sat,
        SUM(CASE WHEN status IN ('active', 'used') THEN COALESCE(price_sat, 0)
            ELSE retained_sat END) AS kept_sat,
        SUM(CASE WHEN status = 'refunded' AND refund_id IS NULL THEN COALESCE(price_sat, 0)
            ELSE 0 END) AS called_refunded_sat
    FROM events.ticket WHERE event = :event_id AND order_id IN ({marks}) GROUP BY order_id
"""


@dataclass(frozen=True)
class OrderBooks:
    """One order as far as one event is concerned. `is_shared`: it has lines of other events, too;
    `event_sat` is the part of `total_sat` that those of this event have. `kept_sat` is the price
    of valid tickets and what was retained of others."""

    id: str
    payment_hash: str | None
    wallet: str
    status: OrderStatus
    method: str
    is_legacy: bool
    was_confirmed: bool
    total_sat: int
    event_sat: int
    is_shared: bool
    kept_sat: int = 0
    highest_sat: int = 0
    # Of tickets that 1.6.9 called refunded: it paid nothing.
    called_refunded_sat: int = 0
    refunds: Sequence[Refund] = field(default_factory=tuple)

    @property
    def is_unsettled(self) -> bool:
        """Whether money that has arrived for it was not turned into tickets or a debt yet."""
        if self.status in (OrderStatus.RESERVED, OrderStatus.EXPIRED):
            return True
        return self.status is OrderStatus.CANCELLED and not self.was_confirmed

    def share(self, order_sat: int) -> int:
        """The part of a sum for the whole order that falls to this event."""
        if not self.is_shared:
            return order_sat
        return order_sat * self.event_sat // max(self.total_sat, 1)


async def list_after(tx: Tx, event_id: str, after: str, limit: int) -> list[OrderBooks]:
    """The event's orders in the order of their ids, from the one after `after`."""
    values = {"event_id": event_id, "after": after, "limit": limit}
    return await _books(tx, event_id, await tx.fetch_all(_which("o.id > :after"), values))


async def list_some(tx: Tx, event_id: str, order_ids: Sequence[str]) -> list[OrderBooks]:
    marks = _marks(order_ids)
    which = _which(f"o.id IN ({_names(marks)})")
    values = {"event_id": event_id, "limit": len(order_ids), **marks}
    return await _books(tx, event_id, await tx.fetch_all(which, values))


def _which(condition: str) -> str:
    return _ORDERS.format(which=condition)


async def _books(tx: Tx, event_id: str, orders: Sequence[Row]) -> list[OrderBooks]:
    if not orders:
        return []
    marks = _marks([row["id"] for row in orders])
    tickets = await tx.fetch_all(
        _TICKETS.format(marks=_names(marks)), {"event_id": event_id, **marks}
    )
    refunds = await tx.fetch_all(
        # Only bind marks are put in.
        f"SELECT * FROM events.refunds WHERE order_id IN ({_names(marks)})"  # noqa: S608
        " ORDER BY created_at, id",
        marks,
    )
    by_order: dict[str, list[Refund]] = defaultdict(list)
    for row in refunds:
        by_order[row["order_id"]].append(Refund.from_row(row))
    of_tickets = {row["order_id"]: row for row in tickets}
    return [
        _order(row, of_tickets.get(row["id"], {}), _of_event(row, by_order[row["id"]], event_id))
        for row in orders
    ]


def _of_event(order: Row, refunds: list[Refund], event_id: str) -> list[Refund]:
    """The refunds that concern this event: all, unless the order spans several."""
    if not order["lines_elsewhere"]:
        return refunds
    return [refund for refund in refunds if refund.event_id == event_id]


def _order(row: Row, tickets: Mapping[str, Any], refunds: Sequence[Refund]) -> OrderBooks:
    return OrderBooks(
        id=row["id"],
        payment_hash=row["payment_hash"],
        wallet=row["wallet"],
        status=OrderStatus(row["status"]),
        method=row["method"],
        is_legacy=row["origin"] == "legacy",
        was_confirmed=row["confirmed_at"] is not None,
        total_sat=row["total_sat"],
        # PostgreSQL sums BIGINTs to NUMERIC.
        event_sat=int(row["event_sat"]),
        is_shared=bool(row["lines_elsewhere"]),
        kept_sat=int(tickets.get("kept_sat") or 0),
        highest_sat=int(tickets.get("highest_sat") or 0),
        called_refunded_sat=int(tickets.get("called_refunded_sat") or 0),
        refunds=refunds,
    )


def _marks(values: Sequence[str]) -> dict[str, str]:
    return {f"v{index}": value for index, value in enumerate(values)}


def _names(marks: Mapping[str, str]) -> str:
    return ", ".join(f":{mark}" for mark in marks)
