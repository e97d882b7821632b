"""I5: what a scan has read is old by the time it writes; the database decides, in any process.

One process lets its scans wait for each other, so a look from before another scan is handed out
again: what a second process would have read.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from support.builders import API, Json
from support.host import ext
from support.people import Person
from support.scanning import a_party, annul, scan, scan_rows, set_ticket, state, ticket_row

pytestmark = pytest.mark.asyncio


class OldLook:
    """The first look is the one that was kept, later ones are real."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.real = ext("door.crud").look
        self.kept: Mapping[str, Any] | None = None
        self.looks = 0
        patch.setattr(ext("door.crud"), "look", self)

    async def keep(self, event: Json, ticket: str, scan_id: str) -> None:
        async with ext("crud").reading() as tx:
            self.kept = dict(await self.real(tx, event["id"], None, ticket, scan_id))
        self.looks = 0

    @asynccontextmanager
    async def put_off(self) -> AsyncIterator[None]:
        """What happens in between has looks of its own."""
        kept, self.kept = self.kept, None
        yield
        self.kept, self.looks = kept, 0

    async def __call__(self, *args: object) -> Mapping[str, Any] | None:
        self.looks += 1
        kept, self.kept = self.kept, None
        found: Mapping[str, Any] | None = await self.real(*args) if kept is None else kept
        return found


async def overtaken(
    client: httpx.AsyncClient, who: Person, patch: pytest.MonkeyPatch, *steps: str
) -> tuple[Json, OldLook]:
    """A scan of the last type, that read before the others were made; entry is `reentry`."""
    event, [ticket] = await a_party(client, who, entry="reentry")
    *before, between, last = steps
    for scan_type in before:
        await scan(client, event, who.admin, ticket, type=scan_type)
    look = OldLook(patch)
    await look.keep(event, ticket, "overtaken")
    async with look.put_off():
        await scan(client, event, who.admin, ticket, type=between)
    told = await scan(client, event, who.admin, ticket, type=last, scan_id="overtaken")
    assert len(await scan_rows(event)) == len(steps)
    return told, look


IN, OUT = "check_in", "check_out"
RACES = [
    ((IN, IN), "already_used"),
    ((IN, OUT, OUT), "not_checked_in"),
    ((IN, OUT, IN, IN), "already_used"),
]


@pytest.mark.parametrize(("steps", "outcome"), RACES)
async def test_i5_entry_an_overtaken_scan_reads_again(
    client: httpx.AsyncClient,
    organiser: Person,
    monkeypatch: pytest.MonkeyPatch,
    steps: tuple[str, ...],
    outcome: str,
) -> None:
    told, look = await overtaken(client, organiser, monkeypatch, *steps)
    assert (told["outcome"], look.looks) == (outcome, 2)


@pytest.mark.parametrize("status", ["cancelled", "refunded"])
async def test_i5_entry_a_ticket_cancelled_in_between_is_refused(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    event, [ticket] = await a_party(client, organiser)
    look = OldLook(monkeypatch)
    await look.keep(event, ticket, "overtaken")
    await set_ticket(ticket, status=status, paid=False)
    told = await scan(client, event, organiser.admin, ticket, scan_id="overtaken")
    assert (told["outcome"], told["ticket"]["status"]) == (status, status)
    assert (await ticket_row(ticket))["registered"] in (False, 0)


@pytest.mark.parametrize("is_known", [True, False])
async def test_i5_entry_an_overtaken_scan_of_the_same_id_gets_the_first_answer(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    """Of a ticket its own guard tells, of anything else the key of the table."""
    event, [ticket] = await a_party(client, organiser)
    code = ticket if is_known else "none"
    look = OldLook(monkeypatch)
    await look.keep(event, code, "the-same")
    async with look.put_off():
        first = await scan(client, event, organiser.admin, code, scan_id="the-same")
    assert await scan(client, event, organiser.admin, code, scan_id="the-same") == first
    assert look.looks == 2
    assert len(await scan_rows(event)) == 1


async def test_i5_entry_annulled_in_between_is_made_again(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, [ticket] = await a_party(client, organiser)
    await scan(client, event, organiser.admin, ticket, scan_id="admitted")
    look = OldLook(monkeypatch)
    await look.keep(event, ticket, "out-of-it")
    async with look.put_off():
        await annul(client, event, organiser.admin, "admitted")
    told = await scan(client, event, organiser.admin, ticket, type=OUT, scan_id="out-of-it")
    assert (told["outcome"], await state(ticket)) == ("not_checked_in", ("active", False, False))
    url = f"{API}/door/{event['id']}/validate"
    answer = await client.post(url, json={"code": ticket}, headers=organiser.admin)
    assert answer.json()["outcome"] == "admitted"
