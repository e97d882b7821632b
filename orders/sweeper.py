"""Reconcile orders with the host's payments: announcements can be lost, the money cannot.

The host delivers a payment zero, one or many times (HOST §3), so the truth is asked for: at
start, every minute, and at once when a buyer waits.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loguru import logger

from .. import clock
from ..crud import reading
from ..models import EXTENSION_ID, OrderStatus
from . import crud, invoicing
from .invoicing import FundingSource, HostPayment, InvoiceState
from .models import Debts, Order
from .settlement import Outcome, expire, settle

# BOLT 11 lets a node accept a payment that was under way when the invoice expired: the seats
# outlive the invoice by this much.
GRACE = timedelta(seconds=10)
# A funding source that does not answer keeps the seats held for this long, not for ever.
UNANSWERED = timedelta(hours=1)
# The node is asked for lapsed orders in each pass for this long ...
RECENT = timedelta(minutes=10)
# ... and in a full pass, at start and every hour, for as long as the host keeps asking itself.
LONG_AGO = timedelta(days=15)
_BATCH = 200

SETTLED = (Outcome.CONFIRMED, Outcome.REFUND_DUE)


@dataclass(frozen=True)
class Sweep:
    """What one pass did. `unanswered`: looks that the funding source gave no answer to."""

    looked_at: int = 0
    settled: int = 0
    expired: int = 0
    unanswered: int = 0

    def __add__(self, other: "Sweep") -> "Sweep":
        return Sweep(
            self.looked_at + other.looked_at,
            self.settled + other.settled,
            self.expired + other.expired,
            self.unanswered + other.unanswered,
        )


@dataclass(frozen=True)
class _Look:
    """One pass. `ask_all`: the node is asked for every order, not only where it must be."""

    debts: Debts
    now: datetime
    ask_all: bool = False
    node: FundingSource = field(default_factory=FundingSource)


async def sweep(debts: Debts, now: datetime, paid_since: datetime, lapsed_since: datetime) -> Sweep:
    """Settle all that was paid since `paid_since`, expire unpaid orders whose hold has run out,
    and ask the node for those that lapsed since `lapsed_since`."""
    look = _Look(debts, now)
    total = await _settle_paid(paid_since, look)
    after = ("", 0)
    while batch := await _reserved(after):
        total += await _look_at(batch, look)
        after = _position(batch[-1])
    after = ("", 0)
    while batch := await _lapsed(lapsed_since, after):
        total += await _look_at(batch, look)
        after = _position(batch[-1])
    return total


async def look_again(order_ids: Sequence[str], debts: Debts, now: datetime) -> Sweep:
    """Ask the funding source for some orders now, because their buyers are waiting."""
    async with reading() as tx:
        found = [await crud.get_order(tx, order_id) for order_id in order_ids]
    orders = [order for order in found if order and order.status is OrderStatus.RESERVED]
    return await _look_at(orders, _Look(debts, now, ask_all=True))


async def _settle_paid(since: datetime, look: _Look) -> Sweep:
    """Payments the host has but never announced, however old their orders are."""
    payments = await invoicing.paid_since(since)
    total = Sweep()
    for start in range(0, len(payments), _BATCH):
        batch = payments[start : start + _BATCH]
        async with reading() as tx:
            unsettled = await crud.unsettled(
                tx,
                [payment.payment_hash for payment in batch],
                [payment.external_id for payment in batch if payment.external_id],
            )
        for payment in batch:
            if payment.payment_hash in unsettled or payment.external_id in unsettled:
                total += await _apart(_settle(payment, look), payment.payment_hash)
    return total


async def _apart(step: Awaitable[Sweep], what: str) -> Sweep:
    """One order or payment that cannot be dealt with must not keep the others from a look."""
    try:
        return await step
    except Exception as exc:  # noqa: BLE001  # logged; the next pass tries again
        logger.error(f"events: sweep could not deal with {what}: {exc!r}")
        return Sweep()


async def _reserved(after: tuple[str, int]) -> list[Order]:
    async with reading() as tx:
        return await crud.list_reserved(tx, after, _BATCH)


async def _lapsed(since: datetime, after: tuple[str, int]) -> list[Order]:
    async with reading() as tx:
        return await crud.list_lapsed(tx, since, after, _BATCH)


def _position(order: Order) -> tuple[str, int]:
    """Where a list continues: orders come by creation, then id."""
    return order.id, clock.to_ms(order.created_at) if order.created_at else 0


async def _look_at(orders: Sequence[Order], look: _Look) -> Sweep:
    hashes = [order.payment_hash for order in orders if order.payment_hash]
    hashless = [order.id for order in orders if not order.payment_hash]
    payments = await invoicing.incoming_payments(hashes, hashless)
    total = Sweep(looked_at=len(orders))
    for order in orders:
        theirs = [payment for payment in payments if _may_pay(payment, order)]
        total += await _apart(_look_at_one(order, theirs, look), f"order {order.id}")
    return total


def _may_pay(payment: HostPayment, order: Order) -> bool:
    if order.payment_hash:
        return bool(payment.payment_hash == order.payment_hash)
    return bool(payment.external_id == order.id)


async def _look_at_one(order: Order, payments: Sequence[HostPayment], look: _Look) -> Sweep:
    unanswered = False
    for payment in payments:
        state = await _state(order, payment, look)
        unanswered = unanswered or state is InvoiceState.UNKNOWN
        if state is InvoiceState.PAID:
            done = await _settle(payment, look)
            if done.settled:
                return done
    total = Sweep(unanswered=int(unanswered))
    if not _has_lapsed(order, look.now):
        return total
    if unanswered and not _has_lapsed(order, look.now - UNANSWERED):
        return total
    return total + Sweep(expired=int(await expire(order)))


async def _settle(payment: HostPayment, look: _Look) -> Sweep:
    invoice = invoicing.paid_invoice(payment)
    if invoice is None:
        return Sweep()
    return Sweep(settled=int(await settle(invoice, look.debts, look.now) in SETTLED))


async def _state(order: Order, payment: HostPayment, look: _Look) -> InvoiceState:
    """What is known of an invoice; where the host's row is not enough the node is asked.

    `payment` itself is brought up to date when the node says it is paid.
    """
    if payment.success:
        return InvoiceState.PAID
    is_held = order.status is OrderStatus.RESERVED and not _has_lapsed(order, look.now)
    if is_held and not look.ask_all:
        return InvoiceState.OPEN
    return await look.node.ask(payment)


def _has_lapsed(order: Order, now: datetime) -> bool:
    if order.status is not OrderStatus.RESERVED or order.hold_expires_at is None:
        return False
    return now >= order.hold_expires_at + GRACE


async def settle_announced(payment: HostPayment, debts: Debts, now: datetime) -> None:
    """The host's invoice listener: every payment of the host arrives here, most are not ours."""
    if not payment.extra or payment.extra.get("tag") != EXTENSION_ID:
        return
    invoice = invoicing.paid_invoice(payment)
    if invoice is not None:
        await settle(invoice, debts, now)
