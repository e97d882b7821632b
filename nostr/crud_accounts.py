"""SQL of `events.nostr_accounts` and `events.nostr_keys`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..crud import Row, Tx
from .models import Account, Key, KeyMode


@dataclass(frozen=True)
class Stored:
    """An account as it is stored: `account.relays` are the organiser's own. `version` counts
    changes, 0 before the first."""

    account: Account
    version: int

    @classmethod
    def from_row(cls, row: Row) -> "Stored":
        return cls(Account.from_row(row), row["version"])


async def get_account(tx: Tx, wallet: str) -> Stored:
    row = await tx.fetch_one(
        "SELECT * FROM events.nostr_accounts WHERE wallet = :wallet", {"wallet": wallet}
    )
    return Stored.from_row(row) if row else Stored(Account(wallet, (), None, False), 0)


async def lock_account(tx: Tx, wallet: str, at_ms: int) -> Stored:
    """The same for who changes it or its key: nobody else does until this transaction ends."""
    row = await tx.fetch_one(
        "INSERT INTO events.nostr_accounts AS kept (wallet, relays, version, updated_at)"
        " VALUES (:wallet, '[]', 0, :at) ON CONFLICT (wallet) DO UPDATE SET wallet = kept.wallet"
        " RETURNING *",
        {"wallet": wallet, "at": at_ms},
    )
    return Stored.from_row(row) if row else Stored(Account(wallet, (), None, False), 0)


async def save_account(tx: Tx, account: Account, at_ms: int) -> None:
    """A change, of the account itself or of its key."""
    await tx.execute(
        "UPDATE events.nostr_accounts SET relays = :relays, profile_name = :profile_name,"
        " has_calendar = :has_calendar, version = version + 1, updated_at = :at"
        " WHERE wallet = :wallet",
        {
            "wallet": account.wallet,
            "relays": json.dumps(account.relays),
            "profile_name": account.profile_name,
            "has_calendar": account.has_calendar,
            "at": at_ms,
        },
    )


async def get_key(tx: Tx, key_id: str) -> Key | None:
    row = await tx.fetch_one("SELECT * FROM events.nostr_keys WHERE id = :id", {"id": key_id})
    return Key.from_row(row) if row else None


async def active_key(tx: Tx, wallet: str) -> Key | None:
    row = await tx.fetch_one(
        "SELECT * FROM events.nostr_keys WHERE wallet = :wallet AND retired_at IS NULL",
        {"wallet": wallet},
    )
    return Key.from_row(row) if row else None


async def insert_key(tx: Tx, row: Mapping[str, Any]) -> bool:
    """Make it the wallet's key; False when the wallet has one (of another process)."""
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    done = await tx.execute(
        f"INSERT INTO events.nostr_keys ({names}) VALUES ({marks})"  # noqa: S608  # own names
        " ON CONFLICT DO NOTHING",
        row,
    )
    return done == 1


async def retire_key(tx: Tx, key_id: str, at_ms: int) -> None:
    """Another one signs from now on. Its secret stays: what it signed may be to be deleted."""
    await tx.execute(
        "UPDATE events.nostr_keys SET retired_at = :at WHERE id = :id AND retired_at IS NULL",
        {"id": key_id, "at": at_ms},
    )


async def replace_secret(tx: Tx, key_id: str, mode: KeyMode, secret: str) -> None:
    """The same key, signed with in another way, or stored anew."""
    await tx.execute(
        "UPDATE events.nostr_keys SET mode = :mode, secret = :secret, problem = NULL"
        " WHERE id = :id",
        {"id": key_id, "mode": mode.value, "secret": secret},
    )


async def note_problem(tx: Tx, key_id: str, problem: str | None) -> None:
    """Why nothing can be signed with it; None: it works."""
    await tx.execute(
        "UPDATE events.nostr_keys SET problem = :problem WHERE id = :id",
        {"id": key_id, "problem": problem},
    )


async def list_following_defaults(tx: Tx) -> list[str]:
    """Wallets with documents, and without relays of their own."""
    rows = await tx.fetch_all(
        "SELECT DISTINCT documents.wallet FROM events.nostr_documents AS documents"
        " LEFT JOIN events.nostr_accounts AS accounts ON accounts.wallet = documents.wallet"
        " WHERE accounts.wallet IS NULL OR accounts.relays = '[]'"
    )
    return [row["wallet"] for row in rows]
