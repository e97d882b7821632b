"""SQL of `events.options`. What was answered lies with the tickets and is never touched here."""

from collections.abc import Mapping
from typing import Any

from ..crud import Row, Tx

# An option that was answered stays, so that its answers can still be read beside it.
DELETE_UNANSWERED = """
    DELETE FROM events.options WHERE id = :id
      AND NOT EXISTS (SELECT 1 FROM events.option_responses r WHERE r.option_id = :id)
"""


async def list_of_event(tx: Tx, event_id: str) -> list[Row]:
    """All that are asked now, in display order."""
    return await tx.fetch_all(
        "SELECT * FROM events.options WHERE event_id = :id AND is_deleted = FALSE"
        " ORDER BY display_order, id",
        {"id": event_id},
    )


async def list_of_wallets(tx: Tx, marks: Mapping[str, str]) -> list[Row]:
    """Of all events of some wallets; `marks` names them."""
    names = ", ".join(f":{name}" for name in marks)
    return await tx.fetch_all(
        "SELECT o.* FROM events.options o JOIN events.events e ON e.id = o.event_id"  # noqa: S608
        f" WHERE e.wallet IN ({names}) AND o.is_deleted = FALSE ORDER BY o.display_order, o.id",
        marks,
    )


async def insert(tx: Tx, row: Mapping[str, Any]) -> None:
    await tx.insert("options", [row])


async def save(tx: Tx, option_id: str, values: Mapping[str, Any]) -> None:
    columns = ", ".join(f"{name} = :{name}" for name in values)
    await tx.execute(
        # Column names come from the rules, values are bound.
        f"UPDATE events.options SET {columns} WHERE id = :id",  # noqa: S608
        {**values, "id": option_id},
    )


async def remove(tx: Tx, option_id: str) -> None:
    if await tx.execute(DELETE_UNANSWERED, {"id": option_id}) != 1:
        await save(tx, option_id, {"is_deleted": True})


async def delete_of_package(tx: Tx, package_id: str) -> None:
    await tx.execute("DELETE FROM events.options WHERE package_id = :id", {"id": package_id})


async def delete_of_event(tx: Tx, event_id: str) -> None:
    await tx.execute("DELETE FROM events.options WHERE event_id = :id", {"id": event_id})
