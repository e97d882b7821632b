"""From rows to what pages show. Pure: time, rates and addresses come in as arguments."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from .catalog.models import Event, Listing, Package
from .catalog.rules import event_sales, package_sales, seats_left
from .catalog.times import event_is_over_at, zone_of
from .models import (
    MAX_PER_PURCHASE,
    EventStatus,
    OrderStatus,
    TicketStatus,
    minor_digits,
    to_major,
)
from .orders.models import Order, OrderLine
from .orders.pricing import to_sat
from .orders.services import OrderView
from .tickets.models import Ticket
from .views_models import (
    EventHead,
    EventPage,
    OrderLineRow,
    OrderPage,
    PackageRow,
    TicketPage,
    TicketRow,
)
from .views_refund_build import (
    cancel_offer,
    is_event_cancelled,
    owed_sat,
    refund_rows,
    refund_rule,
)
from .views_text import description_html, parse_day, price_text, summary, times_text

# Sats per unit of a currency; one that is missing is not known right now.
Rates = Mapping[str, Decimal]


NO_EVENT = EventHead("", "An event that no longer exists", None, None, "")


def event_head(event: Event) -> EventHead:
    starts, ends = parse_day(event.event_start_date), parse_day(event.event_end_date)
    times = times_text(event.starts_at, event.ends_at, zone_of(event), event.timezone)
    return EventHead(event.id, event.name, starts or ends, ends or starts, times)


def event_page(listing: Listing, now: datetime, rates: Rates, base_url: str) -> EventPage:
    """The public page of an event that is not a draft."""
    event = listing.event
    head = event_head(event)
    shown = [p for p in listing.packages if p.is_enabled and not p.is_hidden]
    return EventPage(
        id=head.id,
        name=head.name,
        starts=head.starts,
        ends=head.ends,
        times=head.times,
        url=f"{base_url}/events/{event.id}",
        description_html=description_html(event.info),
        summary=summary(event.info),
        banner=_own_picture(event.banner, base_url),
        state=_event_state(listing, now),
        packages=[_package_row(event, package, now, rates) for package in shown],
        rule=refund_rule(event, now),
        min_tickets=event.min_tickets,
    )


def _event_state(listing: Listing, now: datetime) -> str:
    event = listing.event
    if event.status is EventStatus.CANCELLED:
        return "cancelled"
    over_at = event_is_over_at(event)
    if event.status is EventStatus.COMPLETED or (over_at is not None and now >= over_at):
        return "ended"
    return event_sales(event, listing.packages, now).value


def _own_picture(banner: str | None, base_url: str) -> str | None:
    """A banner of this host. One from elsewhere would tell its server who looks."""
    if not banner:
        return None
    path = banner.removeprefix(base_url)
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else None


def _package_row(event: Event, package: Package, now: datetime, rates: Rates) -> PackageRow:
    sales = package_sales(event, package, now)
    left = seats_left(event, package)
    most = min(package.max_per_order, MAX_PER_PURCHASE)
    if left is not None:
        most = min(most, left)
    rate = Decimal(1) if package.currency == "sat" else rates.get(package.currency)
    return PackageRow(
        id=package.id,
        name=package.name,
        description=package.description,
        price=price_text(package.price_minor, package.currency),
        currency=package.currency,
        price_sat=to_sat(package.price_minor, package.currency, rate) if rate else None,
        is_free=package.price_minor == 0,
        state=sales.value,
        left=left,
        least=min(package.min_per_order, max(most, 1)),
        most=max(most, 1),
        sale_starts_at=package.sale_starts_at,
        sale_ended_at=_last_minute(package.sale_ends_at),
    )


def _last_minute(ends_at: datetime | None) -> datetime | None:
    """The end is exclusive; "until 23:59" is how people say midnight of the next day."""
    return ends_at - timedelta(minutes=1) if ends_at else None


def order_page(
    view: OrderView, refunds: Sequence[Mapping[str, Any]], now: datetime, path: str
) -> OrderPage:
    """An order as whoever knows its secret, the last word of `path`, sees it."""
    order, listing = view.order, view.listing
    remaining_s = 0
    if order.hold_expires_at is not None:
        remaining_s = max(0, int((order.hold_expires_at - now).total_seconds()))
    state = order.status.value
    if order.status is OrderStatus.RESERVED and remaining_s == 0:
        state = "checking"
    rows = refund_rows(view, refunds)
    offer = cancel_offer(view, now)
    return OrderPage(
        event=event_head(listing.event) if listing else NO_EVENT,
        event_id=view.lines[0].event_id if view.lines else "",
        path=path,
        status=order.status.value,
        state=state,
        quantity=order.quantity,
        lines=[
            OrderLineRow(_package_name(listing, line.package_id), line.quantity, line.subtotal_sat)
            for line in view.lines
        ],
        discount_sat=order.discount_sat,
        promo_code=order.promo_code,
        total_sat=order.total_sat,
        owed_sat=owed_sat(view, rows),
        fiat=_in_fiat(order, view.lines),
        payment_hash=order.payment_hash or "",
        bolt11=order.payment_request or "",
        remaining_s=remaining_s,
        tickets=ticket_rows(view, offer is not None and offer.can_cancel),
        refunds=rows,
        offer=offer,
        is_event_cancelled=is_event_cancelled(view),
    )


def _in_fiat(order: Order, lines: Sequence[OrderLine]) -> str | None:
    """The total in the price's own currency, at the rate the order was made with."""
    if not order.rate or not order.currency or order.currency == "sat":
        return None
    units = Decimal(order.total_sat) / Decimal(order.rate)
    # The price itself where nothing was taken off: dividing back would show a rounded one.
    if not order.discount_sat and len(lines) == 1:
        line = lines[0]
        units = to_major(line.unit_price_minor * line.quantity, line.currency)
    return fiat_text(units, order.currency)


def fiat_text(units: Decimal, currency: str) -> str:
    """`12.50 EUR`."""
    return f"{units:,.{minor_digits(currency)}f} {currency}"


def _package_name(listing: Listing | None, package_id: str | None) -> str:
    package = listing.package(package_id) if listing and package_id else None
    return package.name if package else "Ticket"


def ticket_rows(view: OrderView, can_cancel: bool) -> list[TicketRow]:
    """The order's tickets. `can_cancel`: whether the buyer may give back those not used yet."""
    return [
        TicketRow(
            id=ticket.id,
            number=ticket.number,
            name=ticket.name,
            package=_package_name(view.listing, ticket.package_id),
            state=ticket.status.value,
            # Without a number there is no address to cancel it alone.
            can_cancel=can_cancel
            and ticket.status is TicketStatus.ACTIVE
            and ticket.number is not None,
        )
        for ticket in view.tickets
    ]


def ticket_page(ticket: Ticket, listing: Listing) -> TicketPage:
    """A ticket as whoever knows its id sees it. A cancelled event cancels its unused tickets."""
    state = ticket.status
    if state is TicketStatus.ACTIVE and listing.event.status is EventStatus.CANCELLED:
        state = TicketStatus.CANCELLED
    return TicketPage(
        id=ticket.id,
        event=event_head(listing.event),
        name=ticket.name,
        package=_package_name(listing, ticket.package_id),
        number=ticket.number,
        state=state.value,
        used_at=ticket.registered_at,
    )


def shows_code(state: str) -> bool:
    """Whether a ticket in this state shows its code. A used one does: staff may ask for it."""
    return state in (TicketStatus.ACTIVE.value, TicketStatus.USED.value)
