"""I5 through any sequence of what can happen at a door, against a model of it."""

from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any

import httpx
import pytest

from support import door_machine as machine
from support.door_machine import WHO, check, open_world
from support.invariants import broken_invariants
from support.people import Person
from support.scanning import a_party, annul, scan, set_ticket, state

pytestmark = pytest.mark.asyncio

Step = tuple[Any, ...]

HISTORIES, STEPS = 14, 24
RULES: Mapping[str, Callable[..., Awaitable[None]]] = {
    "scan": machine.scan,
    "whole order": machine.scan_order,
    "annul": machine.annul,
    "annul anything": machine.annul_anything,
    "repeat": machine.repeat,
    "look": machine.look,
    "cancel": machine.cancel,
}


def a_step(dice: Random) -> Step:
    """More often of the tickets that are good, and what changes something."""
    guest = dice.choices(range(6), [9, 6, 3, 1, 1, 1])[0]
    # The last one, often: what was done by mistake is undone at once.
    who, number = dice.choice(WHO), dice.choice([-1, dice.randrange(100)])
    kinds = ["check_in", "check_out", "force", "access"]
    what = dice.choices(kinds, [6, 6, 3, 1])[0]
    steps: dict[Step, int] = {
        ("scan", guest, what, who, dice.choice([0, 0, 1, 20])): 20,
        ("annul", number, dice.choice([who, "organiser"])): 8,
        ("annul anything", number, who): 1,
        ("repeat", number, dice.randrange(6), who): 2,
        ("whole order", guest, who): 1,
        ("look", guest): 1,
        ("cancel", dice.choice([1, 2])): 1,
    }
    return dice.choices(list(steps), list(steps.values()))[0]


@pytest.mark.parametrize("seed", range(HISTORIES))
async def test_i5_entry_holds_after_every_step(
    client: httpx.AsyncClient, organiser: Person, seed: int
) -> None:
    dice = Random(seed)  # noqa: S311 - to be the same each time
    world = await open_world(client, organiser, comes_back=seed % 3 != 0)
    for _ in range(STEPS):
        what, *details = a_step(dice)
        print(what, *details)
        await RULES[what](world, *details)
        await check(world)
    assert await broken_invariants(world.event_id) == []


async def test_i5_entry_an_earlier_return_that_is_annulled_throws_nobody_out(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    world = await open_world(client, organiser, comes_back=True)
    for what in ("check_in", "check_out", "check_in", "check_out", "check_in"):
        await machine.scan(world, 0, what, "A", 0)
    for admission, columns in ((1, (True, False)), (2, (True, True)), (0, (False, False))):
        await machine.annul(world, admission, "A")
        await check(world)
        assert world.guests[0].columns[1:] == columns


async def test_i5_entry_of_a_ticket_that_only_1_6_9_let_in(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """It writes `registered` alone; until the next boot such a guest goes out and comes back."""
    event, tickets = await a_party(client, organiser, quantity=2, entry="reentry")
    for ticket, status in zip(tickets, ("active", None), strict=True):
        await set_ticket(ticket, registered=True, status=status)
        for scan_type, outcome in (
            ("check_in", "already_used"),
            ("check_out", "left"),
            ("check_out", "not_checked_in"),
            ("check_in", "admitted"),
            ("check_in", "already_used"),
        ):
            told = await scan(client, event, organiser.admin, ticket, type=scan_type)
            assert told["outcome"] == outcome
        forced = await scan(client, event, organiser.admin, ticket, force=True)
        assert (forced["outcome"], forced["conflict"]) == ("admitted", True)
        [made] = await admissions(client, organiser, event, ticket, forced["scan_id"])
        for scan_id in (made, forced["scan_id"]):
            await annul(client, event, organiser.admin, scan_id)
        assert await state(ticket) == ("active", False, False)


async def admissions(
    client: httpx.AsyncClient, organiser: Person, event: Any, ticket: str, but: str
) -> list[str]:
    url = f"/events/api/v1/events/{event['id']}/scans"
    wanted = {"ticket_id": ticket, "outcome": "admitted"}
    answer = await client.get(url, params=wanted, headers=organiser.admin)
    return [row["scan_id"] for row in answer.json()["data"] if row["scan_id"] != but]
