"""SQL of `events.scanners`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Row, Tx
from .models_scanners import Scanner

# What `keys.checked` decides by. A statement that has these columns joins KEY_JOIN to
# `events.events e` and binds `:token_hash` (None for an admin key).
KEY_COLUMNS = (
    "e.id AS event_id, e.wallet AS event_wallet, s.id AS scanner_id, s.name AS scanner_name,"
    " s.may_work_offline AS scanner_may_work_offline, s.sees_names AS scanner_sees_names,"
    " s.expires_at AS scanner_expires_at, s.revoked_at AS scanner_revoked_at"
)
KEY_JOIN = (
    "LEFT JOIN events.scanners s ON s.event_id = e.id AND s.token_hash = CAST(:token_hash AS TEXT)"
)


async def get_key(tx: Tx, event_id: str, token_hash: str | None) -> Row | None:
    """The event and, if the token is one of its scanners', that scanner."""
    return await tx.fetch_one(
        f"SELECT {KEY_COLUMNS} FROM events.events e {KEY_JOIN}"  # noqa: S608  # own words
        " WHERE e.id = :event_id",
        {"event_id": event_id, "token_hash": token_hash},
    )


async def get_scanner(tx: Tx, event_id: str, scanner_id: str) -> Scanner | None:
    row = await tx.fetch_one(
        "SELECT * FROM events.scanners WHERE id = :id AND event_id = :event_id",
        {"id": scanner_id, "event_id": event_id},
    )
    return Scanner.from_row(row) if row else None


async def list_scanners(
    tx: Tx, event_id: str, limit: int, offset: int
) -> tuple[list[Scanner], int]:
    """A page of an event's scanners, newest first, and how many there are."""
    count = await tx.fetch_one(
        "SELECT COUNT(*) AS total FROM events.scanners WHERE event_id = :id", {"id": event_id}
    )
    rows = await tx.fetch_all(
        "SELECT * FROM events.scanners WHERE event_id = :id ORDER BY created_at DESC, id"
        " LIMIT :limit OFFSET :offset",
        {"id": event_id, "limit": limit, "offset": offset},
    )
    return [Scanner.from_row(row) for row in rows], int(count["total"]) if count else 0


async def count_active(tx: Tx, event_id: str, now: datetime) -> int:
    row = await tx.fetch_one(
        "SELECT COUNT(*) AS total FROM events.scanners WHERE event_id = :id"
        " AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)",
        {"id": event_id, "now": to_ms(now)},
    )
    return int(row["total"]) if row else 0


async def insert_scanner(tx: Tx, row: Mapping[str, Any]) -> None:
    await tx.insert("scanners", [row])


async def revoke(tx: Tx, event_id: str, scanner_id: str, now: datetime) -> bool:
    """False when there is no such scanner, or it was revoked before."""
    revoked = await tx.execute(
        "UPDATE events.scanners SET revoked_at = :now"
        " WHERE id = :id AND event_id = :event_id AND revoked_at IS NULL",
        {"id": scanner_id, "event_id": event_id, "now": to_ms(now)},
    )
    return revoked == 1


async def note_seen(
    tx: Tx, scanner_id: str, now: datetime, page_version: str | None, pending: int | None
) -> None:
    """What is None stays as it was."""
    await tx.execute(
        "UPDATE events.scanners SET last_seen_at = :now,"
        " page_version = COALESCE(CAST(:page_version AS TEXT), page_version),"
        " pending = COALESCE(CAST(:pending AS INTEGER), pending) WHERE id = :id",
        {
            "id": scanner_id,
            "now": to_ms(now),
            "page_version": page_version,
            "pending": pending,
        },
    )
