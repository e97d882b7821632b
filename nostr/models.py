"""Rows of the Nostr tables. `created_at` is in unix seconds, as Nostr has it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from ..clock import from_ms
from ..crud import Row

# NIP-01, NIP-09, NIP-17, NIP-46, NIP-52, NIP-65.
KIND_PROFILE = 0
KIND_DELETION = 5
KIND_RELAY_LIST = 10002
KIND_DM_RELAYS = 10050
KIND_GIFT_WRAP = 1059
KIND_SIGNER = 24133
KIND_DATE_EVENT = 31922
KIND_TIME_EVENT = 31923
KIND_CALENDAR = 31924

Tags = list[list[str]]


class KeyMode(str, Enum):
    """Where an organiser's key comes from, and so who signs."""

    GENERATED = "generated"
    NSEC = "nsec"
    BUNKER = "bunker"


class Purpose(str, Enum):
    """What a document is for; its id is `<purpose>:<event, wallet or deleted document>`."""

    LISTING = "listing"
    PROFILE = "profile"
    RELAY_LIST = "relay_list"
    CALENDAR = "calendar"
    DELETION = "deletion"


class Refusal(str, Enum):
    """What a relay's "no" means for the next try (NOSTR: classes of refusal)."""

    RETRY = "retry"
    AUTH = "auth"
    PARKED = "parked"  # not until the document changes: the organiser has to see why
    CLOCK = "clock"
    SUPERSEDED = "superseded"  # it has this or a newer version: done, and to be read back


@dataclass(frozen=True)
class Account:
    """An organiser's Nostr settings, per wallet."""

    wallet: str
    relays: tuple[str, ...]
    profile_name: str | None
    has_calendar: bool

    @classmethod
    def from_row(cls, row: Row) -> "Account":
        return cls(
            wallet=row["wallet"],
            relays=tuple(json.loads(row["relays"])),
            profile_name=row["profile_name"],
            has_calendar=bool(row["has_calendar"]),
        )


@dataclass(frozen=True)
class Key:
    """A key of a wallet. `secret` is encrypted; `keys.open_signer` alone reads it."""

    id: str
    wallet: str
    pubkey: str
    mode: KeyMode
    secret: str
    created_at: datetime | None
    retired_at: datetime | None
    problem: str | None

    def __repr__(self) -> str:
        return f"Key({self.id}, {self.mode.value}, {self.pubkey})"

    @classmethod
    def from_row(cls, row: Row) -> "Key":
        return cls(
            id=row["id"],
            wallet=row["wallet"],
            pubkey=row["pubkey"],
            mode=KeyMode(row["mode"]),
            secret=row["secret"],
            created_at=from_ms(row["created_at"]),
            retired_at=from_ms(row["retired_at"]),
            problem=row["problem"],
        )


@dataclass(frozen=True)
class Document:
    """Something kept on relays in its newest version. `rev` counts what changed in the database,
    `signed_rev` what of it is in `event_json`; `created_at` is 0 before the first version."""

    id: str
    purpose: Purpose
    wallet: str
    event_id: str | None
    rev: int
    signed_rev: int
    kind: int | None
    d: str | None
    key_id: str | None
    pubkey: str | None
    created_at: int
    nostr_id: str | None
    event_json: str | None
    not_before: datetime | None
    changes_at: datetime | None
    is_gone: bool
    # What is to be signed, for documents that are not made of other tables (deletions).
    content: str | None
    attempts: int
    problem: str | None

    @property
    def is_signed(self) -> bool:
        return self.event_json is not None

    @classmethod
    def from_row(cls, row: Row) -> "Document":
        return cls(
            id=row["id"],
            purpose=Purpose(row["purpose"]),
            wallet=row["wallet"],
            event_id=row["event_id"],
            rev=row["rev"],
            signed_rev=row["signed_rev"],
            kind=row["kind"],
            d=row["d"],
            key_id=row["key_id"],
            pubkey=row["pubkey"],
            created_at=row["created_at"],
            nostr_id=row["nostr_id"],
            event_json=row["event_json"],
            not_before=from_ms(row["not_before"]),
            changes_at=from_ms(row["changes_at"]),
            is_gone=bool(row["is_gone"]),
            content=row["content"],
            attempts=row["attempts"],
            problem=row["problem"],
        )


@dataclass(frozen=True)
class Lane:
    """What one relay is to have of one document, and has: 0 while that is nothing."""

    document_id: str
    relay: str
    wanted_created_at: int
    acked_created_at: int
    acked_at: datetime | None
    attempts: int
    next_try_at: datetime | None
    # The `signed_rev` that was refused for good; a newer one is tried again.
    parked_rev: int | None
    refusal: Refusal | None
    last_error: str | None
    checked_at: datetime | None
    # A newer version than ours, found there: another client wrote the same address.
    foreign_created_at: int | None

    @classmethod
    def from_row(cls, row: Row) -> "Lane":
        return cls(
            document_id=row["document_id"],
            relay=row["relay"],
            wanted_created_at=row["wanted_created_at"],
            acked_created_at=row["acked_created_at"],
            acked_at=from_ms(row["acked_at"]),
            attempts=row["attempts"],
            next_try_at=from_ms(row["next_try_at"]),
            parked_rev=row["parked_rev"],
            refusal=Refusal(row["refusal"]) if row["refusal"] else None,
            last_error=row["last_error"],
            checked_at=from_ms(row["checked_at"]),
            foreign_created_at=row["foreign_created_at"],
        )


@dataclass(frozen=True)
class Unsigned:
    """An event (NIP-01) before its id and signature. Every tag has two elements at least."""

    kind: int
    created_at: int
    tags: Tags
    content: str


class SignerFailed(Exception):
    """A signature could not be had now (`code` `offline`, `denied`, `broken`; `recipient`:
    nobody could read it); `message` is a sentence for the organiser, without secrets."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Signer(Protocol):
    """Signs in one organiser's name. Each method raises SignerFailed."""

    @property
    def pubkey(self) -> str:
        """Hex."""

    async def sign(self, event: Unsigned) -> str:
        """The signed event as JSON: verified, by this key, with the same kind, time and tags."""

    async def wrap(self, recipient: str, text: str, tags: Tags) -> str:
        """A gift wrap (NIP-59) as JSON, around a kind 14 message (NIP-17) to a hex public key."""


@dataclass(frozen=True)
class Answer:
    """A relay's OK (NIP-01): whether it took the event, and its words."""

    accepted: bool
    message: str


class RelayFailed(Exception):
    """No answer of a relay could be had. `code`: `timeout`, `unreachable`, `closed`, `protocol`,
    `refused` (not to be read), `not_allowed`. The message does not tell what listens where."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def relays_of(text: Sequence[str]) -> tuple[str, ...]:
    """Without repetitions, in their order."""
    return tuple(dict.fromkeys(text))
