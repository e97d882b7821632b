"""SQL of `events.nostr_documents`: what is to be signed, when, and by which key."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..clock import from_ms, to_ms
from ..crud import Tx
from . import crud_documents
from .models import Document

# Rows without a problem wait for their interval alone, and the others for so long at most. One
# that waits longer was written before the clock was set back; clocks of two hosts differ a little.
LONGEST_WAIT = timedelta(minutes=10)
_APART = timedelta(seconds=5)
# A signer that said no: it may be a prompt to its owner each time. And what waits for that.
DENIED = "denied"
DELETION_FIRST = "deletion_first"
LONGEST_WAIT_DENIED = timedelta(days=1)

# Whatever is due, except of keys whose signer is at work (see `Busy`).
_DUE = (
    "rev > signed_rev AND (not_before <= :now OR not_before > :farthest"
    f" OR (not_before > :far AND COALESCE(problem, '') NOT IN ('{DENIED}', '{DELETION_FIRST}'))"
    " OR (problem IS NULL AND not_before > :near))"
)


@dataclass(frozen=True)
class Busy:
    """Keys at work: the wallets whose active key it is, and the keys themselves."""

    wallets: Collection[str] = ()
    keys: Collection[str] = ()

    def condition(self) -> tuple[str, dict[str, Any]]:
        """Leaves out what they sign: deletions by their key, all else by the wallet."""
        sql, values = "", {}
        for column, name, items in (
            ("(purpose = 'deletion' OR wallet", "wallet", self.wallets),
            ("(purpose <> 'deletion' OR key_id", "key", self.keys),
        ):
            if items:
                bound = {f"{name}{number}": item for number, item in enumerate(items)}
                sql += f" AND {column} NOT IN ({', '.join(f':{mark}' for mark in bound)}))"
                values.update(bound)
        return sql, values


async def list_due(
    tx: Tx, now: datetime, interval: timedelta, busy: Busy, limit: int
) -> list[Document]:
    """What has changed since it was signed and may be signed now; deletions first, because what
    they are of is signed again after them only."""
    more, values = busy.condition()
    rows = await tx.fetch_all(
        f"SELECT * FROM events.nostr_documents WHERE {_DUE}{more}"  # noqa: S608  # own names
        " ORDER BY CASE WHEN purpose = 'deletion' THEN 0 ELSE 1 END, not_before, id LIMIT :limit",
        {
            "now": to_ms(now),
            "far": to_ms(now + LONGEST_WAIT + _APART),
            "farthest": to_ms(now + LONGEST_WAIT_DENIED + _APART),
            "near": to_ms(now + interval + _APART),
            "limit": limit,
            **values,
        },
    )
    return [Document.from_row(row) for row in rows]


async def next_due_at(tx: Tx, busy: Busy) -> datetime | None:
    """When the next document is to be signed, or may say something else."""
    more, values = busy.condition()
    row = await tx.fetch_one(
        "SELECT MIN(at) AS at FROM ("  # noqa: S608  # own names
        "SELECT MIN(not_before) AS at FROM events.nostr_documents"
        f" WHERE rev > signed_rev{more}"
        " UNION ALL SELECT MIN(changes_at) AS at FROM events.nostr_documents"
        " WHERE changes_at IS NOT NULL) AS soonest",
        values,
    )
    return from_ms(row["at"]) if row else None


async def count_anew(tx: Tx, id_: str, attempts: int) -> None:
    """It fails for another reason than before, and has done so only so often."""
    await tx.execute(
        "UPDATE events.nostr_documents SET attempts = :attempts WHERE id = :id",
        {"id": id_, "attempts": attempts},
    )


async def has_timed(tx: Tx, now: datetime) -> bool:
    """Whether the time has changed what a document says."""
    row = await tx.fetch_one(
        "SELECT 1 AS found FROM events.nostr_documents WHERE changes_at <= :now LIMIT 1",
        {"now": to_ms(now)},
    )
    return row is not None


async def bump_timed(tx: Tx, now: datetime) -> None:
    """Those of `has_timed` have changed."""
    await crud_documents.lock(tx, "changes_at <= :now", {"now": to_ms(now)})
    await tx.execute(
        "UPDATE events.nostr_documents SET rev = rev + 1, changes_at = NULL"
        " WHERE changes_at <= :now",
        {"now": to_ms(now)},
    )


async def bump_signed(tx: Tx) -> None:
    """All that is signed is to be looked at again. Not deletions: what they say never changes."""
    which = "event_json IS NOT NULL AND purpose <> 'deletion'"
    await crud_documents.lock(tx, which, {})
    # Only words of this file are put in.
    await tx.execute(f"UPDATE events.nostr_documents SET rev = rev + 1 WHERE {which}")  # noqa: S608


async def hand_over(tx: Tx, wallet: str, pubkey: str, key_id: str) -> None:
    """What this author has signed for the wallet, or is to delete, is this key's from now on.

    An event may have moved to another wallet since: the key's wallet counts.
    """
    signed = (
        "pubkey = :pubkey AND key_id IN"
        " (SELECT id FROM events.nostr_keys WHERE wallet = :wallet AND pubkey = :pubkey)"
    )
    values = {"pubkey": pubkey, "wallet": wallet}
    # All of the wallet: who changes its key goes on to look at everything anew.
    await crud_documents.lock(tx, f"wallet = :wallet OR ({signed})", values)
    await tx.execute(
        f"UPDATE events.nostr_documents SET key_id = :key_id WHERE {signed}",  # noqa: S608  # see above
        {**values, "key_id": key_id},
    )


async def list_unsigned_deletions(tx: Tx, event_id: str) -> list[Document]:
    """Requests that wait for their key, of what an event's listing was before."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.nostr_documents WHERE event_id = :id AND purpose = 'deletion'"
        " AND rev > signed_rev ORDER BY id",
        {"id": event_id},
    )
    return [Document.from_row(row) for row in rows]
