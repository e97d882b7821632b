"""Cancel tickets and orders: by their buyer within the event's policy, by the organiser at will."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..actors import BUYER, act_as
from ..catalog.models import Event
from ..catalog.services import read_listing
from ..catalog.times import event_begins_at
from ..crud import Tx, reading, transaction
from ..errors import NotFound, NotRefundable, TicketingError, TicketUsed
from ..models import EventStatus, OrderStatus, TicketStatus
from ..orders import endings, legacy
from ..orders import services as orders
from ..orders.models import FREE, Order
from ..orders.services import OrderView
from ..outbox import services as outbox
from ..outbox.models import EVENT_CANCELLED, TICKETS_CANCELLED
from ..tickets import services as tickets
from ..tickets.models import Ticket
from . import crud
from .booking import VALID, Return, take_back
from .models import Refund
from .rules import current_tier, refund_percent, share_sat, tier_ends_at
from .wakeup import wake

UNKNOWN_TICKET = tickets.UNKNOWN


@dataclass(frozen=True)
class By:
    """Who cancels, shown by one of the two credentials, and how. `percent`: the organiser's word
    instead of the policy. `refund_address`: where the money goes instead of the order's own."""

    secret: str | None = None
    wallet: str | None = None
    percent: int | None = None
    refund_address: str | None = None


@dataclass(frozen=True)
class Cancelled:
    """`refund` is None when nothing comes back."""

    refund_sat: int
    refund: Refund | None


@dataclass(frozen=True)
class Offer:
    """What a buyer may do now. `why_not` is empty if they may cancel; `ends_at`: until when this
    percentage holds; `per_ticket`: what each of the valid tickets would give back, by its id."""

    percent: int
    why_not: str
    ends_at: datetime | None
    per_ticket: Mapping[str, int] = field(default_factory=dict)

    @property
    def can_cancel(self) -> bool:
        return not self.why_not

    @property
    def refund_sat(self) -> int:
        return sum(self.per_ticket.values())


def buyer_offer(view: OrderView, now: datetime) -> Offer:
    """The policy's word on an order as it is now. Used tickets are left out: they stay used."""
    event = view.listing.event if view.listing else None
    if event is None or view.order.status is not OrderStatus.CONFIRMED:
        return Offer(0, "Only a confirmed order can be cancelled.", None)
    is_free = view.order.method == FREE
    percent = 0 if is_free else refund_percent(event, now)
    active = [ticket for ticket in view.tickets if ticket.status is TicketStatus.ACTIVE]
    why_not = _why_not(event, percent, is_free, now)
    if not why_not and not active:
        why_not = "No ticket of this order can be cancelled any more."
    tier = current_tier(event, now)
    return Offer(
        percent,
        why_not,
        event_begins_at(event) if is_free else tier_ends_at(event, tier) if tier else None,
        {ticket.id: share_sat(ticket.price_sat, percent) for ticket in active},
    )


def _why_not(event: Event, percent: int, is_free: bool, now: datetime) -> str:
    """Why a buyer may not cancel; empty if they may."""
    if event.status is EventStatus.CANCELLED:
        return "The event was cancelled: everything that was paid goes back by itself."
    begins = event_begins_at(event)
    if begins is not None and now >= begins:
        return "The event has begun."
    if not event.buyer_can_cancel:
        return "Tickets of this event cannot be cancelled. Please ask the organiser."
    if percent == 0 and not is_free:
        return "It is too late to cancel for money back. Please ask the organiser."
    return ""


async def cancel_order(order_id: str, by: By, now: datetime) -> Cancelled:
    """Cancel all valid tickets of an order. Asked again, it tells of the refund there is.

    Raises NotFound, NotRefundable outside the policy, TicketUsed for the buyer of a used ticket.
    """
    await legacy.learn_price(order_id)
    async with transaction() as tx:
        order = await endings.get(tx, order_id)
        if order is None or not _may(order, by):
            raise NotFound(orders.UNKNOWN)
        done = await _cancel(tx, order, None, by, now)
    wake()
    return done


async def cancel_ticket(ticket_id: str, by: By, now: datetime) -> Cancelled:
    """Cancel one ticket; the others of its order stay. Errors as `cancel_order`."""
    async with reading() as tx:
        order_id = await tickets.order_of(tx, ticket_id)
    if order_id is None:
        raise NotFound(UNKNOWN_TICKET)
    await legacy.learn_price(order_id)
    async with transaction() as tx:
        order = await endings.get(tx, order_id)
        if order is None or not _may(order, by):
            raise NotFound(UNKNOWN_TICKET)
        done = await _cancel(tx, order, ticket_id, by, now)
    wake()
    return done


def _may(order: Order, by: By) -> bool:
    return orders.owns(order, by.secret) or (by.wallet is not None and by.wallet == order.wallet)


async def _cancel(tx: Tx, known: Order, ticket_id: str | None, by: By, now: datetime) -> Cancelled:
    rows = await tickets.order_tickets(tx, known.id)
    chosen = [row for row in rows if ticket_id in (None, row.id)]
    order = await endings.lock_confirmed(tx, known.id)
    valid = [row for row in chosen if row.status in VALID]
    if order is None or not valid:
        return await _told_again(tx, known, chosen, whole=ticket_id is None)
    by_organiser = by.wallet is not None and not orders.owns(order, by.secret)
    if not by_organiser:
        # Also for who shows both credentials: it is done by the buyer's rules.
        act_as(BUYER)
    event = await _event(tx, order)
    percent = _percent(event, order, by, now) if by_organiser else _policy(event, order, now)
    _check_used(valid, by_organiser)
    wanted = Return(
        order=order,
        tickets=valid,
        percent=percent,
        reason="organiser_cancelled" if by_organiser else "buyer_cancelled",
        cause=f"order:{order.id}" if ticket_id is None else f"ticket:{ticket_id}",
        destination=by.refund_address,
        may_be_used=by_organiser,
    )
    try:
        refund = await take_back(tx, wanted, now)
    except LookupError as exc:
        raise TicketUsed("A ticket was used or cancelled meanwhile. Please look again.") from exc
    await _tell(tx, event, wanted, refund)
    return Cancelled(wanted.amount_sat, refund)


async def _tell(tx: Tx, event: Event | None, wanted: Return, refund: Refund | None) -> None:
    """Those the tickets were for hear of it; of a cancelled event that there is none."""
    if event is None:
        return
    ticket_ids = [ticket.id for ticket in wanted.tickets]
    told = {"order_id": wanted.order.id, "ticket_ids": ticket_ids, "is_owed": refund is not None}
    if event.status is EventStatus.CANCELLED:
        await outbox.put(tx, EVENT_CANCELLED, event.id, event.id, told)
    else:
        await outbox.put(tx, TICKETS_CANCELLED, wanted.order.id, event.id, told)


async def _event(tx: Tx, order: Order) -> Event | None:
    lines = await endings.lines_of(tx, order.id)
    listing = await read_listing(tx, lines[0].event_id) if lines else None
    return listing.event if listing else None


def _policy(event: Event | None, order: Order, now: datetime) -> int:
    """The buyer's percentage. Raises NotRefundable."""
    if event is None:
        raise NotRefundable("This event does not exist any more.")
    is_free = order.method == FREE
    percent = 0 if is_free else refund_percent(event, now)
    if why_not := _why_not(event, percent, is_free, now):
        raise NotRefundable(why_not)
    return percent


def _percent(event: Event | None, order: Order, by: By, now: datetime) -> int:
    """The organiser's percentage: what they say, else the policy's. Raises NotRefundable."""
    if by.percent is not None:
        return by.percent
    percent = refund_percent(event, now) if event else 0
    if percent == 0 and order.method != FREE:
        raise NotRefundable(
            "By the event's policy nothing comes back any more. Say a percent, 0 to 100, to"
            " cancel all the same."
        )
    return percent


def _check_used(chosen: Sequence[Ticket], by_organiser: bool) -> None:
    used = [ticket for ticket in chosen if ticket.status is TicketStatus.USED]
    if used and not by_organiser:
        raise TicketUsed("A used ticket cannot be cancelled.")


async def _told_again(tx: Tx, order: Order, chosen: Sequence[Ticket], whole: bool) -> Cancelled:
    """The answer to a request that was carried out before, or the reason why it cannot be."""
    if not chosen:
        raise NotFound(UNKNOWN_TICKET)
    gone = [t for t in chosen if t.status in (TicketStatus.CANCELLED, TicketStatus.REFUNDED)]
    if order.status in (OrderStatus.RESERVED, OrderStatus.EXPIRED) or len(gone) < len(chosen):
        raise _not_paid()
    cause = f"order:{order.id}" if whole else f"ticket:{chosen[0].id}"
    refund = await crud.get_by_cause(tx, cause)
    if refund is None and chosen[-1].refund_id:
        refund = await crud.get_refund(tx, chosen[-1].refund_id)
    return Cancelled(refund.amount_sat if refund else 0, refund)


def _not_paid() -> TicketingError:
    return NotRefundable("This order was not paid. It lapses by itself.")
