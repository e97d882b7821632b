"""Who holds valid tickets of an event, page by page: there may be many."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from ..crud import Tx
from ..tickets.models import Ticket
from . import crud_holders
from .models import Order


@dataclass(frozen=True)
class Holder:
    """An order with its valid tickets of one event: at least one."""

    order: Order
    tickets: Sequence[Ticket]


@dataclass(frozen=True)
class Page:
    """`after`: what to ask for next; None when this was the last page."""

    holders: Sequence[Holder]
    after: str | None


async def read_page(tx: Tx, event_id: str, after: str, limit: int) -> Page:
    """The holders among the next orders of an event, by order id. The first page is after ""."""
    order_ids = await crud_holders.list_order_ids(tx, event_id, after, limit)
    if not order_ids:
        return Page((), None)
    of_order: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in await crud_holders.list_valid_tickets(tx, event_id, order_ids):
        of_order[ticket.order_id or ""].append(ticket)
    orders = await crud_holders.list_orders(tx, list(of_order)) if of_order else []
    holders = [Holder(order, of_order[order.id]) for order in orders]
    return Page(holders, order_ids[-1] if len(order_ids) == limit else None)
