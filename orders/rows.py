"""An order, its line and its tickets as they are written."""

from .. import clock
from ..catalog.seats import Seats
from ..models import OrderStatus
from ..settings import base_url, secret_key, sha256_hex
from ..tickets import services as tickets
from . import replay
from .models import FREE, LIGHTNING, Attendee
from .plan import Plan
from .pricing import split_evenly


def seats_of(plan: Plan) -> Seats:
    return Seats(plan.event.id, plan.package.id, plan.request.quantity, plan.package.kind)


def order_row(plan: Plan) -> dict[str, object]:
    """A row of `events.orders`."""
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
        "user_id": request.user_id,
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
        "language": request.language,
    }


def line_row(plan: Plan) -> dict[str, object]:
    """A row of `events.order_lines`."""
    return {
        "id": f"{plan.order_id}.1",
        "order_id": plan.order_id,
        "event_id": plan.event.id,
        "package_id": plan.package.id,
        "kind": plan.package.kind,
        "quantity": plan.request.quantity,
        "unit_price_minor": plan.quote.unit_price_minor,
        "currency": plan.quote.currency,
        "subtotal_sat": plan.quote.subtotal_sat,
        "discount_sat": plan.quote.discount_sat,
        "total_sat": plan.quote.total_sat,
    }


def ticket_batch(plan: Plan, last_number: int) -> tickets.TicketBatch:
    """The order's tickets; their prices add up to its total."""
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
        for index, (attendee, price_sat) in enumerate(zip(plan.people, prices, strict=True))
    ]
    return tickets.TicketBatch(
        order_id=plan.order_id,
        wallet=plan.event.wallet,
        event_id=plan.event.id,
        package_id=plan.package.id,
        kind=plan.package.kind,
        valid_from=plan.package.valid_from,
        valid_until=plan.package.valid_until,
        tickets=rows,
        is_paid=plan.is_free,
    )


def _legacy_extra(plan: Plan, attendee: Attendee, price_sat: int) -> dict[str, object]:
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
