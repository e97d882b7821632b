"""Limits of the catalog hold when another process changes the same event at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from support.builders import API, Json, an_event, package_row, rows
from support.host import ext
from support.other_processes import another_process
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

Send = Callable[[], Awaitable[httpx.Response]]


async def while_it_is_changed(statements: list[str], send: Send, **values: object) -> Any:
    """What `send` is answered when another process has run the statements but not committed."""
    async with another_process() as raw:
        for statement in statements:
            await ext("crud").Tx(raw).execute(statement, values)
        asked = asyncio.ensure_future(send())
        await asyncio.sleep(0.3)
    return await asked


LOCK = "UPDATE events.events SET version = version WHERE id = :event"
HOLD = [
    "UPDATE events.events SET held = held + 2 WHERE id = :event",
    "UPDATE events.packages SET held = held + 2 WHERE event_id = :event",
]
ASK = (
    "INSERT INTO events.options (id, event_id, package_id, label, type, created_at)"
    " VALUES (:option, :event, :package, 'Fourth', 'text', 0)"
)


async def fifth_option(client: httpx.AsyncClient, organiser: Person) -> tuple[int, int]:
    """Two processes add the fourth option; returns the second's status, and how many there are."""
    event = await an_event(client, organiser)
    package = event["packages"][0]["id"]
    url = f"{API}/events/{event['id']}/packages/{package}/options"

    async def ask() -> httpx.Response:
        return await client.post(url, json={"label": "Another"}, headers=organiser.admin)

    for _ in range(3):
        assert (await ask()).is_success
    values = {"event": event["id"], "package": package, "option": f"{package}-4"}
    answer = await while_it_is_changed([LOCK, ASK], ask, **values)
    found = await rows("SELECT id FROM events.options WHERE event_id = :id", id=event["id"])
    return answer.status_code, len(found)


async def test_limits_a_fifth_option_of_two_processes(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    assert await fifth_option(client, organiser) == (400, 4)


async def test_limits_control_without_the_lock_there_are_five_options(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above would notice."""

    async def nothing(*_: object) -> None:
        return None

    monkeypatch.setattr(ext("catalog.crud_packages"), "lock_event", nothing)
    assert await fifth_option(client, organiser) == (201, 5)


async def cut_limit(client: httpx.AsyncClient, organiser: Person) -> tuple[int, Json]:
    """A limit is cut to one while another process holds two seats; returns status and row."""
    event = await an_event(client, organiser)
    url = f"{API}/events/{event['id']}/packages/{event['packages'][0]['id']}"

    async def cut() -> httpx.Response:
        return await client.put(url, json={"quantity_limit": 1}, headers=organiser.admin)

    answer = await while_it_is_changed(HOLD, cut, event=event["id"])
    return answer.status_code, dict(await package_row(event["id"]))


async def test_i1_a_limit_that_is_cut_while_another_process_holds_seats(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    status, package = await cut_limit(client, organiser)
    assert (status, package["held"], package["quantity_limit"]) == (409, 2, None)


async def test_i1_control_without_the_guard_only_the_table_refuses(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above would notice; the CHECK is the last to hold."""

    async def save(tx: Any, package_id: str, limit: int | None) -> int:
        return int(
            await tx.execute(
                "UPDATE events.packages SET quantity_limit = :n WHERE id = :id",
                {"n": limit, "id": package_id},
            )
        )

    monkeypatch.setattr(ext("catalog.crud"), "save_limit", save)
    status, package = await cut_limit(client, organiser)
    assert (status, package["quantity_limit"]) == (500, None)
