"""SQL of single packages. No statement here writes a counter."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..crud import Tx
from ..errors import NotFound
from .models import Package

# Nothing may point to a package that is gone: not a seat, and not a ticket without one any more.
DELETE_UNUSED = """
    DELETE FROM events.packages
    WHERE id = :id AND event_id = :event_id AND sold = 0 AND held = 0
      AND NOT EXISTS (SELECT 1 FROM events.ticket t WHERE t.package_id = :id)
"""
# Whoever was sold an admission may enter, so what a package is stays what it was.
SAVE_KIND = """
    UPDATE events.packages SET kind = :kind
    WHERE id = :id AND (kind = :kind OR (sold = 0 AND held = 0))
"""


async def lock_event(tx: Tx, event_id: str, wallet: str) -> None:
    """First statement of each change of a package: whoever holds seats, or changes packages of
    the same event, waits for it."""
    await tx.execute(
        "UPDATE events.events SET version = version WHERE id = :id AND wallet = :wallet",
        {"id": event_id, "wallet": wallet},
    )


async def require_package(tx: Tx, event_id: str, package_id: str) -> Package:
    """Raises NotFound, also for a package of another event."""
    row = await tx.fetch_one(
        "SELECT * FROM events.packages WHERE id = :id AND event_id = :event_id",
        {"id": package_id, "event_id": event_id},
    )
    if row is None:
        raise NotFound("This ticket type does not exist.")
    return Package.from_row(row)


async def save(tx: Tx, package_id: str, version: int, values: Mapping[str, Any]) -> int:
    """Store described columns, if nobody else did meanwhile."""
    columns = "".join(f"{name} = :{name}, " for name in values)
    return await tx.execute(
        # Column names come from the rules, values are bound.
        f"UPDATE events.packages SET {columns}version = version + 1"  # noqa: S608
        " WHERE id = :id AND version = :known_version",
        {**values, "id": package_id, "known_version": version},
    )


async def save_kind(tx: Tx, package_id: str, kind: str) -> int:
    return await tx.execute(SAVE_KIND, {"id": package_id, "kind": kind})


async def delete_unused(tx: Tx, event_id: str, package_id: str) -> bool:
    return await tx.execute(DELETE_UNUSED, {"id": package_id, "event_id": event_id}) == 1


async def save_order(tx: Tx, event_id: str, package_ids: Sequence[str]) -> None:
    """Number the packages in this order: one statement."""
    marks = {f"p{number}": package_id for number, package_id in enumerate(package_ids)}
    cases = " ".join(f"WHEN :p{number} THEN {number}" for number in range(len(package_ids)))
    await tx.execute(
        # Only bind marks and our own numbers are put in.
        f"UPDATE events.packages SET display_order = CASE id {cases} ELSE display_order END"  # noqa: S608
        " WHERE event_id = :event_id",
        {**marks, "event_id": event_id},
    )


async def list_images(tx: Tx, event_id: str) -> list[str]:
    """The host's assets that packages of an event show."""
    rows = await tx.fetch_all(
        "SELECT image_id FROM events.packages WHERE event_id = :id AND image_id IS NOT NULL",
        {"id": event_id},
    )
    return [str(row["image_id"]) for row in rows]
