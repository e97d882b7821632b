"""Lanes in tests: an organiser with relays, a listing there, and passes over what is due."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
from nostr_sdk import Keys, UnsignedEvent

from support.builders import Json, Row, an_event, execute, rows
from support.host import ext
from support.listings import document, published, sell, sign
from support.people import Person, a_person

# Quick: no waiting for a burst to end, and no patience with relays.
QUICK = {"timeout_s": 0.4, "settle_s": 0.0, "look_pause_s": 0.05, "look_every_s": 0.2}


@asynccontextmanager
async def nostr_on_loopback() -> AsyncIterator[None]:
    """Relays of this machine are allowed; nothing published is left for other tests."""
    settings = ext("settings")
    await settings.change_settings(settings.SettingsPatch(allow_private_relays=True))
    try:
        yield
    finally:
        await execute("UPDATE events.events SET nostr_publish = FALSE WHERE nostr_publish = TRUE")
        for table in ("lanes", "documents", "keys", "accounts", "relays"):
            await execute(f"DELETE FROM events.nostr_{table}")  # noqa: S608 - own names
        await settings.change_settings(
            settings.SettingsPatch(allow_private_relays=False, default_relays=[])
        )


class Time:
    """A clock that stands still, on slow machines as well, until it is put forward."""

    def __init__(self, ahead: timedelta = timedelta(0)) -> None:
        self._moment: datetime = ext("clock").now() + ahead

    def __call__(self) -> datetime:
        return self._moment

    def pass_by(self, seconds: float) -> None:
        self._moment += timedelta(seconds=seconds)


def some_lanes(time: Time | None = None, owner: str | None = None, **pace: Any) -> Any:
    """Lanes of a process of its own."""
    chosen = ext("nostr.pace").LanePace(**{**QUICK, **pace})
    return ext("nostr.lanes").Lanes(chosen, owner, time or ext("clock").now)


@dataclass(frozen=True)
class Publisher:
    """An organiser with an event that is published to some relays."""

    who: Person
    event: Json

    @property
    def event_id(self) -> str:
        return str(self.event["id"])

    async def change(self, sold: int = 1) -> Json:
        """Sell, and sign what the listing is now."""
        await sell(self.event_id, sold)
        return await self.sign()

    async def sign(self) -> Json:
        """The newest version, after signing what is due at once."""
        await sign(ext("clock").now(), interval=timedelta(0))
        return await published(self.event_id)

    async def document(self) -> Json:
        return await document(self.event_id)

    async def lane(self, url: str) -> Row:
        [found] = await rows(
            "SELECT * FROM events.nostr_lanes WHERE document_id = :id AND relay = :url",
            id=f"listing:{self.event_id}",
            url=url,
        )
        return found

    async def state(self, url: str) -> Json:
        """What the organiser is shown of one relay."""
        shown = await ext("nostr.state").read_state(self.event_id, self.who.wallet)
        [found] = [relay for relay in shown["relays"] if relay["url"] == url]
        relay: Json = found
        return relay

    def address(self, version: Json) -> Json:
        """The filter for this listing."""
        return {
            "kinds": [version["kind"]],
            "authors": [version["pubkey"]],
            "#d": [self.event_id],
        }


async def a_publisher(
    client: httpx.AsyncClient, relays: Sequence[str], profile: bool = False, **event: Any
) -> Publisher:
    """With an account of its own. Without `profile` nothing but the listing is published."""
    who = await a_person()
    await use_relays(who, relays)
    made = await an_event(client, who, nostr_publish=True, **event)
    if not profile:
        await execute(
            "INSERT INTO events.nostr_documents (id, purpose, wallet, rev, signed_rev)"
            " SELECT p || ':' || :wallet, p, :wallet, 1, 1 FROM"
            " (SELECT 'profile' AS p UNION ALL SELECT 'relay_list') AS purposes",
            wallet=who.wallet,
        )
    return Publisher(who, made)


async def use_relays(who: Person, relays: Sequence[str]) -> None:
    body = ext("nostr.bodies").NostrSettingsBody(relays=list(relays))
    await ext("nostr.accounts").change_account(who.wallet, body, ext("clock").now())


async def key_of(who: Person) -> Keys:
    """The organiser's secret key: what another client of theirs would use."""
    [found] = await rows(
        "SELECT secret FROM events.nostr_keys WHERE wallet = :id AND retired_at IS NULL",
        id=who.wallet,
    )
    return Keys.parse(ext("nostr.vault").unlock(found["secret"]))


async def written_elsewhere(publisher: Publisher, created_at: int, title: str = "Mine") -> str:
    """Another version of the listing, by the same key, from another client."""
    version = await published(publisher.event_id)
    tags = [tag if tag[0] != "title" else ["title", title] for tag in version["tags"]]
    template = {**version, "created_at": created_at, "tags": tags}
    return await _signed_elsewhere(publisher, template)


async def deleted_elsewhere(publisher: Publisher, created_at: int) -> str:
    """A request for deletion of the listing, by the same key, from another client."""
    version = await published(publisher.event_id)
    address = f"{version['kind']}:{version['pubkey']}:{publisher.event_id}"
    tags = [["a", address], ["e", version["id"]]]
    template = {"kind": 5, "created_at": created_at, "tags": tags, "content": ""}
    return await _signed_elsewhere(publisher, {**template, "pubkey": version["pubkey"]})


async def _signed_elsewhere(publisher: Publisher, template: Json) -> str:
    said = {name: template[name] for name in ("pubkey", "created_at", "kind", "tags", "content")}
    unsigned = UnsignedEvent.from_json(json.dumps(said))
    return str(unsigned.sign_with_keys(await key_of(publisher.who)).as_json())


def tag(event: Json, name: str) -> str:
    return str(next(tag[1] for tag in event["tags"] if tag[0] == name))
