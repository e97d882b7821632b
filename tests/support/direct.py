"""Nostr messages in tests: who reads where, rows that are to be sent, and what arrived."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from nostr_sdk import Event, Keys, NostrSigner, UnsignedEvent, UnwrappedGift

from support.builders import Json, row
from support.host import ext
from support.people import Person
from support.relays import publish

KIND_INBOXES = 10050
KIND_RELAY_LIST = 10002
KIND_WRAP = 1059


@asynccontextmanager
async def nostr_settings(*relays: str, allow_private: bool = True) -> AsyncIterator[None]:
    """The instance's relays; afterwards it has none, and private ones are forbidden again."""
    settings = ext("settings")

    async def change(allowed: bool, urls: list[str]) -> None:
        patch = settings.SettingsPatch(allow_private_relays=allowed, default_relays=urls)
        await settings.change_settings(patch)

    await change(allow_private, list(relays))
    try:
        yield
    finally:
        await change(False, [])


def take_silence_for_one_after(seconds: float, patch: pytest.MonkeyPatch) -> None:
    """For the messages' room alone; what the operator allows stays."""
    used, transport = ext("nostr.direct"), ext("nostr.transport")

    async def reach() -> Any:
        allowed = (await transport.reach()).allow_private
        return transport.Reach(allow_private=allowed, timeout_s=seconds)

    patch.setattr(used, "reach", reach)


def a_list(person: Keys, kind: int, tags: list[list[str]], created_at: int | None = None) -> str:
    """A signed list of relays, as JSON."""
    template = {
        "pubkey": person.public_key().to_hex(),
        "created_at": int(time.time()) if created_at is None else created_at,
        "kind": kind,
        "tags": tags,
        "content": "",
    }
    return str(UnsignedEvent.from_json(json.dumps(template)).sign_with_keys(person).as_json())


def inboxes(person: Keys, *urls: str, created_at: int | None = None) -> str:
    """A signed kind 10050 (NIP-17), as JSON."""
    return a_list(person, KIND_INBOXES, [["relay", url] for url in urls], created_at)


async def reads_on(person: Keys, found_on: str, *urls: str) -> None:
    """Publish there where this person reads messages."""
    accepted, words = await publish(found_on, inboxes(person, *urls))
    assert accepted, words


def npub(person: Keys) -> str:
    return str(person.public_key().to_bech32())


def messages() -> Any:
    return ext("nostr.direct").NostrMessages()


async def organisers_key(wallet: str) -> str:
    found = await ext("nostr.accounts").ensure(wallet)
    assert found is not None
    return str(found[1].pubkey)


async def wraps(relay: Any, person: Keys) -> list[Json]:
    """The gift wraps for somebody on an `LmdbRelay`. They are dated back: never ask `since`."""
    wanted = {"kinds": [KIND_WRAP], "#p": [person.public_key().to_hex()]}
    found: list[Json] = await relay.events(wanted)
    return found


async def opened(person: Keys, wrap: Json) -> Json:
    """What the recipient reads: who wrote it, and the message."""
    event = Event.from_json(json.dumps(wrap))
    assert event.verify()
    gift = await UnwrappedGift.from_gift_wrap(NostrSigner.keys(person), event)
    message: Json = json.loads(gift.rumor().as_json())
    assert gift.sender().to_hex() == message["pubkey"]
    return message


async def a_message(organiser: Person, recipient: str, **changes: object) -> Any:
    """A row that is being sent as a Nostr message, as the lane hands it over."""
    kept = {
        "id": uuid4().hex,
        "wallet": organiser.wallet,
        "kind": "ticket",
        "channel": "dm",
        "recipient": recipient,
        "language": "en",
        "cause": uuid4().hex,
        "state": "sending",
        "next_try_at": 0,
        "created_at": int(time.time() * 1000),
    }
    async with ext("crud").transaction() as tx:
        await tx.insert("messages", [kept | changes])
    return await again(kept["id"])


async def again(message_id: object) -> Any:
    """The row as it is now."""
    found = await row("SELECT * FROM events.messages WHERE id = :id", id=message_id)
    return ext("notifications.models").Message.from_row(found)


def written(short: str = "Your ticket: https://example.com/t", subject: str = "Ticket") -> Any:
    return ext("notifications.models").Written(subject, "as mail", "<p>as mail</p>", short)


async def send(message: Any, port: Any = None, letter: Any = None) -> str:
    """One try; its outcome: `sent`, or the code of what was wrong."""
    delivery, dms = ext("outbox.delivery"), ext("notifications.dms")
    try:
        await dms.send_dm(message, letter or written(), port or messages())
    except (delivery.TryLater, delivery.Undeliverable) as trouble:
        return f"{type(trouble).__name__} {trouble.code}"
    return "sent"


def ids(events: Sequence[Json]) -> list[str]:
    return [event["id"] for event in events]
