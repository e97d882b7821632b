"""Buy: read and decide, hold the seats in one transaction, then ask the host for an invoice."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import IntegrityError

from .. import clock
from ..catalog import seats
from ..catalog.models import Event, Listing, Package
from ..catalog.services import read_listing
from ..crud import Session, short_id
from ..errors import InvoiceFailed, NotFound
from ..models import OrderStatus
from ..promos.models import PromoCode
from ..promos.services import require_valid
from ..settings import InstanceSettings, base_url, read_settings, secret_key, sha256_hex
from ..tickets import services as tickets
from . import crud, invoicing, replay, rules
from .models import FREE, LIGHTNING, Attendee, Order, Purchase, PurchaseRequest
from .pricing import Quote, quote, split_evenly
from .settlement import expire


@dataclass(frozen=True)
class _Plan:
    """What will be written if the seats can be held."""

    order_id: str
    request: PurchaseRequest
    event: Event
    package: Package
    quote: Quote
    promo: PromoCode | None
    settings: InstanceSettings
    now: datetime

    @property
    def is_free(self) -> bool:
        return self.quote.total_sat == 0

    @property
    def hold_expires_at(self) -> datetime:
        return self.now + timedelta(seconds=self.settings.hold_seconds)


async def place_order(request: PurchaseRequest, now: datetime) -> Purchase:
    """Reserve seats and return the order with its invoice, or, when free, confirmed.

    Raises a TicketingError that says why not; then nothing is held. A request repeated with its
    idempotency key gets its first answer.
    """
    async with Session() as session:
        return await _place(session, request, now)


async def _place(session: Session, request: PurchaseRequest, now: datetime) -> Purchase:
    invoicer = partial(_invoiced, session)
    found = await _read(session, request)
    if isinstance(found, Order):
        return await replay.answer(found, request, invoicer)
    listing, promo, settings = found
    package = rules.choose_package(listing, request, now)
    rules.check_contact(listing, request)
    rate = await invoicing.sats_per_unit(package.currency)
    price = quote(
        package.price_minor,
        package.currency,
        request.quantity,
        rate,
        promo.percent_bp if promo else 0,
    )
    rules.check_total(price.total_sat)
    plan = _Plan(short_id(), request, listing.event, package, price, promo, settings, now)
    try:
        ticket_ids, order = await _reserve(session, plan)
    except IntegrityError:
        # The same request came in twice at once and the other one has placed the order.
        twin = await replay.answer_twin(request, invoicer)
        if twin is None:
            raise
        return twin
    purchase = Purchase(order, secret_key.derive("order", order.id), ticket_ids)
    return purchase if plan.is_free else await invoicer(purchase, listing.event.name, now)


async def _read(
    session: Session, request: PurchaseRequest
) -> Order | tuple[Listing, PromoCode | None, InstanceSettings]:
    async with session.reading() as tx:
        if request.idempotency_key:
            known = await crud.get_by_idempotency(tx, replay.idempotency_hash(request))
            if known is not None:
                return known
        listing = await read_listing(tx, request.event_id)
        if listing is None:
            raise NotFound("This event does not exist.")
        promo = None
        if request.promo_code:
            promo = await require_valid(tx, request.event_id, request.promo_code)
        return listing, promo, await read_settings(tx)


async def _reserve(session: Session, plan: _Plan) -> tuple[list[str], Order]:
    """The buying transaction: seats, bounds, order, line and one ticket row per attendee."""
    request = plan.request
    held = seats.Seats(plan.event.id, plan.package.id, request.quantity)
    async with session.transaction() as tx:
        last_number = await seats.hold(tx, held)
        by_buyer, by_address = await crud.count_open(
            tx, plan.event.id, request.buyer_key, request.address
        )
        if not plan.is_free:
            rules.check_open_orders(by_buyer, by_address, plan.settings)
        row = _order_row(plan)
        await crud.insert_order(tx, row)
        await crud.insert_lines(tx, [_line_row(plan)])
        ticket_ids = await tickets.add_batch(tx, _batch(plan, last_number), plan.now)
        if plan.is_free:
            await seats.sell_held(tx, [held])
    return ticket_ids, Order.from_row(row)


def _order_row(plan: _Plan) -> dict[str, object]:
    request, now_ms = plan.request, clock.to_ms(plan.now)
    secret = secret_key.derive("order", plan.order_id)
    status = OrderStatus.CONFIRMED if plan.is_free else OrderStatus.RESERVED
    return {
        "id": plan.order_id,
        "payment_hash": None,
        "wallet": plan.event.wallet,
        "status": status.value,
        "buyer_name": request.buyer.name,
        "buyer_email": request.buyer.email,
        "buyer_key": request.buyer_key,
        "address": request.address,
        "secret_hash": sha256_hex(secret),
        "idempotency_hash": replay.idempotency_hash(request) if request.idempotency_key else None,
        "request_hash": replay.request_hash(request),
        "promo_code": plan.promo.code if plan.promo else None,
        "quantity": request.quantity,
        "subtotal_sat": plan.quote.subtotal_sat,
        "discount_sat": plan.quote.discount_sat,
        "total_sat": plan.quote.total_sat,
        "currency": plan.quote.currency,
        "rate": str(plan.quote.rate),
        "method": FREE if plan.is_free else LIGHTNING,
        "payment_request": None,
        "refund_address": request.refund_address,
        "nostr_identifier": request.buyer.nostr_identifier,
        "hold_expires_at": None if plan.is_free else clock.to_ms(plan.hold_expires_at),
        "created_at": now_ms,
        "confirmed_at": now_ms if plan.is_free else None,
        "settled_msat": 0 if plan.is_free else None,
        "origin": request.origin,
    }


def _line_row(plan: _Plan) -> dict[str, object]:
    return {
        "id": f"{plan.order_id}.1",
        "order_id": plan.order_id,
        "event_id": plan.event.id,
        "package_id": plan.package.id,
        "quantity": plan.request.quantity,
        "unit_price_minor": plan.quote.unit_price_minor,
        "currency": plan.quote.currency,
        "subtotal_sat": plan.quote.subtotal_sat,
        "discount_sat": plan.quote.discount_sat,
        "total_sat": plan.quote.total_sat,
    }


def _batch(plan: _Plan, last_number: int) -> tickets.TicketBatch:
    request = plan.request
    first_number = last_number - request.quantity + 1
    prices = split_evenly(plan.quote.total_sat, request.quantity)
    rows = [
        tickets.NewTicket(
            name=attendee.name,
            email=attendee.email,
            price_sat=price_sat,
            number=first_number + index,
            extra=_legacy_extra(plan, attendee, price_sat),
        )
        for index, (attendee, price_sat) in enumerate(zip(_everybody(request), prices, strict=True))
    ]
    return tickets.TicketBatch(
        order_id=plan.order_id,
        wallet=plan.event.wallet,
        event_id=plan.event.id,
        package_id=plan.package.id,
        tickets=rows,
        is_paid=plan.is_free,
    )


def _everybody(request: PurchaseRequest) -> list[Attendee]:
    """One attendee per ticket: the named ones, then the buyer."""
    named = list(request.attendees)[: request.quantity]
    return named + [request.buyer] * (request.quantity - len(named))


def _legacy_extra(plan: _Plan, attendee: Attendee, price_sat: int) -> dict[str, object]:
    """`ticket.extra` as 1.6.9 reads it."""
    return {
        "applied_promo_code": plan.promo.code if plan.promo else None,
        "ticket_wave_id": plan.package.wave_id,
        "ticket_wave_title": plan.package.name,
        "sats_paid": price_sat,
        "refund_address": plan.request.refund_address,
        "nostr_identifier": attendee.nostr_identifier,
        "ticket_base_url": base_url(),
        "email_notification_sent": False,
        "nostr_notification_sent": False,
        "refunded": False,
        "onchain": False,
        "onchain_address": None,
        "satspay_charge_id": None,
    }


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
        await tickets.set_payment_hash(tx, order.id, payment_hash)
    return Purchase(stored, purchase.order_secret, purchase.ticket_ids)


def _memo(event_name: str, quantity: int) -> str:
    """What the payer's wallet shows."""
    return f"{quantity} ticket{'s' if quantity > 1 else ''}: {event_name}"
