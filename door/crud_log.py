"""SELECTs of an event's scans, for its organiser."""

from collections.abc import Mapping, Sequence

from ..crud import Row, Tx

# Only conditions of these columns are ever put into the statement.
_FILTERS = {
    "ticket_id": "s.ticket_id = :ticket_id",
    "scanner_id": "s.scanner_id = :scanner_id",
    "outcome": "s.outcome = :outcome",
    "is_conflict": "s.is_conflict = :is_conflict",
}
# The scan stands also when its ticket was deleted, or got another id.
_SCANS = """
    SELECT s.*, g.name AS scanner_name, t.number AS ticket_number, t.name AS ticket_name,
        p.name AS package_name
    FROM events.scans s
    LEFT JOIN events.scanners g ON g.id = s.scanner_id
    LEFT JOIN events.ticket t ON t.id = s.ticket_id AND t.event = s.event_id
    LEFT JOIN events.packages p ON p.id = t.package_id
"""


async def list_scans(
    tx: Tx, event_id: str, wanted: Mapping[str, object], limit: int, offset: int
) -> tuple[list[Row], int]:
    """A page of an event's scans, newest first, and how many there are.

    `wanted`: columns of _FILTERS by their values.
    """
    conditions = ["s.event_id = :event_id", *(_FILTERS[name] for name in wanted)]
    where = " AND ".join(conditions)
    values = {**wanted, "event_id": event_id}
    count = await tx.fetch_one(
        f"SELECT COUNT(*) AS total FROM events.scans s WHERE {where}",  # noqa: S608  # own words
        values,
    )
    rows = await tx.fetch_all(
        f"{_SCANS} WHERE {where} ORDER BY s.received_at DESC, s.id DESC"
        " LIMIT :limit OFFSET :offset",
        {**values, "limit": limit, "offset": offset},
    )
    return rows, int(count["total"]) if count else 0


async def list_admissions(tx: Tx, event_id: str, ticket_ids: Sequence[str]) -> list[Row]:
    """Every admission of these tickets that was not annulled, in the order of the guests."""
    if not ticket_ids:
        return []
    names = {f"ticket_{place}": ticket_id for place, ticket_id in enumerate(ticket_ids)}
    marks = ", ".join(f":{name}" for name in names)
    return await tx.fetch_all(
        # Only bind marks are put in.
        "SELECT s.scan_id, s.ticket_id, s.scanner_id, s.scanned_at, g.name AS scanner_name"  # noqa: S608
        " FROM events.scans s LEFT JOIN events.scanners g ON g.id = s.scanner_id"
        f" WHERE s.ticket_id IN ({marks}) AND s.event_id = :event_id"
        " AND s.outcome = 'admitted' AND s.annulled_at IS NULL ORDER BY s.scanned_at, s.id",
        {**names, "event_id": event_id},
    )
