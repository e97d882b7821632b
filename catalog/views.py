"""What the API answers of an event: the organiser's view and the public one."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..clock import iso
from ..models import EventStatus
from . import rules
from .mirror import extra_of
from .models import Listing, Package

_PUBLIC_EXTRA = ("conditional", "min_tickets", "email_notifications", "nostr_notifications")


def package_view(listing: Listing, package: Package, now: datetime) -> dict[str, Any]:
    """A package for everybody: `remaining` is the only figure."""
    return {
        "id": package.id,
        "wave_id": package.wave_id,
        "kind": package.kind,
        "name": package.name,
        "description": package.description,
        "price": package.price,
        "currency": package.currency,
        "remaining": rules.seats_left(listing.event, package),
        "sales": rules.package_sales(listing.event, package, now).value,
        "sale_starts_at": iso(package.sale_starts_at),
        "sale_ends_at": iso(package.sale_ends_at),
        "min_per_order": package.min_per_order,
        "max_per_order": package.max_per_order,
        "display_order": package.display_order,
        "options": [],
    }


def organiser_package_view(listing: Listing, package: Package, now: datetime) -> dict[str, Any]:
    """A package with its counters."""
    return {
        **package_view(listing, package, now),
        "remaining": package.remaining,
        "quantity_limit": package.quantity_limit,
        "sold": package.sold,
        "held": package.held,
        "is_enabled": package.is_enabled,
        "is_hidden": package.is_hidden,
        "version": package.version,
    }


def _common(listing: Listing, now: datetime) -> dict[str, Any]:
    event = listing.event
    first = listing.package(None)
    return {
        "id": event.id,
        "name": event.name,
        "info": event.info,
        "closing_date": event.closing_date,
        "canceled": event.status is EventStatus.CANCELLED,
        "event_start_date": event.event_start_date,
        "event_end_date": event.event_end_date,
        "timezone": event.timezone,
        "starts_at": iso(event.starts_at),
        "ends_at": iso(event.ends_at),
        "buyer_can_cancel": event.buyer_can_cancel,
        "refund_tiers": [asdict(tier) for tier in event.refund_tiers],
        "conditional": event.is_conditional,
        "min_tickets": event.min_tickets,
        "currency": first.currency if first else event.currency,
        "allow_fiat": event.allow_fiat,
        "fiat_currency": event.fiat_currency,
        "price_per_ticket": first.price if first else event.price_per_ticket,
        "banner": event.banner,
        "status": event.status.value,
        "sales": rules.event_sales(event, listing.packages, now).value,
    }


def public_view(listing: Listing, now: datetime) -> dict[str, Any]:
    """`GET /events/{id}`: 1.6.9's fields without its leaks, plus status, sales and packages."""
    event = listing.event
    shown = [p for p in listing.packages if p.is_enabled and not p.is_hidden]
    legacy_extra = extra_of(event, shown)
    extra = {name: legacy_extra[name] for name in _PUBLIC_EXTRA if name in legacy_extra}
    for wave, package in zip(legacy_extra["ticket_waves"], shown, strict=True):
        wave["amount_tickets"] = rules.seats_left(event, package)
        wave.pop("sold")
    return {
        **_common(listing, now),
        "extra": {**extra, "ticket_waves": legacy_extra["ticket_waves"], "promo_codes": []},
        "packages": [package_view(listing, package, now) for package in shown],
    }


def organiser_view(listing: Listing, now: datetime) -> dict[str, Any]:
    """An event for its organiser: all of 1.6.9's columns, counters and codes."""
    event = listing.event
    return {
        **_common(listing, now),
        "wallet": event.wallet,
        "time": iso(event.created_at),
        "cancelled_at": iso(event.cancelled_at),
        "amount_tickets": event.amount_tickets,
        "capacity": event.capacity,
        "sold": event.sold,
        "held": event.held,
        "remaining": event.remaining,
        "version": event.version,
        "extra": extra_of(event, listing.packages),
        "packages": [organiser_package_view(listing, p, now) for p in listing.packages],
    }
