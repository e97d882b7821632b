"""Write down what changed, in the transaction that changes it, and tell it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..actors import acting
from ..clock import from_ms, iso, now, to_ms
from ..crud import Row, Tx, reading, short_id
from . import crud
from .models import Change as Change
from .rules import known_as, written


async def record(tx: Tx, changes: Sequence[Change]) -> None:
    """Log what this transaction changes, as done now by `actors.acting()`: one statement.

    Nothing is written for no changes. The rows come and go with the transaction.
    """
    if not changes:
        return
    # One beginning for all rows keeps them together, in their order, within one millisecond.
    batch = short_id()
    rows = [_row(change, f"{batch}-{number:04d}") for number, change in enumerate(changes)]
    await crud.insert(tx, to_ms(now()), known_as(acting()), rows)


def _row(change: Change, row_id: str) -> dict[str, Any]:
    return {
        "id": row_id,
        "action": change.action,
        "entity": change.entity,
        "entity_id": change.entity_id,
        "event_id": change.event_id,
        "field": change.field,
        "old": written(change.field, change.old),
        "new": written(change.field, change.new),
    }


def differences(
    action: str,
    entity: str,
    entity_id: str,
    event_id: str | None,
    before: Mapping[str, object],
    after: Mapping[str, object],
) -> list[Change]:
    """One change per field that differs, in the order of `after`; a missing field counts as None.

    An empty `before` tells what a new thing is, an empty `after` what a deleted one was.
    """
    names = [*after, *(name for name in before if name not in after)]
    return [
        Change(action, entity, entity_id, event_id, name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    ]


async def list_changes(event_id: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """The log of an event, newest first, and how many entries there are.

    Each: `at` (ISO 8601), `actor`, `action`, `entity`, `entity_id`, `field`, `old`, `new`. Whoever
    calls has checked that the reader may see it.
    """
    async with reading() as tx:
        rows, total = await crud.list_of_event(tx, event_id, limit, offset)
    return [_entry(row) for row in rows], total


def _entry(row: Row) -> dict[str, Any]:
    return {
        "at": iso(from_ms(row["at"])),
        "actor": row["actor"],
        "action": row["action"],
        "entity": row["entity"],
        "entity_id": row["entity_id"],
        "field": row["field"],
        "old": _read(row["old"]),
        "new": _read(row["new"]),
    }


def _read(text: str | None) -> Any:
    return None if text is None else json.loads(text)
