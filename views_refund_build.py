"""From refunds and offers to what pages show. Pure: time and addresses come in as arguments."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from .catalog.models import Event
from .catalog.times import zone_of
from .models import EventStatus, OrderStatus, TicketStatus
from .orders.models import FREE
from .orders.services import OrderView
from .refunds.cancelling import buyer_offer
from .refunds.claims import Claim
from .refunds.models import BY_HAND_METHODS, PAID_BY_HAND
from .refunds.rules import tier_ends_at
from .tickets.models import Ticket
from .views_models import CancelOffer, EventHead, RefundRow, RefundRule, RefundStep, TicketRow
from .views_refund_models import CancelPage, ClaimPage
from .views_text import moment_text


def event_moment(event: Event | None, at: datetime | None) -> str:
    """A moment by the clock of the event; UTC where the event is gone. "" for none."""
    if at is None:
        return ""
    if event is None:
        return moment_text(at, timezone.utc, "UTC")
    return moment_text(at, zone_of(event), event.timezone)


def refund_rule(event: Event, now: datetime) -> RefundRule:
    """What comes back to who cancels, from now on."""
    steps: list[RefundStep] = []
    for tier in event.refund_tiers:
        ends = tier_ends_at(event, tier)
        if ends is None or now > ends:
            continue
        step = RefundStep(tier.percent, event_moment(event, ends))
        # Two tiers of one percentage are one promise.
        if steps and steps[-1].percent == step.percent:
            steps.pop()
        steps.append(step)
    while steps and not steps[-1].percent:
        steps.pop()
    return RefundRule(event.buyer_can_cancel, steps)


def refund_row(
    refund: Mapping[str, Any], numbers: Mapping[str, int | None], event: Event | None
) -> RefundRow:
    """A refund as `refunds.services.refund_view` tells it. `numbers`: of the order's tickets."""
    return RefundRow(
        amount_sat=refund["amount_sat"],
        state=refund["status"],
        reason=refund["reason"],
        number=numbers.get(refund["ticket_id"] or ""),
        destination=refund["destination"],
        error=refund["error"],
        attempts=refund["attempts"],
        # The page may be open under another name of this host than the one links are made with.
        claim_path=urlsplit(refund["claim_url"] or "").path,
        is_by_hand=refund["method"] in BY_HAND_METHODS,
        is_paid_by_hand=refund["paid_by"] == PAID_BY_HAND,
        paid_at=event_moment(event, _moment(refund["paid_at"])),
    )


def _moment(text: str | None) -> datetime | None:
    """A moment as the API writes it."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None


def refund_rows(view: OrderView, refunds: Sequence[Mapping[str, Any]]) -> list[RefundRow]:
    numbers = {ticket.id: ticket.number for ticket in view.tickets}
    event = view.listing.event if view.listing else None
    return [refund_row(refund, numbers, event) for refund in refunds]


def owed_sat(view: OrderView, refunds: Sequence[RefundRow]) -> int:
    """What is owed, or was paid back when nothing is. Without a row in the ledger: all of it."""
    open_sums = [refund.amount_sat for refund in refunds if refund.is_open]
    sums = open_sums or [refund.amount_sat for refund in refunds]
    order = view.order
    return sum(sums) if sums else (order.settled_msat or order.total_sat * 1000) // 1000


def active_tickets(view: OrderView) -> list[Ticket]:
    return [ticket for ticket in view.tickets if ticket.status is TicketStatus.ACTIVE]


def is_event_cancelled(view: OrderView) -> bool:
    return view.listing is not None and view.listing.event.status is EventStatus.CANCELLED


def cancel_offer(view: OrderView, now: datetime) -> CancelOffer | None:
    """What the order page says of cancelling; None where there is nothing to cancel."""
    active = active_tickets(view)
    if view.listing is None or not active or view.order.status is not OrderStatus.CONFIRMED:
        return None
    if is_event_cancelled(view):
        return None
    offer = buyer_offer(view, now)
    return CancelOffer(
        count=len(active),
        # The service cancels an order as a whole or not at all.
        has_used=any(ticket.status is TicketStatus.USED for ticket in view.tickets),
        is_free=view.order.method == FREE,
        why_not=offer.why_not,
        rule=refund_rule(view.listing.event, now),
    )


def cancel_page(
    view: OrderView,
    number: int | None,
    now: datetime,
    path: str,
    head: EventHead,
    rows: Sequence[TicketRow],
) -> CancelPage | None:
    """The page before cancelling; None when what is asked for cannot be cancelled any more."""
    active = active_tickets(view)
    chosen = [ticket for ticket in active if number is None or ticket.number == number]
    shown = cancel_offer(view, now)
    if not chosen or shown is None or (number is None and shown.has_used):
        return None
    offer = buyer_offer(view, now)
    ids = {ticket.id for ticket in chosen}
    refund_sat = sum(sat for ticket_id, sat in offer.per_ticket.items() if ticket_id in ids)
    return CancelPage(
        event=head,
        order_path=path,
        number=number,
        tickets=[row for row in rows if row.id in ids],
        kept=len(active) - len(chosen),
        paid_sat=sum(ticket.price_sat for ticket in chosen),
        refund_sat=refund_sat,
        percent=offer.percent,
        until=event_moment(view.listing.event if view.listing else None, offer.ends_at),
        why_not=offer.why_not,
        address=view.order.refund_address or "",
        is_by_hand=view.order.method in BY_HAND_METHODS,
    )


def claim_page(claim: Claim, path: str) -> ClaimPage:
    refund = claim.refund
    return ClaimPage(
        path=path,
        event_name=claim.event_name or "An event that no longer exists",
        amount_sat=refund.amount_sat,
        state=refund.status.value,
        reason=refund.reason,
        destination=refund.destination or "",
        error_text=refund.error or "",
        attempts=refund.attempts,
        is_by_hand=refund.is_by_hand,
        is_paid_by_hand=refund.paid_by == PAID_BY_HAND,
        paid_at=event_moment(None, refund.paid_at),
        note=refund.note or "",
        lnurl=(claim.lnurl or "") if refund.is_claimable else "",
    )
