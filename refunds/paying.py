"""Pay a refund, exactly once: take the row with its invoice, pay, and see what the host did.

A crash anywhere leaves the row `paying` with the one invoice that may be paid. `resolve` goes on
from there: it looks the payment up, and pays the same invoice again if the host never began; a
node pays one payment hash once. Another invoice is only taken when this one cannot be paid any
more.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta

from loguru import logger
from sqlalchemy.exc import IntegrityError

from .. import clock
from ..audit import services as audit
from ..crud import Tx, reading, transaction
from ..errors import NotFound, PayoutRefused, RefundSettled
from ..orders import endings
from ..outbox import services as outbox
from ..outbox.models import REFUND_PAID
from ..tickets import services as tickets
from . import crud, payouts, rules, trail
from .models import Invoice, Problem, Refund, RefundStatus
from .payouts import Attempt, Ending
from .problems import problem

# How long after an attempt began another process may take it up, or a node's "failed" counts.
TAKE_UP_AFTER = timedelta(seconds=60)
# An invoice this close to its end is not begun with.
_TIME_TO_PAY = timedelta(seconds=5)
# Nobody begins to pay an invoice that long after it expired.
_SURELY_OVER = timedelta(minutes=10)

# What this process is paying right now: no pass may take it for a crash.
_in_flight: set[str] = set()
_running: set[asyncio.Task[Refund]] = set()

_PAID_ALREADY = "This refund was paid already."
_BEING_PAID = "This refund is being paid right now."


def settled_error(refund: Refund) -> RefundSettled:
    """Why a refund that nobody can take cannot be taken."""
    return RefundSettled(_PAID_ALREADY if refund.status is RefundStatus.PAID else _BEING_PAID)


async def pay_invoice(refund: Refund, invoice: Invoice) -> Refund:
    """Pay this invoice for this refund. Returns the refund as it is then: paid, still paying, or
    unpaid with the reason.

    Raises PayoutRefused for an invoice that does not fit, RefundSettled when the refund is being
    or was paid. Goes on when its caller is cancelled: a payment under way is not left alone.
    """
    now = clock.now()
    _check(refund, invoice, now)
    if await payouts.is_known(invoice.payment_hash):
        raise PayoutRefused("invoice_used", problem("invoice_used").message)
    await _check_earlier(refund, now)
    return await _undisturbed(_take_and_pay(refund, invoice))


async def _check_earlier(refund: Refund, now: datetime) -> None:
    """Raises RefundSettled when an attempt that was given up went through all the same, which is
    then written down, or still may."""
    attempt, payment_hash = await payouts.earlier(refund)
    if attempt.ending is Ending.ABSENT or payment_hash is None:
        return
    if attempt.ending is Ending.PENDING:
        raise RefundSettled(_BEING_PAID)
    async with transaction() as tx:
        if await crud.mark_paid(tx, refund.id, payment_hash, attempt.fee_msat, (now, True)):
            await audit.record(tx, trail.paid(refund))
            await paid_back(tx, refund)
    raise RefundSettled(_PAID_ALREADY)


def _check(refund: Refund, invoice: Invoice, now: datetime) -> None:
    if invoice.amount_msat != refund.amount_sat * 1000:
        raise PayoutRefused(
            "amount_wrong", f"The invoice must be over exactly {refund.amount_sat} sat."
        )
    if invoice.has_expired(now + _TIME_TO_PAY):
        raise PayoutRefused("invoice_expired", "This invoice has expired. Please make a new one.")


async def _undisturbed(work: Coroutine[None, None, Refund]) -> Refund:
    task = asyncio.ensure_future(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return await asyncio.shield(task)


async def _take_and_pay(refund: Refund, invoice: Invoice) -> Refund:
    return await _send(await _take(refund, invoice))


async def _send(taken: Refund) -> Refund:
    """Pay the invoice of a refund that is ours to pay, and write down how it ended.

    A process that was stopped since it took the row leaves it alone: others may have taken it up
    and given it up by now.
    """
    if clock.now() > (taken.attempted_at or clock.now()) + TAKE_UP_AFTER / 2:
        return taken
    _in_flight.add(taken.id)
    try:
        return await _conclude(taken, await payouts.send(taken, _memo(taken)))
    finally:
        _in_flight.discard(taken.id)


async def _take(refund: Refund, invoice: Invoice) -> Refund:
    try:
        async with transaction() as tx:
            taken = await crud.take(tx, refund, invoice, clock.now())
            if taken is not None:
                await audit.record(tx, trail.taken(refund, taken))
    except IntegrityError as exc:
        # The unique index on the payment hash: it pays another refund.
        raise PayoutRefused("invoice_used", problem("invoice_used").message) from exc
    if taken is None:
        raise settled_error(await get(refund.id))
    return taken


def _memo(refund: Refund) -> str:
    """What both wallets show."""
    return f"Refund of order {refund.order_id}"


async def get(refund_id: str) -> Refund:
    """Raises NotFound."""
    async with reading() as tx:
        refund = await crud.get_refund(tx, refund_id)
    if refund is None:
        raise NotFound("This refund does not exist.")
    return refund


async def pay_destination(refund: Refund, now: datetime) -> Refund:
    """One attempt to pay a refund to its lightning address or LNURL. Returns it as it is then."""
    try:
        invoice = await payouts.fetch_invoice(
            refund.destination or "", refund.amount_sat, _memo(refund)
        )
        return await pay_invoice(refund, invoice)
    except RefundSettled:
        return await get(refund.id)
    except PayoutRefused as refusal:
        failed = Problem(refusal.code, refusal.message)
        status, next_attempt_at = _after_failure(refund, refund.attempts + 1, now)
        async with transaction() as tx:
            if await crud.note_attempt(tx, refund, status, failed, (now, next_attempt_at)):
                await audit.record(tx, trail.unpaid(refund, status, failed))
        return await get(refund.id)


def _after_failure(
    refund: Refund, attempts: int, now: datetime
) -> tuple[RefundStatus, datetime | None]:
    """Where an unpaid refund goes, and when it is tried again by itself."""
    if not refund.destination or refund.is_by_hand:
        # Nobody to send it to: it waits for a claim, or for the organiser.
        return (RefundStatus.DUE if refund.is_by_hand else RefundStatus.OFFERED), None
    wait = rules.backoff(attempts)
    return (RefundStatus.DUE, now + wait) if wait else (RefundStatus.FAILED, None)


async def _conclude(refund: Refund, attempt: Attempt) -> Refund:
    """Write down how an attempt ended; a payment still under way stays `paying`."""
    now = clock.now()
    if attempt.ending is Ending.PAID:
        async with transaction() as tx:
            paid_hash = refund.payment_hash or ""
            if await crud.mark_paid(tx, refund.id, paid_hash, attempt.fee_msat, (now, False)):
                await audit.record(tx, trail.paid(refund))
                await paid_back(tx, refund)
        logger.info(f"events: refund {refund.id}: {refund.amount_sat} sat were paid back")
    elif attempt.ending is Ending.FAILED:
        status, next_attempt_at = _after_failure(refund, refund.attempts, now)
        failed = attempt.problem or problem("payment_failed")
        async with transaction() as tx:
            if await crud.mark_unpaid(tx, refund, status, failed, next_attempt_at):
                await audit.record(tx, trail.unpaid(refund, status, failed))
    return await get(refund.id)


async def paid_back(tx: Tx, refund: Refund) -> None:
    """In the transaction that marks a refund paid: its tickets and, after the last one, its
    order are refunded."""
    await tickets.mark_refunded(tx, refund.id)
    await outbox.put(tx, REFUND_PAID, refund.id, refund.event_id)
    unpaid, _ = await crud.count_open(tx, refund.order_id)
    if unpaid == 0:
        await endings.all_paid_back(tx, refund.order_id)


async def resolve(refund: Refund, now: datetime) -> Refund:
    """Go on with a refund that a crash, a restart or a slow node left `paying`."""
    if refund.id in _in_flight or refund.status is not RefundStatus.PAYING:
        return refund
    is_old = refund.attempted_at is None or now >= refund.attempted_at + TAKE_UP_AFTER
    attempt = await payouts.look(refund, may_give_up=is_old)
    if attempt.ending is Ending.ABSENT:
        if not is_old:
            # Another process may be about to pay it.
            return refund
        return await _undisturbed(_pay_again(refund, now))
    if attempt.ending is Ending.PENDING:
        return refund
    return await _conclude(refund, attempt)


async def _pay_again(refund: Refund, now: datetime) -> Refund:
    """The host never began with the stored invoice: pay it, or give it up when its time is over."""
    invoice = payouts.read_invoice(refund.bolt11 or "")
    if invoice is None or invoice.has_expired(now + _TIME_TO_PAY):
        if invoice is not None and not invoice.has_expired(now - _SURELY_OVER):
            return refund
        return await _conclude(refund, Attempt(Ending.FAILED, problem=problem("invoice_expired")))
    async with transaction() as tx:
        taken = await crud.take_up(tx, refund, now)
    # None: another process was quicker.
    return await _send(taken) if taken else refund
