"""SQL of `events.outbox`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Tx
from .models import Fact


async def insert(tx: Tx, row: Mapping[str, Any]) -> None:
    await tx.insert("outbox", [row])


async def list_due(tx: Tx, now: datetime, limit: int) -> list[Fact]:
    """What is to be delivered by now, the longest due first."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.outbox WHERE next_try_at <= :now ORDER BY next_try_at, id"
        " LIMIT :limit",
        {"now": to_ms(now), "limit": limit},
    )
    return [Fact.from_row(row) for row in rows]


async def next_try_at_ms(tx: Tx) -> int | None:
    """When the next fact is due, in unix milliseconds; None when there is none."""
    row = await tx.fetch_one("SELECT MIN(next_try_at) AS at FROM events.outbox")
    return row["at"] if row else None


async def take(tx: Tx, fact_id: str, now: datetime) -> Fact | None:
    """Forget a fact that is due, and return it as it is now: another process may have carried out
    a part of it. None when there is none any more. It comes back by a roll back."""
    row = await tx.fetch_one(
        "DELETE FROM events.outbox WHERE id = :id AND next_try_at <= :now RETURNING *",
        {"id": fact_id, "now": to_ms(now)},
    )
    return Fact.from_row(row) if row else None


async def note_failure(tx: Tx, fact_id: str, next_try_at: datetime, error: str) -> None:
    await tx.execute(
        "UPDATE events.outbox SET attempts = attempts + 1, next_try_at = :at, last_error = :error"
        " WHERE id = :id",
        {"id": fact_id, "at": to_ms(next_try_at), "error": error},
    )
