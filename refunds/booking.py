"""The one transaction that takes tickets back: seats, order and ledger change together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..audit import services as audit
from ..catalog import seats
from ..clock import to_ms
from ..crud import Tx, short_id
from ..models import OrderStatus, TicketStatus
from ..orders import endings
from ..orders.models import FREE, Debt, Order
from ..outbox import services as outbox
from ..outbox.models import REFUND_DUE
from ..settings import secret_key, sha256_hex
from ..tickets import services as tickets
from ..tickets.models import Ticket
from . import crud, trail
from .models import BY_HAND_METHODS, LIGHTNING, Refund, RefundStatus
from .rules import share_sat

VALID = (TicketStatus.ACTIVE, TicketStatus.USED)


@dataclass(frozen=True)
class Return:
    """What is taken back of an order, for which part of its price, and why. `cause` is unique."""

    order: Order
    tickets: Sequence[Ticket]
    percent: int
    reason: str
    cause: str
    destination: str | None
    # Whether tickets that were used at the door may be taken back as well.
    may_be_used: bool

    @property
    def amount_sat(self) -> int:
        return sum(share_sat(ticket.price_sat, self.percent) for ticket in self.tickets)

    def terms(self, refund_id: str | None) -> dict[str, object]:
        """What the log tells of it."""
        return {
            "percent": self.percent,
            "amount_sat": self.amount_sat,
            "reason": self.reason,
            "refund_id": refund_id,
        }


def claim_secret(refund_id: str) -> str:
    """The secret in the address of a refund's claim page."""
    return secret_key.derive("claim", refund_id)


async def record(tx: Tx, debt: Debt, now: datetime) -> str | None:
    """Put a debt on the books, once per cause; returns its id, None when it is there already."""
    refund_id = short_id()
    is_by_hand = debt.method in BY_HAND_METHODS
    waits_for_claim = not debt.destination and not is_by_hand
    added = await crud.insert_refund(
        tx,
        {
            "id": refund_id,
            "order_id": debt.order_id,
            "ticket_id": debt.ticket_id,
            "event_id": debt.event_id,
            "wallet": debt.wallet,
            "amount_sat": debt.amount_sat,
            "reason": debt.reason,
            "status": (RefundStatus.OFFERED if waits_for_claim else RefundStatus.DUE).value,
            "method": debt.method if is_by_hand else LIGHTNING,
            "destination": debt.destination,
            "cause": debt.cause,
            "claim_hash": sha256_hex(claim_secret(refund_id)),
            "attempts": 0,
            "created_at": to_ms(now),
        },
    )
    if not added:
        return None
    await outbox.put(tx, REFUND_DUE, refund_id, debt.event_id)
    return refund_id


async def take_back(tx: Tx, wanted: Return, now: datetime) -> Refund | None:
    """Cancel tickets of an order whose row this transaction has locked. Returns the refund, None
    when nothing is owed.

    Raises LookupError when a ticket is not valid any more; the transaction must then roll back.
    """
    refund_id = await _record(tx, wanted, now) if wanted.amount_sat else None
    for ticket in wanted.tickets:
        retained_sat = ticket.price_sat - share_sat(ticket.price_sat, wanted.percent)
        if not await tickets.cancel(tx, ticket, retained_sat, refund_id, wanted.may_be_used):
            raise LookupError(ticket.id)
    await seats.give_back(tx, [_seat(ticket) for ticket in wanted.tickets])
    left = [t for t in await tickets.order_tickets(tx, wanted.order.id) if t.status in VALID]
    ending = None if left else await _ending(tx, wanted.order)
    if ending is not None:
        await endings.end(tx, wanted.order, ending, now)
    terms = wanted.terms(refund_id)
    await audit.record(tx, trail.taken_back(wanted.order, wanted.tickets, terms, ending))
    return await crud.get_refund(tx, refund_id) if refund_id else None


async def _record(tx: Tx, wanted: Return, now: datetime) -> str:
    order, first = wanted.order, wanted.tickets[0]
    debt = Debt(
        order_id=order.id,
        event_id=first.event_id,
        wallet=order.wallet,
        amount_sat=wanted.amount_sat,
        reason=wanted.reason,
        cause=wanted.cause,
        destination=wanted.destination or order.refund_address,
        ticket_id=first.id if len(wanted.tickets) == 1 else None,
        method=order.method,
    )
    refund_id = await record(tx, debt, now)
    if refund_id is None:
        raise LookupError(wanted.cause)
    return refund_id


def _seat(ticket: Ticket) -> seats.Seats:
    return seats.Seats(ticket.event_id, ticket.package_id or "", 1, ticket.kind)


async def _ending(tx: Tx, order: Order) -> OrderStatus:
    unpaid, total = await crud.count_open(tx, order.id)
    if unpaid:
        return OrderStatus.REFUND_DUE
    return OrderStatus.REFUNDED if total and order.method != FREE else OrderStatus.CANCELLED
