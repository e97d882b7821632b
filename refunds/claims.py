"""Claim links: a page for people, an LNURL-withdraw (LUD-03) for their wallets, paid once."""

import asyncio
import hmac
from dataclasses import dataclass
from typing import Any

from loguru import logger

from .. import clock
from ..actors import BUYER, act_as
from ..audit import services as audit
from ..catalog.services import read_listing
from ..crud import reading, transaction
from ..errors import InvalidInput, PayoutRefused, TicketingError
from ..settings import secret_key
from . import crud, payouts, services, trail
from .bodies import clean_destination
from .models import Invoice, Refund, RefundStatus
from .paying import get, pay_destination, settled_error

# LUD-03 lets a wallet wait for "OK" only; a payment that takes longer goes on without it.
_ANSWER_WITHIN_S = 8.0
_paying: set["asyncio.Task[Refund]"] = set()


@dataclass(frozen=True)
class Claim:
    """A refund as whoever knows its claim secret sees it. `lnurl` is None where this host has no
    address that wallets would open."""

    refund: Refund
    event_name: str
    lnurl: str | None
    secret: str


async def find_claim(secret: str) -> Claim:
    """Raises NotFound."""
    refund = await services.find_by_claim(secret)
    async with reading() as tx:
        listing = await read_listing(tx, refund.event_id) if refund.event_id else None
    code = payouts.withdraw_code(services.claim_endpoint(refund)) if refund.is_claimable else None
    return Claim(refund, listing.event.name if listing else "", code, secret)


async def claim_by_text(secret: str, text: str) -> Refund:
    """Pay to what somebody typed: an invoice, a lightning address or an LNURL.

    Raises NotFound, RefundSettled, InvalidInput, or PayoutRefused with what is wrong. A refund
    that could not be paid keeps its claim.
    """
    refund = await services.find_by_claim(secret)
    act_as(BUYER)
    invoice = payouts.read_invoice(text)
    if invoice is not None:
        return _or_problem(await services.claim_with(refund, invoice))
    if refund.is_by_hand:
        raise InvalidInput("The organiser pays this refund back by hand.")
    destination = clean_destination(text)
    if destination is None:
        raise InvalidInput("Please paste an invoice, a lightning address or an LNURL.")
    async with transaction() as tx:
        changed = await crud.set_destination(tx, refund.id, destination)
        if changed is not None:
            await audit.record(tx, trail.redirected("claim", refund, changed))
    if changed is None:
        raise settled_error(await get(refund.id))
    return _or_problem(await pay_destination(changed, clock.now()))


def _or_problem(refund: Refund) -> Refund:
    """Raises PayoutRefused when the attempt just made has failed."""
    if refund.error_code and refund.error:
        raise PayoutRefused(refund.error_code, refund.error)
    return refund


def k1_of(refund: Refund) -> str:
    """LUD-03's one-time word: it says that a callback follows from this link."""
    return secret_key.derive("k1", refund.id)


def lud03_first(claim: Claim) -> dict[str, Any]:
    """The first answer of LUD-03: exactly the sum that is owed, no less and no more."""
    refund = claim.refund
    if not refund.is_claimable:
        return _error(_why_not(refund))
    amount_msat = refund.amount_sat * 1000
    name = f": {claim.event_name}" if claim.event_name else ""
    return {
        "tag": "withdrawRequest",
        "callback": f"{services.claim_endpoint(refund)}/callback",
        "k1": k1_of(refund),
        "defaultDescription": f"Refund{name}",
        "minWithdrawable": amount_msat,
        "maxWithdrawable": amount_msat,
    }


def _why_not(refund: Refund) -> str:
    if refund.is_by_hand:
        return "The organiser pays this refund back by hand."
    return settled_error(refund).message


def _error(reason: str) -> dict[str, Any]:
    return {"status": "ERROR", "reason": reason}


async def lud03_callback(secret: str, k1: str, pr: str) -> dict[str, Any]:
    """The second step of LUD-03. `OK` says that the invoice is being paid, or was.

    A wallet that asks again with the same invoice, because it got no answer, is told the same.
    Raises NotFound for an unknown secret; all other refusals are LUD-03 errors.
    """
    refund = await services.find_by_claim(secret)
    if not hmac.compare_digest(k1.encode(), k1_of(refund).encode()):
        return _error("This k1 does not belong to this refund.")
    invoice = payouts.read_invoice(pr)
    if invoice is None:
        return _error("The invoice could not be read.")
    if invoice.payment_hash == refund.payment_hash and not refund.is_claimable:
        return {"status": "OK"}
    act_as(BUYER)
    task = asyncio.ensure_future(services.claim_with(refund, invoice))
    _paying.add(task)
    task.add_done_callback(_forget)
    done, _ = await asyncio.wait({task}, timeout=_ANSWER_WITHIN_S)
    return await _answer(task, refund.id, invoice) if done else {"status": "OK"}


def _forget(task: "asyncio.Task[Refund]") -> None:
    _paying.discard(task)
    if not task.cancelled() and task.exception() is not None:
        logger.info(f"events: a claim was refused: {task.exception()!r}")


async def _answer(task: "asyncio.Task[Refund]", refund_id: str, invoice: Invoice) -> dict[str, Any]:
    try:
        refund = await task
    except TicketingError as refusal:
        # The same callback may have come twice at once, and the other one pays this invoice.
        after = await get(refund_id)
        is_being_paid = after.payment_hash == invoice.payment_hash and not after.is_claimable
        return {"status": "OK"} if is_being_paid else _error(refusal.message)
    if refund.status in (RefundStatus.PAID, RefundStatus.PAYING):
        return {"status": "OK"}
    return _error(refund.error or "The payment failed.")
