"""SQL of `events.announcements`: the organiser's own words to holders."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Tx
from .models import Announcement, Channel, Message

# Orders looked at for one recipient: few have more of one event.
_MOST_ORDERS = 50
_ADDRESSED = {
    Channel.MAIL: "(LOWER(TRIM(o.buyer_email)) = :who OR LOWER(TRIM(t.email)) = :who)",
    # Inside the JSON that 1.6.9 keeps there; whoever reads the rows looks closer.
    Channel.DM: "(LOWER(TRIM(o.nostr_identifier)) = :who OR LOWER(t.extra) LIKE :part)",
}


async def insert(tx: Tx, row: Mapping[str, Any]) -> None:
    await tx.insert("announcements", [row])


async def get(tx: Tx, announcement_id: str) -> Announcement | None:
    row = await tx.fetch_one(
        "SELECT * FROM events.announcements WHERE id = :id", {"id": announcement_id}
    )
    if row is None:
        return None
    packages = json.loads(row["package_ids"]) if row["package_ids"] else None
    return Announcement(
        id=row["id"],
        event_id=row["event_id"],
        subject=row["subject"],
        text=row["text"],
        package_ids=frozenset(packages) if packages is not None else None,
    )


async def count_since(tx: Tx, event_id: str, since: datetime) -> int:
    row = await tx.fetch_one(
        "SELECT COUNT(*) AS total FROM events.announcements"
        " WHERE event_id = :id AND created_at > :since",
        {"id": event_id, "since": to_ms(since)},
    )
    return int(row["total"]) if row else 0


async def is_said_since(tx: Tx, row: Mapping[str, Any], since: datetime) -> bool:
    """Whether the same words went to holders of the same packages of the event."""
    found = await tx.fetch_one(
        "SELECT id FROM events.announcements WHERE event_id = :event_id AND created_at > :since"
        " AND subject = :subject AND text = :text"
        " AND COALESCE(package_ids, '') = COALESCE(:package_ids, '') AND NOT is_test LIMIT 1",
        {
            **{name: row[name] for name in ("event_id", "subject", "text", "package_ids")},
            "since": to_ms(since),
        },
    )
    return found is not None


async def list_orders_of(tx: Tx, message: Message) -> list[str]:
    """Ids of orders of its event with valid tickets that may be its recipient's."""
    who = message.recipient.lower()
    rows = await tx.fetch_all(
        # Only words of this file are put in.
        "SELECT DISTINCT o.id FROM events.ticket t JOIN events.orders o ON o.id = t.order_id"  # noqa: S608
        f" WHERE t.event = :event_id AND t.status IN ('active', 'used')"
        f" AND {_ADDRESSED[message.channel]} ORDER BY o.id LIMIT :most",
        {
            "event_id": message.event_id,
            "most": _MOST_ORDERS,
            "who": who,
            **({"part": f"%{who}%"} if message.channel is Channel.DM else {}),
        },
    )
    return [str(row["id"]) for row in rows]
