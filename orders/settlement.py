"""A payment becomes tickets, once; or, if no seat is left for it, a debt. Nothing in between."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from .. import clock
from ..audit.services import record
from ..catalog import seats
from ..crud import Tx, reading, transaction
from ..models import OrderStatus
from ..outbox import services as outbox
from ..outbox.models import ORDER_CONFIRMED
from ..promos import services as promos
from ..tickets import services as tickets
from . import crud, invoicing, trail
from .live import announce
from .locks import event_locks
from .models import Debt, Debts, Order, OrderLine, OrderWithLines, PaidInvoice


class Outcome(Enum):
    CONFIRMED = "confirmed"
    REFUND_DUE = "refund_due"
    ALREADY_SETTLED = "already_settled"
    NOT_OURS = "not_ours"


@dataclass(frozen=True)
class _Receipt:
    """A payment and the moment it is settled."""

    paid: PaidInvoice
    now: datetime


async def settle(paid: PaidInvoice, debts: Debts, now: datetime) -> Outcome:
    """Settle one successful payment of the host. Safe to call any number of times, in any process.

    One transaction: order confirmed (its row count decides who settles), seats sold, tickets
    valid; or the order is due a refund and the debt is recorded. Waiters are woken after it.
    """
    found = await _find(paid)
    if found is None:
        return Outcome.NOT_OURS
    async with event_locks(line.event_id for line in found.lines):
        async with transaction() as tx:
            outcome = await _settle(tx, found, _Receipt(paid, now), debts)
    if outcome is not Outcome.ALREADY_SETTLED:
        announce(paid.payment_hash)
    return outcome


async def _find(paid: PaidInvoice) -> OrderWithLines | None:
    async with reading() as tx:
        order = await crud.get_by_payment_hash(tx, paid.payment_hash)
        is_known = order is not None
        if order is None and paid.order_id:
            order = await crud.get_order(tx, paid.order_id)
        found = OrderWithLines(order, await crud.get_lines(tx, order.id)) if order else None
    if found is None or is_known or await _is_its_invoice(found.order, paid):
        return found
    return None


async def _is_its_invoice(order: Order, paid: PaidInvoice) -> bool:
    """Whether an invoice that names an order is the order's, though its hash is stored nowhere
    (a process was killed before it could be).

    Anybody can make an invoice that names an order; only one over the order's sum, in the
    organiser's own wallet, is believed.
    """
    if paid.amount_msat != order.total_sat * 1000:
        return False
    return await invoicing.receives_for(order.wallet, paid.wallet_id)


async def _settle(tx: Tx, found: OrderWithLines, receipt: _Receipt, debts: Debts) -> Outcome:
    order, paid = found.order, receipt.paid
    for expected, take_seats in (
        (OrderStatus.RESERVED, seats.sell_held),
        (OrderStatus.EXPIRED, seats.sell_free),
    ):
        if not await _confirm(tx, found, expected, receipt):
            continue
        # The sum is not judged again: an invoice is paid in full or not at all.
        if not await take_seats(tx, _seats(found.lines)):
            return await _owe(tx, found, receipt, debts, "no_seat_left")
        if await _issue(tx, order):
            if expected is OrderStatus.EXPIRED and order.promo_code:
                await promos.retake_use(tx, order.id)
            await outbox.put(tx, ORDER_CONFIRMED, order.id, found.lines[0].event_id)
            return Outcome.CONFIRMED
        await seats.give_back(tx, _seats(found.lines))
        return await _owe(tx, found, receipt, debts, "tickets_missing")
    if await _confirm(tx, found, OrderStatus.CANCELLED, receipt):
        return await _owe(tx, found, receipt, debts, "order_cancelled")
    stored = await crud.get_order(tx, order.id)
    if stored is not None and stored.payment_hash != paid.payment_hash:
        # A second invoice of the same order was paid as well: the first stands, this one is owed.
        await debts.owe(tx, _debt(found, receipt, "paid_twice"), receipt.now)
    return Outcome.ALREADY_SETTLED


async def _confirm(tx: Tx, found: OrderWithLines, expected: OrderStatus, receipt: _Receipt) -> bool:
    """The order takes the payment, from this status; False when it is not in it (any more)."""
    paid, order_id = receipt.paid, found.order.id
    if not await crud.confirm(
        tx, order_id, expected, paid.payment_hash, paid.amount_msat, receipt.now
    ):
        return False
    await record(tx, trail.moved("settle", found, expected, OrderStatus.CONFIRMED))
    return True


def _seats(lines: Sequence[OrderLine]) -> list[seats.Seats]:
    return [line.seats for line in lines]


async def _issue(tx: Tx, order: Order) -> bool:
    """All tickets become valid. False when rows are missing: 1.6.9, run in between after a roll
    back, deletes unpaid tickets after a day, and then there is nothing to admit."""
    return await tickets.activate_order(tx, order.id) == order.quantity


async def _owe(
    tx: Tx, found: OrderWithLines, receipt: _Receipt, debts: Debts, reason: str
) -> Outcome:
    await crud.move(tx, found.order.id, OrderStatus.CONFIRMED, OrderStatus.REFUND_DUE)
    await record(tx, trail.moved("owe", found, OrderStatus.CONFIRMED, OrderStatus.REFUND_DUE))
    await tickets.cancel_order(tx, found.order.id)
    if found.order.promo_code:
        await promos.free_use(tx, found.order.id, receipt.now)
    if await seats.is_cancelled(tx, _seats(found.lines)):
        reason = "event_cancelled"
    await debts.owe(tx, _debt(found, receipt, reason), receipt.now)
    return Outcome.REFUND_DUE


def _debt(found: OrderWithLines, receipt: _Receipt, reason: str) -> Debt:
    return Debt(
        order_id=found.order.id,
        event_id=found.lines[0].event_id if found.lines else None,
        wallet=found.order.wallet,
        amount_sat=receipt.paid.amount_msat // 1000,
        reason=reason,
        cause=f"payment:{receipt.paid.payment_hash}",
        destination=found.order.refund_address,
        method=found.order.method,
    )


async def expire(order: Order, status: OrderStatus = OrderStatus.EXPIRED) -> bool:
    """An unpaid order gives its seats back; False when it was settled meanwhile.

    Its tickets stay reserved after expiry, so a late payment can still make them valid.
    """
    async with transaction() as tx:
        if not await crud.move(tx, order.id, OrderStatus.RESERVED, status):
            return False
        lines = await crud.get_lines(tx, order.id)
        await seats.release(tx, _seats(lines))
        if order.promo_code:
            await promos.free_use(tx, order.id, clock.now())
        if status is OrderStatus.CANCELLED:
            await tickets.cancel_order(tx, order.id)
            # The buyer may try again with the same key.
            await crud.free_idempotency_key(tx, order.id)
        found = OrderWithLines(order, lines)
        await record(tx, trail.moved("expire", found, OrderStatus.RESERVED, status))
    return True
