"""Listings in tests: rows to make one of, what one says, and the documents in the database."""

import json
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from nostr_sdk import Event, Keys, UnsignedEvent

from support.builders import API, Json, an_event, execute, rows
from support.host import ext
from support.people import Person, a_person

RELAY = "wss://relay.example.com"
BASE_URL = "https://tickets.example.com"
KEYS = Keys.generate()
# A moment of simulated time, on a whole second.
START = datetime(2030, 5, 1, 12, tzinfo=timezone.utc)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def an_event_row(**changes: object) -> Any:
    """An Event as its row is read: two hours on 31 May 2030, ten seats."""
    models = ext("catalog.models")
    values: dict[str, Any] = {
        "id": "ev1",
        "wallet": "w1",
        "name": "Concert",
        "info": "Doors open at **seven**.",
        "closing_date": "2030-05-31",
        "event_start_date": "2030-05-31",
        "event_end_date": "2030-05-31",
        "currency": "sat",
        "price_per_ticket": 21_000.0,
        "allow_fiat": False,
        "fiat_currency": "GBP",
        "banner": None,
        "status": ext("models").EventStatus.PUBLISHED,
        "capacity": 10,
        "held": 0,
        "sold": 0,
        "version": 1,
        "created_at": None,
        "starts_at": datetime(2030, 5, 31, 18, tzinfo=timezone.utc),
        "ends_at": datetime(2030, 5, 31, 20, tzinfo=timezone.utc),
        "nostr_publish": True,
    }
    return models.Event(**(values | changes))


def a_package_row(**changes: object) -> Any:
    """A Package as its row is read: 21,000 sat, without a limit or a window."""
    values: dict[str, Any] = {
        "id": "p1",
        "event_id": "ev1",
        "wave_id": "primary",
        "kind": "admission",
        "name": "Ticket",
        "description": "",
        "price_minor": 21_000,
        "currency": "sat",
        "quantity_limit": None,
        "held": 0,
        "sold": 0,
        "display_order": 0,
        "sale_starts_at": None,
        "sale_ends_at": None,
        "min_per_order": 1,
        "max_per_order": 10,
        "is_enabled": True,
        "is_hidden": False,
        "version": 1,
    }
    return ext("catalog.models").Package(**(values | changes))


def draft_of(event: Any, packages: list[Any] | None = None, **more: Any) -> Any:
    """What is to be published of these rows: a Draft, or Nothing."""
    tags = ext("nostr.listing_tags")
    site = tags.Site(
        base_url=more.get("base_url", BASE_URL),
        pubkey=KEYS.public_key().to_hex(),
        relays=[RELAY],
        calendar="events" if more.get("has_calendar") else None,
    )
    listing = ext("catalog.models").Listing(
        event, [a_package_row()] if packages is None else packages
    )
    return tags.listing_draft(listing, site, more.get("now", START))


def values(tags: list[list[str]], name: str) -> list[str]:
    return [tag[1] for tag in tags if tag[0] == name]


def value(tags: list[list[str]], name: str) -> str | None:
    """Of a tag that stands once at most."""
    found = values(tags, name)
    assert len(found) <= 1, found
    return found[0] if found else None


def signed(draft: Any, created_at: int = 1) -> str:
    """A draft with a signature, as it goes to relays."""
    template = {
        "pubkey": KEYS.public_key().to_hex(),
        "created_at": created_at,
        "kind": draft.kind,
        "tags": draft.tags,
        "content": draft.content,
    }
    return str(UnsignedEvent.from_json(json.dumps(template)).sign_with_keys(KEYS).as_json())


def assert_sound(event_json: str) -> Json:
    """It verifies, and breaks no rule that a relay or client is known to be strict about."""
    assert Event.from_json(event_json).verify()
    assert len(event_json.encode()) <= 65_536
    event: Json = json.loads(event_json)
    names = [tag[0] for tag in event["tags"]]
    assert not {"tickets", "lud16"} & set(names)
    for tag in event["tags"]:
        assert len(tag) >= 2
        assert all(isinstance(part, str) for part in tag), tag
        assert not {unicodedata.category(char) for char in "".join(tag)} & {"Cc", "Cs"}, tag
        assert len(tag[0]) > 1 or len(tag[1].encode()) <= 1024
        assert tag[1].strip() == tag[1] != ""
    return event


def times(found: list[Json]) -> list[int]:
    return [version["created_at"] for version in found]


def sold(version: Json) -> int:
    """-1 where the listing does not tell."""
    return int(value(version["tags"], "tickets_sold") or -1)


# The documents in the database


def now() -> datetime:
    """The present second."""
    return datetime.now(timezone.utc).replace(microsecond=0)


async def a_shop(**settings: Any) -> Person:
    """An organiser with relays and a generated key."""
    person = await a_person()
    await publishes(person, **settings)
    return person


async def a_listed_event(client: httpx.AsyncClient, shop: Person, **changes: object) -> Json:
    return await an_event(client, shop, **{"nostr_publish": True, **changes})


async def change(client: httpx.AsyncClient, shop: Person, event: Json, **fields: object) -> None:
    url = f"{API}/events/{event['id']}"
    answer = await client.put(url, json=fields, headers=shop.admin)
    assert answer.status_code == 200, answer.text


async def document(event_id: str, purpose: str = "listing") -> Json:
    """The row of a document; `event_id` is the wallet for what is not of one event."""
    [found] = await rows(
        "SELECT * FROM events.nostr_documents WHERE id = :id", id=f"{purpose}:{event_id}"
    )
    return dict(found)


async def deletions(event_id: str) -> list[Json]:
    """The signed requests for deletion of an event's listings, in their order."""
    found = await rows(
        "SELECT event_json FROM events.nostr_documents WHERE purpose = 'deletion'"
        " AND event_id = :id AND event_json IS NOT NULL ORDER BY created_at, id",
        id=event_id,
    )
    return [json.loads(row["event_json"]) for row in found]


async def published(event_id: str, purpose: str = "listing") -> Json:
    """What is signed of it now."""
    found: Json = json.loads((await document(event_id, purpose))["event_json"])
    return found


async def sell(event_id: str, quantity: int = 1) -> None:
    """As a settlement counts it."""
    sql = "UPDATE events.events SET sold = sold + :n WHERE id = :id"
    assert await execute(sql, n=quantity, id=event_id) == 1


async def sign(now: datetime, **pace: Any) -> Any:
    """One pass over all that is due."""
    return await ext("nostr.signing").sign_due(now, ext("nostr.versions").Pace(**pace))


async def publishes(who: Person, **settings: Any) -> None:
    """The wallet has relays, and a key that is made with them."""
    body = ext("nostr.bodies").NostrSettingsBody(**({"relays": [RELAY]} | settings))
    await ext("nostr.accounts").change_account(who.wallet, body, START)


def watch_versions(monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """Every listing that is stored from now on, in this order."""
    crud = ext("nostr.crud_documents")
    save = crud.save_signed
    found: list[Json] = []

    async def watched(tx: Any, before: Any, version: Any) -> bool:
        saved: bool = await save(tx, before, version)
        if saved and before.purpose.value == "listing":
            found.append(json.loads(version.event_json))
        return saved

    monkeypatch.setattr(crud, "save_signed", watched)
    return found


@asynccontextmanager
async def forgotten_afterwards() -> AsyncIterator[None]:
    """Time is simulated: what one test has published is due in no other."""
    try:
        yield
    finally:
        await execute("UPDATE events.events SET nostr_publish = FALSE WHERE nostr_publish = TRUE")
        for table in ("nostr_lanes", "nostr_documents", "nostr_keys", "nostr_accounts"):
            await execute(f"DELETE FROM events.{table}")  # noqa: S608
