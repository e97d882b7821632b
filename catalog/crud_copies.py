"""SQL of a copy of an event: what is described, without pictures and counters."""

from collections.abc import Mapping
from typing import Any

from ..crud import Tx, short_id

_EVENT = (
    "wallet",
    "info",
    "closing_date",
    "event_start_date",
    "event_end_date",
    "currency",
    "price_per_ticket",
    "banner",
    "extra",
    "allow_fiat",
    "fiat_currency",
    "capacity",
    "timezone",
    "starts_at",
    "ends_at",
    "buyer_can_cancel",
    "refund_tiers",
    "min_tickets",
    "event_type",
    "location",
    "is_online",
    "max_per_buyer",
    "login_required",
    "entry",
    "listed",
    "nostr_publish",
    "nostr_hide_counts",
    "send_messages",
    "send_reminder",
    "metadata",
)
_PACKAGE = (
    "wave_id",
    "kind",
    "name",
    "description",
    "price_minor",
    "currency",
    "quantity_limit",
    "display_order",
    "sale_starts_at",
    "sale_ends_at",
    "valid_from",
    "valid_until",
    "min_per_order",
    "max_per_order",
    "is_enabled",
    "is_hidden",
    "legacy",
)
_OPTION = ("package_id", "label", "type", "choices", "is_required", "display_order")


async def copy_event(tx: Tx, event_id: str, own: Mapping[str, Any]) -> None:
    """A new row; `own` are the columns that are not copied."""
    copied = ", ".join(_EVENT)
    marks = ", ".join(f":{name}" for name in own)
    await tx.execute(
        # Our own names; values are bound.
        f"INSERT INTO events.events ({', '.join(own)}, {copied})"  # noqa: S608
        f" SELECT {marks}, {copied} FROM events.events WHERE id = :source",
        {**own, "source": event_id},
    )


async def copy_packages(tx: Tx, event_id: str, new_id: str, at_ms: int) -> dict[str, str]:
    """Returns the ids of the copies by those of the event's packages."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.packages WHERE event_id = :id", {"id": event_id}
    )
    ids = {str(row["id"]): short_id() for row in rows}
    copies = [
        {name: row[name] for name in _PACKAGE}
        | {"id": ids[row["id"]], "event_id": new_id, "created_at": at_ms}
        for row in rows
    ]
    if copies:
        await tx.insert("packages", copies)
    return ids


async def copy_options(
    tx: Tx, event_id: str, new_id: str, packages: Mapping[str, str], at_ms: int
) -> None:
    """What is asked now, for the copies of the packages."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.options WHERE event_id = :id AND is_deleted = FALSE", {"id": event_id}
    )
    copies = [
        {name: row[name] for name in _OPTION}
        | {"id": short_id(), "event_id": new_id, "created_at": at_ms}
        | {"package_id": packages[row["package_id"]]}
        for row in rows
        if row["package_id"] in packages
    ]
    if copies:
        await tx.insert("options", copies)
