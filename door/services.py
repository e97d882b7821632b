"""What is done at a door: scan, look, take an entry back; and 1.6.9's register."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..audit.services import Change, record
from ..clock import now as present
from ..crud import Session, Tx, reading, short_id, transaction
from ..errors import Forbidden, NotAnAdmission, NotFound
from ..models import TicketStatus
from ..tickets import services as tickets
from ..tickets.models import Ticket
from . import crud, rules
from .answers import look_answer, registered_answer, scan_answer
from .codes import ticket_id_in
from .keys import DoorKey, Presented
from .models import NewScan, Outcome, Scan, ScanType, Sight, Told
from .scanning import Attempt, Done, scan, seen, settle

UNKNOWN = tickets.UNKNOWN


async def scan_all(
    event_id: str, shown: Presented, scans: Sequence[NewScan]
) -> list[dict[str, Any]]:
    """Make scans one after the other, each a transaction of its own; their answers, in order.

    Raises Forbidden, ScannerRevoked or ScannerExpired; when that happens midway, what was made
    before stays, and is answered again when it is sent again.
    """
    needs_offline = any(new.is_forced or new.refused for new in scans)
    async with Session() as session:
        return [
            scan_answer(
                await scan(session, event_id, Attempt(new, shown, present(), needs_offline))
            )
            for new in scans
        ]


async def scan_order(event_id: str, shown: Presented, new: NewScan) -> dict[str, Any]:
    """One check-in, and with it the order's other tickets that are valid: `results` has all.

    Nobody else comes in by a ticket that is not valid itself. Raises as `scan_all`.
    """
    async with Session() as session:
        first = await scan(session, event_id, Attempt(new, shown, present()))
        answers = [scan_answer(first)]
        for other in await _companions(session, first, new):
            done = await scan(session, event_id, Attempt(other, shown, present()))
            answers.append(scan_answer(done))
    return {**answers[0], "group": answers[-1]["group"], "results": answers}


async def _companions(session: Session, first: Done, new: NewScan) -> list[NewScan]:
    ticket, numbers = first.sight.own_ticket, first.scan.told.others
    if not numbers or ticket is None or ticket.order_id is None:
        return []
    async with session.reading() as tx:
        found = await tickets.order_tickets(tx, ticket.order_id)
    return [
        # A client's scan ids have no dot.
        replace(new, scan_id=f"{new.scan_id}.{other.number}", code=other.id, whole_order=False)
        for other in found
        if other.number in numbers and other.event_id == ticket.event_id
    ]


async def validate(event_id: str, shown: Presented, code: str, now: datetime) -> dict[str, Any]:
    """How a check-in would end. Nothing is written. Raises what `keys.checked` does."""
    async with reading() as tx:
        row = await crud.look(tx, event_id, shown.token_hash, ticket_id_in(code), None)
    key, sight = seen(row, shown, now)
    outcome = rules.decide(sight.ticket, sight.event, ScanType.CHECK_IN, now)
    return look_answer(outcome, sight, key)


async def annul(event_id: str, scan_id: str, shown: Presented, now: datetime) -> dict[str, Any]:
    """Take an admission back; the scan stays in the log. Repeating changes nothing.

    The ticket is valid again unless it was admitted by another scan as well. Raises NotFound,
    NotAnAdmission, Forbidden (also for a scanner, of another's scan).
    """
    async with transaction() as tx:
        row = await crud.look(tx, event_id, shown.token_hash, None, scan_id)
        key, sight = seen(row, shown, now)
        made = _own_admission(sight, key)
        if made.ticket_id:
            # So that of two annulments one sees the other.
            await tickets.lock(tx, made.ticket_id)
        if await crud.annul(tx, made.id, now, key.name) and sight.own_ticket:
            await _take_back(tx, made, sight.own_ticket)
        row = await crud.look(tx, event_id, shown.token_hash, None, scan_id)
    key, sight = seen(row, shown, now)
    made = _own_admission(sight, key)
    told = Told(first_check_in_at=sight.first_check_in_at, by=sight.by, group=sight.group)
    return scan_answer(Done(replace(made, told=told), sight, key))


def _own_admission(sight: Sight, key: DoorKey) -> Scan:
    if sight.earlier is None:
        raise NotFound("This scan does not exist.")
    if not key.is_organiser and sight.earlier.scanner_id != key.scanner_id:
        raise Forbidden("This scan was made by somebody else.")
    if sight.earlier.outcome is not Outcome.ADMITTED:
        raise NotAnAdmission("Only a scan that let somebody in can be annulled.")
    return sight.earlier


async def _take_back(tx: Tx, made: Scan, ticket: Ticket) -> None:
    changes = [Change("annul", "ticket", ticket.id, made.event_id, "scan", made.scan_id, None)]
    stand, later = await crud.count_admissions(tx, ticket.id, made.received_at)
    if not stand and await tickets.take_back(tx, ticket):
        was, is_now = TicketStatus.USED.value, TicketStatus.ACTIVE.value
        changes.append(Change("annul", "ticket", ticket.id, made.event_id, "status", was, is_now))
    elif made.told.was_out_since and not later:
        # The guest did not come back, so is out as before.
        await tickets.let_out(tx, ticket, made.told.was_out_since)
    await record(tx, changes)


async def register(ticket_id: str, shown: Presented, now: datetime) -> dict[str, Any]:
    """1.6.9's way to admit a ticket, once. It leaves a scan, also where it refuses.

    Raises NotFound (unknown, or of another event) or Forbidden.
    """
    new = NewScan(short_id(), ticket_id, ScanType.CHECK_IN, now)
    attempt = Attempt(new, shown, now, is_register=True)
    async with transaction() as tx:
        row = await crud.look_by_ticket(tx, ticket_id, shown.token_hash)
        is_own = row is not None and row["event_wallet"] == shown.wallet
        if shown.token_hash is None and not is_own:
            # No event of theirs, so no log to write it to.
            raise NotFound(UNKNOWN)
        done = await settle(tx, attempt, row)
    ticket, outcome = done.sight.own_ticket, done.scan.outcome
    if ticket is None:
        raise NotFound(UNKNOWN)
    if outcome is not Outcome.ADMITTED:
        raise Forbidden(rules.why_not_registered(ticket, outcome))
    admitted = replace(ticket, status=TicketStatus.USED, registered=True, registered_at=now)
    return registered_answer(admitted, done.key)
