"""Requests that change an event, as its organiser sends them."""

import httpx

from support.builders import API, Json
from support.people import Person


async def change(
    client: httpx.AsyncClient, organiser: Person, event: Json, **changes: object
) -> httpx.Response:
    url = f"{API}/events/{event['id']}"
    return await client.put(url, json=changes, headers=organiser.admin)


async def changed(
    client: httpx.AsyncClient, organiser: Person, event: Json, **changes: object
) -> Json:
    """The event after a change that must be taken."""
    answer = await change(client, organiser, event, **changes)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def act(
    client: httpx.AsyncClient, organiser: Person, event: Json, action: str
) -> httpx.Response:
    """`publish`, `complete` or `cancel` it."""
    url = f"{API}/events/{event['id']}/{action}"
    return await client.put(url, headers=organiser.admin)
