"""Facts become messages: whom each concerns, in the transaction that forgets it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..catalog.models import Event
from ..catalog.services import read_listing
from ..crud import Tx
from ..errors import NotFound
from ..models import TicketStatus
from ..orders import endings as orders
from ..orders import holders
from ..orders.holders import Holder, Page
from ..orders.models import Order
from ..outbox import models as topics
from ..outbox.models import Fact, Handler
from ..refunds import services as refunds
from ..refunds.models import Refund
from ..tickets import services as tickets
from ..tickets.models import Ticket
from . import changes, crud, crud_announcements, hints, recipients
from .models import Channel, Kind
from .recipients import To
from .rows import About, message_row

# Orders in one transaction: it holds the extension's lock, and sales wait for it.
_PAGE = 50
# Where a long delivery goes on, in a fact's payload.
_AFTER = "after_order"
_ONE_ORDER = "order_id"
VALID = (TicketStatus.ACTIVE, TicketStatus.USED)
# Reasons of money that came when there was nothing to be had for it any more.
_PAID_TWICE = "paid_twice"

Rest = Mapping[str, Any] | None
Row = Mapping[str, Any]


def letters(about: About, found: Sequence[To]) -> list[Row]:
    """A message to each. Mail waits where this host has no mail server yet."""
    return [message_row(about, to) for to in found]


async def write_down(tx: Tx, rows: Sequence[Row]) -> None:
    """They wait to be sent from the commit on."""
    await crud.insert_missing(tx, rows)
    hints.queued.beat(str(row["channel"]) for row in rows)


async def _write_down_once(tx: Tx, rows: Sequence[Row]) -> None:
    """Of one cause, to many: each address once, in whatever capitals their orders spell it."""
    first = dict[tuple[Channel, str], Row]()
    for row in rows:
        first.setdefault((Channel(row["channel"]), row["recipient"].casefold()), row)
    told = await crud.list_told(tx, rows[0]["cause"], first.keys()) if rows else set()
    await write_down(tx, [row for key, row in first.items() if key not in told])


async def order_confirmed(tx: Tx, fact: Fact, now: datetime) -> Rest:
    """The buyer gets the order, each attendee with an address of their own the ticket."""
    order = await orders.get(tx, fact.subject_id)
    event = await _event(tx, fact)
    if order is None or event is None or not event.send_messages:
        return None
    about = About(
        Kind.ORDER_CONFIRMED, order.wallet, event.id, f"order:{order.id}", fact.created_at, order
    )
    valid = [row for row in await tickets.order_tickets(tx, order.id) if row.status in VALID]
    if valid:
        found = letters(about, recipients.buyer(order))
        for to in recipients.attendees(order, valid):
            own = f"{about.cause}:{to.ticket.id if to.ticket else None}"
            found += letters(replace(about, kind=Kind.TICKET, cause=own), [to])
        await write_down(tx, found)
    return None


async def refund_due(tx: Tx, fact: Fact, now: datetime) -> Rest:
    await _tell_refund(tx, fact, None)
    return None


async def refund_paid(tx: Tx, fact: Fact, now: datetime) -> Rest:
    await _tell_refund(tx, fact, Kind.REFUND_PAID)
    return None


async def _tell_refund(tx: Tx, fact: Fact, kind: Kind | None) -> None:
    """About money the buyer is told in any case. Without a kind: that it is owed."""
    try:
        refund = await refunds.get_in(tx, fact.subject_id)
    except NotFound:
        return
    order = await orders.get(tx, refund.order_id)
    if order is None:
        return
    about = About(
        kind=kind or _owed(refund),
        wallet=refund.wallet,
        event_id=refund.event_id,
        cause=f"{fact.topic}:{refund.id}",
        at=fact.created_at,
        order=order,
        refund_id=refund.id,
    )
    await write_down(tx, letters(about, recipients.buyer(order)))


def _owed(refund: Refund) -> Kind:
    """Its cause tells whether tickets were given back for it, or never were any."""
    is_late = refund.cause.startswith("payment:") and refund.reason != _PAID_TWICE
    return Kind.LATE_PAYMENT if is_late else Kind.REFUND_DUE


async def event_changed(tx: Tx, fact: Fact, now: datetime) -> Rest:
    """Whoever had a ticket by then. What was not sent yet of other changes is told with it."""
    event = await _event(tx, fact)
    if event is None or not event.send_messages:
        return None
    page, rows = await _page(tx, fact, event), list[Row]()
    had = [holder for holder in page.holders if _was_confirmed(holder.order, fact)]
    if fact.payload.get("was_over"):
        # Dates for another time: who was let in at the last one is no guest of it.
        had = [Holder(holder.order, rest) for holder in had if (rest := _unused(holder))]
    told = await changes.take_back(tx, event.id, [holder.order.id for holder in had], now)
    for holder in had:
        order = holder.order
        # Whoever has several orders is told by the first.
        about = _about(Kind.EVENT_CHANGED, event, order, f"{fact.topic}:{fact.id}", fact)
        for to in recipients.everybody(order, holder.tickets):
            payload, due_at = told.payload(order.id, to, fact), told.due_at(order.id, to, fact)
            rows += letters(replace(about, payload=payload, due_at=due_at), [to])
    await _write_down_once(tx, rows)
    return {**fact.payload, _AFTER: page.after} if page.after else None


def _unused(holder: Holder) -> list[Ticket]:
    return [ticket for ticket in holder.tickets if ticket.status is TicketStatus.ACTIVE]


def _was_confirmed(order: Order, fact: Fact) -> bool:
    """Before it was a fact. Whoever pays later reads in their order's letter when and where it
    takes place now, even if they saw another date when they ordered: no letter says what changed.
    """
    return order.confirmed_at is None or order.confirmed_at <= fact.created_at


async def event_cancelled(tx: Tx, fact: Fact, now: datetime) -> Rest:
    """Whoever had a valid ticket is told, whatever the event says of messages.

    While this goes on the tickets are being cancelled, order by order: whoever does that leaves a
    fact of the order, so that none is missed between the two.
    """
    event = await _event(tx, fact)
    if event is None:
        return None
    if _ONE_ORDER in fact.payload:
        page = Page(await _one_holder(tx, fact), None)
    else:
        page = await _page(tx, fact, event)
    rows = list[Row]()
    for order, had in ((holder.order, holder.tickets) for holder in page.holders):
        about = _about(Kind.EVENT_CANCELLED, event, order, f"{fact.topic}:{event.id}", fact)
        rows += letters(about, recipients.everybody(order, had))
    await _write_down_once(tx, rows)
    return {_AFTER: page.after} if page.after else None


async def tickets_cancelled(tx: Tx, fact: Fact, now: datetime) -> Rest:
    """Whom they were for; and the buyer, who else learns it with the money they get back.

    Whatever the event says of messages: a ticket that is void must be known of before the door.
    """
    event, ticket_ids = await _event(tx, fact), fact.payload["ticket_ids"]
    if event is None:
        return None
    rows = list[Row]()
    for order, gone in ((holder.order, holder.tickets) for holder in await _one_holder(tx, fact)):
        is_owed = fact.payload["is_owed"]
        told = recipients.attendees(order, gone) if is_owed else recipients.everybody(order, gone)
        # A ticket is cancelled once.
        about = _about(Kind.TICKETS_CANCELLED, event, order, f"{fact.topic}:{ticket_ids[0]}", fact)
        about = replace(about, payload={"ticket_ids": ticket_ids})
        rows += letters(about, recipients.once_each(told))
    await write_down(tx, rows)
    return None


async def _one_holder(tx: Tx, fact: Fact) -> Sequence[Holder]:
    order = await orders.get(tx, str(fact.payload[_ONE_ORDER]))
    if order is None:
        return []
    rows = await tickets.order_tickets(tx, order.id)
    return [Holder(order, [row for row in rows if row.id in fact.payload["ticket_ids"]])]


async def event_reminder(tx: Tx, fact: Fact, now: datetime) -> Rest:
    """Holders of tickets bought before it was time: whoever bought after was told at that."""
    event = await _event(tx, fact)
    if event is None or not event.send_messages:
        return None
    page, rows = await _page(tx, fact, event), list[Row]()
    for order, valid in ((holder.order, holder.tickets) for holder in page.holders):
        if _was_confirmed(order, fact):
            about = _about(Kind.REMINDER, event, order, f"{fact.topic}:{fact.id}:{order.id}", fact)
            rows += letters(about, recipients.everybody(order, valid))
    await write_down(tx, rows)
    return {_AFTER: page.after} if page.after else None


async def announcement(tx: Tx, fact: Fact, now: datetime) -> Rest:
    """The organiser's words to holders of the chosen packages."""
    said = await crud_announcements.get(tx, fact.subject_id)
    event = await _event(tx, fact)
    if said is None or event is None:
        return None
    page, rows = await _page(tx, fact, event), list[Row]()
    for order, valid in ((holder.order, holder.tickets) for holder in page.holders):
        about = _about(Kind.ANNOUNCEMENT, event, order, f"{fact.topic}:{said.id}", fact)
        about = replace(about, payload={"announcement": said.id})
        rows += letters(about, recipients.concerned(order, valid, said.package_ids))
    await _write_down_once(tx, rows)
    return {_AFTER: page.after} if page.after else None


def _about(kind: Kind, event: Event, order: Order, cause: str, fact: Fact) -> About:
    return About(kind, event.wallet, event.id, cause, fact.created_at, order)


async def _event(tx: Tx, fact: Fact) -> Event | None:
    listing = await read_listing(tx, fact.event_id) if fact.event_id else None
    return listing.event if listing else None


async def _page(tx: Tx, fact: Fact, event: Event) -> Page:
    return await holders.read_page(tx, event.id, str(fact.payload.get(_AFTER, "")), _PAGE)


HANDLERS: Mapping[str, Handler] = {
    topics.ORDER_CONFIRMED: order_confirmed,
    topics.REFUND_DUE: refund_due,
    topics.REFUND_PAID: refund_paid,
    topics.EVENT_CHANGED: event_changed,
    topics.EVENT_CANCELLED: event_cancelled,
    topics.TICKETS_CANCELLED: tickets_cancelled,
    topics.EVENT_REMINDER: event_reminder,
    topics.ANNOUNCEMENT: announcement,
}
