"""One scan: look, judge, change the ticket, write the row. All of it is one transaction, and
happens once for each scan id."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ..catalog.models import ADMISSION
from ..crud import Row, Session, Tx, short_id
from ..errors import Forbidden
from ..models import TicketStatus
from ..tickets import services as tickets
from ..tickets.models import Ticket
from . import crud, rules
from .codes import code_hash, ticket_id_in
from .keys import DoorKey, Presented, checked
from .models import Group, NewScan, Outcome, Scan, Sight, Told, Verdict
from .rows import scan_row, sight_of


@dataclass(frozen=True)
class Attempt:
    """A scan under way, and by whom."""

    new: NewScan
    shown: Presented
    now: datetime
    # Something that was sent with it needs the right to work offline.
    needs_offline: bool = False
    # By 1.6.9's register, which has rules of its own.
    is_register: bool = False


@dataclass(frozen=True)
class Done:
    """A scan that was made now, or before with the same id, and what was seen for it."""

    scan: Scan
    sight: Sight
    key: DoorKey


class ScanIdTakenError(Exception):
    """Another scan with this id was faster. It has been committed."""


async def scan(session: Session, event_id: str, attempt: Attempt) -> Done:
    """Make a scan, or find the one with the same id. Raises what `settle` does."""
    try:
        return await _scan(session, event_id, attempt)
    except ScanIdTakenError:
        return await _scan(session, event_id, attempt)


async def _scan(session: Session, event_id: str, attempt: Attempt) -> Done:
    async with session.transaction() as tx:
        return await settle(tx, attempt, await _look(tx, event_id, attempt))


async def _look(tx: Tx, event_id: str, attempt: Attempt) -> Row | None:
    new = attempt.new
    wanted = ticket_id_in(new.code)
    return await crud.look(tx, event_id, attempt.shown.token_hash, wanted, new.scan_id)


async def settle(tx: Tx, attempt: Attempt, row: Row | None) -> Done:
    """From what `crud.look` found on. Raises what `keys.checked` does, Forbidden for offline work
    without the right to it, and ScanIdTakenError; then nothing may be committed."""
    for _ in range(2):
        key, sight = seen(row, attempt.shown, attempt.now)
        if attempt.needs_offline and not key.may_work_offline:
            raise Forbidden("This scanner may not work offline.")
        if sight.earlier:
            return Done(sight.earlier, sight, key)
        verdict = _judge(attempt, sight)
        if await _apply(tx, sight, verdict, attempt.new.scanned_at):
            return Done(await _write(tx, attempt, key, sight, verdict), sight, key)
        # Another process changed the ticket after it was read. From here on none does.
        if sight.ticket:
            await tickets.lock(tx, sight.ticket.id)
        row = await _look(tx, sight.event.id, attempt)
    raise RuntimeError("A ticket changed while it was locked.")


def seen(row: Row | None, shown: Presented, now: datetime) -> tuple[DoorKey, Sight]:
    """Who looks, and what there is. Raises what `keys.checked` does."""
    key = checked(row, shown, now)
    # Without a row there would be no key.
    return key, sight_of(cast("Row", row))


def _judge(attempt: Attempt, sight: Sight) -> Verdict:
    new = attempt.new
    if new.refused:
        return Verdict(new.refused)
    if new.is_forced:
        return rules.entry_made(sight.ticket, sight.event, new.scanned_at)
    if attempt.is_register:
        return rules.registered(sight.ticket, sight.event, attempt.now)
    return Verdict(rules.decide(sight.ticket, sight.event, new.type, attempt.now))


async def _apply(tx: Tx, sight: Sight, verdict: Verdict, at: datetime) -> bool:
    """Change the ticket as the verdict has it; False when it is not as it was seen any more."""
    ticket = sight.ticket
    if ticket and verdict.outcome is Outcome.LEFT:
        return await tickets.let_out(tx, ticket, at)
    if ticket is None or verdict.outcome is not Outcome.ADMITTED:
        return True
    if not ticket.is_used:
        return await tickets.admit(tx, ticket, at)
    if verdict.is_conflict:
        # With an entry that is being taken back there would be none left.
        return await tickets.keep(tx, ticket)
    return await tickets.readmit(tx, ticket)


async def _write(tx: Tx, attempt: Attempt, key: DoorKey, sight: Sight, verdict: Verdict) -> Scan:
    new = attempt.new
    ticket = sight.own_ticket
    scan = Scan(
        id=short_id(),
        event_id=sight.event.id,
        scan_id=new.scan_id,
        type=new.type,
        outcome=verdict.outcome,
        scanned_at=new.scanned_at,
        received_at=attempt.now,
        told=await _told(tx, new, key, sight, verdict),
        ticket_id=ticket.id if ticket else None,
        code_hash=None if ticket else code_hash(new.code),
        scanner_id=key.scanner_id,
        location=new.location,
        is_forced=new.is_forced,
        is_conflict=verdict.is_conflict,
    )
    if not await crud.insert_scan(tx, scan_row(scan)):
        raise ScanIdTakenError
    return scan


async def _told(tx: Tx, new: NewScan, key: DoorKey, sight: Sight, verdict: Verdict) -> Told:
    """What the answer says of the ticket as it is after the scan."""
    ticket = sight.own_ticket
    if ticket is None:
        return Told()
    is_admitted = verdict.outcome is Outcome.ADMITTED
    comes_first = is_admitted and not ticket.is_used
    first_at, by = sight.first_check_in_at, sight.by
    if is_admitted and (first_at is None or new.scanned_at < first_at):
        first_at, by = new.scanned_at, key.name
    group = sight.group
    if group and comes_first and ticket.kind == ADMISSION:
        group = Group(group.tickets, group.admitted + 1)
    may_bring_others = is_admitted or verdict.outcome is Outcome.ALREADY_USED
    return Told(
        status=(TicketStatus.USED if is_admitted else ticket.status).value,
        first_check_in_at=first_at,
        by=by,
        group=group,
        was_out_since=ticket.left_at if is_admitted and not verdict.is_conflict else None,
        others=await _others(tx, ticket) if new.whole_order and may_bring_others else None,
    )


async def _others(tx: Tx, ticket: Ticket) -> tuple[int, ...]:
    """Numbers of the tickets that come in with this one. Written down with it, so that a repeat
    brings in the same, and none that became valid since."""
    if ticket.order_id is None:
        return ()
    return tuple(
        other.number
        for other in await tickets.order_tickets(tx, ticket.order_id)
        if other.number is not None
        and other.id != ticket.id
        and other.event_id == ticket.event_id
        and other.kind == ADMISSION
        and other.status is TicketStatus.ACTIVE
    )
