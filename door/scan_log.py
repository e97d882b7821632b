"""The log of an event's scans, refused ones included."""

from collections.abc import Mapping
from typing import Any

from ..catalog.services import own_event
from ..clock import from_ms, iso
from ..crud import Row, reading
from . import crud_log
from .models import ORGANISER


async def list_scans(
    event_id: str, wallet: str, wanted: Mapping[str, object], limit: int, offset: int
) -> tuple[list[dict[str, Any]], int]:
    """A page of the log, newest first, and how many scans match `wanted` (`ticket_id`,
    `scanner_id`, `outcome`, `is_conflict`).

    Raises NotFound, Forbidden.
    """
    async with reading() as tx:
        await own_event(tx, event_id, wallet)
        rows, total = await crud_log.list_scans(tx, event_id, wanted, limit, offset)
        twice = {row["ticket_id"] for row in rows if row["is_conflict"] and row["ticket_id"]}
        admissions = await crud_log.list_admissions(tx, event_id, sorted(twice))
    of_ticket: dict[str, list[Row]] = {}
    for each in admissions:
        of_ticket.setdefault(each["ticket_id"], []).append(each)
    return [_entry(row, of_ticket) for row in rows], total


def _scanner(row: Row) -> str:
    return str(row["scanner_name"]) if row["scanner_id"] else ORGANISER


def _entry(row: Row, admissions: Mapping[str, list[Row]]) -> dict[str, Any]:
    """`admissions`: of the tickets in conflict, by their ids."""
    others = admissions.get(row["ticket_id"], []) if row["is_conflict"] else []
    return {
        "scan_id": row["scan_id"],
        "at": iso(from_ms(row["scanned_at"])),
        "received_at": iso(from_ms(row["received_at"])),
        "type": row["type"],
        "outcome": row["outcome"],
        "forced": bool(row["is_forced"]),
        "conflict": bool(row["is_conflict"]),
        "annulled_at": iso(from_ms(row["annulled_at"])),
        "annulled_by": row["annulled_by"],
        "ticket": _ticket(row),
        "scanner_id": row["scanner_id"],
        "scanner": _scanner(row),
        "location": row["location"],
        "others": [
            {"at": iso(from_ms(other["scanned_at"])), "scanner": _scanner(other)}
            for other in others
            if other["scan_id"] != row["scan_id"]
        ],
    }


def _ticket(row: Row) -> dict[str, Any] | None:
    if row["ticket_id"] is None:
        return None
    return {
        "id": row["ticket_id"],
        "number": row["ticket_number"],
        "name": row["ticket_name"],
        "package": row["package_name"],
    }
