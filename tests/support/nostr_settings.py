"""An organiser's Nostr settings, as they read and change them over HTTP."""

from typing import Any

import httpx
from nostr_sdk import Keys

from support.builders import API, Json, rows
from support.people import Person

URL = f"{API}/nostr/settings"
ONE, TWO = "wss://one.example.com", "wss://two.example.com"


async def put(client: httpx.AsyncClient, person: Person, **body: object) -> httpx.Response:
    return await client.put(URL, json=body, headers=person.admin)


async def changed(client: httpx.AsyncClient, person: Person, **body: object) -> Json:
    answer = await put(client, person, **body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == await told(client, person)
    found: Json = answer.json()
    return found


async def told(client: httpx.AsyncClient, person: Person) -> Json:
    answer = await client.get(URL, headers=person.admin)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def key_rows(person: Person) -> list[Any]:
    """All keys a wallet ever had, the first one first."""
    return await rows(
        "SELECT * FROM events.nostr_keys WHERE wallet = :w ORDER BY created_at, retired_at IS NULL",
        w=person.wallet,
    )


def own_key(secret: Keys | None = None) -> Json:
    return {"mode": "nsec", "nsec": (secret or Keys.generate()).secret_key().to_bech32()}
