"""Send again: a ticket or an order to the addresses on record, or one message of the list."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ..catalog.services import lock_event
from ..crud import Tx, short_id, transaction
from ..errors import NotFound
from ..models import TicketStatus
from ..orders import endings as orders
from ..orders import services as order_services
from ..orders.models import Order
from ..throttle import Limit
from ..tickets import services as tickets
from ..tickets.models import Ticket
from . import crud, crud_dms, crud_lists, hints, recipients
from .email import is_configured
from .models import Channel, Kind, Message, State
from .recipients import To
from .rows import About, message_row, new_message_id

UNKNOWN = "This message does not exist."
_VALID = (TicketStatus.ACTIVE, TicketStatus.USED)
_HOUR_S = 3600.0
_OF_BUYERS = Limit(3, _HOUR_S)
_OF_ORGANISERS = Limit(60, _HOUR_S)
# However many orders name an address, and whoever asks.
_TO_ONE_ADDRESS = Limit(10, 24 * _HOUR_S)

# Failed messages that are sent again in one transaction.
_MOST_AT_ONCE = 500

NO_ADDRESS = {
    Channel.MAIL: "No e-mail address is known.",
    Channel.DM: "No Nostr name or key is known.",
}
NO_MAIL = "This host sends no mail: its administrator has set up no mail server."
_NOT_VALID = "There is no valid ticket to send."


@dataclass(frozen=True)
class Shown:
    """Who asks, by one of two credentials."""

    secret: str | None
    wallet: str | None


@dataclass(frozen=True)
class Requeued:
    """How many failed messages of an event wait to be sent again, and how many are left to be."""

    queued: int
    left: int


@dataclass(frozen=True)
class Again:
    """What was written down again, by channel; or why nothing was. What a mail server answered is
    its organiser's to read."""

    message_ids: Sequence[str] = ()
    why_not: dict[Channel, str] = field(default_factory=dict)
    is_organisers: bool = False


async def resend_ticket(ticket_id: str, shown: Shown, now: datetime) -> tuple[Ticket, Again]:
    """Send one ticket to its holder, or to the buyer where its holder has no address.

    Raises NotFound, also for another's ticket; TooManyRequests.
    """
    async with transaction() as tx:
        order_id = await tickets.order_of(tx, ticket_id)
        order = await _own_order(tx, order_id or "", shown, tickets.UNKNOWN)
        rows = await tickets.order_tickets(tx, order.id)
        ticket = next(row for row in rows if row.id == ticket_id)
        if ticket.status not in _VALID:
            return ticket, Again(why_not=dict.fromkeys(Channel, _NOT_VALID))
        about = About(Kind.TICKET, order.wallet, ticket.event_id, "", now, order)
        wanted = [(about, to) for to in recipients.holders(order, ticket)]
        return ticket, await _again(tx, wanted, shown, f"ticket:{ticket_id}")


async def resend_order(order_id: str, shown: Shown, now: datetime) -> Again:
    """Send an order to its buyer, and their tickets to attendees, as when it was confirmed.

    Raises NotFound, also for another's order; TooManyRequests.
    """
    async with transaction() as tx:
        order = await _own_order(tx, order_id, shown, order_services.UNKNOWN)
        rows = await tickets.order_tickets(tx, order.id)
        valid = [row for row in rows if row.status in _VALID]
        if not valid:
            return Again(why_not=dict.fromkeys(Channel, _NOT_VALID))
        about = About(Kind.ORDER_CONFIRMED, order.wallet, valid[0].event_id, "", now, order)
        of_ticket = replace(about, kind=Kind.TICKET)
        wanted = [(about, to) for to in recipients.buyer(order)]
        wanted += [(of_ticket, to) for to in recipients.attendees(order, valid)]
        return await _again(tx, wanted, shown, f"order:{order_id}")


async def _own_order(tx: Tx, order_id: str, shown: Shown, unknown: str) -> Order:
    order = await orders.get(tx, order_id)
    if order is None:
        raise NotFound(unknown)
    if not order_services.owns(order, shown.secret) and order.wallet != shown.wallet:
        raise NotFound(unknown)
    return order


async def _again(tx: Tx, wanted: Sequence[tuple[About, To]], shown: Shown, name: str) -> Again:
    """Write it down again, for those who can be reached. `name`: what is counted for the limit."""
    why_not = dict(NO_ADDRESS)
    reached = []
    for about, to in wanted:
        if to.channel is Channel.MAIL and not is_configured():
            why_not[to.channel] = NO_MAIL
        else:
            why_not.pop(to.channel, None)
            reached.append((about, to))
    if not reached:
        return Again(why_not=why_not)
    is_organisers = reached[0][0].wallet == shown.wallet
    _count(_OF_ORGANISERS if is_organisers else _OF_BUYERS, name, [to for _, to in reached])
    ids = [await _once_more(tx, about, to) for about, to in reached]
    hints.queued.beat(to.channel for _, to in reached)
    return Again(ids, why_not, is_organisers)


def _count(limit: Limit, name: str, found: Sequence[To]) -> None:
    """Once for what is asked for and for each address. Raises TooManyRequests, and counts none."""
    now_s = time.monotonic()
    addresses = {":".join(to.key) for to in found}
    limit.check(name, now_s)
    for address in addresses:
        _TO_ONE_ADDRESS.check(address, now_s)
    limit.take(name, now_s)
    for address in addresses:
        _TO_ONE_ADDRESS.take(address, now_s)


async def _once_more(tx: Tx, about: About, to: To) -> str:
    """One that was not sent yet is sent now; else it is another message, so that mail programs
    show it as new. Returns its id."""
    row = message_row(replace(about, cause=f"again:{short_id()}"), to)
    last = await crud.latest(tx, row)
    if last is not None and last.state is not State.SENT:
        await _requeue(tx, last, about.at)
        return last.id
    await crud.insert_missing(tx, [row])
    return str(row["id"])


async def _requeue(tx: Tx, message: Message, now: datetime) -> bool:
    if not await crud.requeue(tx, message.id, now):
        return False
    given_up = message.state in (State.FAILED, State.UNDELIVERABLE)
    if message.channel is Channel.DM and given_up:
        # Its recipient may read elsewhere by now. One that still waits may have arrived already.
        await crud_dms.forget_wrap(tx, message.id)
    return True


async def resend_message(message_id: str, wallet: str, now: datetime) -> Message:
    """The organiser sends one message again, now. One that was sent becomes another message.

    Raises NotFound, also for another wallet's; TooManyRequests.
    """
    async with transaction() as tx:
        message = await crud.get_message(tx, message_id)
        if message is None or message.wallet != wallet:
            raise NotFound(UNKNOWN)
        # What did not arrive so far is no other letter to its address.
        more = [To(message.channel, message.recipient)] if message.state is State.SENT else []
        _count(_OF_ORGANISERS, f"message:{message_id}", more)
        if more:
            message_id = await _copy(tx, message, now)
        elif message.state is not State.SENDING and not _settles(message, now):
            await _requeue(tx, message, now)
        found = await crud.get_message(tx, message_id)
    if found is None:
        raise NotFound(UNKNOWN)
    hints.queued.beat([found.channel])
    return found


async def resend_failed(event_id: str, wallet: str, now: datetime) -> Requeued:
    """The organiser sends again what was given up of an event, except what is not true any more;
    some hundreds at a time, because sales wait for it.

    Raises NotFound, Forbidden; TooManyRequests.
    """
    async with transaction() as tx:
        await lock_event(tx, event_id, wallet)
        _count(_OF_ORGANISERS, f"failed:{event_id}", [])
        found = await crud_lists.requeue_failed(tx, event_id, now, _MOST_AT_ONCE)
        # As with a single one: its recipient may read elsewhere by now.
        dms = [message_id for message_id, channel in found if channel is Channel.DM]
        await crud_dms.forget_wraps(tx, dms)
        left = (await crud_lists.count_states(tx, event_id)).get(State.FAILED.value, 0)
    hints.queued.beat({channel for _, channel in found})
    return Requeued(len(found), left)


def _settles(message: Message, now: datetime) -> bool:
    """It waits for what may be changed yet, and for the next day when there were too many."""
    is_open = message.kind is Kind.EVENT_CHANGED and message.state is State.QUEUED
    return is_open and message.created_at is not None and message.created_at > now


async def _copy(tx: Tx, message: Message, now: datetime) -> str:
    row_id = short_id()
    new_id = new_message_id(row_id) if message.channel is Channel.MAIL else None
    await crud.copy(tx, message.id, row_id, new_id, now)
    return row_id
