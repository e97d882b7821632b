"""Rows of `events.scans`, and what a SELECT finds for a scan, as the words of this room."""

import json
from datetime import datetime
from typing import Any, cast

from ..catalog.models import Entry
from ..clock import from_ms, to_ms
from ..crud import Row
from ..models import EventStatus
from ..tickets.models import Ticket
from .models import (
    ORGANISER,
    DoorEvent,
    Group,
    Outcome,
    Scan,
    ScanType,
    Sight,
    Told,
)


def sight_of(row: Row) -> Sight:
    """A row of `crud.look`."""
    ticket = Ticket.from_row(row) if row["id"] is not None else None
    first_at, by = from_ms(row["first_scanned_at"]), None
    if first_at is not None:
        by = row["first_name"] if row["first_scanner_id"] else ORGANISER
    elif ticket is not None:
        # Let in by 1.6.9, which kept no scans.
        first_at = ticket.registered_at
    tickets = int(row["group_tickets"])
    return Sight(
        event=DoorEvent(
            id=row["event_id"],
            wallet=row["event_wallet"],
            status=EventStatus(row["event_status"]),
            entry=Entry(row["event_entry"]),
        ),
        ticket=ticket,
        package_name=row["package_name"],
        earlier=_earlier(row),
        first_check_in_at=first_at,
        by=by,
        group=Group(tickets, int(row["group_admitted"])) if tickets > 1 else None,
    )


def _earlier(row: Row) -> Scan | None:
    if row["earlier_id"] is None:
        return None
    return Scan(
        id=row["earlier_id"],
        event_id=row["event_id"],
        scan_id=row["earlier_scan_id"],
        type=ScanType(row["earlier_type"]),
        outcome=Outcome(row["earlier_outcome"]),
        # NOT NULL, and what is written is checked before.
        scanned_at=cast("datetime", from_ms(row["earlier_scanned_at"])),
        received_at=cast("datetime", from_ms(row["earlier_received_at"])),
        told=read_told(row["earlier_answer"]),
        ticket_id=row["earlier_ticket_id"],
        code_hash=row["earlier_code_hash"],
        scanner_id=row["earlier_scanner_id"],
        location=row["earlier_location"],
        is_forced=bool(row["earlier_is_forced"]),
        is_conflict=bool(row["earlier_is_conflict"]),
        annulled_at=from_ms(row["earlier_annulled_at"]),
    )


def scan_row(scan: Scan) -> dict[str, Any]:
    """The columns of a new scan."""
    return {
        "id": scan.id,
        "event_id": scan.event_id,
        "scan_id": scan.scan_id,
        "ticket_id": scan.ticket_id,
        "code_hash": scan.code_hash,
        "scanner_id": scan.scanner_id,
        "type": scan.type.value,
        "outcome": scan.outcome.value,
        "is_forced": scan.is_forced,
        "is_conflict": scan.is_conflict,
        "location": scan.location,
        "answer": written(scan.told),
        "scanned_at": to_ms(scan.scanned_at),
        "received_at": to_ms(scan.received_at),
    }


def written(told: Told) -> str | None:
    """Short words, since there is one of it for every scan; what is None is left out."""
    group = told.group
    words = {
        "status": told.status,
        "first": to_ms(told.first_check_in_at) if told.first_check_in_at else None,
        "by": told.by,
        "group": [group.tickets, group.admitted] if group else None,
        "out": to_ms(told.was_out_since) if told.was_out_since else None,
        "others": told.others,
    }
    known = {name: value for name, value in words.items() if value is not None}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":")) if known else None


def read_told(text: str | None) -> Told:
    words: dict[str, Any] = json.loads(text) if text else {}
    return Told(
        status=words.get("status"),
        first_check_in_at=from_ms(words.get("first")),
        by=words.get("by"),
        group=Group(*words["group"]) if "group" in words else None,
        was_out_since=from_ms(words.get("out")),
        others=tuple(words["others"]) if "others" in words else None,
    )
