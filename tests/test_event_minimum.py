"""How many tickets must be sold for an event to take place: two ways to say it, one meaning."""

import json

import httpx
import pytest

from support.builders import API, Json, an_event, day, event_row, execute
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def changed(
    client: httpx.AsyncClient, organiser: Person, event: Json, **changes: object
) -> Json:
    url = f"{API}/events/{event['id']}"
    answer = await client.put(url, json=changes, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


MINIMUMS: list[tuple[Json, int | None]] = [
    ({"conditional": True, "min_tickets": 5}, 5),
    ({"min_tickets": 5}, 5),
    ({"conditional": True}, 1),
    ({"conditional": False, "min_tickets": 5}, None),
    ({"min_tickets": None}, None),
    ({"min_tickets": 0}, None),
    ({"extra": {"conditional": True, "min_tickets": 5}}, 5),
    ({"extra": {"conditional": True}}, 1),
    ({"extra": {"min_tickets": 5}}, None),
    ({"extra": {"conditional": True, "min_tickets": 0}}, None),
    ({"conditional": True, "extra": {"min_tickets": 7}}, 7),
    ({"conditional": True, "min_tickets": 5, "extra": {"conditional": False}}, 5),
    ({"conditional": False, "extra": {"conditional": True, "min_tickets": 5}}, None),
    ({"min_tickets": 4, "extra": {"conditional": True, "min_tickets": 5}}, 4),
    ({"min_tickets": None, "extra": {"conditional": True, "min_tickets": 5}}, 5),
]


@pytest.mark.parametrize(("body", "least"), MINIMUMS, ids=str)
async def test_a_minimum_is_the_same_in_both_ways_to_say_it(
    client: httpx.AsyncClient, organiser: Person, body: Json, least: int | None
) -> None:
    event = await an_event(client, organiser, **body)
    stored = await event_row(event["id"])
    assert stored["min_tickets"] == least
    for extra in (event["extra"], json.loads(stored["extra"])):
        assert extra["conditional"] is (least is not None)
        assert least is None or extra["min_tickets"] == least


CHANGES: list[tuple[Json, int | None]] = [
    ({"name": "Other"}, 5),
    ({"min_tickets": 6}, 6),
    ({"conditional": False}, None),
    ({"min_tickets": None}, None),
    ({"conditional": True, "min_tickets": None}, 5),
    ({"extra": {"min_tickets": 6}}, 6),
    ({"extra": {"conditional": False}}, None),
    ({"extra": {"notification_subject": "Hi"}}, 5),
    # What differs from the stored is what was changed; our own field first.
    ({"conditional": True, "min_tickets": 5, "extra": {"min_tickets": 6}}, 6),
    ({"min_tickets": 7, "extra": {"conditional": True, "min_tickets": 6}}, 7),
    ({"conditional": False, "extra": {"conditional": True, "min_tickets": 5}}, None),
]


@pytest.mark.parametrize(("body", "least"), CHANGES, ids=str)
async def test_a_minimum_is_changed_in_both_ways(
    client: httpx.AsyncClient, organiser: Person, body: Json, least: int | None
) -> None:
    event = await an_event(client, organiser, conditional=True, min_tickets=5)
    after = await changed(client, organiser, event, **body)
    assert (after["conditional"], after["min_tickets"]) == (least is not None, least)
    assert after["extra"]["conditional"] is (least is not None)
    assert json.loads((await event_row(event["id"]))["extra"])["conditional"] is (least is not None)
    on = await changed(client, organiser, event, extra={"conditional": True})
    assert on["min_tickets"] == (least or 5)


async def test_a_decided_minimum_is_open_again_once_it_or_the_end_of_the_sale_moves(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, conditional=True, min_tickets=5)

    async def decided(**changes: object) -> bool:
        decide = "UPDATE events.events SET min_decided_at = 7 WHERE id = :id"
        await execute(decide, id=event["id"])
        await changed(client, organiser, event, **changes)
        return bool((await event_row(event["id"]))["min_decided_at"] == 7)

    assert await decided(name="Other")
    assert not await decided(min_tickets=6)
    assert not await decided(closing_date=day(19))
    assert not await decided(timezone="Europe/Berlin")
    # After the end of the sale nothing can be decided anew.
    assert await decided(closing_date=day(-2))
    assert await decided(min_tickets=7)
    assert not await decided(closing_date=day(10))
