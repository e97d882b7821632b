"""The edge to the host's payments: rates, invoices, and what became of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from lnbits.core.crud import get_standalone_payment, get_wallet, update_payment
from lnbits.core.db import db as core_db
from lnbits.core.models import Payment, PaymentState
from lnbits.core.services.payments import (
    check_payment_status,
    create_invoice,
    update_payment_success_status,
)
from lnbits.db import SQLITE, Connection
from lnbits.exceptions import InvoiceError
from lnbits.task_manager import task_manager
from lnbits.utils.exchange_rates import get_fiat_rate_satoshis
from lnbits.wallets import get_funding_source
from loguru import logger

from ..errors import InvoiceFailed, RateUnavailable
from ..models import EXTENSION_ID
from .models import Order, PaidInvoice

# BOLT 11: a description has at most 639 bytes; the host counts characters instead.
_MEMO_BYTES = 600
_ASK_WITHIN_S = 10.0
_NO_INVOICE = "The invoice could not be made right now. Please try again in a moment."


# The host's row of a payment, for the other files of this room.
HostPayment = Payment


class InvoiceState(Enum):
    PAID = "paid"
    OPEN = "open"
    UNKNOWN = "unknown"


async def sats_per_unit(currency: str) -> Decimal:
    """Sats per unit of a currency, from the host's (cached) rates. Raises RateUnavailable."""
    if currency == "sat":
        return Decimal(1)
    try:
        rate = await get_fiat_rate_satoshis(currency)
    except ValueError as exc:
        raise RateUnavailable(f"There is no exchange rate for {currency}.") from exc
    if rate <= 0:
        raise RateUnavailable(f"There is no exchange rate for {currency} right now.")
    return Decimal(str(rate))


class _OneFile(Connection):
    """The host's SQLite file, opened once; its lock is held for each statement alone."""

    async def fetchone(self, *args: Any, **kwargs: Any) -> Any:
        async with core_db.lock:
            return await super().fetchone(*args, **kwargs)

    async def fetchall(self, *args: Any, **kwargs: Any) -> Any:
        async with core_db.lock:
            return await super().fetchall(*args, **kwargs)

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        async with core_db.lock:
            return await super().execute(*args, **kwargs)

    async def insert(self, *args: Any, **kwargs: Any) -> None:
        async with core_db.lock:
            await super().insert(*args, **kwargs)


@asynccontextmanager
async def _core_connection() -> AsyncIterator[Connection | None]:
    """What the host makes an invoice on: on SQLite one open file instead of one per statement,
    on PostgreSQL its own way, since a connection would sit idle in the pool meanwhile."""
    if core_db.type != SQLITE:
        yield None
        return
    async with core_db.engine.connect() as raw:
        yield _OneFile(raw, core_db.type, core_db.name, core_db.schema)


async def make_invoice(order: Order, memo: str, expiry_s: int) -> tuple[str, str]:
    """A real invoice for an order's total: (payment hash, BOLT11). Raises InvoiceFailed.

    The host's core lock is not held while the funding source answers: with a connection of
    `core_db.connect()` it would be, and every wallet on the host would wait.
    """
    try:
        async with _core_connection() as conn:
            payment = await create_invoice(
                wallet_id=order.wallet,
                amount=order.total_sat,
                memo=memo.encode()[:_MEMO_BYTES].decode(errors="ignore"),
                expiry=expiry_s,
                extra={"tag": EXTENSION_ID, "order_id": order.id},
                external_id=order.id,
                conn=conn,
            )
    except InvoiceError as exc:
        # Its message names the node's address and more: it is for the operator's log only.
        logger.error(f"events: no invoice for order {order.id}: {exc.message}")
        raise InvoiceFailed(_NO_INVOICE) from exc
    except Exception as exc:  # funding sources raise whatever their client raises
        logger.error(f"events: no invoice for order {order.id}: {exc!r}")
        raise InvoiceFailed(_NO_INVOICE) from exc
    return payment.payment_hash, payment.bolt11


def paid_invoice(payment: Payment) -> PaidInvoice | None:
    """An incoming, successful payment of the host as this room sees it; else None."""
    if not payment.is_in or not payment.success:
        return None
    order_id = payment.extra.get("order_id") if payment.extra else None
    return PaidInvoice(
        payment_hash=payment.payment_hash,
        wallet_id=payment.wallet_id,
        amount_msat=payment.amount,
        order_id=order_id if isinstance(order_id, str) else None,
    )


async def incoming_payments(
    payment_hashes: Sequence[str], order_ids: Sequence[str]
) -> list[Payment]:
    """The host's incoming rows for these invoices, and those made for these orders.

    One statement for a whole sweep; the host's own look-ups take one each.
    """
    hashes = {f"h{index}": value for index, value in enumerate(payment_hashes)}
    orders = {f"o{index}": value for index, value in enumerate(order_ids)}
    tests = []
    if hashes:
        tests.append("payment_hash IN (" + ", ".join(f":{name}" for name in hashes) + ")")
    if orders:
        tests.append("external_id IN (" + ", ".join(f":{name}" for name in orders) + ")")
    if not tests:
        return []
    rows: list[Payment] = await core_db.fetchall(
        # Only bind marks are put in.
        f"SELECT * FROM apipayments WHERE amount > 0 AND ({' OR '.join(tests)})",  # noqa: S608
        {**hashes, **orders},
        Payment,
    )
    return rows


async def paid_since(since: datetime) -> list[Payment]:
    """The host's successful incoming payments for tickets that changed since a moment.

    The host may mark a payment successful without telling anybody (HOST §3); this finds it.
    """
    # The host stores UTC without a zone; PostgreSQL would read it in the session's own.
    moment = ":since" if core_db.type == SQLITE else "to_timestamp(:since) AT TIME ZONE 'UTC'"
    rows: list[Payment] = await core_db.fetchall(
        f"SELECT * FROM apipayments WHERE updated_at >= {moment}"  # noqa: S608  # own text
        " AND tag = :tag AND status = 'success' AND amount > 0",
        {"since": since.timestamp(), "tag": EXTENSION_ID},
        Payment,
    )
    return rows


async def receives_for(wallet_id: str, payment_wallet_id: str) -> bool:
    """Whether a payment to the second wallet is one to the first: a shared wallet's money
    arrives in its source."""
    if wallet_id == payment_wallet_id:
        return True
    wallet = await get_wallet(wallet_id)
    return wallet is not None and wallet.source_wallet_id == payment_wallet_id


async def finish_internal(payment: Payment) -> bool:
    """Whether an invoice of this host was paid from within it; its row then follows.

    Payer and receiver are two rows, which the host commits one after the other. If its process
    dies in between, the payer has paid and nobody has received; no node knows of it, and the host
    never looks again. `payment` is brought up to date.
    """
    paid: Payment | None = await get_standalone_payment(f"internal_{payment.payment_hash}")
    if paid is None or not paid.success or paid.amount != -payment.amount:
        return False
    if not payment.success:
        logger.warning(f"events: finished a payment the host had begun: {payment.payment_hash}")
        payment.status = PaymentState.SUCCESS
        await update_payment(payment)
        task_manager.internal_invoice_queue.put_nowait(payment)
    return True


class FundingSource:
    """The node behind the host, for one pass. Once it does not answer it is left alone.

    Most back ends answer "pending" when they cannot reach their node, so whether there is a node
    at all is asked first.
    """

    def __init__(self) -> None:
        self._answers: bool | None = None

    async def ask(self, payment: Payment) -> InvoiceState:
        """Ask the node itself whether an invoice was paid; if so the host's row follows.

        The host marks expired invoices as failed without asking (HOST §3), so its row alone
        cannot be believed once an invoice has run out.
        """
        if await finish_internal(payment):
            return InvoiceState.PAID
        if self._answers is None:
            self._answers = await _node_answers()
        if not self._answers:
            return InvoiceState.UNKNOWN
        try:
            status = await asyncio.wait_for(check_payment_status(payment), _ASK_WITHIN_S)
        except asyncio.TimeoutError:
            self._answers = False
            return InvoiceState.UNKNOWN
        except Exception as exc:  # noqa: BLE001  # funding sources raise whatever their client does
            logger.warning(f"events: no answer for invoice {payment.payment_hash}: {exc!r}")
            return InvoiceState.UNKNOWN
        if not status.success:
            return InvoiceState.OPEN
        await update_payment_success_status(payment, status)
        return InvoiceState.PAID


async def _node_answers() -> bool:
    source = get_funding_source()
    # The host falls back to this placeholder while its real node cannot be reached.
    if source.__class__.__name__ == "VoidWallet":
        return False
    try:
        status = await asyncio.wait_for(source.status(), _ASK_WITHIN_S)
    except Exception as exc:  # noqa: BLE001  # funding sources raise whatever their client does
        logger.warning(f"events: the funding source does not answer: {exc!r}")
        return False
    return not status.error_message
