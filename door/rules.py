"""How a scan ends. Pure: who asks gives the time."""

from datetime import datetime

from ..catalog.models import ADMISSION, Entry
from ..models import EventStatus, TicketStatus
from ..tickets.models import Ticket
from .models import DoorEvent, Outcome, ScanType, Verdict

_UNTIMELY = (Outcome.NOT_YET_VALID, Outcome.EXPIRED)
_OF_STATUS = {
    TicketStatus.RESERVED: Outcome.UNPAID,
    TicketStatus.CANCELLED: Outcome.CANCELLED,
    TicketStatus.REFUNDED: Outcome.REFUNDED,
}


def decide(ticket: Ticket | None, event: DoorEvent, scan_type: ScanType, at: datetime) -> Outcome:
    """What a scan of this ticket comes to at this event's door.

    A ticket of another event is that and nothing else: its state is not ours to tell.
    """
    if ticket is None:
        return Outcome.UNKNOWN
    if ticket.event_id != event.id:
        return Outcome.WRONG_EVENT
    return (
        _refusal(ticket, event)
        # Whoever is inside may leave at any time.
        or (_untimely(ticket, at) if scan_type is not ScanType.CHECK_OUT else None)
        or _by_state(ticket, event, scan_type)
    )


def _refusal(ticket: Ticket, event: DoorEvent) -> Outcome | None:
    if ticket.status in _OF_STATUS:
        return _OF_STATUS[ticket.status]
    if not ticket.paid:
        return Outcome.UNPAID
    return Outcome.CANCELLED if event.status is EventStatus.CANCELLED else None


def _untimely(ticket: Ticket, at: datetime) -> Outcome | None:
    if ticket.valid_from and at < ticket.valid_from:
        return Outcome.NOT_YET_VALID
    return Outcome.EXPIRED if ticket.valid_until and at >= ticket.valid_until else None


def _by_state(ticket: Ticket, event: DoorEvent, scan_type: ScanType) -> Outcome:
    if scan_type is ScanType.ACCESS:
        return Outcome.ACCESS_GRANTED
    is_out = ticket.left_at is not None
    if scan_type is ScanType.CHECK_OUT:
        return Outcome.LEFT if ticket.is_used and not is_out else Outcome.NOT_CHECKED_IN
    comes_again = is_out and event.entry is Entry.REENTRY
    return Outcome.ADMITTED if comes_again or not ticket.is_used else Outcome.ALREADY_USED


def entry_made(ticket: Ticket | None, event: DoorEvent, at: datetime) -> Verdict:
    """An entry that a device without network made at that time: the guest is inside.

    A ticket that was used by somebody else, or out of its time, is admitted as a conflict, so
    that it lets in nobody else; one that is not valid at all keeps its outcome.
    """
    outcome = decide(ticket, event, ScanType.CHECK_IN, at)
    if outcome is Outcome.ADMITTED:
        return Verdict(outcome)
    is_ticket = outcome is Outcome.ALREADY_USED or outcome in _UNTIMELY
    return Verdict(Outcome.ADMITTED if is_ticket else outcome, is_conflict=True)


def registered(ticket: Ticket | None, event: DoorEvent, at: datetime) -> Verdict:
    """1.6.9's register: a check-in, but to it an add-on is no ticket for the door."""
    outcome = decide(ticket, event, ScanType.CHECK_IN, at)
    if ticket and ticket.kind != ADMISSION and outcome in (Outcome.ADMITTED, Outcome.ALREADY_USED):
        return Verdict(Outcome.UNKNOWN)
    return Verdict(outcome)


def why_not_registered(ticket: Ticket, outcome: Outcome) -> str:
    """The sentence for it, 1.6.9's where it had one."""
    if outcome is Outcome.CANCELLED and ticket.status is not TicketStatus.CANCELLED:
        return "The event was cancelled."
    return _SENTENCES[outcome]


_SENTENCES = {
    Outcome.UNPAID: "Ticket not paid for.",
    Outcome.CANCELLED: "Ticket was cancelled.",
    Outcome.REFUNDED: "Ticket was refunded.",
    Outcome.ALREADY_USED: "Ticket already registered",
    Outcome.NOT_YET_VALID: "Ticket is not valid yet.",
    Outcome.EXPIRED: "Ticket is not valid any more.",
    Outcome.UNKNOWN: "This is no ticket for the door.",
}
