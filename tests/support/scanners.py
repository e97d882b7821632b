"""Door credentials for tests: made over HTTP as an organiser makes them."""

from collections.abc import Mapping
from typing import Any

import httpx

from support.builders import API, Json
from support.people import Person


def scanners_url(event_id: str, scanner_id: str = "") -> str:
    return f"{API}/events/{event_id}/scanners" + (f"/{scanner_id}" if scanner_id else "")


async def a_scanner(
    client: httpx.AsyncClient, organiser: Person, event_id: str, **changes: object
) -> Json:
    """A scanner with all rights, as `POST …/scanners` answers: its `token` is in it."""
    body = {"name": "Gate A", "may_work_offline": True, "sees_names": True} | changes
    answer = await client.post(scanners_url(event_id), json=body, headers=organiser.admin)
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def shows(scanner: Mapping[str, Any]) -> dict[str, str]:
    """The header of its requests."""
    return {"X-Scanner-Token": scanner["token"]}


async def revoke(
    client: httpx.AsyncClient, organiser: Person, event_id: str, scanner: Mapping[str, Any]
) -> None:
    url = scanners_url(event_id, scanner["id"])
    answer = await client.delete(url, headers=organiser.admin)
    assert answer.status_code == 204, answer.text


async def hello(
    client: httpx.AsyncClient, event_id: str, headers: Mapping[str, str], **said: object
) -> httpx.Response:
    return await client.post(f"{API}/door/{event_id}/hello", json=said, headers=dict(headers))
