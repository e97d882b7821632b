"""Buy: read and decide, hold the seats in one transaction, then ask the host for an invoice."""

from datetime import datetime
from functools import partial

from sqlalchemy.exc import IntegrityError

from .. import clock
from ..audit.services import record
from ..catalog import seats
from ..crud import Session, Tx
from ..errors import InvoiceFailed
from ..models import OrderStatus
from ..outbox import services as outbox
from ..outbox.models import ORDER_CONFIRMED
from ..promos.services import take_use
from ..settings import secret_key
from ..tickets import responses
from ..tickets import services as tickets
from . import crud, crud_bounds, invoicing, replay, rows, rules, trail
from .models import Order, Purchase, PurchaseRequest
from .plan import Plan, decide, read
from .settlement import expire


async def place_order(request: PurchaseRequest, now: datetime) -> Purchase:
    """Reserve seats and return the order with its invoice, or, when free, confirmed.

    Raises a TicketingError that says why not; then nothing is held. A request repeated with its
    idempotency key gets its first answer.
    """
    async with Session() as session:
        return await _place(session, request, now)


async def _place(session: Session, request: PurchaseRequest, now: datetime) -> Purchase:
    invoicer = partial(_invoiced, session)
    found = await read(session, request, now)
    if isinstance(found, Order):
        return await replay.answer(found, request, invoicer)
    plan = await decide(request, found, now)
    try:
        ticket_ids, order = await _reserve(session, plan)
    except IntegrityError:
        # The same request came in twice at once and the other one has placed the order.
        twin = await replay.answer_twin(request, invoicer)
        if twin is None:
            raise
        return twin
    purchase = Purchase(order, secret_key.derive("order", order.id), ticket_ids)
    return purchase if plan.is_free else await invoicer(purchase, plan.event.name, now)


async def _reserve(session: Session, plan: Plan) -> tuple[list[str], Order]:
    """The buying transaction: seats, bounds, code, order, line and one ticket row per attendee."""
    held = rows.seats_of(plan)
    async with session.transaction() as tx:
        # First: it locks the event's row, so all that is counted below holds until the commit.
        last_number = await seats.hold(tx, held)
        await _check_per_buyer(tx, plan)
        row = await _insert_order(tx, plan)
        await crud.insert_lines(tx, [rows.line_row(plan)])
        ticket_ids = await tickets.add_batch(tx, rows.ticket_batch(plan, last_number), plan.now)
        if any(plan.answers):
            pairs = zip(ticket_ids, plan.answers, strict=True)
            await responses.add(tx, [(id_, answer) for id_, given in pairs for answer in given])
        if plan.promo is not None:
            await take_use(tx, plan.promo, plan.order_id, plan.request.buyer_key, plan.now)
        if plan.is_free:
            await seats.sell_held(tx, [held])
            await outbox.put(tx, ORDER_CONFIRMED, plan.order_id, plan.event.id)
        await record(tx, trail.placed(plan))
    return ticket_ids, Order.from_row(row)


async def _insert_order(tx: Tx, plan: Plan) -> dict[str, object]:
    """The order's row, unless one buyer, or one network address, has too many that are unpaid, or
    of free ones within an hour.

    Raises a refusal.
    """
    row = rows.order_row(plan)
    if plan.is_free:
        most = plan.settings.max_free_orders_per_address
        if not await crud_bounds.insert_free_within(tx, row, most):
            raise rules.too_many_free()
        return row
    event_id, limits = plan.event.id, rules.open_order_limits(plan.settings)
    if not await crud_bounds.insert_order_within(tx, row, event_id, limits):
        request = plan.request
        counts = await crud_bounds.count_open(tx, event_id, request.buyer_key, request.address)
        raise rules.too_many_open(counts, limits)
    return row


async def _check_per_buyer(tx: Tx, plan: Plan) -> None:
    """What one buyer may have over all orders. Raises MaxPerBuyer."""
    if plan.max_per_buyer is not None:
        request = plan.request
        had = await crud_bounds.count_tickets_of_buyer(tx, plan.event.id, request.buyer_key)
        rules.check_per_buyer(had, request, plan.max_per_buyer)


async def _invoiced(
    session: Session, purchase: Purchase, event_name: str, now: datetime
) -> Purchase:
    """Ask the host for the order's invoice and store it. If there is none the seats go back."""
    order = purchase.order
    hold_until = order.hold_expires_at or now
    expiry_s = max(1, round((hold_until - clock.now()).total_seconds()))
    try:
        payment_hash, bolt11 = await invoicing.make_invoice(
            order, _memo(event_name, order.quantity), expiry_s
        )
    except InvoiceFailed:
        await expire(order, OrderStatus.CANCELLED)
        raise
    async with session.transaction() as tx:
        stored = await crud.attach_invoice(tx, order.id, payment_hash, bolt11)
        if stored is None:
            raise InvoiceFailed("The invoice could not be stored. Please try again.")
    return Purchase(stored, purchase.order_secret, purchase.ticket_ids)


def _memo(event_name: str, quantity: int) -> str:
    """What the payer's wallet shows."""
    return f"{quantity} ticket{'s' if quantity > 1 else ''}: {event_name}"
