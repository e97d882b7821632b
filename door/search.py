"""Finding a guest without a code: by name, ticket number or e-mail address."""

import re
from datetime import datetime

from ..clock import from_ms, iso
from ..crud import Row, reading
from ..errors import Forbidden, InvalidInput
from ..models import MAX_COUNT, TicketStatus, clean_text
from ..tickets.models import Ticket
from . import crud_offline
from .crud_offline import Wanted
from .keys import DoorKey, Presented, require_key
from .models import ORGANISER

MOST_FOUND = 20
_NUMBER = re.compile(r"#?([0-9]{1,10})")


async def search(
    event_id: str, shown: Presented, text: str, now: datetime
) -> tuple[list[dict[str, object]], int]:
    """The first tickets that fit, and how many do. The organiser is told their addresses too.

    Raises InvalidInput, Forbidden (also for a scanner that does not see names).
    """
    wanted = clean_text(text, "The search", 100)
    number = _number(wanted)
    if number is None and len(wanted) < 2:
        raise InvalidInput("A search needs two characters, or a ticket's number.")
    async with reading() as tx:
        key = await require_key(tx, event_id, shown, now)
        if not key.sees_names:
            raise Forbidden("This scanner does not see names.")
        rows = await crud_offline.find_tickets(
            tx, event_id, _wanted(wanted, number, key), MOST_FOUND
        )
    return [_view(row, key) for row in rows], int(rows[0]["total"]) if rows else 0


def _number(text: str) -> int | None:
    found = _NUMBER.fullmatch(text)
    number = int(found[1]) if found else None
    return number if number is not None and number <= MAX_COUNT else None


def _wanted(text: str, number: int | None, key: DoorKey) -> Wanted:
    """Addresses are not shown to a scanner, so it may not try them out letter by letter either:
    it has to know one up to the @ at least."""
    part = text if len(text) >= 2 else None
    if key.is_organiser:
        return Wanted(number, name_part=part, email_part=part)
    return Wanted(number, name_part=part, email_begin=text if text.find("@") > 0 else None)


def _view(row: Row, key: DoorKey) -> dict[str, object]:
    ticket = Ticket.from_row(row)
    # 1.6.9 kept no scans of those it let in.
    first_check_in_at = from_ms(row["admitted_at"]) or ticket.registered_at
    found: dict[str, object] = {
        "id": ticket.id,
        "number": ticket.number,
        "name": ticket.name,
        "package": row["package_name"],
        "status": TicketStatus.USED if ticket.is_used else ticket.status,
        "first_check_in_at": iso(first_check_in_at),
        "by": (row["scanner_name"] or ORGANISER) if row["admission"] else None,
        "order": row["order_tickets"],
    }
    if key.is_organiser:
        found["email"] = ticket.email
    return found
