"""SQL of what waits in `events.messages`: what is next, when, and what is put behind others.

`next_try_at` is when a message is due in both states: while it is sent, the end of its lease. So
each question is a range of one index, however many others wait.
"""

from datetime import datetime

from ..clock import from_ms, to_ms
from ..crud import Tx
from .models import Channel, Kind

# What somebody may stand at a door without comes first, then what changes plans or money, and
# letters to many keep nobody's ticket waiting.
RANKS = {
    **dict.fromkeys((Kind.ORDER_CONFIRMED, Kind.TICKET), 0),
    **dict.fromkeys((Kind.REFUND_DUE, Kind.REFUND_PAID, Kind.LATE_PAYMENT), 1),
    **dict.fromkeys((Kind.EVENT_CANCELLED, Kind.TICKETS_CANCELLED, Kind.EVENT_CHANGED), 1),
    **dict.fromkeys((Kind.REMINDER, Kind.ANNOUNCEMENT), 2),
}
# Waiting, and no older one of the same event waits for the same recipient: nobody reads of a
# change before what was changed. Another event has no say: its organiser may be another one. The
# sign before a rank keeps SQLite from the index of all that is due.
_OF_RANK = """
    SELECT * FROM (
        SELECT m.id, m.rank, m.next_try_at FROM events.messages m
        WHERE m.channel = :channel AND m.rank = {rank} AND m.state IN ('queued', 'sending')
        AND m.next_try_at {until} AND NOT EXISTS (
            SELECT 1 FROM events.messages e
            WHERE e.channel = m.channel AND e.recipient = m.recipient
            AND e.event_id = m.event_id AND e.state IN ('queued', 'sending') AND +e.rank <= m.rank
            AND (e.created_at < m.created_at OR (e.created_at = m.created_at AND e.id < m.id))
        ) ORDER BY m.next_try_at, m.id LIMIT {limit}
    ) r{rank}
"""


def _of_all_ranks(until: str, limit: str) -> str:
    parts = (
        _OF_RANK.format(rank=rank, until=until, limit=limit) for rank in sorted({*RANKS.values()})
    )
    return " UNION ALL ".join(parts)


LIST_DUE = (
    # Only words of this file are put in.
    f"SELECT id FROM ({_of_all_ranks('<= :now', ':limit')}) due"  # noqa: S608
    " ORDER BY rank, next_try_at, id LIMIT :limit"
)
NEXT_DUE = f"SELECT MIN(next_try_at) AS at FROM ({_of_all_ranks('IS NOT NULL', '1')}) due"  # noqa: S608

# Some of the words are there for the index alone.
GIVE_UP_MAIL = (
    "UPDATE events.messages SET state = 'failed', error_code = :code, last_error = :error"
    " WHERE channel = 'mail' AND rank IN (0, 1, 2) AND state IN ('queued', 'sending')"
    " AND state = 'queued' AND next_try_at < :before"
)


async def list_due(tx: Tx, channel: Channel, now: datetime, limit: int) -> list[str]:
    """Ids of what may be sent now, in the order it is to be sent in."""
    values = {"channel": channel.value, "now": to_ms(now), "limit": limit}
    return [str(row["id"]) for row in await tx.fetch_all(LIST_DUE, values)]


async def next_due_at(tx: Tx, channel: Channel) -> datetime | None:
    """When the next message may be sent; None when none waits."""
    row = await tx.fetch_one(NEXT_DUE, {"channel": channel.value})
    return from_ms(row["at"]) if row else None


async def put_behind(tx: Tx, channel: Channel, wallet: str, now: datetime, until: datetime) -> int:
    """What is due of a wallet waits so long; how much that is."""
    # Some of the words are there for the index alone.
    return await tx.execute(
        "UPDATE events.messages SET next_try_at = :until WHERE channel = :channel"
        " AND rank IN (0, 1, 2) AND state IN ('queued', 'sending') AND state = 'queued'"
        " AND next_try_at <= :now AND wallet = :wallet",
        {
            "channel": channel.value,
            "wallet": wallet,
            "now": to_ms(now),
            "until": to_ms(until),
        },
    )


async def delete_ended(tx: Tx, before: datetime, limit: int) -> int:
    """Forget messages of before then that wait for nothing, the oldest first, so many at most."""
    return await tx.execute(
        "DELETE FROM events.messages WHERE id IN (SELECT id FROM events.messages"
        " WHERE state NOT IN ('queued', 'sending') AND created_at < :before"
        " ORDER BY created_at LIMIT :limit)",
        {"before": to_ms(before), "limit": limit},
    )


async def give_up_mail(tx: Tx, before: datetime, code: str, error: str) -> int:
    """Mail that was due before then, and that nobody tried to send since; returns how many."""
    return await tx.execute(
        GIVE_UP_MAIL,
        {"before": to_ms(before), "code": code, "error": error},
    )
