"""What the door answers of a scan."""

from typing import Any

from ..clock import iso
from ..tickets.models import Ticket, organiser_view
from .keys import DoorKey
from .models import Group, Outcome, Sight
from .scanning import Done


def scan_answer(done: Done) -> dict[str, Any]:
    """A scan as it was first told; only the names in it, and an annulment, are those of now."""
    scan, told = done.scan, done.scan.told
    ticket = done.sight.own_ticket if scan.ticket_id else None
    return {
        "outcome": scan.outcome.value,
        "scan_id": scan.scan_id,
        "type": scan.type.value,
        "ticket": _ticket(ticket, told.status, done.sight, done.key),
        "scanned_at": iso(scan.scanned_at),
        "first_check_in_at": iso(told.first_check_in_at),
        "by": told.by,
        "conflict": scan.is_conflict,
        "annulled": scan.annulled_at is not None,
        "group": _group(told.group),
    }


def look_answer(outcome: Outcome, sight: Sight, key: DoorKey) -> dict[str, Any]:
    """What a scan would come to, with the ticket as it is."""
    ticket = sight.own_ticket
    return {
        "outcome": outcome.value,
        "ticket": _ticket(ticket, None, sight, key),
        "first_check_in_at": iso(sight.first_check_in_at) if ticket else None,
        "by": sight.by if ticket else None,
        "group": _group(sight.group) if ticket else None,
    }


def registered_answer(ticket: Ticket, key: DoorKey) -> dict[str, Any]:
    """1.6.9's fields. At the door nobody is told who the buyer is, or what was paid."""
    view = organiser_view(ticket)
    if key.is_organiser:
        return view
    name = ticket.name if key.sees_names else ""
    hidden = {"wallet": "", "email": "", "extra": {}}
    unknown = dict.fromkeys(("order_id", "payment_hash", "price_sat"))
    return {**view, **hidden, **unknown, "name": name}


def _group(group: Group | None) -> dict[str, int] | None:
    return {"tickets": group.tickets, "admitted": group.admitted} if group else None


def _ticket(
    ticket: Ticket | None, status: str | None, sight: Sight, key: DoorKey
) -> dict[str, Any] | None:
    if ticket is None:
        return None
    return {
        "id": ticket.id,
        "number": ticket.number,
        "name": ticket.name if key.sees_names else None,
        "package": sight.package_name,
        "package_id": ticket.package_id,
        "kind": ticket.kind,
        "status": status or ticket.status.value,
        "valid_from": iso(ticket.valid_from),
        "valid_until": iso(ticket.valid_until),
    }
