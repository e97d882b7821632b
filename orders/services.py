"""Read orders: by secret, by payment hash, for the organiser; delete tickets nobody will pay."""

import hmac
from dataclasses import dataclass
from typing import Any

from ..catalog.models import Listing
from ..catalog.services import own_event, read_listing
from ..clock import iso
from ..crud import Tx, reading, transaction
from ..errors import HasSales, InvalidInput, NotFound, Unauthorized
from ..models import OrderStatus
from ..settings import sha256_hex
from ..tickets import services as tickets
from ..tickets.models import Ticket
from . import crud
from .live import nudges
from .models import FREE, Order, OrderLine

UNKNOWN = "This order does not exist."
_PAID = (OrderStatus.CONFIRMED,)


@dataclass(frozen=True)
class OrderView:
    """An order with everything a page or an answer says of it."""

    order: Order
    lines: list[OrderLine]
    tickets: list[Ticket]
    listing: Listing | None

    @property
    def is_paid(self) -> bool:
        return self.order.status in _PAID

    @property
    def shown_tickets(self) -> list[Ticket]:
        """The tickets its buyer has or had. An unpaid order has none yet, and one that was paid
        too late for a seat never had any."""
        if self.is_paid:
            return self.tickets
        return [ticket for ticket in self.tickets if ticket.refund_id or ticket.retained_sat]


async def find_by_secret(secret: str) -> OrderView:
    """The order whose secret this is. Raises NotFound."""
    async with reading() as tx:
        view = await _view(tx, await crud.get_by_secret_hash(tx, sha256_hex(secret)))
    nudge(view.order)
    return view


def nudge(order: Order) -> None:
    """Somebody who may know waits for this order: look at its payment soon."""
    if order.status is OrderStatus.RESERVED:
        nudges.add(order.id)


async def find_by_id(order_id: str) -> OrderView:
    """An order by its id; who asks is checked by the caller. Raises NotFound."""
    async with reading() as tx:
        return await _view(tx, await crud.get_order(tx, order_id))


async def _view(tx: Tx, order: Order | None) -> OrderView:
    if order is None:
        raise NotFound(UNKNOWN)
    lines = await crud.get_lines(tx, order.id)
    rows = await tickets.order_tickets(tx, order.id)
    listing = await read_listing(tx, lines[0].event_id) if lines else None
    return OrderView(order, lines, rows, listing)


async def find_by_payment_hash(event_id: str, payment_hash: str) -> tuple[Order, list[str]]:
    """An order of an event by its (public) payment hash, with its ticket ids. Raises NotFound."""
    async with reading() as tx:
        order = await crud.get_by_payment_hash(tx, payment_hash)
        if order is None:
            raise NotFound(UNKNOWN)
        lines = await crud.get_lines(tx, order.id)
        if event_id not in {line.event_id for line in lines}:
            raise NotFound(UNKNOWN)
        rows = await tickets.order_tickets(tx, order.id)
    return order, [row.id for row in rows]


async def order_of_payment(payment_hash: str) -> Order | None:
    async with reading() as tx:
        return await crud.get_by_payment_hash(tx, payment_hash)


def owns(order: Order, secret: str | None) -> bool:
    """Whether this is the order's secret. Orders of 1.6.9 have none."""
    if not secret or order.secret_hash is None:
        return False
    return hmac.compare_digest(order.secret_hash, sha256_hex(secret))


def order_view(view: OrderView) -> dict[str, Any]:
    """`GET /orders/{id}`, but for the refunds, which the room above adds."""
    order = view.order
    event_name = view.listing.event.name if view.listing else ""
    is_open = order.status is OrderStatus.RESERVED
    return {
        "id": order.id,
        "status": order.status.value,
        "paid": view.is_paid,
        "payment_hash": order.payment_hash,
        "payment_request": order.payment_request if is_open else None,
        "subtotal_sat": order.subtotal_sat,
        "discount_sat": order.discount_sat,
        "total_sat": order.total_sat,
        "currency": order.currency,
        "rate": order.rate,
        "promo_code": order.promo_code,
        "name": order.buyer_name,
        "email": order.buyer_email,
        "created_at": iso(order.created_at),
        "hold_expires_at": iso(order.hold_expires_at),
        "lines": [_line_view(line) for line in view.lines],
        "tickets": [_ticket_view(ticket, event_name) for ticket in view.shown_tickets],
    }


def _line_view(line: OrderLine) -> dict[str, Any]:
    return {
        "event": line.event_id,
        "package_id": line.package_id,
        "quantity": line.quantity,
        "total_sat": line.total_sat,
    }


def _ticket_view(ticket: Ticket, event_name: str) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "number": ticket.number,
        "status": ticket.status.value,
        "package_id": ticket.package_id,
        "event": ticket.event_id,
        "event_name": event_name,
        "name": ticket.name,
    }


def order_summary(order: Order) -> dict[str, Any]:
    """An order in the organiser's list."""
    return {
        "id": order.id,
        "status": order.status.value,
        "name": order.buyer_name,
        "email": order.buyer_email,
        "quantity": order.quantity,
        "total_sat": order.total_sat,
        "promo_code": order.promo_code,
        "payment_hash": order.payment_hash,
        "refund_address": order.refund_address,
        "settled_msat": order.settled_msat,
        "created_at": iso(order.created_at),
        "confirmed_at": iso(order.confirmed_at),
        "hold_expires_at": iso(order.hold_expires_at),
    }


async def list_event_orders(
    event_id: str, wallet: str, status: str | None, limit: int, offset: int
) -> tuple[list[Order], int]:
    """The organiser's list. Raises NotFound, Forbidden, InvalidInput for an unknown status."""
    if status is not None and status not in {known.value for known in OrderStatus}:
        raise InvalidInput("This order status is not known.")
    async with reading() as tx:
        await own_event(tx, event_id, wallet)
        return await crud.list_event_orders(tx, event_id, status, limit, offset)


async def delete_ticket(ticket_id: str, wallet: str) -> None:
    """Remove a free ticket, or the rows of an order that lapsed unpaid.

    A payment that still comes for such an order is owed back. Raises NotFound, or HasSales when
    money is behind the ticket or its order is being paid.
    """
    async with transaction() as tx:
        ticket = await tickets.find_ticket(tx, ticket_id, wallet)
        order_id = ticket.order_id or ""
        if ticket.paid:
            order = await crud.get_order(tx, order_id)
            # Not by its price: 1.6.9 did not always store one.
            is_free = order is not None and order.method == FREE
            deleted = is_free and await tickets.delete_free(tx, ticket)
        else:
            deleted = await crud.abandon(tx, order_id)
            if deleted:
                await tickets.delete_unpaid(tx, order_id)
        if not deleted:
            raise HasSales("Money is behind this ticket, or may be on its way. Cancel it instead.")


def require_credential(secret: str | None, wallet: str | None) -> None:
    """Raises Unauthorized when neither an order secret nor a key was shown."""
    if not secret and not wallet:
        raise Unauthorized("Show the order's secret, or the admin key of its wallet.")
