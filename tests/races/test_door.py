"""I5: a ticket is admitted once, however many doors scan it at the same moment."""

import asyncio

import httpx
import pytest

from support.builders import API, a_purchase, an_event, rows
from support.host import ext
from support.people import Person

pytestmark = pytest.mark.asyncio

DOORS = 16


async def scan_everywhere(
    client: httpx.AsyncClient, organiser: Person, ticket_id: str
) -> list[httpx.Response]:
    url = f"{API}/tickets/register/{ticket_id}"
    return list(
        await asyncio.gather(*(client.put(url, headers=organiser.admin) for _ in range(DOORS)))
    )


async def a_free_ticket(client: httpx.AsyncClient, organiser: Person) -> str:
    event = await an_event(client, organiser, price_per_ticket=0)
    ticket_id: str = (await a_purchase(client, event["id"]))["ticket_ids"][0]
    return ticket_id


async def test_i5_entry_16_concurrent_registers_admit_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    ticket_id = await a_free_ticket(client, organiser)
    answers = await scan_everywhere(client, organiser, ticket_id)

    admitted = [answer for answer in answers if answer.status_code == 200]
    assert [answer.json()["id"] for answer in admitted] == [ticket_id]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {(a.status_code, a.json()["detail"]) for a in refused} == {
        (403, "Ticket already registered")
    }
    found = await rows("SELECT * FROM events.ticket WHERE id = :id", id=ticket_id)
    assert (found[0]["status"], bool(found[0]["registered"])) == ("used", True)
    assert found[0]["reg_timestamp"] is not None


async def test_i5_control_without_the_guard_every_door_admits(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above would notice: without the condition all 16 get in."""
    crud = ext("tickets.crud")
    unguarded = crud.REGISTER.replace("AND registered = FALSE", "").replace(
        "AND (status IS NULL OR status = 'active')", ""
    )
    assert len(unguarded) < len(crud.REGISTER) - 50
    ticket_id = await a_free_ticket(client, organiser)
    monkeypatch.setattr(crud, "REGISTER", unguarded)

    answers = await scan_everywhere(client, organiser, ticket_id)
    assert sum(answer.status_code == 200 for answer in answers) > 1
