"""SQL of `events.promo_codes` and `events.promo_uses`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Tx, short_id
from .models import PromoCode

# The guard of `max_uses`: of many buyers at once so many get a row count of 1. It also locks the
# code, so that the next statement counts what everybody before has written.
TAKE = """
    UPDATE events.promo_codes SET uses = uses + 1
    WHERE id = :id AND is_active = TRUE AND (max_uses IS NULL OR uses < max_uses)
"""
# The guard of `max_per_buyer`.
ADD_USE = """
    INSERT INTO events.promo_uses (id, code_id, event_id, order_id, buyer_key, created_at)
    SELECT CAST(:use_id AS TEXT), c.id, c.event_id, CAST(:order_id AS TEXT),
        CAST(:buyer_key AS TEXT), CAST(:at AS BIGINT)
    FROM events.promo_codes c
    WHERE c.id = :id AND (c.max_per_buyer IS NULL OR (
        CAST(:buyer_key AS TEXT) IS NOT NULL AND c.max_per_buyer > (
            SELECT COUNT(*) FROM events.promo_uses u WHERE u.code_id = c.id
                AND u.buyer_key = CAST(:buyer_key AS TEXT) AND u.freed_at IS NULL)))
"""
_OF_ORDER = "id = (SELECT code_id FROM events.promo_uses WHERE order_id = :order_id)"


async def get_code(tx: Tx, event_id: str, code: str) -> PromoCode | None:
    row = await tx.fetch_one(
        "SELECT * FROM events.promo_codes WHERE event_id = :event_id AND code = :code",
        {"event_id": event_id, "code": code},
    )
    return PromoCode.from_row(row) if row else None


async def get_by_id(tx: Tx, event_id: str, code_id: str) -> PromoCode | None:
    row = await tx.fetch_one(
        "SELECT * FROM events.promo_codes WHERE event_id = :event_id AND id = :id",
        {"event_id": event_id, "id": code_id},
    )
    return PromoCode.from_row(row) if row else None


async def get_codes(tx: Tx, event_id: str) -> list[PromoCode]:
    """All codes of an event, oldest first."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.promo_codes WHERE event_id = :event_id ORDER BY created_at, code",
        {"event_id": event_id},
    )
    return [PromoCode.from_row(row) for row in rows]


async def list_codes(tx: Tx, event_id: str, limit: int, offset: int) -> tuple[list[PromoCode], int]:
    """A page of them, and how many there are."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.promo_codes WHERE event_id = :event_id ORDER BY created_at, code"
        " LIMIT :limit OFFSET :offset",
        {"event_id": event_id, "limit": limit, "offset": offset},
    )
    return [PromoCode.from_row(row) for row in rows], await count_codes(tx, event_id)


async def count_codes(tx: Tx, event_id: str) -> int:
    row = await tx.fetch_one(
        "SELECT COUNT(*) AS total FROM events.promo_codes WHERE event_id = :event_id",
        {"event_id": event_id},
    )
    return int(row["total"]) if row else 0


def new_row(event_id: str, columns: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A row of `events.promo_codes`: a new id, and bounds only where `columns` set some."""
    free = dict.fromkeys(
        "value_minor currency valid_from valid_until max_uses max_per_buyer package_ids".split()
    )
    ids = {"id": short_id(), "event_id": event_id, "created_at": to_ms(now)}
    return {**free, "kind": "percent", **columns, **ids}


async def insert_codes(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.insert("promo_codes", rows)


async def add_code(tx: Tx, row: Mapping[str, Any]) -> bool:
    """False when the event has such a code already."""
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    added = await tx.execute(
        f"INSERT INTO events.promo_codes ({names}) VALUES ({marks})"  # noqa: S608  # own names
        " ON CONFLICT (event_id, code) DO NOTHING",
        row,
    )
    return added == 1


async def save_code(tx: Tx, code: PromoCode, values: Mapping[str, Any]) -> int:
    """Store described columns, if nobody else did meanwhile. Never touches `uses`; a new
    `max_uses` below them is refused."""
    columns = ", ".join(f"{name} = :{name}" for name in values)
    guard = ""
    if values.get("max_uses") is not None:
        guard = " AND uses <= CAST(:max_uses AS INTEGER)"
    return await tx.execute(
        f"UPDATE events.promo_codes SET {columns}, version = version + 1"  # noqa: S608  # own names
        f" WHERE id = :known_id AND version = :known_version{guard}",
        {**values, "known_id": code.id, "known_version": code.version},
    )


async def delete_unused(tx: Tx, code_id: str) -> bool:
    deleted = await tx.execute(
        "DELETE FROM events.promo_codes WHERE id = :id AND uses = 0", {"id": code_id}
    )
    return deleted == 1


async def delete_code(tx: Tx, code_id: str) -> None:
    await tx.execute("DELETE FROM events.promo_codes WHERE id = :id", {"id": code_id})


async def forget_event(tx: Tx, event_id: str) -> None:
    """Remove all codes of an event and the uses of them."""
    for table in ("promo_uses", "promo_codes"):
        await tx.execute(
            f"DELETE FROM events.{table} WHERE event_id = :event_id",  # noqa: S608  # own names
            {"event_id": event_id},
        )


async def take(tx: Tx, code_id: str) -> bool:
    return await tx.execute(TAKE, {"id": code_id}) == 1


async def add_use(
    tx: Tx, code_id: str, order_id: str, buyer_key: str | None, now: datetime
) -> bool:
    values = {"id": code_id, "order_id": order_id, "buyer_key": buyer_key, "at": to_ms(now)}
    return await tx.execute(ADD_USE, {**values, "use_id": short_id()}) == 1


async def count_uses_of(tx: Tx, code_id: str, buyer_key: str) -> int:
    """Orders of one buyer that use a code now."""
    row = await tx.fetch_one(
        "SELECT COUNT(*) AS total FROM events.promo_uses"
        " WHERE code_id = :id AND buyer_key = :buyer_key AND freed_at IS NULL",
        {"id": code_id, "buyer_key": buyer_key},
    )
    return int(row["total"]) if row else 0


async def free(tx: Tx, order_id: str, now: datetime) -> None:
    """The order's use ends, once."""
    freed = await tx.execute(
        "UPDATE events.promo_uses SET freed_at = :at WHERE order_id = :order_id"
        " AND freed_at IS NULL",
        {"order_id": order_id, "at": to_ms(now)},
    )
    if freed:
        await tx.execute(
            f"UPDATE events.promo_codes SET uses = uses - 1 WHERE {_OF_ORDER}",  # noqa: S608  # own
            {"order_id": order_id},
        )


async def retake(tx: Tx, order_id: str) -> None:
    """The order's use counts again, once, whatever the limit says."""
    taken = await tx.execute(
        "UPDATE events.promo_uses SET freed_at = NULL WHERE order_id = :order_id"
        " AND freed_at IS NOT NULL",
        {"order_id": order_id},
    )
    if taken:
        await tx.execute(
            f"UPDATE events.promo_codes SET uses = uses + 1 WHERE {_OF_ORDER}",  # noqa: S608  # own
            {"order_id": order_id},
        )
