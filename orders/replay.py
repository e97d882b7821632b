"""A request repeated with its `Idempotency-Key` gets its first answer, not a second order.

The key is stored as a hash under the event's id. The body must be the same: a key alone, which
may be short or guessed, does not hand out somebody else's order.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime, timedelta

from .. import clock
from ..catalog.services import read_listing
from ..crud import reading, transaction
from ..errors import IdempotencyConflict, InvoiceFailed, OrderInProgress
from ..models import OrderStatus
from ..settings import secret_key, sha256_hex
from ..tickets import services as tickets
from . import crud, invoicing
from .models import Order, Purchase, PurchaseRequest

Invoicer = Callable[[Purchase, str, datetime], Awaitable[Purchase]]

_WAIT_S = 0.2
_TRIES = 50
# A request that has not stored its invoice by then was killed half way.
_ABANDONED = timedelta(seconds=30)


def idempotency_hash(request: PurchaseRequest) -> str:
    return sha256_hex(f"{request.event_id}:{request.idempotency_key}")


def request_hash(request: PurchaseRequest) -> str:
    """A fingerprint of what is bought and by whom; how the request came is not part of it."""
    body = asdict(request)
    for name in ("address", "origin", "idempotency_key", "language"):
        body.pop(name)
    return sha256_hex(json.dumps(body, sort_keys=True, default=str))


async def answer_twin(request: PurchaseRequest, invoicer: Invoicer) -> Purchase | None:
    """The answer of the request that won the race for this key; None when there is no such."""
    if not request.idempotency_key:
        return None
    async with reading() as tx:
        order = await crud.get_by_idempotency(tx, idempotency_hash(request))
    return await answer(order, request, invoicer) if order else None


async def answer(order: Order, request: PurchaseRequest, invoicer: Invoicer) -> Purchase:
    """The purchase an earlier request with this key has made.

    Raises IdempotencyConflict for another body, OrderInProgress while the first still runs.
    """
    if order.request_hash != request_hash(request):
        raise IdempotencyConflict("This Idempotency-Key was used for another order.")
    for _ in range(_TRIES):
        if order.status is OrderStatus.CANCELLED:
            raise InvoiceFailed("The invoice could not be made. Please try again.")
        if not _lacks_invoice(order):
            return await _purchase(order)
        if order.created_at is not None and clock.now() - order.created_at > _ABANDONED:
            return await _finish(order, request, invoicer)
        await asyncio.sleep(_WAIT_S)
        async with reading() as tx:
            order = await crud.get_order(tx, order.id) or order
    raise OrderInProgress("This order is still being made. Try again in a moment.")


def _lacks_invoice(order: Order) -> bool:
    return order.status is OrderStatus.RESERVED and order.payment_hash is None


async def _purchase(order: Order) -> Purchase:
    async with reading() as tx:
        rows = await tickets.order_tickets(tx, order.id)
    return Purchase(order, secret_key.derive("order", order.id), [row.id for row in rows])


async def _finish(order: Order, request: PurchaseRequest, invoicer: Invoicer) -> Purchase:
    """Give an order that was killed before its invoice was stored the invoice it lacks."""
    found = await invoicing.incoming_payments([], [order.id])
    made = [payment for payment in found if payment.amount == order.total_sat * 1000]
    if made:
        async with transaction() as tx:
            payment = made[0]
            stored = await crud.attach_invoice(tx, order.id, payment.payment_hash, payment.bolt11)
        return await _purchase(stored or order)
    async with reading() as tx:
        listing = await read_listing(tx, request.event_id)
    name = listing.event.name if listing else ""
    return await invoicer(await _purchase(order), name, clock.now())
