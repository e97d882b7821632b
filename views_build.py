"""From rows to what pages show. Pure: time, rates and addresses come in as arguments."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from .catalog.models import ADMISSION, Event, Listing
from .catalog.times import zone_of
from .models import EventStatus, OrderStatus, TicketStatus, minor_digits, to_major
from .orders.models import Order, OrderLine
from .orders.services import OrderView
from .tickets.models import Ticket
from .views_models import AnswerRow, EventHead, OrderLineRow, OrderPage, TicketPage, TicketRow
from .views_refund_build import cancel_offer, is_event_cancelled, owed_sat, refund_rows
from .views_text import moment_text, parse_day, times_text, zone_name

# Answers as they are stored (`tickets.responses`), by ticket id.
Answers = Mapping[str, Sequence[Mapping[str, Any]]]

NO_EVENT = EventHead("", "An event that no longer exists", None, None, "")


def event_head(event: Event) -> EventHead:
    starts, ends = parse_day(event.event_start_date), parse_day(event.event_end_date)
    times = times_text(event.starts_at, event.ends_at, zone_of(event), event.timezone)
    return EventHead(event.id, event.name, starts or ends, ends or starts, times)


def window_text(event: Event, starts: datetime | None, ends: datetime | None) -> str:
    """`3 May 2030, 20:00 to 23:30 (Europe/Berlin)`, `from …` or `until …`; "" without bounds."""
    zone, name = zone_of(event), event.timezone
    if starts is None or ends is None:
        word, only = ("from", starts) if ends is None else ("until", ends)
        return f"{word} {moment_text(only, zone, name)}" if only else ""
    first, last = starts.astimezone(zone), ends.astimezone(zone)
    begins = f"{first.day} {first:%B %Y, %H:%M}"
    if first.date() == last.date():
        return f"{begins} to {last:%H:%M} ({zone_name(name)})"
    return f"{begins} to {moment_text(ends, zone, name)}"


def order_page(
    view: OrderView,
    refunds: Sequence[Mapping[str, Any]],
    answers: Answers,
    now: datetime,
    path: str,
) -> OrderPage:
    """An order as whoever knows its secret, the last word of `path`, sees it."""
    order, listing = view.order, view.listing
    remaining_s = _remaining_s(order, now)
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
        tickets=ticket_rows(view, offer is not None and offer.can_cancel, answers),
        refunds=rows,
        offer=offer,
        is_event_cancelled=is_event_cancelled(view),
    )


def _remaining_s(order: Order, now: datetime) -> int:
    """Until the order's seats are let go."""
    if order.hold_expires_at is None:
        return 0
    return max(0, int((order.hold_expires_at - now).total_seconds()))


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


def answer_rows(stored: Sequence[Mapping[str, Any]]) -> list[AnswerRow]:
    return [AnswerRow(str(row["label"]), answer_text(row["value"])) for row in stored]


def answer_text(value: object) -> str:
    """An answer in words: of a checkbox, of several choices, or as it was written."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(part) for part in value)
    return str(value)


def _validity(listing: Listing | None, ticket: Ticket) -> str:
    return window_text(listing.event, ticket.valid_from, ticket.valid_until) if listing else ""


def ticket_rows(
    view: OrderView, can_cancel: bool, answers: Answers | None = None
) -> list[TicketRow]:
    """The order's tickets. `can_cancel`: whether the buyer may give back those not used yet."""
    known = answers or {}
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
            is_addon=ticket.kind != ADMISSION,
            validity=_validity(view.listing, ticket),
            answers=answer_rows(known.get(ticket.id, ())),
        )
        for ticket in view.tickets
    ]


def ticket_page(ticket: Ticket, listing: Listing, answers: Answers) -> TicketPage:
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
        is_addon=ticket.kind != ADMISSION,
        validity=_validity(listing, ticket),
        answers=answer_rows(answers.get(ticket.id, ())),
    )


def shows_code(state: str) -> bool:
    """Whether a ticket in this state shows its code. A used one does: staff may ask for it."""
    return state in (TicketStatus.ACTIVE.value, TicketStatus.USED.value)
