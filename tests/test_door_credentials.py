"""I6 at the door: a scanner reads and changes nothing beyond its event, nor beyond its rights."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from support.builders import API, Json, a_purchase, an_event, execute, rows
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.scanners import a_scanner, revoke, shows
from support.scanning import door, post

pytestmark = pytest.mark.asyncio

GUEST, MAIL = "Zsuzsanna Hidden", "zsuzsanna@example.com"
SCAN_ID = "first-at-the-gate"
TYPES = ("check_in", "check_out", "access")


@dataclass(frozen=True)
class Doors:
    """Two events of one organiser, with a scanner each that may do everything. At the first a
    guest is in and a second ticket is not; the second knows neither."""

    first: Json
    second: Json
    tickets: list[str]
    own: Mapping[str, str]
    foreign: Mapping[str, str]

    @property
    def hidden(self) -> set[str]:
        """What only the first door knows."""
        return {GUEST, MAIL, "Early bird", self.first["id"], *self.tickets}


@pytest_asyncio.fixture(loop_scope="session")
async def doors(client: httpx.AsyncClient, organiser: Person) -> Doors:
    first, second = [
        await an_event(client, organiser, price_per_ticket=0, name=name)
        for name in ("First night", "Second night")
    ]
    await execute(
        "UPDATE events.packages SET name = 'Early bird' WHERE event_id = :id", id=first["id"]
    )
    purchase = await a_purchase(client, first["id"], name=GUEST, email=MAIL, quantity=2)
    own, foreign = [
        shows(await a_scanner(client, organiser, event["id"])) for event in (first, second)
    ]
    answer = await scan(client, first, own, purchase["ticket_ids"][0], scan_id=SCAN_ID)
    assert answer.json()["outcome"] == "admitted"
    return Doors(first, second, purchase["ticket_ids"], own, foreign)


async def scan(
    client: httpx.AsyncClient, event: Json, who: Mapping[str, str], code: str, **more: object
) -> httpx.Response:
    """Whatever the answer is."""
    return await post(client, event, "scans", who, {"code": code, "type": "check_in"} | more)


def routes(code: str) -> dict[str, Json | None]:
    """All routes of a door and what they are sent."""
    return {
        "POST hello": {"page_version": "1", "pending": 3},
        "POST validate": {"code": code},
        "POST scans": {"code": code, "type": "check_in", "scan_id": "never-seen-before"},
        f"POST scans/{SCAN_ID}/annul": None,
        "GET search?q=zsuzsanna": None,
        "GET snapshot": None,
        "GET stats": None,
    }


async def ask(
    client: httpx.AsyncClient, event: Json, route: str, code: str, headers: Mapping[str, str]
) -> httpx.Response:
    method, path = route.split(" ")
    body = routes(code)[route]
    return await client.request(method, door(event, path), json=body, headers=dict(headers))


@pytest.mark.parametrize("route", list(routes("")))
async def test_i6_no_scanner_opens_another_events_door(
    client: httpx.AsyncClient, doors: Doors, route: str
) -> None:
    """It is told the same as of an event that does not exist."""
    async with nothing_written():
        there = await ask(client, doors.first, route, doors.tickets[1], doors.foreign)
        nowhere = await ask(client, {"id": "none"}, route, doors.tickets[1], doors.foreign)
    assert assert_refused(there, 403) == "forbidden"
    assert (nowhere.status_code, nowhere.json()) == (403, there.json())
    assert (await ask(client, doors.first, route, doors.tickets[1], doors.own)).status_code == 200


@pytest.mark.parametrize("ending", ["revoked", "expired"])
async def test_i6_an_ended_scanner_opens_no_route_of_its_own_door(
    client: httpx.AsyncClient, organiser: Person, doors: Doors, ending: str
) -> None:
    scanner = await a_scanner(client, organiser, doors.first["id"])
    if ending == "revoked":
        await revoke(client, organiser, doors.first["id"], scanner)
    else:
        await execute("UPDATE events.scanners SET expires_at = 1 WHERE id = :id", id=scanner["id"])
    async with nothing_written():
        for route in routes(""):
            answer = await ask(client, doors.first, route, doors.tickets[1], shows(scanner))
            assert assert_refused(answer, 403, about=route) == f"scanner_{ending}"
        url = f"{API}/tickets/register/{doors.tickets[1]}"
        answer = await client.put(url, headers=shows(scanner))
        assert assert_refused(answer, 403) == f"scanner_{ending}"


async def rows_of(event: Json) -> object:
    """Whatever a door could change of an event."""
    return [
        await rows(f"SELECT * FROM events.{table} WHERE {column} = :id ORDER BY id", id=event["id"])  # noqa: S608 - own names
        for table, column in (
            ("events", "id"),
            ("ticket", "event"),
            ("scans", "event_id"),
            ("scanners", "event_id"),
            ("packages", "event_id"),
            ("audit", "event_id"),
        )
    ]


async def test_i6_a_ticket_of_another_event_is_told_and_changed_by_no_scan(
    client: httpx.AsyncClient, doors: Doors
) -> None:
    before = await rows_of(doors.first)
    for code in doors.tickets:
        answers = [
            await post(client, doors.second, "validate", doors.foreign, {"code": code}),
            await scan(client, doors.second, doors.foreign, code, force=True),
            await scan(client, doors.second, doors.foreign, code, whole_order=True),
        ]
        for type_ in TYPES:
            answers.append(await scan(client, doors.second, doors.foreign, code, type=type_))
        for answer in answers:
            told = answer.json()
            assert (told["outcome"], told["ticket"]) == ("wrong_event", None)
            assert [text for text in doors.hidden if text in answer.text] == []
            assert (told["first_check_in_at"], told["by"], told["group"]) == (None, None, None)
        register = await client.put(f"{API}/tickets/register/{code}", headers=dict(doors.foreign))
        assert_refused(register, 403, 404)
        assert [text for text in doors.hidden if text in register.text] == []
    assert await rows_of(doors.first) == before


async def test_i6_a_scan_of_another_event_is_neither_answered_nor_annulled(
    client: httpx.AsyncClient, doors: Doors
) -> None:
    """Two events may use one scan id; each has its own."""
    before = await rows_of(doors.first)
    annul = f"scans/{SCAN_ID}/annul"
    assert_refused(await post(client, doors.second, annul, doors.foreign), 404)
    told = await scan(client, doors.second, doors.foreign, doors.tickets[0], scan_id=SCAN_ID)
    assert (told.json()["outcome"], told.json()["by"]) == ("wrong_event", None)
    refused = await post(client, doors.second, annul, doors.foreign)
    assert assert_refused(refused, 400) == "not_an_admission"
    assert await rows_of(doors.first) == before


async def test_i6_lists_and_figures_of_a_door_know_one_event(
    client: httpx.AsyncClient, doors: Doors
) -> None:
    async def got(path: str, headers: Mapping[str, str], event: Json) -> httpx.Response:
        answer = await client.get(door(event, path), headers=dict(headers))
        assert answer.status_code == 200, answer.text
        return answer

    for wanted in ("zsuzsanna", MAIL, "hidden", "1", "2"):
        path = f"search?q={wanted}"
        assert (await got(path, doors.own, doors.first)).json()["total"] >= 1
        nothing = await got(path, doors.foreign, doors.second)
        assert nothing.json() == {"data": [], "total": 0}
    digests = {hashlib.sha256(id_.encode()).hexdigest() for id_ in doors.tickets}
    known = (await got("snapshot", doors.own, doors.first)).json()["tickets"]
    assert {ticket["h"] for ticket in known} == digests
    assert (await got("snapshot", doors.foreign, doors.second)).json()["tickets"] == []
    figures = (await got("stats", doors.own, doors.first)).json()
    assert (figures["sold"], figures["admitted"], figures["inside"]) == (2, 1, 1)
    figures = (await got("stats", doors.foreign, doors.second)).json()
    assert (figures["sold"], figures["admitted"], figures["inside"]) == (0, 0, 0)


async def test_i6_a_scanner_does_what_it_may_and_no_more(
    client: httpx.AsyncClient, organiser: Person, doors: Doors
) -> None:
    event = doors.first
    plain = shows(
        await a_scanner(client, organiser, event["id"], may_work_offline=False, sees_names=False)
    )
    async with nothing_written():
        for path in ("search?q=zsuzsanna", "snapshot"):
            answer = await client.get(door(event, path), headers=plain)
            assert assert_refused(answer, 403) == "forbidden"
        forced = await scan(client, event, plain, doors.tickets[1], force=True)
        assert assert_refused(forced, 403) == "forbidden"
        sent = {"scans": [{"code": "anything"}, {"code": doors.tickets[1], "force": True}]}
        batch = await post(client, event, "scans", plain, sent)
        assert assert_refused(batch, 403) == "forbidden"
        annul = await post(client, event, f"scans/{SCAN_ID}/annul", plain)
        assert assert_refused(annul, 403) == "forbidden"
    admitted = await scan(client, event, plain, doors.tickets[1])
    assert admitted.json()["outcome"] == "admitted"
    assert (admitted.json()["ticket"]["name"], GUEST in admitted.text) == (None, False)
    told = await scan(client, event, doors.own, doors.tickets[1])
    assert told.json()["ticket"]["name"] == GUEST


async def test_i6_no_scanner_is_told_an_e_mail_address_or_an_order(
    client: httpx.AsyncClient, doors: Doors
) -> None:
    """However much it may see."""
    [order] = {ticket["order_id"] for ticket in await rows_by_id(doors)}
    for route in routes(""):
        answer = await ask(client, doors.first, route, doors.tickets[1], doors.own)
        assert answer.status_code == 200, answer.text
        assert [text for text in (MAIL, order) if text in answer.text] == []


async def rows_by_id(doors: Doors) -> list[Mapping[str, str]]:
    return await rows("SELECT * FROM events.ticket WHERE event = :id", id=doors.first["id"])


async def test_i6_a_scanner_registers_tickets_of_its_event(
    client: httpx.AsyncClient, doors: Doors
) -> None:
    url = f"{API}/tickets/register/{doors.tickets[1]}"
    answer = await client.put(url, headers=dict(doors.own))
    assert answer.status_code == 200, answer.text
    assert answer.json()["registered"] is True
    assert assert_refused(await client.put(url, headers=dict(doors.own)), 403)
    unknown = await client.put(f"{API}/tickets/register/none", headers=dict(doors.own))
    assert assert_refused(unknown, 404)
