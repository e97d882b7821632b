"""SQL of `events.nostr_lanes`: which relay is to get which document (spreading)."""

from collections.abc import Sequence

from ..crud import Tx, is_sqlite
from . import crud_documents
from .models import Lane

# No transaction is to grow with the number of events.
_BATCH = 200


async def list_unspread(tx: Tx, limit: int) -> list[str]:
    """Wallets with a version that no lane was told of."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT wallet FROM events.nostr_documents WHERE created_at > spread_created_at"
        " LIMIT :limit",
        {"limit": limit},
    )
    return [row["wallet"] for row in rows]


async def spread(tx: Tx, wallet: str, relays: Sequence[str]) -> None:
    """Tell the lanes of a wallet's relays of new versions, of some documents at a time; make what
    lanes are missing, and drop those of other relays.

    A new version is tried where the one before was refused for good.
    """
    names, values = marks(await _take_unspread(tx, wallet))
    if not values:
        return
    for relay in sorted(relays):
        await tx.execute(
            "INSERT INTO events.nostr_relays (url) VALUES (:relay) ON CONFLICT (url) DO NOTHING",
            {"relay": relay},
        )
        await tx.execute(
            "INSERT INTO events.nostr_lanes"  # noqa: S608  # names made here
            " (document_id, relay, wanted_created_at)"
            " SELECT id, CAST(:relay AS TEXT), created_at FROM events.nostr_documents"
            f" WHERE id IN ({names}) AND event_json IS NOT NULL AND is_gone = FALSE ORDER BY id"
            " ON CONFLICT (document_id, relay) DO UPDATE SET"
            " next_try_at = CASE WHEN nostr_lanes.parked_rev IS NULL"
            " OR nostr_lanes.wanted_created_at = excluded.wanted_created_at"
            " THEN nostr_lanes.next_try_at ELSE 0 END,"
            " parked_rev = CASE WHEN nostr_lanes.wanted_created_at = excluded.wanted_created_at"
            " THEN nostr_lanes.parked_rev ELSE NULL END,"
            " wanted_created_at = excluded.wanted_created_at",
            {"relay": relay, **values},
        )
    await _forget_others(tx, f"document_id IN ({names})", values, relays)


async def _take_unspread(tx: Tx, wallet: str) -> list[str]:
    """Documents with a version that no lane was told of, locked by id (`crud_documents.lock`):
    what another process signs from now on is not noted as told of without having been."""
    locking = "" if is_sqlite() else " FOR UPDATE"
    rows = await tx.fetch_all(
        "SELECT id FROM events.nostr_documents WHERE wallet = :wallet"  # noqa: S608  # made here
        f" AND created_at > spread_created_at ORDER BY id LIMIT :limit{locking}",
        {"wallet": wallet, "limit": _BATCH},
    )
    ids = [row["id"] for row in rows]
    if ids:
        names, values = marks(ids)
        await tx.execute(
            "UPDATE events.nostr_documents SET spread_created_at = created_at"  # noqa: S608  # made here
            f" WHERE id IN ({names})",
            values,
        )
    return ids


async def drop_relays(tx: Tx, wallet: str, keep: Sequence[str]) -> None:
    """A wallet's relays have changed: lanes of others go, and those of `keep` get everything."""
    await crud_documents.lock(tx, "wallet = :wallet", {"wallet": wallet})
    of_wallet = "document_id IN (SELECT id FROM events.nostr_documents WHERE wallet = :wallet)"
    await _forget_others(tx, of_wallet, {"wallet": wallet}, keep)
    await tx.execute(
        "UPDATE events.nostr_documents SET spread_created_at = 0"
        " WHERE wallet = :wallet AND created_at > 0",
        {"wallet": wallet},
    )


async def _forget_others(tx: Tx, which: str, values: dict[str, str], keep: Sequence[str]) -> None:
    names, kept = marks(keep, "keep")
    others = f" AND relay NOT IN ({names})" if keep else ""
    # Conditions of this file; values are bound.
    await tx.execute(f"DELETE FROM events.nostr_lanes WHERE {which}{others}", {**values, **kept})  # noqa: S608


async def forget(tx: Tx, relay: str, document_id: str) -> None:
    """A lane without a document."""
    await tx.execute(
        "DELETE FROM events.nostr_lanes WHERE document_id = :id AND relay = :relay",
        {"id": document_id, "relay": relay},
    )


async def list_wallets(tx: Tx) -> list[str]:
    """Those with something signed."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT wallet FROM events.nostr_documents WHERE created_at > 0"
    )
    return [row["wallet"] for row in rows]


async def relays_in_use(tx: Tx, wallet: str) -> set[str]:
    """Those with a lane of this wallet's."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT relay FROM events.nostr_lanes WHERE document_id IN"
        " (SELECT id FROM events.nostr_documents WHERE wallet = :wallet)",
        {"wallet": wallet},
    )
    return {row["relay"] for row in rows}


async def list_of_document(tx: Tx, document_id: str) -> list[Lane]:
    rows = await tx.fetch_all(
        "SELECT * FROM events.nostr_lanes WHERE document_id = :id ORDER BY relay",
        {"id": document_id},
    )
    return [Lane.from_row(row) for row in rows]


def marks(items: Sequence[str], name: str = "m") -> tuple[str, dict[str, str]]:
    """Names for an IN list, and what they stand for."""
    values = {f"{name}{number}": item for number, item in enumerate(items)}
    return ", ".join(f":{mark}" for mark in values), values


async def try_again(tx: Tx, document_id: str) -> None:
    """Whatever a relay answered, and whatever it said it has: look again."""
    await tx.execute(
        "UPDATE events.nostr_lanes SET next_try_at = 0, parked_rev = NULL, attempts = 0,"
        " refusal = NULL, checked_at = NULL WHERE document_id = :id",
        {"id": document_id},
    )
