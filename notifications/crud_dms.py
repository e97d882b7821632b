"""SQL about the Nostr messages in `events.messages`: the wrap, and which inboxes have it."""

import json
from collections.abc import Sequence

from ..crud import Tx
from ..outbox.delivery import Wrapped
from .models import Message

_FORGET = (
    "UPDATE events.messages SET wrap = NULL, wrap_id = NULL, relays = NULL, acked = NULL"
    " WHERE channel = 'dm' AND (acked IS NULL OR acked = '[]')"
)


async def get_message(tx: Tx, message_id: str) -> Message | None:
    row = await tx.fetch_one("SELECT * FROM events.messages WHERE id = :id", {"id": message_id})
    return Message.from_row(row) if row else None


async def keep_wrap(tx: Tx, message_id: str, wrapped: Wrapped) -> bool:
    """Write down what is to be sent, once: False when the row has a wrap already, or is gone. One
    that was sent keeps the id alone."""
    return (
        await tx.execute(
            "UPDATE events.messages SET wrap = :wrap, wrap_id = :wrap_id, relays = :relays,"
            " acked = '[]' WHERE id = :id AND wrap_id IS NULL",
            {
                "id": message_id,
                "wrap": wrapped.json,
                "wrap_id": wrapped.id,
                "relays": json.dumps(wrapped.relays),
            },
        )
        == 1
    )


async def forget_wrap(tx: Tx, message_id: str) -> bool:
    """Let a message that no inbox has be wrapped anew, for wherever its recipient reads by then."""
    return (
        await tx.execute(
            f"{_FORGET} AND id = :id",
            {"id": message_id},
        )
        == 1
    )


async def forget_wraps(tx: Tx, message_ids: Sequence[str]) -> None:
    """The same for some; at most a thousand."""
    marks = {f"m{index}": message_id for index, message_id in enumerate(message_ids)}
    if marks:
        await tx.execute(
            # Only bind marks are put in.
            f"{_FORGET} AND id IN ({', '.join(f':{name}' for name in marks)})",
            marks,
        )


async def note_ack(tx: Tx, message_id: str, relay: str) -> None:
    """One more inbox has it. The row decides which others do, as workers may be two."""
    while True:
        row = await tx.fetch_one(
            "SELECT acked FROM events.messages WHERE id = :id", {"id": message_id}
        )
        kept = json.loads(row["acked"]) if row and row["acked"] else []
        if row is None or relay in kept:
            return
        changed = await tx.execute(
            "UPDATE events.messages SET acked = :acked WHERE id = :id"
            " AND COALESCE(acked, '[]') = :before",
            {
                "id": message_id,
                "acked": json.dumps([*kept, relay]),
                "before": row["acked"] or "[]",
            },
        )
        if changed:
            return
