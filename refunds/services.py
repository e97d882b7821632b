"""Record what is owed, and tell it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from loguru import logger

from ..audit import services as audit
from ..catalog.services import own_event
from ..clock import iso
from ..crud import Tx, reading, transaction
from ..errors import InvalidInput, NotFound
from ..orders.models import Debt
from ..settings import base_url, sha256_hex
from . import crud, crud_lists, payouts, trail
from .booking import claim_secret, record
from .models import Invoice, Refund, RefundStatus
from .paying import get, paid_back, pay_destination, pay_invoice, settled_error
from .wakeup import wake

UNKNOWN = "This refund does not exist."


class Ledger:
    """The port settlement needs (`orders.models.Debts`)."""

    async def owe(self, tx: Tx, debt: Debt, now: datetime) -> None:
        """A row for money no ticket stands for, in the transaction that finds it out. Once per
        cause, so a payment announced again adds nothing."""
        refund_id = await record(tx, debt, now)
        if refund_id is not None:
            await audit.record(tx, trail.owed(refund_id, debt))
            logger.warning(
                f"events: order {debt.order_id}: {debt.amount_sat} sat are owed back"
                f" ({debt.reason})"
            )
            wake()


class EventMoney:
    """The port the catalog needs (`catalog.services.Money`)."""

    async def is_behind(self, tx: Tx, event_id: str) -> bool:
        """Whether any refund of this event is on the books, paid or not."""
        return await crud.has_any(tx, event_id)

    def look(self) -> None:
        """An event was cancelled: its orders are to be refunded."""
        wake()


def claim_page(refund: Refund) -> str:
    """Where people claim it."""
    return f"{base_url()}/events/r/{claim_secret(refund.id)}"


def claim_endpoint(refund: Refund) -> str:
    """Where wallets claim it (LUD-03)."""
    return f"{base_url()}/events/api/v1/refunds/claim/{claim_secret(refund.id)}"


def refund_view(refund: Refund) -> dict[str, Any]:
    """A ledger row for its buyer or its organiser. `claim_url` opens it, so it is for them only."""
    return {
        "id": refund.id,
        "order_id": refund.order_id,
        "ticket_id": refund.ticket_id,
        "amount_sat": refund.amount_sat,
        "status": refund.status.value,
        "reason": refund.reason,
        "method": refund.method,
        "destination": refund.destination,
        "attempts": refund.attempts,
        "error_code": refund.error_code,
        "error": refund.error,
        "fee_msat": refund.fee_msat,
        "payment_hash": refund.payment_hash,
        "paid_by": refund.paid_by,
        "note": refund.note,
        "created_at": iso(refund.created_at),
        "next_attempt_at": iso(refund.next_attempt_at),
        "paid_at": iso(refund.paid_at),
        "claim_url": None if refund.is_by_hand else claim_page(refund),
        "lnurl": payouts.withdraw_code(claim_endpoint(refund)) if refund.is_claimable else None,
    }


async def refunds_of_order(order_id: str) -> list[dict[str, Any]]:
    """What is owed or was paid back of an order, oldest first."""
    async with reading() as tx:
        found = await crud_lists.list_of_order(tx, order_id)
    return [refund_view(refund) for refund in found]


async def list_event_refunds(
    event_id: str, wallet: str, status: str | None, limit: int, offset: int
) -> tuple[list[Refund], int]:
    """The organiser's queue, newest first. Raises NotFound, Forbidden, InvalidInput."""
    if status is not None and status not in {known.value for known in RefundStatus}:
        raise InvalidInput("This refund status is not known.")
    async with reading() as tx:
        await own_event(tx, event_id, wallet)
        return await crud_lists.list_of_event(tx, event_id, status, limit, offset)


async def own_refund(refund_id: str, wallet: str) -> Refund:
    """Raises NotFound, also for the refund of another wallet."""
    refund = await get(refund_id)
    if refund.wallet != wallet:
        raise NotFound(UNKNOWN)
    return refund


async def pay_now(refund: Refund, destination: str | None, now: datetime) -> Refund:
    """The organiser pays a refund now: to an invoice, to another destination, or again to the one
    it has; without any it is offered by its link. Returns it as it is then.

    Raises RefundSettled, or PayoutRefused for an invoice that does not fit.
    """
    invoice = payouts.read_invoice(destination) if destination else None
    if invoice is not None:
        return await pay_invoice(refund, invoice)
    async with transaction() as tx:
        changed = await crud.set_destination(tx, refund.id, destination)
        if changed is not None:
            await audit.record(tx, trail.redirected("pay", refund, changed))
    if changed is None:
        raise settled_error(await get(refund.id))
    if changed.destination is None or (changed.is_by_hand and destination is None):
        return changed
    return await pay_destination(changed, now)


async def paid_by_hand(refund: Refund, note: str, now: datetime) -> Refund:
    """The organiser has paid it in another way, and says so. Raises RefundSettled."""
    async with transaction() as tx:
        if not await crud.mark_paid_by_hand(tx, refund.id, note, now):
            raise settled_error(await get_in(tx, refund.id))
        await audit.record(tx, trail.paid(refund, by_hand=True))
        await paid_back(tx, refund)
    return await get(refund.id)


async def get_in(tx: Tx, refund_id: str) -> Refund:
    """A refund inside a transaction. Raises NotFound."""
    refund = await crud.get_refund(tx, refund_id)
    if refund is None:
        raise NotFound(UNKNOWN)
    return refund


async def find_by_claim(secret: str) -> Refund:
    """The refund whose claim secret this is. Raises NotFound."""
    async with reading() as tx:
        refund = await crud.get_by_claim(tx, sha256_hex(secret))
    if refund is None:
        raise NotFound(UNKNOWN)
    return refund


async def give_claims(batch: int = 200) -> None:
    """Claim links for rows written before there were any."""
    while True:
        async with transaction() as tx:
            found: Sequence[Refund] = await crud_lists.list_without_claim(tx, batch)
            for refund in found:
                await crud.give_claim(tx, refund.id, sha256_hex(claim_secret(refund.id)))
        if len(found) < batch:
            return


async def claim_with(refund: Refund, invoice: Invoice) -> Refund:
    """Whoever has the claim's secret names the invoice. Raises as `paying.pay_invoice`, and for
    money that did not come over Lightning."""
    if refund.is_by_hand:
        raise InvalidInput("The organiser pays this refund back by hand.")
    return await pay_invoice(refund, invoice)
