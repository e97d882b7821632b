"""Make, read, admit and delete tickets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..catalog.models import Listing
from ..catalog.seats import Seats, give_back
from ..catalog.services import read_listing
from ..clock import to_ms
from ..crud import Tx, legacy_time, reading, short_id
from ..errors import NotFound
from ..models import TicketStatus
from . import crud, crud_responses
from .models import Ticket

# 1.6.9 deleted unpaid tickets after a day; ours only stop being listed.
_UNPAID_LISTED = timedelta(hours=24)

UNKNOWN = "Ticket does not exist."


@dataclass(frozen=True)
class NewTicket:
    """What is known of a ticket when its seat is held."""

    name: str
    email: str
    price_sat: int
    number: int
    extra: dict[str, Any]


@dataclass(frozen=True)
class TicketBatch:
    """The tickets of one order line, all in one event and package."""

    order_id: str
    wallet: str
    event_id: str
    package_id: str
    kind: str
    valid_from: datetime | None
    valid_until: datetime | None
    tickets: Sequence[NewTicket]
    # A free order is confirmed at once, in the same transaction.
    is_paid: bool


async def add_batch(tx: Tx, batch: TicketBatch, now: datetime) -> list[str]:
    """Insert the rows of a batch with one statement; returns their new ids."""
    rows = [
        {
            "id": short_id(),
            "wallet": batch.wallet,
            "event": batch.event_id,
            "name": ticket.name,
            "email": ticket.email,
            "registered": False,
            "paid": batch.is_paid,
            "time": legacy_time(now),
            "reg_timestamp": None,
            "extra": json.dumps(ticket.extra),
            # Filled with the invoice's hash. Not NULL: that marks rows written by 1.6.9.
            "payment_hash": "",
            "order_id": batch.order_id,
            "package_id": batch.package_id,
            "kind": batch.kind,
            "valid_from": to_ms(batch.valid_from) if batch.valid_from else None,
            "valid_until": to_ms(batch.valid_until) if batch.valid_until else None,
            "status": (TicketStatus.ACTIVE if batch.is_paid else TicketStatus.RESERVED).value,
            "number": ticket.number,
            "price_sat": ticket.price_sat,
        }
        for ticket in batch.tickets
    ]
    await crud.insert_tickets(tx, rows)
    return [str(row["id"]) for row in rows]


async def activate_order(tx: Tx, order_id: str) -> int:
    """The order is paid: its reserved tickets become valid. Returns how many."""
    return await crud.activate(tx, order_id)


async def cancel_order(tx: Tx, order_id: str) -> int:
    """The order will not be: its unused tickets are cancelled. Returns how many."""
    return await crud.cancel_order(tx, order_id)


async def order_tickets(tx: Tx, order_id: str) -> list[Ticket]:
    return await crud.get_order_tickets(tx, order_id)


async def require_ticket(ticket_id: str) -> tuple[Ticket, Listing | None]:
    """A ticket with its event (None if that was deleted). Raises NotFound."""
    async with reading() as tx:
        ticket = await crud.get_ticket(tx, ticket_id)
        if ticket is None:
            raise NotFound(UNKNOWN)
        return ticket, await read_listing(tx, ticket.event_id)


async def list_tickets(wallets: Sequence[str], now: datetime) -> list[Ticket]:
    """Tickets of some wallets, newest first."""
    if not wallets:
        return []
    async with reading() as tx:
        return await crud.list_tickets(tx, wallets, now - _UNPAID_LISTED)


async def lock(tx: Tx, ticket_id: str) -> None:
    """Until the commit nobody else changes this ticket."""
    await crud.lock(tx, ticket_id)


async def admit(tx: Tx, ticket: Ticket, at: datetime) -> bool:
    """A valid ticket is used; False when it is not valid (any more)."""
    return await crud.admit(tx, ticket.id, at)


async def readmit(tx: Tx, ticket: Ticket) -> bool:
    """A guest who had left is inside again; False when nobody is out with it."""
    return await crud.readmit(tx, ticket.id)


async def let_out(tx: Tx, ticket: Ticket, at: datetime) -> bool:
    """A guest leaves; False when nobody is inside with it."""
    return await crud.let_out(tx, ticket.id, at)


async def keep(tx: Tx, ticket: Ticket) -> bool:
    """A used ticket stays that until the commit; False when it is not used (any more)."""
    return await crud.keep(tx, ticket.id)


async def take_back(tx: Tx, ticket: Ticket) -> bool:
    """A used ticket is valid again, as if nobody had come; False when it is not used."""
    return await crud.take_back(tx, ticket.id)


async def delete_free(tx: Tx, ticket: Ticket) -> bool:
    """Remove a free, unused ticket; its seat comes back. False when money stands behind it."""
    if await crud.delete_free(tx, ticket.id) != 1:
        return False
    await crud_responses.forget_ticket(tx, ticket.id)
    await give_back(tx, [Seats(ticket.event_id, ticket.package_id or "", 1, ticket.kind)])
    return True


async def delete_unpaid(tx: Tx, order_id: str) -> None:
    """Remove the rows of an order that will never be confirmed."""
    await crud_responses.forget_unpaid(tx, order_id)
    await crud.delete_unpaid(tx, order_id)


async def find_ticket(tx: Tx, ticket_id: str, wallet: str) -> Ticket:
    """A ticket of this wallet. Raises NotFound, also for another wallet's."""
    ticket = await crud.get_ticket(tx, ticket_id)
    if ticket is None or ticket.wallet != wallet:
        raise NotFound(UNKNOWN)
    return ticket


async def cancel(
    tx: Tx, ticket: Ticket, retained_sat: int, refund_id: str | None, may_be_used: bool
) -> bool:
    """A valid ticket is cancelled; the caller gives its seat back. `retained_sat`: the part of
    its price that stays with the organiser. False when it was not valid (any more)."""
    return await crud.cancel(tx, ticket.id, retained_sat, refund_id, may_be_used)


async def mark_refunded(tx: Tx, refund_id: str) -> None:
    """The money of these cancelled tickets went back. `refunded` is 1.6.9's word for it."""
    for ticket in await crud.list_of_refund(tx, refund_id):
        await crud.mark_refunded(tx, ticket.id, json.dumps({**ticket.extra, "refunded": True}))


async def note_sent(tx: Tx, ticket_id: str, flag: str) -> None:
    """A ticket went out to its holder: `flag` of `extra` is what 1.6.9's clients read. Nothing but
    `extra` is written, as it is now: the ticket may have been used meanwhile."""
    await crud.lock(tx, ticket_id)
    ticket = await crud.get_ticket(tx, ticket_id)
    if ticket is not None and not ticket.extra.get(flag):
        await crud.set_extra(tx, ticket_id, json.dumps({**ticket.extra, flag: True}))


async def set_price(tx: Tx, ticket: Ticket, price_sat: int) -> None:
    """What was paid for a ticket that 1.6.9 stored without a price."""
    await crud.set_price(tx, ticket.id, price_sat)


async def order_of(tx: Tx, ticket_id: str) -> str | None:
    """The id of the order a ticket belongs to; None for an unknown ticket."""
    ticket = await crud.get_ticket(tx, ticket_id)
    return ticket.order_id if ticket else None
