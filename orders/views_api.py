"""Buying over HTTP: purchase, poll, websocket, orders."""

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, WebSocket, WebSocketDisconnect
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..actors import BUYER, act_as
from ..clock import iso
from ..errors import NotFound
from ..models import Body, OrderStatus, clean_id
from ..web import Limit, Offset, admin_key, api_router, client_address, optional_login
from . import checkout, services
from .bodies import PurchaseBody
from .live import nudges, waiting_for
from .models import Purchase

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
Secret = Annotated[str | None, Header(alias="X-Order-Secret", max_length=128)]

router = api_router("orders")

# Announcements reach the process that saw the payment; in another one the database is asked.
_LOOK_EVERY_S = 3.0
_SOCKET_LIVES_S = 3600.0


class SecretBody(Body):
    """An order's secret, for clients that cannot set headers."""

    order_secret: str | None = None


def purchase_answer(purchase: Purchase) -> dict[str, Any]:
    """**Purchase** of API.md, with 1.6.9's fields."""
    order = purchase.order
    is_open = order.status in (OrderStatus.RESERVED, OrderStatus.CONFIRMED)
    return {
        "order_id": order.id,
        "order_secret": purchase.order_secret,
        "payment_hash": order.payment_hash,
        # A repeated request may find its order lapsed: then there is nothing to pay any more.
        "payment_request": order.payment_request if is_open else None,
        "ticket_ids": purchase.ticket_ids,
        "total_sat": order.total_sat,
        "discount_sat": order.discount_sat,
        "hold_expires_at": iso(order.hold_expires_at),
        "paid": order.status is OrderStatus.CONFIRMED,
        "status": order.status.value,
        "fiat_payment_request": None,
        "fiat_provider": None,
        "is_fiat": False,
        "onchain_amount_sat": None,
        "satspay_charge_url": None,
    }


@router.post("/tickets/{event_id}", summary="Buy 1 to 10 tickets with one invoice")
async def buy(
    event_id: str,
    body: PurchaseBody,
    request: Request,
    user_id: Annotated[str | None, Depends(optional_login)],
    idempotency_key: Annotated[str | None, Header(alias="Idempotency-Key")] = None,
    accept_language: Annotated[str | None, Header()] = None,
) -> dict[str, Any]:
    wanted = clean_id(event_id, "This event")
    wish = body.request(
        wanted, client_address(request), idempotency_key, "api", user_id, accept_language
    )
    act_as(BUYER)
    return purchase_answer(await checkout.place_order(wish, clock.now()))


@router.post("/tickets/{event_id}/{payment_hash}", summary="Is it paid? Ids only with the secret")
async def poll(
    event_id: str,
    payment_hash: str,
    secret: Secret = None,
    body: SecretBody | None = None,
) -> dict[str, Any]:
    order, ticket_ids = await services.find_by_payment_hash(
        clean_id(event_id, "This order"), clean_id(payment_hash, "This order")
    )
    if order.status is OrderStatus.RESERVED:
        nudges.add(order.id)
    is_paid = order.status is OrderStatus.CONFIRMED
    # The payment hash is public (it is in the invoice), so it opens nothing.
    is_owner = services.owns(order, secret or (body.order_secret if body else None))
    shown = ticket_ids if is_owner and is_paid else []
    return {
        "paid": is_paid,
        "status": order.status.value,
        "ticket_id": shown[0] if shown else None,
        "ticket_ids": shown,
    }


@router.websocket("/tickets/ws/{payment_hash}")
async def wait_paid(websocket: WebSocket, payment_hash: str) -> None:
    """Sends `{"paid": true}` once, then closes; closes with 4404 when there is no such order."""
    await websocket.accept()
    try:
        clean_id(payment_hash, "This order")
    except NotFound:
        await websocket.close(4404)
        return
    gone = asyncio.create_task(_until_gone(websocket))
    try:
        paid = await asyncio.wait_for(_until_paid(payment_hash, gone), _SOCKET_LIVES_S)
        if paid is None:
            await websocket.close(4404)
            return
        if paid:
            await websocket.send_json({"paid": True})
        if not gone.done():
            await websocket.close()
    except (asyncio.TimeoutError, WebSocketDisconnect):
        return
    finally:
        gone.cancel()


async def _until_gone(websocket: WebSocket) -> None:
    """Ends when the client leaves; what it sends is ignored."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        continue


async def _until_paid(payment_hash: str, gone: asyncio.Task[None]) -> bool | None:
    """True once paid, None for an unknown hash, False when the client has left or it never will."""
    with waiting_for(payment_hash) as hint:
        while True:
            hint.clear()
            order = await services.order_of_payment(payment_hash)
            if order is None:
                return None
            if order.status is OrderStatus.CONFIRMED:
                return True
            if order.status in (OrderStatus.REFUND_DUE, OrderStatus.REFUNDED):
                return False
            hinted = asyncio.create_task(hint.wait())
            await asyncio.wait(
                (hinted, gone), timeout=_LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED
            )
            hinted.cancel()
            if gone.done():
                return False


@router.get("/events/{event_id}/orders", summary="The organiser's orders, newest first")
async def list_orders(
    event_id: str,
    key: AdminKey,
    status: Annotated[str | None, Query(description="Only those in this state.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> dict[str, Any]:
    orders, total = await services.list_event_orders(
        clean_id(event_id, "This event"), key.wallet.id, status, limit, offset
    )
    return {"data": [services.order_summary(order) for order in orders], "total": total}


@router.delete("/tickets/{ticket_id}", summary="Delete a ticket no money stands behind")
async def delete_ticket(ticket_id: str, key: AdminKey) -> None:
    await services.delete_ticket(clean_id(ticket_id, "Ticket"), key.wallet.id)
