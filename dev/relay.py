"""A Nostr relay on loopback, and how the demo reads it: past the extension, as any client would.

It is nostr-sdk's own relay, with its events in `data/relay`.
"""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from nostr_sdk import (
    Event,
    EventBuilder,
    Keys,
    Kind,
    LocalRelay,
    NostrDatabase,
    NostrSigner,
    RateLimit,
    RelayBuilder,
    Tag,
    UnwrappedGift,
)
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from host import DATA, kept_port
from words import Trouble

KIND_LISTING = 31923
KIND_WRAP = 1059
KIND_INBOXES = 10050
_PATIENCE = timedelta(seconds=20)


class RelayServer:
    """A relay in threads of its own.

    :param port: that of the last run, which the organiser's settings hold; another free one is
        taken when it is in use.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = kept_port(port)
        self.url = url_of(self.port)
        folder = DATA / "relay"
        folder.mkdir(parents=True, exist_ok=True)
        builder = RelayBuilder().addr("127.0.0.1").port(self.port)
        builder = builder.database(NostrDatabase.lmdb(str(folder)))
        builder = builder.rate_limit(RateLimit(max_reqs=500, notes_per_minute=10_000))
        self._relay = LocalRelay(builder)
        asyncio.run(self._relay.run())  # it goes on in threads of the library

    def stop(self) -> None:
        self._relay.shutdown()


def url_of(port: int) -> str:
    return f"ws://127.0.0.1:{port}"


def read(url: str, **wanted: object) -> list[Event]:
    """What the relay has, newest first; `d` and `p` are the tags of these names (NIP-01).

    :raises Trouble: it does not answer.
    """
    asked = {f"#{name}" if len(name) == 1 else name: value for name, value in wanted.items()}
    found: list[Event] = []
    for answer in _talk(url, ["REQ", "demo", asked]):
        if answer[0] == "EVENT":
            found.append(Event.from_json(json.dumps(answer[2])))
        elif answer[0] in ("EOSE", "CLOSED"):
            break
    return found


def _talk(url: str, message: list[object]) -> Any:
    try:
        with connect(url, proxy=None, compression=None, open_timeout=5, close_timeout=1) as wire:
            wire.send(json.dumps(message))
            while True:
                yield json.loads(wire.recv(timeout=5))
    except (OSError, TimeoutError, WebSocketException) as error:
        raise Trouble(f"No answer from the relay at {url} ({error}). Is it running?") from error


def read_until(read_once: Callable[[], Any], what: str) -> Any:
    """Ask until there is an answer. :raises Trouble: none came in time."""
    deadline = time.monotonic() + _PATIENCE.total_seconds()
    while True:
        found = read_once()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Trouble(f"{what} did not come within {_PATIENCE.seconds} s.")
        time.sleep(0.1)


def tags_of(event: Event) -> dict[str, str]:
    """The first value of each tag."""
    found: dict[str, str] = {}
    for tag in event.tags().to_vec():
        name, *values = tag.as_vec()
        found.setdefault(name, values[0] if values else "")
    return found


def announce_inbox(url: str, nsec: str) -> None:
    """Have this person read messages on this relay (NIP-17, kind 10050)."""
    builder = EventBuilder(Kind(KIND_INBOXES), "").tags([Tag.parse(["relay", url])])
    event = builder.sign_with_keys(Keys.parse(nsec))
    for answer in _talk(url, ["EVENT", json.loads(event.as_json())]):
        if answer[0] == "OK":
            if not answer[2]:
                raise Trouble(f"The relay did not take the inbox list: {answer[3]}")
            break


def new_person() -> str:
    """:returns: a new key, as nsec."""
    return str(Keys.generate().secret_key().to_bech32())


def npub_of(nsec: str) -> str:
    return str(Keys.parse(nsec).public_key().to_bech32())


def messages_for(url: str, nsec: str) -> list[tuple[str, str, str]]:
    """What was written to this person: (sender as npub, subject, text), in any order.

    Wraps are dated back at random (NIP-59), so nothing is asked of their time.
    """
    keys = Keys.parse(nsec)
    wraps = read(url, kinds=[KIND_WRAP], p=[keys.public_key().to_hex()])

    async def unwrap() -> list[tuple[str, str, str]]:
        signer, found = NostrSigner.keys(keys), []
        for wrap in wraps:
            gift = await UnwrappedGift.from_gift_wrap(signer, wrap)
            rumor = gift.rumor()
            subject = next(
                (tag.content() for tag in rumor.tags().to_vec() if tag.as_vec()[0] == "subject"), ""
            )
            found.append((gift.sender().to_bech32(), subject or "", rumor.content()))
        return found

    return asyncio.run(unwrap())
