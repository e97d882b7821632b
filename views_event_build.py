"""From an event's rows to its page. Pure: time, rates and addresses come in as arguments."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from .catalog.models import ADMISSION, Event, Listing, Package
from .catalog.rules import event_sales, package_sales, seats_left
from .catalog.times import event_is_over_at, zone_of
from .models import MAX_PER_PURCHASE, EventStatus
from .orders.pricing import to_sat
from .views_build import event_head, window_text
from .views_event_models import EventPage, PackageRow
from .views_refund_build import refund_rule
from .views_text import description_html, moment_text, price_text, summary

# Sats per unit of a currency; one that is missing is not known right now.
Rates = Mapping[str, Decimal]

# Said on the page; the type `other` says nothing.
_KINDS = {
    "conference": "Conference",
    "workshop": "Workshop",
    "webinar": "Webinar",
    "series": "Series",
}


@dataclass(frozen=True)
class Visit:
    """Who looks, and with what. `asking` are the packages with questions, `max_per_buyer` is the
    event's own bound, else the instance's."""

    now: datetime
    rates: Rates
    base_url: str
    asking: Collection[str]
    max_per_buyer: int | None
    user_id: str | None


def event_page(listing: Listing, visit: Visit) -> EventPage:
    """The public page of an event that is not a draft."""
    event = listing.event
    head = event_head(event)
    shown = [p for p in listing.packages if p.is_enabled and not p.is_hidden]
    state = _event_state(listing, visit.now)
    return EventPage(
        id=head.id,
        name=head.name,
        starts=head.starts,
        ends=head.ends,
        times=head.times,
        url=f"{visit.base_url}/events/{event.id}",
        description_html=description_html(event.info),
        summary=summary(event.info),
        banner=_own_picture(event.banner, visit.base_url),
        state=state,
        packages=[package_row(event, package, visit) for package in shown],
        rule=refund_rule(event, visit.now),
        min_tickets=event.min_tickets,
        kind=_KINDS.get(event.event_type.value, ""),
        location=event.location or "",
        is_online=event.is_online,
        max_per_buyer=visit.max_per_buyer,
        login_required=event.login_required,
        wants_login=event.login_required and visit.user_id is None and state == "open",
    )


def _event_state(listing: Listing, now: datetime) -> str:
    event = listing.event
    if event.status is EventStatus.CANCELLED:
        return "cancelled"
    over_at = event_is_over_at(event)
    if event.status is EventStatus.COMPLETED or (over_at is not None and now >= over_at):
        return "ended"
    return event_sales(event, listing.packages, now).value


def _own_picture(address: str | None, base_url: str) -> str | None:
    """A picture of this host. One from elsewhere would tell its server who looks."""
    if not address:
        return None
    path = address.removeprefix(base_url)
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else None


def package_row(event: Event, package: Package, visit: Visit) -> PackageRow:
    left = seats_left(event, package)
    bounds = (package.max_per_order, MAX_PER_PURCHASE, visit.max_per_buyer, left)
    most = max(1, min(bound for bound in bounds if bound is not None))
    rate = Decimal(1) if package.currency == "sat" else visit.rates.get(package.currency)
    return PackageRow(
        id=package.id,
        name=package.name,
        description_html=description_html(package.description),
        price=price_text(package.price_minor, package.currency),
        currency=package.currency,
        price_sat=to_sat(package.price_minor, package.currency, rate) if rate else None,
        is_free=package.price_minor == 0,
        is_addon=package.kind != ADMISSION,
        image=_own_picture(package.image_url, visit.base_url),
        state=package_sales(event, package, visit.now).value,
        left=left,
        least=min(package.min_per_order, most),
        most=most,
        sale_starts=_moment(event, package.sale_starts_at),
        sale_ends=_moment(event, _last_minute(package.sale_ends_at)),
        validity=window_text(event, package.valid_from, package.valid_until),
        asks=package.id in visit.asking,
    )


def _moment(event: Event, at: datetime | None) -> str:
    return moment_text(at, zone_of(event), event.timezone) if at else ""


def _last_minute(ends_at: datetime | None) -> datetime | None:
    """The end is exclusive; "until 23:59" is how people say midnight of the next day."""
    return ends_at - timedelta(minutes=1) if ends_at else None
