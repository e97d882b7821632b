"""What the API answers of an event: the organiser's view and the public one."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ..clock import iso
from ..models import EventStatus
from . import rules
from .mirror import extra_of
from .models import Listing
from .options import Options
from .views_packages import organiser_package_view, package_view

_PUBLIC_EXTRA = ("conditional", "min_tickets", "email_notifications", "nostr_notifications")


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
        "event_type": event.event_type.value,
        "location": event.location,
        "is_online": event.is_online,
        "max_per_buyer": event.max_per_buyer,
        "login_required": event.login_required,
        "status": event.status.value,
        "sales": rules.event_sales(event, listing.packages, now).value,
    }


def public_view(listing: Listing, now: datetime, options: Options) -> dict[str, Any]:
    """`GET /events/{id}`: 1.6.9's fields without its leaks, plus status, sales and packages."""
    event = listing.event
    shown = [p for p in listing.packages if p.is_enabled and not p.is_hidden]
    legacy_extra = extra_of(event, shown)
    extra = {name: legacy_extra[name] for name in _PUBLIC_EXTRA if name in legacy_extra}
    waves = [package for package in shown if package.is_wave]
    for wave, package in zip(legacy_extra["ticket_waves"], waves, strict=True):
        wave["amount_tickets"] = rules.seats_left(event, package)
        wave.pop("sold")
    return {
        **_common(listing, now),
        "extra": {**extra, "ticket_waves": legacy_extra["ticket_waves"], "promo_codes": []},
        "packages": [package_view(listing, package, now, options) for package in shown],
    }


def listed_view(listing: Listing, now: datetime) -> dict[str, Any]:
    """The same in the public list, without what the packages ask."""
    view = public_view(listing, now, {})
    for package in view["packages"]:
        del package["options"]
    return view


def organiser_view(listing: Listing, now: datetime, options: Options) -> dict[str, Any]:
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
        "entry": event.entry.value,
        "listed": event.listed,
        "nostr_publish": event.nostr_publish,
        "nostr_hide_counts": event.nostr_hide_counts,
        "send_messages": event.send_messages,
        "send_reminder": event.send_reminder,
        "metadata": event.metadata,
        "extra": extra_of(event, listing.packages),
        "packages": [
            organiser_package_view(listing, package, now, options) for package in listing.packages
        ],
    }
