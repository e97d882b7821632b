"""Cancelling and refunds over HTTP, and an order with what is owed of it."""

from typing import Annotated, Any

from fastapi import Depends, Header, Query
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..errors import Forbidden, InvalidInput, NotFound
from ..models import clean_id
from ..orders import services as orders
from ..web import Limit, Offset, admin_key, api_router, optional_admin_wallet
from . import cancelling, claims, report, services
from .bodies import CancelBody, PayBody
from .cancelling import By, Cancelled

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
Secret = Annotated[str | None, Header(alias="X-Order-Secret", max_length=128)]
Wallet = Annotated[str | None, Depends(optional_admin_wallet)]

router = api_router("refunds")


@router.get("/orders/{order_id}", summary="An order, for its buyer or its organiser")
async def get_order(order_id: str, secret: Secret = None, wallet: Wallet = None) -> dict[str, Any]:
    orders.require_credential(secret, wallet)
    view = await orders.find_by_id(clean_id(order_id, "This order"))
    if not orders.owns(view.order, secret) and view.order.wallet != wallet:
        raise NotFound(orders.UNKNOWN)
    orders.nudge(view.order)
    refunds = await services.refunds_of_order(view.order.id)
    return {**orders.order_view(view), "refunds": refunds}


def _by(body: CancelBody | None, secret: str | None, wallet: str | None) -> By:
    """Raises Unauthorized without a credential, Forbidden for a buyer's own percentage."""
    sent = body or CancelBody()
    shown = secret or sent.order_secret
    orders.require_credential(shown, wallet)
    if sent.percent is not None and wallet is None:
        raise Forbidden("Only the organiser may say what part comes back.")
    return By(shown, wallet, sent.percent, sent.refund_address)


def _cancelled(done: Cancelled) -> dict[str, Any]:
    refund = services.refund_view(done.refund) if done.refund else None
    return {"refund_sat": done.refund_sat, "refund": refund}


@router.post("/orders/{order_id}/cancel", summary="Cancel all tickets of an order")
async def cancel_order(
    order_id: str, body: CancelBody | None = None, secret: Secret = None, wallet: Wallet = None
) -> dict[str, Any]:
    """The buyer gets back what the event's policy says; the organiser may say a percent."""
    by = _by(body, secret, wallet)
    wanted = clean_id(order_id, "This order")
    return _cancelled(await cancelling.cancel_order(wanted, by, clock.now()))


@router.post("/tickets/{ticket_id}/cancel", summary="Cancel one ticket of an order")
async def cancel_ticket(
    ticket_id: str, body: CancelBody | None = None, secret: Secret = None, wallet: Wallet = None
) -> dict[str, Any]:
    by = _by(body, secret, wallet)
    wanted = clean_id(ticket_id, "Ticket")
    return _cancelled(await cancelling.cancel_ticket(wanted, by, clock.now()))


@router.get("/events/{event_id}/refunds", summary="The ledger of an event, newest first")
async def list_refunds(
    event_id: str,
    key: AdminKey,
    status: Annotated[str | None, Query(description="Only those in this state.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> dict[str, Any]:
    found, total = await services.list_event_refunds(
        clean_id(event_id, "This event"), key.wallet.id, status, limit, offset
    )
    return {"data": [services.refund_view(refund) for refund in found], "total": total}


@router.get("/events/{event_id}/ledger", summary="Received = kept + refunded + due, to the sat")
async def get_ledger(event_id: str, key: AdminKey) -> dict[str, Any]:
    """Our books against the host's own payment rows; a difference is shown with its orders."""
    return await report.ledger_report(clean_id(event_id, "This event"), key.wallet.id)


@router.post("/refunds/{refund_id}/pay", summary="Pay a refund now, or say it was paid by hand")
async def pay_refund(refund_id: str, key: AdminKey, body: PayBody | None = None) -> dict[str, Any]:
    """Without a destination the stored one is tried again; if there is none the claim link stays.
    An attempt that fails is no error of the request: the answer says `error_code` and `error`."""
    sent = body or PayBody()
    refund = await services.own_refund(clean_id(refund_id, "This refund"), key.wallet.id)
    if sent.by_hand:
        if sent.destination:
            raise InvalidInput("Either it was paid by hand, or it is to be sent somewhere.")
        return services.refund_view(await services.paid_by_hand(refund, sent.note, clock.now()))
    return services.refund_view(await services.pay_now(refund, sent.destination, clock.now()))


def _unknown_claim() -> NotFound:
    """In LUD-03's words as well: a wallet asks."""
    return NotFound(services.UNKNOWN, status="ERROR", reason=services.UNKNOWN)


@router.get("/refunds/claim/{secret}", summary="LNURL-withdraw (LUD-03) of a refund")
async def claim(secret: str) -> dict[str, Any]:
    try:
        return claims.lud03_first(await claims.find_claim(clean_id(secret, "This refund")))
    except NotFound as error:
        raise _unknown_claim() from error


@router.get("/refunds/claim/{secret}/callback", summary="LUD-03: pay this invoice, once")
async def claim_callback(
    secret: str,
    k1: Annotated[str, Query(max_length=256)] = "",
    pr: Annotated[str, Query(max_length=7000)] = "",
) -> dict[str, Any]:
    try:
        return await claims.lud03_callback(clean_id(secret, "This refund"), k1, pr)
    except NotFound as error:
        raise _unknown_claim() from error
