"""SQL of `events.messages`: written down, claimed, and what became of them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Tx
from .crud_due import RANKS
from .models import Channel, Kind, Message

_COLUMNS = (
    "id wallet event_id order_id ticket_id refund_id kind channel recipient language payload cause"
    " message_id state next_try_at created_at"
).split()
# The guard of I9: of two senders one finds it waiting. `attempts` tells the claims apart.
CLAIM = """
    UPDATE events.messages SET state = 'sending', attempts = attempts + 1, next_try_at = :lease
    WHERE id = :id AND state IN ('queued', 'sending') AND next_try_at <= :now
    RETURNING *
"""
# It is sent now, as if for the first time.
REQUEUED = (
    "state = 'queued', attempts = 0, next_try_at = :now, error_code = NULL, last_error = NULL"
)
_MINE = " WHERE id = :id AND state = 'sending' AND attempts = :attempts"


async def insert_missing(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write messages down; one with the same cause and recipient stays as it is."""
    if rows:
        ranked = [{**row, "rank": RANKS[Kind(row["kind"])]} for row in rows]
        await tx.insert("messages", ranked, unless_there="cause, channel, recipient")


async def claim(tx: Tx, message_id: str, now: datetime, lease: datetime) -> Message | None:
    """It is this caller's to send; None when it is somebody else's, or not due any more."""
    row = await tx.fetch_one(CLAIM, {"id": message_id, "now": to_ms(now), "lease": to_ms(lease)})
    return Message.from_row(row) if row else None


async def renew(tx: Tx, message: Message, lease: datetime) -> bool:
    """It is still being sent; False when it is not this claim's any more."""
    return await _change(tx, message, "next_try_at = :lease", {"lease": to_ms(lease)})


async def mark_sent(tx: Tx, message: Message, at: datetime) -> bool:
    """False when it is not this claim's any more. What was sent as a Nostr message is not needed
    again; its id says that there was one."""
    changes = (
        "state = 'sent', sent_at = :at, error_code = NULL, last_error = NULL,"
        " wrap = NULL, relays = NULL"
    )
    return await _change(tx, message, changes, {"at": to_ms(at)})


async def put_back(
    tx: Tx, message: Message, next_try_at: datetime, attempts: int, trouble: tuple[str, str]
) -> bool:
    """It waits for another try. `trouble`: a code and a sentence."""
    changes = (
        "state = 'queued', next_try_at = :at, attempts = :kept,"
        " error_code = :code, last_error = :error"
    )
    code, error = trouble
    values = {"at": to_ms(next_try_at), "kept": attempts, "code": code, "error": error}
    return await _change(tx, message, changes, values)


async def release(tx: Tx, message: Message, at: datetime) -> bool:
    """As it was before this claim."""
    changes = "state = 'queued', next_try_at = :at, attempts = attempts - 1"
    return await _change(tx, message, changes, {"at": to_ms(at)})


async def take_back(tx: Tx, message: Message, at: datetime, trouble: tuple[str, str]) -> bool:
    """What was given up or put back for this very reason waits for another try after all."""
    code, error = trouble
    return (
        await tx.execute(
            "UPDATE events.messages SET state = 'queued', next_try_at = :at, error_code = :code,"
            " last_error = :error WHERE id = :id AND state IN ('queued', 'failed')"
            " AND attempts = :attempts AND error_code = :was",
            {
                **{"id": message.id, "attempts": message.attempts, "was": message.error_code},
                **{"at": to_ms(at), "code": code, "error": error},
            },
        )
        == 1
    )


async def give_up(tx: Tx, message: Message, state: str, trouble: tuple[str, str]) -> bool:
    """It will not be sent by itself any more. `trouble`: a code and a sentence."""
    changes = "state = :state, error_code = :code, last_error = :error"
    code, error = trouble
    return await _change(tx, message, changes, {"state": state, "code": code, "error": error})


async def _change(tx: Tx, message: Message, changes: str, values: Mapping[str, Any]) -> bool:
    mine = {"id": message.id, "attempts": message.attempts}
    # Only words of this file are put in.
    return (
        await tx.execute(
            f"UPDATE events.messages SET {changes}{_MINE}",  # noqa: S608
            {**values, **mine},
        )
        == 1
    )


async def get_message(tx: Tx, message_id: str) -> Message | None:
    row = await tx.fetch_one("SELECT * FROM events.messages WHERE id = :id", {"id": message_id})
    return Message.from_row(row) if row else None


async def list_messages(tx: Tx, message_ids: Sequence[str]) -> list[Message]:
    found = [await get_message(tx, message_id) for message_id in message_ids]
    return [message for message in found if message is not None]


async def requeue(tx: Tx, message_id: str, now: datetime) -> bool:
    """It is sent now, as if for the first time; False when it was sent, or is just being sent."""
    return (
        await tx.execute(
            f"UPDATE events.messages SET {REQUEUED}"  # noqa: S608 - words of this file
            " WHERE id = :id AND state IN ('queued', 'failed', 'undeliverable')",
            {"id": message_id, "now": to_ms(now)},
        )
        == 1
    )


async def copy(tx: Tx, message_id: str, new_id: str, header: str | None, now: datetime) -> None:
    """Say the same again, as another message. `header`: its Message-ID."""
    row = await tx.fetch_one("SELECT * FROM events.messages WHERE id = :id", {"id": message_id})
    if row is not None:
        own = {"id": new_id, "cause": f"again:{new_id}", "message_id": header, "state": "queued"}
        due = dict.fromkeys(("next_try_at", "created_at"), to_ms(now))
        await insert_missing(tx, [{name: row[name] for name in _COLUMNS} | own | due])


async def latest(tx: Tx, row: Mapping[str, Any]) -> Message | None:
    """The newest message that told the same recipient the same as this row would."""
    found = await tx.fetch_one(
        "SELECT * FROM events.messages WHERE order_id = :order_id AND kind = :kind"
        " AND COALESCE(ticket_id, '') = :ticket_id AND channel = :channel"
        " AND recipient = :recipient ORDER BY created_at DESC, id LIMIT 1",
        {
            **{name: row[name] for name in ("order_id", "kind", "channel", "recipient")},
            "ticket_id": row["ticket_id"] or "",
        },
    )
    return Message.from_row(found) if found else None


async def list_told(
    tx: Tx, cause: str, keys: Collection[tuple[Channel, str]]
) -> set[tuple[Channel, str]]:
    """Whom of these (channel, casefolded address) a message with this cause was written to."""
    marks = {f"k{index}": key for index, (_, key) in enumerate(keys)}
    wanted = f" AND LOWER(recipient) IN ({', '.join(f':{name}' for name in marks)})"
    # SQLite lowers the letters of English alone: where there are others all of them are read.
    narrow = wanted if all(key.isascii() for key in marks.values()) else ""
    rows = await tx.fetch_all(
        # Only words of this function are put in.
        f"SELECT channel, recipient FROM events.messages WHERE cause = :cause{narrow}",  # noqa: S608
        {"cause": cause, **(marks if narrow else {})},
    )
    return {(Channel(row["channel"]), str(row["recipient"]).casefold()) for row in rows}
