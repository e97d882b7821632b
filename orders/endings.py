"""How a confirmed order ends: its tickets are cancelled, its money goes back."""

from datetime import datetime

from ..crud import Tx
from ..models import OrderStatus
from ..promos import services as promos
from . import crud
from .models import Order, OrderLine


async def lock_confirmed(tx: Tx, order_id: str) -> Order | None:
    """A confirmed order whose row is locked for this transaction; None in any other state.

    Every transaction that moves an order's seats takes its row first, so two of them wait for
    each other here, and never crosswise further on.
    """
    return await crud.lock_confirmed(tx, order_id)


async def lines_of(tx: Tx, order_id: str) -> list[OrderLine]:
    return await crud.get_lines(tx, order_id)


async def end(tx: Tx, order: Order, to: OrderStatus, now: datetime) -> None:
    """No ticket of the order is left: its promo code may be used again, and its buyer may order
    again with the same key."""
    await crud.move(tx, order.id, OrderStatus.CONFIRMED, to)
    if order.promo_code:
        await promos.free_use(tx, order.id, now)
    await crud.free_idempotency_key(tx, order.id)


async def all_paid_back(tx: Tx, order_id: str) -> None:
    """The last refund of an order was paid. One that still has tickets stays confirmed."""
    await crud.move(tx, order_id, OrderStatus.REFUND_DUE, OrderStatus.REFUNDED)


async def next_confirmed(tx: Tx, event_id: str, limit: int) -> list[str]:
    """Ids of some confirmed orders that have valid tickets of an event."""
    return await crud.next_confirmed(tx, event_id, limit)


async def get(tx: Tx, order_id: str) -> Order | None:
    return await crud.get_order(tx, order_id)
