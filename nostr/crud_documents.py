"""SQL of `events.nostr_documents`.

A change raises `rev`, a signature notes which `rev` it holds. What was signed and is not to be
found any more has no `event_json`; its row stays, because the next version must be newer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Tx, is_sqlite
from .drafts import coordinate
from .models import Document, Key, Purpose


@dataclass(frozen=True)
class Version:
    """A signed version. `rev`: the changes it holds; `created_at` in unix seconds."""

    rev: int
    event_json: str
    nostr_id: str
    kind: int
    d: str
    key_id: str
    pubkey: str
    created_at: int
    not_before: datetime
    changes_at: datetime | None


def document_id(purpose: Purpose, subject: str) -> str:
    """`subject`: the event's or wallet's id, or what a deletion is of."""
    return f"{purpose.value}:{subject}"


async def get_document(tx: Tx, id_: str) -> Document | None:
    row = await tx.fetch_one("SELECT * FROM events.nostr_documents WHERE id = :id", {"id": id_})
    return Document.from_row(row) if row else None


async def lock(tx: Tx, which: str, values: Mapping[str, Any]) -> None:
    """Before several documents are changed, or lanes of several. `which`: a condition.

    Each transaction locks documents by id, and lanes after them: so one of two processes waits
    for the other, and not both for each other. SQLite has one writer at a time.
    """
    if not is_sqlite():
        await tx.fetch_all(
            f"SELECT id FROM events.nostr_documents WHERE {which} ORDER BY id FOR UPDATE",  # noqa: S608  # own conditions
            values,
        )


async def lock_these(tx: Tx, ids: Sequence[str]) -> None:
    """As `lock`; one that is not there is left out."""
    values = {f"id{number}": id_ for number, id_ in enumerate(ids)}
    if values:
        await lock(tx, f"id IN ({', '.join(f':{name}' for name in values)})", values)


async def bump(tx: Tx, ids: Sequence[str]) -> None:
    """What these are made of has changed. One that is not there is left out."""
    for id_ in sorted(ids):
        await tx.execute(
            "UPDATE events.nostr_documents SET rev = rev + 1 WHERE id = :id", {"id": id_}
        )


# Looked at, and at once where something stood in the way.
_ANEW = (
    "rev = rev + 1, attempts = 0, problem = NULL,"
    " not_before = CASE WHEN problem IS NULL THEN not_before ELSE 0 END"
)


async def bump_wallet(tx: Tx, wallet: str) -> None:
    """An organiser's key, relays or name changed: everything is to be looked at, and at once."""
    await lock(tx, "wallet = :wallet", {"wallet": wallet})
    await tx.execute(
        f"UPDATE events.nostr_documents SET {_ANEW}"  # noqa: S608  # see above
        " WHERE wallet = :wallet AND (purpose <> 'deletion' OR rev > signed_rev)",
        {"wallet": wallet},
    )


async def bump_listing(tx: Tx, event_id: str) -> None:
    """A listing is to be looked at, and at once, with requests for deletion that come before it."""
    which = (
        "event_id = :event_id"
        " AND (purpose = 'listing' OR (purpose = 'deletion' AND rev > signed_rev))"
    )
    await lock(tx, which, {"event_id": event_id})
    await tx.execute(
        f"UPDATE events.nostr_documents SET {_ANEW} WHERE {which}",  # noqa: S608  # see above
        {"event_id": event_id},
    )


async def outdate(tx: Tx, id_: str, at_s: int) -> None:
    """What is signed is said again, later than this time (unix seconds), whatever else changes.

    `spread_created_at` goes with it, so that no lane waits for a version that was never signed;
    but not where lanes were not told of the last one yet.
    """
    later = "CASE WHEN created_at < :at THEN :at ELSE created_at + 1 END"
    await tx.execute(
        f"UPDATE events.nostr_documents SET created_at = {later}, spread_created_at ="  # noqa: S608  # see above
        f" CASE WHEN spread_created_at < created_at THEN spread_created_at ELSE {later} END"
        " WHERE id = :id AND event_json IS NOT NULL",
        {"id": id_, "at": at_s},
    )


async def put_document(
    tx: Tx,
    purpose: Purpose,
    wallet: str,
    event_id: str | None = None,
    *,
    of: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> str:
    """Make a document, or note that it changed; returns its id. `of`: what it is of, if that is
    neither the event nor the wallet. `more`: columns a new one is given, and an old one too."""
    id_ = document_id(purpose, of or event_id or wallet)
    given = dict(more or {})
    row = {"id": id_, "purpose": purpose.value, "wallet": wallet, "event_id": event_id, **given}
    marks = ", ".join(f":{name}" for name in row)
    sets = "".join(f", {name} = excluded.{name}" for name in given)
    await tx.execute(
        f"INSERT INTO events.nostr_documents AS kept ({', '.join(row)})"  # noqa: S608  # own names
        f" VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET rev = kept.rev + 1{sets}",
        row,
    )
    return id_


async def make_missing(tx: Tx, purposes: Sequence[Purpose], wallet: str) -> None:
    """Documents of a wallet, where there are none yet."""
    for purpose in purposes:
        await tx.execute(
            "INSERT INTO events.nostr_documents (id, purpose, wallet)"
            " VALUES (:id, :purpose, :wallet) ON CONFLICT (id) DO NOTHING",
            {
                "id": document_id(purpose, wallet),
                "purpose": purpose.value,
                "wallet": wallet,
            },
        )


# Two processes may sign one document at once: whoever saw its last version stores the next, unless
# that was deleted meanwhile: the next one has to be newer than the deletion.
SAVE_SIGNED = """
    UPDATE events.nostr_documents
    SET signed_rev = :rev, event_json = :event_json, nostr_id = :nostr_id, kind = :kind, d = :d,
        key_id = :key_id, pubkey = :pubkey, created_at = :created_at, not_before = :not_before,
        changes_at = :changes_at, attempts = 0, problem = NULL
    WHERE id = :id AND created_at = :was AND created_at < :created_at
        AND COALESCE(nostr_id, '') = :was_id
"""


async def save_signed(tx: Tx, document: Document, version: Version) -> bool:
    """Store the next version of a document as it was read. False when another came first."""
    values = {
        **vars(version),
        "not_before": to_ms(version.not_before),
        "changes_at": to_ms(version.changes_at) if version.changes_at else None,
        "id": document.id,
        "was": document.created_at,
        "was_id": document.nostr_id or "",
    }
    return await tx.execute(SAVE_SIGNED, values) == 1


async def settle(
    tx: Tx, document: Document, changes_at: datetime | None, problem: str | None
) -> None:
    """Nothing is to be signed for the changes that were read."""
    await tx.execute(
        "UPDATE events.nostr_documents SET signed_rev = :rev, changes_at = :changes_at,"
        " attempts = 0, problem = :problem"
        " WHERE id = :id AND created_at = :was AND signed_rev < :rev",
        {
            "id": document.id,
            "was": document.created_at,
            "rev": document.rev,
            "changes_at": to_ms(changes_at) if changes_at else None,
            "problem": problem,
        },
    )


async def postpone(
    tx: Tx, id_: str, until: datetime, problem: str | None, *, failed: bool = False
) -> None:
    """It cannot be signed now; `failed` counts this as an attempt."""
    await tx.execute(
        "UPDATE events.nostr_documents SET not_before = :until, problem = :problem,"
        " attempts = attempts + :failed WHERE id = :id AND rev > signed_rev",
        {"id": id_, "until": to_ms(until), "problem": problem, "failed": int(failed)},
    )


async def forget_signed(tx: Tx, document: Document) -> bool:
    """What was signed is to be found no more. False when it is not the version that was read."""
    done = await tx.execute(
        "UPDATE events.nostr_documents SET event_json = NULL, nostr_id = NULL"
        " WHERE id = :id AND nostr_id = :nostr_id",
        {"id": document.id, "nostr_id": document.nostr_id},
    )
    return done == 1


async def list_coordinates(tx: Tx, wallet: str, key: Key, limit: int) -> list[str]:
    """Addresses (NIP-01) of the listings a key has signed for a wallet, the newest first."""
    rows = await tx.fetch_all(
        "SELECT kind, pubkey, d FROM events.nostr_documents WHERE wallet = :wallet"
        " AND purpose = 'listing' AND pubkey = :pubkey AND event_json IS NOT NULL"
        " AND is_gone = FALSE ORDER BY created_at DESC, id LIMIT :limit",
        {"wallet": wallet, "pubkey": key.pubkey, "limit": limit},
    )
    # In an order that does not change with every sale.
    return sorted(coordinate(row["kind"], row["pubkey"], row["d"]) for row in rows)
