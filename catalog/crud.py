"""SQL of `events.events` and `events.packages`. Counters change only in the seat statements."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..crud import Row, Tx
from .models import Event, Listing, Package

# The guards of I1: one conditional UPDATE each, whose row count says who got the seats.
# `ticket_seq` gives the order its block of ticket numbers in the same statement.
HOLD_EVENT = """
    UPDATE events.events SET held = held + :seats, ticket_seq = ticket_seq + :quantity
    WHERE id = :id AND status = 'published'
      AND (capacity IS NULL OR sold + held + :seats <= capacity)
    RETURNING ticket_seq
"""
HOLD_PACKAGE = """
    UPDATE events.packages SET held = held + :quantity
    WHERE id = :id AND event_id = :event_id AND is_enabled = TRUE
      AND (quantity_limit IS NULL OR sold + held + :quantity <= quantity_limit)
"""
SELL_HELD_EVENT = """
    UPDATE events.events SET held = held - :quantity, sold = sold + :quantity
    WHERE id = :id AND status IN ('published', 'completed') AND held >= :quantity
"""
SELL_HELD_PACKAGE = """
    UPDATE events.packages SET held = held - :quantity, sold = sold + :quantity
    WHERE id = :id AND held >= :quantity
"""
SELL_FREE_EVENT = """
    UPDATE events.events SET sold = sold + :quantity
    WHERE id = :id AND status = 'published'
      AND (capacity IS NULL OR sold + held + :quantity <= capacity)
"""
SELL_FREE_PACKAGE = """
    UPDATE events.packages SET sold = sold + :quantity
    WHERE id = :id AND (quantity_limit IS NULL OR sold + held + :quantity <= quantity_limit)
"""
RELEASE_EVENT = "UPDATE events.events SET held = held - :quantity WHERE id = :id"
RELEASE_PACKAGE = "UPDATE events.packages SET held = held - :quantity WHERE id = :id"
RETURN_EVENT = "UPDATE events.events SET sold = sold - :quantity WHERE id = :id"
RETURN_PACKAGE = "UPDATE events.packages SET sold = sold - :quantity WHERE id = :id"


# Both tables have an `id`, a `name` and more: the packages' columns carry a prefix.
_PACKAGE_COLUMNS = (
    "id event_id wave_id kind name description price_minor currency quantity_limit held sold"
    " display_order sale_starts_at sale_ends_at min_per_order max_per_order is_enabled is_hidden"
    " version legacy valid_from valid_until image_id"
).split()
_LISTING = (
    "SELECT e.*, "  # noqa: S608  # own names
    + ", ".join(f"p.{name} AS package_{name}" for name in _PACKAGE_COLUMNS)
    + ", EXISTS (SELECT 1 FROM events.options o"
    " WHERE o.event_id = e.id AND o.is_deleted = FALSE) AS asks"
    " FROM events.events e LEFT JOIN events.packages p ON p.event_id = e.id"
    " WHERE e.id = :id ORDER BY p.display_order, p.id"
)


async def get_listing(tx: Tx, event_id: str) -> Listing | None:
    """An event with its packages in display order: one statement."""
    rows = await tx.fetch_all(_LISTING, {"id": event_id})
    if not rows:
        return None
    packages = [
        Package.from_row({name: row[f"package_{name}"] for name in _PACKAGE_COLUMNS})
        for row in rows
        if row["package_id"] is not None
    ]
    return Listing(Event.from_row(rows[0]), packages, bool(rows[0]["asks"]))


async def get_event(tx: Tx, event_id: str) -> Event | None:
    row = await tx.fetch_one("SELECT * FROM events.events WHERE id = :id", {"id": event_id})
    return Event.from_row(row) if row else None


async def get_packages(tx: Tx, event_id: str) -> list[Package]:
    rows = await tx.fetch_all(
        "SELECT * FROM events.packages WHERE event_id = :id ORDER BY display_order, id",
        {"id": event_id},
    )
    return [Package.from_row(row) for row in rows]


async def list_events(tx: Tx, wallets: Sequence[str]) -> list[Event]:
    """Events of some wallets, newest first."""
    marks, values = _marks(wallets)
    rows = await tx.fetch_all(
        # Only bind marks are put in.
        f"SELECT * FROM events.events WHERE wallet IN ({marks}) ORDER BY time DESC, id",  # noqa: S608
        values,
    )
    return [Event.from_row(row) for row in rows]


async def list_packages(tx: Tx, wallets: Sequence[str]) -> list[Package]:
    """Packages of all events of some wallets, in display order."""
    marks, values = _marks(wallets)
    rows = await tx.fetch_all(
        "SELECT p.* FROM events.packages p JOIN events.events e ON e.id = p.event_id"  # noqa: S608
        f" WHERE e.wallet IN ({marks}) ORDER BY p.display_order, p.id",
        values,
    )
    return [Package.from_row(row) for row in rows]


def _marks(items: Sequence[str]) -> tuple[str, dict[str, str]]:
    values = {f"w{index}": item for index, item in enumerate(items)}
    return ", ".join(f":{name}" for name in values), values


async def insert_event(tx: Tx, row: Mapping[str, Any]) -> None:
    await tx.insert("events", [row])


async def insert_package(tx: Tx, row: Mapping[str, Any]) -> None:
    await tx.insert("packages", [row])


async def save_event(tx: Tx, event_id: str, version: int, values: Mapping[str, Any]) -> int:
    """Store described fields, if nobody else saved meanwhile. Never touches a counter."""
    columns = ", ".join(f"{name} = :{name}" for name in values)
    return await tx.execute(
        # Column names come from the services, values are bound.
        f"UPDATE events.events SET {columns}, version = version + 1"  # noqa: S608
        " WHERE id = :id AND version = :known_version",
        {**values, "id": event_id, "known_version": version},
    )


async def reopen_minimum(tx: Tx, event_id: str) -> None:
    """Whether enough was sold is to be decided once more."""
    await tx.execute(
        "UPDATE events.events SET min_decided_at = NULL WHERE id = :id", {"id": event_id}
    )


async def publish_event(tx: Tx, event_id: str) -> None:
    await tx.execute(
        "UPDATE events.events SET status = 'published', version = version + 1"
        " WHERE id = :id AND status = 'draft'",
        {"id": event_id},
    )


async def save_capacity(tx: Tx, event_id: str, capacity: int | None) -> int:
    return await tx.execute(
        "UPDATE events.events SET capacity = :capacity WHERE id = :id"
        " AND (CAST(:capacity AS INTEGER) IS NULL OR sold + held <= CAST(:capacity AS INTEGER))",
        {"capacity": capacity, "id": event_id},
    )


async def save_package(tx: Tx, package_id: str, values: Mapping[str, Any]) -> None:
    columns = ", ".join(f"{name} = :{name}" for name in values)
    await tx.execute(
        f"UPDATE events.packages SET {columns}, version = version + 1 WHERE id = :id",  # noqa: S608
        {**values, "id": package_id},
    )


async def save_limit(tx: Tx, package_id: str, limit: int | None) -> int:
    return await tx.execute(
        "UPDATE events.packages SET quantity_limit = :quantity_limit WHERE id = :id"
        " AND (CAST(:quantity_limit AS INTEGER) IS NULL"
        " OR sold + held <= CAST(:quantity_limit AS INTEGER))",
        {"quantity_limit": limit, "id": package_id},
    )


async def delete_unsold_event(tx: Tx, event_id: str, wallet: str) -> int:
    return await tx.execute(
        "DELETE FROM events.events WHERE id = :id AND wallet = :wallet AND sold = 0 AND held = 0",
        {"id": event_id, "wallet": wallet},
    )


async def delete_packages(tx: Tx, event_id: str) -> None:
    await tx.execute("DELETE FROM events.packages WHERE event_id = :id", {"id": event_id})


async def change_counter(tx: Tx, statement: str, row_id: str, quantity: int) -> bool:
    return await tx.execute(statement, {"id": row_id, "quantity": quantity}) == 1


async def hold_event(tx: Tx, event_id: str, seats: int, quantity: int) -> int | None:
    """Hold seats; returns the last of so many ticket numbers, None when refused."""
    values = {"id": event_id, "seats": seats, "quantity": quantity}
    row: Row | None = await tx.fetch_one(HOLD_EVENT, values)
    return int(row["ticket_seq"]) if row else None


async def hold_package(tx: Tx, event_id: str, package_id: str, quantity: int) -> bool:
    values = {"id": package_id, "event_id": event_id, "quantity": quantity}
    return await tx.execute(HOLD_PACKAGE, values) == 1


async def save_mirror(tx: Tx, event_id: str, amount_tickets: int, extra: dict[str, Any]) -> None:
    """Write what 1.6.9 reads: the remaining stock and `extra`."""
    await tx.execute(
        "UPDATE events.events SET amount_tickets = :amount, extra = :extra WHERE id = :id",
        {"amount": amount_tickets, "extra": json.dumps(extra), "id": event_id},
    )


async def save_closing(tx: Tx, event_id: str, closing_date: str) -> None:
    """1.6.9's closing date of an event: the latest of its waves."""
    await tx.execute(
        "UPDATE events.events SET closing_date = :day WHERE id = :id",
        {"day": closing_date, "id": event_id},
    )


async def save_price(tx: Tx, event_id: str, currency: str, price: float) -> None:
    """1.6.9's price columns of an event."""
    await tx.execute(
        "UPDATE events.events SET currency = :currency, price_per_ticket = :price WHERE id = :id",
        {"currency": currency, "price": price, "id": event_id},
    )
