"""I5: a ticket is admitted once, however many doors scan it at the same moment."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from support import door_races as races
from support import host
from support.builders import API, Json, rows
from support.door_list import put_tickets
from support.door_races import GATES, Doors, bought, doors_of
from support.host import ext
from support.invariants import broken_entries, broken_invariants
from support.other_processes import open_the_lock
from support.people import Person

pytestmark = pytest.mark.asyncio

DOORS = 16
ONE, MANY = "one process", "a process for each request"


# SQLite has one file, and one process at a time that writes to it.
@pytest.fixture(params=[ONE, MANY] if host.on_postgres() else [ONE])
def _processes(app: object, request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == MANY:
        open_the_lock(monkeypatch)


everywhere = pytest.mark.usefixtures("_processes")


async def is_sound(doors: Doors) -> None:
    await doors.all_is_in_the_log()
    assert await broken_invariants(doors.event["id"]) == []


@everywhere
async def test_i5_entry_60_scans_from_8_scanners_admit_20_tickets_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    doors = await doors_of([client], organiser)
    tickets = await bought(doors, 20)
    await races.sixty_scans(doors, tickets)
    assert len(doors.seen) == 60
    await is_sound(doors)
    used = [ticket for ticket in tickets if await doors.would_be(ticket) == "already_used"]
    assert used == tickets


@everywhere
async def test_i5_entry_equal_scan_ids_are_one_scan(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    doors = await doors_of([client], organiser)
    await races.equal_scan_ids(doors, await bought(doors, 10))
    assert len(doors.seen) == 5
    await is_sound(doors)


@everywhere
async def test_i5_entry_devices_that_were_offline_make_one_entry_and_one_conflict_of_a_ticket(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    doors = await doors_of([client], organiser)
    await races.both_offline(doors, await bought(doors, 10))
    assert len(doors.seen) == 20
    await is_sound(doors)


@everywhere
async def test_i5_entry_all_go_out_and_come_in_at_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    doors = await doors_of([client], organiser, entry="reentry")
    for ticket in await bought(doors, 3):
        await races.out_and_in(doors, ticket)
    await is_sound(doors)


@everywhere
async def test_i5_entry_of_a_ticket_its_buyer_cancels_at_that_moment(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    doors = await doors_of([client], organiser)
    tickets = await races.bought_with_secrets(doors, 2)
    found = await races.admit_and_cancel(doors, tickets)
    assert found.total() == 8
    await is_sound(doors)


@everywhere
async def test_i5_entry_of_a_ticket_its_organiser_cancels_at_that_moment(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    doors = await doors_of([client], organiser)
    await races.admit_and_throw_out(doors, await bought(doors, 8))
    await is_sound(doors)


@everywhere
async def test_i5_entry_that_is_taken_back_while_another_device_tells_of_one(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    doors = await doors_of([client], organiser)
    await races.annul_and_admit(doors, await bought(doors, 10))
    await is_sound(doors)


@everywhere
async def test_i5_entry_16_concurrent_registers_admit_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    doors = await doors_of([client], organiser)
    [ticket_id] = await bought(doors, 1)
    answers = await register_everywhere(doors, ticket_id)

    admitted = [answer for answer in answers if answer.status_code == 200]
    assert [answer.json()["id"] for answer in admitted] == [ticket_id]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {(a.status_code, a.json()["detail"]) for a in refused} == {
        (403, "Ticket already registered")
    }
    found = await rows("SELECT * FROM events.ticket WHERE id = :id", id=ticket_id)
    assert (found[0]["status"], bool(found[0]["registered"])) == ("used", True)
    assert found[0]["reg_timestamp"] is not None
    assert await broken_invariants(doors.event["id"]) == []


async def register_everywhere(doors: Doors, ticket_id: str) -> list[httpx.Response]:
    url = f"{API}/tickets/register/{ticket_id}"
    return list(
        await asyncio.gather(
            *(doors.client(n).put(url, headers=dict(doors.gates[n % GATES])) for n in range(DOORS))
        )
    )


def take_the_guard_away(monkeypatch: pytest.MonkeyPatch) -> None:
    crud = ext("tickets.crud")
    unguarded = crud.ADMIT.replace("AND registered = FALSE", "").replace(
        "AND (status IS NULL OR status = 'active')", ""
    )
    assert len(unguarded) < len(crud.ADMIT) - 50
    monkeypatch.setattr(crud, "ADMIT", unguarded)


async def twice_admitted(doors: Doors, tickets: Sequence[str]) -> list[str]:
    """What the check says after all scanned all."""
    told: list[Json] = await asyncio.gather(
        *(doors.scan(gate, ticket) for ticket in tickets for gate in range(GATES))
    )
    assert races.outcomes(told)["admitted"] > len(tickets)
    return await broken_entries(doors.event["id"])


async def test_i5_control_without_the_guard_every_door_admits(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the tests above would notice: without the condition all get in, when each has
    read the ticket before anybody came."""
    doors = await doors_of([client], organiser)
    monkeypatch.setattr(ext("tickets.models").Ticket, "is_used", property(lambda _: False))
    take_the_guard_away(monkeypatch)
    tickets = await put_tickets(doors.event, organiser, ["Ada", "Bob"])
    assert len(await twice_admitted(doors, tickets)) == len(tickets)


@pytest.mark.skipif(not host.on_postgres(), reason="SQLite has one process that writes")
async def test_i5_control_without_the_guard_processes_admit_what_they_read_at_once(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with a true race, and nothing but the condition removed."""
    doors = await doors_of([client], organiser)
    open_the_lock(monkeypatch)
    take_the_guard_away(monkeypatch)
    assert await twice_admitted(doors, await bought(doors, 4))
