"""SELECTs over an event's tickets for its door: the list that devices keep, search, figures."""

from dataclasses import dataclass

from ..crud import Row, Tx, beginning_with, containing, is_sqlite, looks_like

# Rows that 1.6.9 wrote and no boot has taken over yet have no status, or still the old one.
_STATUS = """CASE WHEN t.paid = TRUE AND t.registered = TRUE
        AND COALESCE(t.status, 'active') = 'active' THEN 'used'
    ELSE COALESCE(t.status, CASE WHEN t.paid = TRUE THEN 'active' ELSE 'reserved' END) END"""
# Also what was cancelled since. An order is confirmed once in its life.
_EVER_PAID = """(t.paid = TRUE OR EXISTS (
    SELECT 1 FROM events.orders o WHERE o.id = t.order_id AND o.confirmed_at IS NOT NULL))"""
# The clock that stamps `changed_at`, as in the trigger.
_NOW_SQLITE = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
_NOW_POSTGRES = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"


async def list_packages(tx: Tx, event_id: str) -> tuple[int, list[Row]]:
    """The database's time in unix ms, and the event's packages in display order."""
    now = _NOW_SQLITE if is_sqlite() else _NOW_POSTGRES
    rows = await tx.fetch_all(
        # Only words of this file are put in.
        f"""
        SELECT c.now_ms, p.id, p.name, p.kind, p.valid_from, p.valid_until
        FROM (SELECT {now} AS now_ms) c LEFT JOIN events.packages p ON p.event_id = :event_id
        ORDER BY p.display_order, p.id
        """,  # noqa: S608
        {"event_id": event_id},
    )
    return int(rows[0]["now_ms"]), [row for row in rows if row["id"] is not None]


@dataclass(frozen=True)
class Place:
    """Where in an event's list a page begins: `from_id` bounds the ids at `since_ms` itself. Of
    the first pass are the tickets that were ever paid, of later ones all that changed."""

    since_ms: int = 0
    from_id: str = ""
    is_first_pass: bool = True


async def list_changed(tx: Tx, event_id: str, place: Place, limit: int) -> list[Row]:
    """Tickets with their package's name, by when they last changed, then by id."""
    # Ids are compared here and in Python, so by bytes, whatever the database sorts texts by.
    by_bytes = "t.id" if is_sqlite() else 't.id COLLATE "C"'
    return await tx.fetch_all(
        # Only words of this file are put in.
        f"""
        SELECT t.id, {_STATUS} AS status, t.name, t.number, t.kind, t.package_id, t.valid_from,
            t.valid_until, t.left_at, t.changed_at, p.name AS package_name
        FROM events.ticket t LEFT JOIN events.packages p ON p.id = t.package_id
        WHERE t.event = :event_id AND t.changed_at >= :since
            AND NOT (t.changed_at = :since AND {by_bytes} < :from_id)
            {f"AND {_EVER_PAID}" if place.is_first_pass else ""}
        ORDER BY t.changed_at, {by_bytes} LIMIT :limit
        """,  # noqa: S608
        {
            "event_id": event_id,
            "since": place.since_ms,
            "from_id": place.from_id,
            "limit": limit,
        },
    )


@dataclass(frozen=True)
class Wanted:
    """What a ticket is searched by; None is not looked at. Of an address either any part fits or
    its beginning."""

    number: int | None = None
    name_part: str | None = None
    email_part: str | None = None
    email_begin: str | None = None


# First which, then all of them, since sorting carries along what is selected.
_FOUND = """
    WITH found AS (
        SELECT t.id, COUNT(*) OVER () AS total, ROW_NUMBER() OVER (
            ORDER BY CASE WHEN t.number = CAST(:number AS INTEGER) THEN 0 ELSE 1 END,
                lower(t.name), t.number, t.id
        ) AS place
        FROM events.ticket t WHERE t.event = :event_id AND ({conditions}) AND {paid}
        ORDER BY place LIMIT :limit
    )
    SELECT t.*, f.total, p.name AS package_name, a.id AS admission, a.scanned_at AS admitted_at,
        c.name AS scanner_name,
        (SELECT COUNT(*) FROM events.ticket o WHERE o.order_id = t.order_id
            AND o.event = t.event AND o.kind = 'admission'
            AND o.status IN ('active', 'used')) AS order_tickets
    FROM found f
    JOIN events.ticket t ON t.id = f.id
    LEFT JOIN events.packages p ON p.id = t.package_id
    LEFT JOIN events.scans a ON a.id = (
        SELECT s.id FROM events.scans s
        WHERE s.ticket_id = t.id AND s.outcome = 'admitted' AND s.annulled_at IS NULL
        ORDER BY s.scanned_at, s.received_at, s.id LIMIT 1
    )
    LEFT JOIN events.scanners c ON c.id = a.scanner_id
    ORDER BY f.place
"""


async def find_tickets(tx: Tx, event_id: str, wanted: Wanted, limit: int) -> list[Row]:
    """Tickets that were ever paid, that of the number first, then by name; each with its first
    admission that stands (`admission`, `admitted_at`, `scanner_name`), its order's valid
    admission tickets of this event, and the `total` that fits."""
    conditions, values = ["t.number = CAST(:number AS INTEGER)"], {}
    if wanted.name_part is not None:
        conditions.append(looks_like("t.name", "name"))
        values["name"] = containing(wanted.name_part)
    if wanted.email_part is not None:
        conditions.append(looks_like("t.email", "email"))
        values["email"] = containing(wanted.email_part)
    if wanted.email_begin is not None:
        conditions.append(looks_like("t.email", "email_begin"))
        values["email_begin"] = beginning_with(wanted.email_begin)
    statement = _FOUND.format(paid=_EVER_PAID, conditions=" OR ".join(conditions))
    return await tx.fetch_all(
        statement, {**values, "number": wanted.number, "event_id": event_id, "limit": limit}
    )


async def count_tickets(tx: Tx, event_id: str) -> list[Row]:
    """Admission tickets of each package: sold, admitted, and inside now."""
    return await tx.fetch_all(
        # Only words of this file are put in.
        f"""
        SELECT package_id, COUNT(*) AS sold,
            COUNT(*) FILTER (WHERE status = 'used') AS admitted,
            COUNT(*) FILTER (WHERE status = 'used' AND left_at IS NULL) AS inside
        FROM (
            SELECT t.package_id, t.left_at, {_STATUS} AS status
            FROM events.ticket t WHERE t.event = :event_id AND t.kind = 'admission'
        ) valid
        WHERE status IN ('active', 'used') GROUP BY package_id
        """,  # noqa: S608
        {"event_id": event_id},
    )


async def count_admissions(tx: Tx, event_id: str, since_ms: int) -> int:
    """Guests let in whose scan was received after this moment; nobody counts twice."""
    row = await tx.fetch_one(
        """
        SELECT COUNT(DISTINCT s.ticket_id) AS total
        FROM events.scans s JOIN events.ticket t ON t.id = s.ticket_id
        WHERE s.event_id = :event_id AND s.received_at > :since AND s.outcome = 'admitted'
            AND s.annulled_at IS NULL AND t.kind = 'admission'
        """,
        {"event_id": event_id, "since": since_ms},
    )
    return int(row["total"]) if row else 0
