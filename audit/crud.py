"""SQL of `events.audit`. There is no UPDATE and no DELETE: triggers refuse both."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..crud import Row, Tx

_COLUMNS = ("id", "action", "entity", "entity_id", "event_id", "field", "old", "new")
# Below the number of values that one statement may have on either engine.
MAX_ROWS = 1000


async def insert(tx: Tx, at_ms: int, actor: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write all rows with one statement (above MAX_ROWS: one for each so many)."""
    for start in range(0, len(rows), MAX_ROWS):
        part = rows[start : start + MAX_ROWS]
        marks = ", ".join(_marks(number) for number in range(len(part)))
        values: dict[str, Any] = {"at": at_ms, "actor": actor}
        for number, row in enumerate(part):
            values.update({f"{name}_{number}": row[name] for name in _COLUMNS})
        await tx.execute(
            f"INSERT INTO events.audit (at, actor, {', '.join(_COLUMNS)})"  # noqa: S608  # own names
            f" VALUES {marks}",
            values,
        )


def _marks(number: int) -> str:
    return f"(:at, :actor, {', '.join(f':{name}_{number}' for name in _COLUMNS)})"


async def list_of_event(tx: Tx, event_id: str, limit: int, offset: int) -> tuple[list[Row], int]:
    """Rows of one event, newest first, those of one transaction as they were told; their number."""
    count = await tx.fetch_one(
        "SELECT COUNT(*) AS total FROM events.audit WHERE event_id = :id", {"id": event_id}
    )
    rows = await tx.fetch_all(
        "SELECT * FROM events.audit WHERE event_id = :id ORDER BY at DESC, id"
        " LIMIT :limit OFFSET :offset",
        {"id": event_id, "limit": limit, "offset": offset},
    )
    return rows, int(count["total"]) if count else 0
