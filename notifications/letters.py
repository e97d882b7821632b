"""A message with all it tells, read when it is written: much may have changed since."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .. import clock
from ..catalog.described import when_and_where
from ..catalog.models import Event, Listing
from ..catalog.reminding import begins_soon
from ..catalog.services import read_listing
from ..catalog.times import event_is_over_at
from ..crud import Tx, reading
from ..errors import NotFound
from ..models import EventStatus, TicketStatus
from ..orders import endings as orders
from ..orders.models import Order
from ..refunds import services as refunds
from ..refunds.models import Refund, RefundStatus
from ..settings import base_url, secret_key
from ..tickets import services as tickets
from ..tickets.models import Ticket
from . import crud_announcements
from .models import Kind, Letter, Links, Message
from .recipients import To, concerned, tickets_of

_VALID = (TicketStatus.ACTIVE, TicketStatus.USED)
_HAD = (*_VALID, TicketStatus.CANCELLED, TicketStatus.REFUNDED)
# They tell of tickets that are valid, for an event that takes place.
_OF_VALID_TICKETS = frozenset(
    {Kind.ORDER_CONFIRMED, Kind.TICKET, Kind.EVENT_CHANGED, Kind.REMINDER, Kind.ANNOUNCEMENT}
)
_OF_REFUNDS = frozenset({Kind.REFUND_DUE, Kind.REFUND_PAID, Kind.LATE_PAYMENT})


@dataclass(frozen=True)
class _Found:
    """What the database says now of what a message is about."""

    message: Message
    listing: Listing | None
    order: Order | None
    tickets: Sequence[Ticket]
    refund: Refund | None


async def read_letter(message: Message) -> Letter | None:
    """None when it is not true any more: there is nothing to tell."""
    async with reading() as tx:
        found = await _find(tx, message)
    if found is None or not _is_true(found, clock.now()):
        return None
    return Letter(
        message=found.message,
        listing=found.listing,
        order=found.order,
        tickets=found.tickets,
        refund=found.refund,
        links=_links(found),
    )


async def _find(tx: Tx, message: Message) -> _Found | None:
    listing = await read_listing(tx, message.event_id) if message.event_id else None
    order = await orders.get(tx, message.order_id) if message.order_id else None
    refund = await _refund(tx, message.refund_id) if message.refund_id else None
    if "announcement" in message.payload:
        said = await crud_announcements.get(tx, str(message.payload["announcement"]))
        if said is None:
            return None
        message = replace(message, payload={"subject": said.subject, "text": said.text})
        if message.order_id is not None:
            message, order = await _holding(tx, message, order, said.package_ids)
    elif message.kind is Kind.EVENT_CHANGED:
        message, order = await _holding(tx, message, order, None)
    rows = await tickets.order_tickets(tx, order.id) if order else []
    return _Found(message, listing, order, _told(message, order, rows), refund)


async def _holding(
    tx: Tx, message: Message, order: Order | None, package_ids: frozenset[str] | None
) -> tuple[Message, Order | None]:
    """With an order that makes its recipient a holder: the one it was written down for, else any
    other of the event. Without an order when there is none any more."""
    if order is not None and (same := await _as_holder(tx, message, order, package_ids)):
        return same, order
    for order_id in await crud_announcements.list_orders_of(tx, message):
        other = await orders.get(tx, order_id)
        if other is not None and (held := await _as_holder(tx, message, other, package_ids)):
            return held, other
    return message, None


async def _as_holder(
    tx: Tx, message: Message, order: Order, package_ids: frozenset[str] | None
) -> Message | None:
    """The message as one to a holder of this order's tickets; None when its recipient is none."""
    rows = await tickets.order_tickets(tx, order.id)
    valid = [row for row in rows if row.status in _VALID and row.event_id == message.event_id]
    key = To(message.channel, message.recipient).key
    for to in concerned(order, valid, package_ids):
        if to.key == key:
            ticket_id = to.ticket.id if to.ticket else None
            return replace(message, order_id=order.id, ticket_id=ticket_id)
    return None


async def _refund(tx: Tx, refund_id: str) -> Refund | None:
    try:
        return await refunds.get_in(tx, refund_id)
    except NotFound:
        return None


def _told(message: Message, order: Order | None, rows: Sequence[Ticket]) -> list[Ticket]:
    """Those of the order's tickets that this recipient is to see: the buyer all, others theirs.
    Of money back those it is the price of."""
    if order is None:
        return []
    if message.kind in _OF_REFUNDS:
        return [row for row in rows if row.refund_id == message.refund_id]
    if message.kind is Kind.TICKETS_CANCELLED:
        rows = [row for row in rows if row.id in message.payload.get("ticket_ids", ())]
    shown = _VALID if message.kind in _OF_VALID_TICKETS else _HAD
    known = [row for row in rows if row.status in shown]
    if message.kind is Kind.TICKET:
        return [row for row in known if row.id == message.ticket_id]
    if message.ticket_id is None:
        return known
    return tickets_of(order, known, message.channel, message.recipient)


def _is_true(found: _Found, now: datetime) -> bool:
    kind, event = found.message.kind, found.listing.event if found.listing else None
    if found.order is None:
        # The organiser's own copy is about no order.
        return kind is Kind.ANNOUNCEMENT and found.message.order_id is None
    if kind in _OF_REFUNDS:
        return found.refund is not None and not _was_paid_meanwhile(kind, found.refund)
    if event is None:
        return False
    if kind is Kind.EVENT_CANCELLED:
        return event.status is EventStatus.CANCELLED
    if not found.tickets:
        return False
    if kind in (Kind.ANNOUNCEMENT, Kind.TICKETS_CANCELLED):
        return True
    if event.status is EventStatus.CANCELLED:
        return False
    if kind is Kind.REMINDER:
        return begins_soon(event, now)
    return kind is not Kind.EVENT_CHANGED or _is_news(found.message, event, now)


def _was_paid_meanwhile(kind: Kind, refund: Refund) -> bool:
    """Then only that is told; but for whoever was to learn why there is no ticket."""
    return kind is Kind.REFUND_DUE and refund.status is RefundStatus.PAID


def _is_news(message: Message, event: Event, now: datetime) -> bool:
    """Whether it takes place still, at another time or place than its recipient knows."""
    over_at = event_is_over_at(event)
    is_ahead = over_at is None or now < over_at
    return is_ahead and message.payload.get("before") != when_and_where(event)


def _links(found: _Found) -> Links:
    base, order, refund = base_url(), found.order, found.refund
    # Only the buyer gets what opens the whole order. That an event is cancelled is one letter
    # about all orders of its recipient, so it opens none.
    is_of_all = found.message.kind is Kind.EVENT_CANCELLED
    is_buyer = order is not None and found.message.ticket_id is None and not is_of_all
    secret = secret_key.derive("order", order.id) if order and order.secret_hash else None
    return Links(
        event=f"{base}/events/{found.listing.event.id}" if found.listing else None,
        order=f"{base}/events/o/{secret}" if secret and is_buyer else None,
        claim=refunds.claim_page(refund) if refund and _is_to_claim(refund) else None,
        tickets={ticket.id: f"{base}/events/ticket/{ticket.id}" for ticket in found.tickets},
    )


def _is_to_claim(refund: Refund) -> bool:
    """Also while it is being paid to an address: the link is the way if that fails."""
    return not refund.is_by_hand and refund.status is not RefundStatus.PAID
