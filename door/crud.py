"""SQL of `events.scans`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Row, Tx
from .crud_scanners import KEY_COLUMNS, KEY_JOIN

# The tickets of an order that come in together: of this event, for the door, and valid. Written so
# that no planner reads all tickets of the event for it.
_TOGETHER = (
    "FROM events.ticket g WHERE g.order_id = t.order_id AND g.event || '' = e.id"
    " AND g.kind = 'admission' AND g.status IN ('active', 'used')"
)
_STANDS = "x.outcome = 'admitted' AND x.annulled_at IS NULL"
_SCAN = (
    "id scan_id ticket_id code_hash scanner_id type outcome is_forced is_conflict"
    " location answer scanned_at received_at annulled_at"
).split()
# All that a scan has to know, whatever it will come to: one statement, and no part of it reads
# more rows when more was sold. An earlier scan of the same id brings its own ticket.
_LOOK = f"""
    SELECT {KEY_COLUMNS}, e.status AS event_status, e.entry AS event_entry, t.*,
        p.name AS package_name, {", ".join(f"r.{name} AS earlier_{name}" for name in _SCAN)},
        f.scanned_at AS first_scanned_at, f.scanner_id AS first_scanner_id, b.name AS first_name,
        (SELECT COUNT(*) {_TOGETHER}) AS group_tickets,
        (SELECT COUNT(*) {_TOGETHER} AND g.status = 'used') AS group_admitted
    FROM events.events e {KEY_JOIN}
    LEFT JOIN events.scans r ON r.event_id = e.id AND r.scan_id = CAST(:scan_id AS TEXT)
    LEFT JOIN events.ticket t ON t.id =
        CASE WHEN r.id IS NULL THEN CAST(:ticket_id AS TEXT) ELSE r.ticket_id END
    LEFT JOIN events.packages p ON p.id = t.package_id
    LEFT JOIN events.scans f ON f.id = (
        SELECT x.id FROM events.scans x WHERE x.ticket_id = t.id AND {_STANDS}
        ORDER BY x.scanned_at, x.received_at, x.id LIMIT 1)
    LEFT JOIN events.scanners b ON b.id = f.scanner_id
"""  # noqa: S608 - only words of this package
LOOK = f"{_LOOK} WHERE e.id = :event_id"
# At the door of the token's event; of an admin key, at that of the ticket's.
LOOK_BY_TICKET = (
    f"{_LOOK} WHERE e.id = COALESCE("  # noqa: S608 - only words of this package
    "(SELECT event_id FROM events.scanners WHERE token_hash = CAST(:token_hash AS TEXT)),"
    " (SELECT event FROM events.ticket WHERE id = :ticket_id))"
)


async def look(
    tx: Tx, event_id: str, token_hash: str | None, ticket_id: str | None, scan_id: str | None
) -> Row | None:
    """What `rows.sight_of` reads, and `keys.checked`; None: there is no such event."""
    return await tx.fetch_one(
        LOOK,
        {
            "event_id": event_id,
            "token_hash": token_hash,
            "ticket_id": ticket_id,
            "scan_id": scan_id,
        },
    )


async def look_by_ticket(tx: Tx, ticket_id: str, token_hash: str | None) -> Row | None:
    """The same of a ticket alone; None: neither it nor the token leads to an event."""
    values = {"ticket_id": ticket_id, "token_hash": token_hash, "scan_id": None}
    return await tx.fetch_one(LOOK_BY_TICKET, values)


async def insert_scan(tx: Tx, row: Mapping[str, Any]) -> bool:
    """False when another scan has this scan id; on PostgreSQL it has then been committed."""
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    inserted = await tx.execute(
        # Names come from this room, values are bound.
        f"INSERT INTO events.scans ({names}) VALUES ({marks})"  # noqa: S608
        " ON CONFLICT (event_id, scan_id) DO NOTHING",
        row,
    )
    return inserted == 1


async def annul(tx: Tx, scan_row_id: str, at: datetime, by: str) -> bool:
    """False when it was annulled before."""
    annulled = await tx.execute(
        "UPDATE events.scans SET annulled_at = :at, annulled_by = :by"
        " WHERE id = :id AND annulled_at IS NULL",
        {"id": scan_row_id, "at": to_ms(at), "by": by},
    )
    return annulled == 1


async def count_admissions(tx: Tx, ticket_id: str, since: datetime) -> tuple[int, int]:
    """Of a ticket, those that stand: all, and those received at that moment or later."""
    row = await tx.fetch_one(
        "SELECT COUNT(*) AS stand,"  # noqa: S608 - own words
        " COALESCE(SUM(CASE WHEN x.received_at >= :since THEN 1 ELSE 0 END), 0) AS later"
        f" FROM events.scans x WHERE x.ticket_id = :ticket_id AND {_STANDS}",
        {"ticket_id": ticket_id, "since": to_ms(since)},
    )
    return (int(row["stand"]), int(row["later"])) if row else (0, 0)
