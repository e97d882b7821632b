"""The edge to the host for money going out: invoices to pay, paying them, and how it ended."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import Enum

import lnurl
from bolt11 import decode
from lnbits.core.crud import get_standalone_payment, get_wallet, update_payment
from lnbits.core.db import db as core_db
from lnbits.core.models import Payment, PaymentState
from lnbits.core.services.lnurl import get_pr_from_lnurl
from lnbits.core.services.payments import (
    check_payment_status,
    pay_invoice,
    update_payment_success_status,
)
from lnbits.exceptions import PaymentError
from loguru import logger

from ..errors import PayoutRefused
from ..models import EXTENSION_ID
from ..orders import invoicing
from .models import Invoice, Problem, Refund
from .problems import meaning, problem

_FETCH_WITHIN_S = 20.0
_ASK_WITHIN_S = 10.0


class Ending(Enum):
    PAID = "paid"
    FAILED = "failed"
    PENDING = "pending"
    # The host has never begun to pay it.
    ABSENT = "absent"


@dataclass(frozen=True)
class Attempt:
    """What became of paying one invoice."""

    ending: Ending
    fee_msat: int = 0
    problem: Problem | None = None


def read_invoice(text: str) -> Invoice | None:
    """A BOLT 11 invoice, `lightning:` before it allowed; None when the text is none."""
    bare = text.strip().lower().removeprefix("lightning:")
    try:
        decoded = decode(bare)
        expires = decoded.date + (decoded.expiry or 3600)
        return Invoice(
            bolt11=bare,
            payment_hash=decoded.payment_hash,
            amount_msat=int(decoded.amount_msat) if decoded.amount_msat else None,
            expires_at=datetime.fromtimestamp(expires, timezone.utc),
        )
    except Exception:  # noqa: BLE001  # the decoder raises whatever it stumbles over
        return None


async def fetch_invoice(destination: str, amount_sat: int, comment: str) -> Invoice:
    """An invoice from a lightning address (LUD-16) or LNURL-pay (LUD-06), over exactly this sum.

    The host resolves and fetches, and refuses private networks as its settings say.
    Raises PayoutRefused.
    """
    address = destination.strip().removeprefix("lightning:").removeprefix("LIGHTNING:")
    try:
        bolt11 = await asyncio.wait_for(_fetch(address, amount_sat, comment), _FETCH_WITHIN_S)
    except Exception as exc:  # the other side sends whatever it likes, or nothing
        logger.warning(f"events: no invoice from {address[:80]!r}: {exc!r}")
        refused = any(word in str(exc).lower() for word in ("not in range", "comment length"))
        code = "destination_refused" if refused else "destination_unreachable"
        raise PayoutRefused(code, problem(code).message) from exc
    invoice = read_invoice(bolt11)
    if invoice is None or invoice.amount_msat != amount_sat * 1000:
        raise PayoutRefused("destination_refused", problem("destination_refused").message)
    return replace(invoice, destination=destination)


async def _fetch(address: str, amount_sat: int, comment: str) -> str:
    try:
        return str(await get_pr_from_lnurl(address, amount_sat * 1000, comment))
    except Exception as exc:  # raised again, unless it is about the comment
        if "comment" not in str(exc).lower():
            raise
        # Some take only a few letters.
        return str(await get_pr_from_lnurl(address, amount_sat * 1000))


async def is_known(payment_hash: str) -> bool:
    """Whether anybody on this host has paid, or tried to pay, an invoice."""
    row: object = await core_db.fetchone(
        "SELECT 1 AS found FROM apipayments WHERE payment_hash = :hash AND amount < 0 LIMIT 1",
        {"hash": payment_hash},
    )
    return row is not None


async def send(refund: Refund, memo: str) -> Attempt:
    """Pay the stored invoice of a refund that is `paying`, from the wallet that took the money.

    What the host's row says afterwards decides, whatever was raised: an exception may come
    before anything was sent, or after all of it.
    """
    said = ""
    try:
        await pay_invoice(
            wallet_id=refund.wallet,
            payment_request=refund.bolt11 or "",
            max_sat=refund.amount_sat,
            description=memo,
            extra={"tag": EXTENSION_ID, "refund_id": refund.id, "order_id": refund.order_id},
            external_id=f"{refund.id}.{refund.attempts}",
        )
    except PaymentError as exc:
        said = exc.message
    except Exception as exc:  # noqa: BLE001  # funding sources raise whatever their client does
        said = str(exc)
    if said:
        logger.warning(f"events: refund {refund.id} was not paid: {said}")
    attempt = await look(refund, may_give_up=False)
    if attempt.ending in (Ending.FAILED, Ending.ABSENT):
        return Attempt(Ending.FAILED, problem=problem(meaning(said)))
    return attempt


async def look(refund: Refund, may_give_up: bool) -> Attempt:
    """How paying the stored invoice ended, by the host's row; an open one is asked at the node.

    `may_give_up`: an open payment is old enough for the node's "failed" to be the last word; one
    that has just been sent may simply be unknown to it yet. Only the wallet that pays is looked
    at: another one on this host may have paid the same invoice for reasons of its own.
    """
    payment = await _outgoing(refund)
    if payment is None:
        return Attempt(Ending.ABSENT)
    if payment.failed or (payment.pending and may_give_up):
        await _ask_node(payment)
    if payment.success and not (payment.is_internal and await _is_on_its_way(payment, may_give_up)):
        return Attempt(Ending.PAID, fee_msat=abs(payment.fee))
    if payment.failed:
        return Attempt(Ending.FAILED, problem=problem("payment_failed"))
    return Attempt(Ending.PENDING)


async def _is_on_its_way(payment: Payment, may_finish: bool) -> bool:
    """Whether a payment inside this host has left the payer and not reached the receiver yet.

    The host does the two one after the other. If it died in between, it is finished here, once
    it is old enough for that to be the reason.
    """
    received: Payment | None = await get_standalone_payment(payment.payment_hash, incoming=True)
    if received is None or received.success:
        return False
    return not (may_finish and await invoicing.finish_internal(received))


async def _outgoing(refund: Refund) -> Payment | None:
    payments: list[Payment] = await core_db.fetchall(
        "SELECT * FROM apipayments WHERE payment_hash = :hash AND amount < 0"
        " AND wallet_id = :wallet",
        {"hash": refund.payment_hash, "wallet": await _paying_wallet(refund)},
        Payment,
    )
    return min(payments, key=_rank, default=None)


async def _paying_wallet(refund: Refund) -> str:
    """The wallet whose balance pays: the source of a shared one."""
    wallet = await get_wallet(refund.wallet)
    return str(wallet.source_wallet_id) if wallet else refund.wallet


async def _ask_node(payment: Payment) -> None:
    """Bring a row that is pending or failed up to date. A payment is only given up when its row
    says failed and the node does not say paid."""
    try:
        status = await asyncio.wait_for(check_payment_status(payment), _ASK_WITHIN_S)
    except Exception as exc:  # noqa: BLE001  # funding sources raise whatever their client does
        logger.warning(f"events: no answer for payment {payment.payment_hash}: {exc!r}")
        return
    if status.success:
        await update_payment_success_status(payment, status)
    elif status.failed and payment.pending:
        payment.status = PaymentState.FAILED
        await update_payment(payment)


async def earlier(refund: Refund) -> tuple[Attempt, str | None]:
    """What became of the attempts before, and the payment hash of the one that counts.

    A payment the node called failed may turn out to have gone through: the host goes on asking.
    Anybody may give a payment any `external_id`, so wallet and sum must be ours as well.
    """
    if refund.attempts == 0:
        return Attempt(Ending.ABSENT), None
    payments: list[Payment] = await core_db.fetchall(
        "SELECT * FROM apipayments WHERE external_id LIKE :attempts AND wallet_id = :wallet"
        " AND amount = :amount_msat",
        {
            "attempts": f"{refund.id}.%",
            "wallet": await _paying_wallet(refund),
            "amount_msat": -1000 * refund.amount_sat,
        },
        Payment,
    )
    payment = min(payments, key=_rank, default=None)
    if payment is None or payment.failed:
        return Attempt(Ending.ABSENT), None
    if payment.success and not (payment.is_internal and await _is_on_its_way(payment, False)):
        return Attempt(Ending.PAID, fee_msat=abs(payment.fee)), payment.payment_hash
    return Attempt(Ending.PENDING), payment.payment_hash


def _rank(payment: Payment) -> int:
    """Paid counts before open, open before failed."""
    return 0 if payment.success else 1 if payment.pending else 2


def withdraw_code(url: str) -> str | None:
    """A URL as LNURL (LUD-01), or None where wallets would refuse it: neither https, nor onion,
    nor this very machine."""
    try:
        return str(lnurl.encode(url).bech32)
    except ValueError:
        return None
