"""Finding a guest at the door, and how full it is."""

from itertools import cycle, islice

import httpx
import pytest

from support.builders import API, Json, an_event
from support.door_list import NAMES, add_package, change, put_tickets
from support.host import ext
from support.people import Person
from support.refusals import assert_refused
from support.scanners import a_scanner, shows
from support.statements import statements

pytestmark = pytest.mark.asyncio


async def ask(
    client: httpx.AsyncClient, event: Json, headers: dict[str, str], q: str
) -> httpx.Response:
    url = f"{API}/door/{event['id']}/search"
    return await client.get(url, params={"q": q}, headers=headers)


async def found(
    client: httpx.AsyncClient, event: Json, headers: dict[str, str], q: str
) -> list[Json]:
    answer = await ask(client, event, headers, q)
    assert answer.status_code == 200, answer.text
    data: list[Json] = answer.json()["data"]
    assert answer.json()["total"] >= len(data)
    return data


async def names(
    client: httpx.AsyncClient, event: Json, headers: dict[str, str], q: str
) -> set[str]:
    return {ticket["name"] for ticket in await found(client, event, headers, q)}


GUESTS = (
    "Ada Lovelace",
    "ÉMILIE DU CHÂTELET",
    "Ümit Öztürk",
    "李清照",
    "100% Cotton",
    "a_b",
    "star*",
    "[brackets]",
    "bang!",
    "back\\slash",
    "quest?on",
    "<b>bold</b>",
    "O'Brien",
)


async def test_a_guest_is_found_in_capitals_or_not_and_no_text_is_a_pattern(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await put_tickets(event, organiser, GUESTS)
    other = await an_event(client, organiser)
    await put_tickets(other, organiser, ["Ada of another event"])
    headers = shows(await a_scanner(client, organiser, event["id"]))
    cases: dict[str, set[str]] = {
        "ada": {"Ada Lovelace"},
        " LOVE ": {"Ada Lovelace"},
        "émilie": {"ÉMILIE DU CHÂTELET"},
        "ÜMIT ö": {"Ümit Öztürk"},
        "清照": {"李清照"},
        "0%": {"100% Cotton"},
        "%%": set(),
        "a%e": set(),
        "a_b": {"a_b"},
        "__": set(),
        "r*": {"star*"},
        "**": set(),
        "*a*": set(),
        "[b": {"[brackets]"},
        "[a-z]": set(),
        "s]": {"[brackets]"},
        "g!": {"bang!"},
        "!!": set(),
        "\\s": {"back\\slash"},
        "t?": {"quest?on"},
        "??": set(),
        "<b>": {"<b>bold</b>"},
        "o'b": {"O'Brien"},
        "' OR '1'='1": set(),
        "no such guest": set(),
    }
    for text, expected in cases.items():
        assert await names(client, event, headers, text) == expected, text


async def test_a_number_is_found_with_and_without_its_sign(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await put_tickets(event, organiser, islice(cycle(["Zoe", "Agent 007"]), 30))
    headers = shows(await a_scanner(client, organiser, event["id"]))
    for text, numbers in (("7", {7}), ("#12", {12}), ("0030", {30}), ("31", set())):
        assert {ticket["number"] for ticket in await found(client, event, headers, text)} == numbers
    # Digits may also stand in a name; the number comes first.
    sevens = await found(client, event, headers, "07")
    assert sevens[0]["number"] == 7
    assert {ticket["name"] for ticket in sevens[1:]} == {"Agent 007"}
    assert await found(client, event, headers, "99999999999999999999") == []
    assert await found(client, event, headers, "4294967303") == []


async def test_a_scanner_cannot_try_out_addresses(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await put_tickets(event, organiser, ["Ada"], email="Countess@example.com")
    scanner = shows(await a_scanner(client, organiser, event["id"]))
    for text in ("countess@example.com", "COUNTESS@exam", "countess@"):
        [ticket] = await found(client, event, scanner, text)
        assert "email" not in ticket
        [ticket] = await found(client, event, organiser.admin, text)
        assert ticket["email"] == "Countess@example.com"
    for text in ("countess", "co", "ess@example.com", "@example.com", "example", "%@", "*@", "c*@"):
        assert await found(client, event, scanner, text) == [], text
    for text in ("countess", "example"):
        assert len(await found(client, event, organiser.admin, text)) == 1


async def test_what_is_found_tells_who_let_it_in_and_how_many_came_with_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    drink = await add_package(client, organiser, event, name="Drink", kind="addon")
    first, gate = [await a_scanner(client, organiser, event["id"], name=n) for n in ("A", "B")]
    body = {"name": "Ada Lovelace", "email": "ada@example.com", "quantity": 3}
    bought = (await client.post(f"{API}/tickets/{event['id']}", json=body)).json()
    [in_by_gate, in_by_key, new] = bought["ticket_ids"]
    await put_tickets(
        event,
        organiser,
        ["Ada Lovelace"],
        order_id=bought["order_id"],
        package_id=drink["id"],
        kind="addon",
    )
    scans = f"{API}/door/{event['id']}/scans"
    for headers in (shows(gate), shows(first)):
        await client.post(scans, json={"code": in_by_gate, "type": "check_in"}, headers=headers)
    await client.post(scans, json={"code": in_by_key, "type": "check_in"}, headers=organiser.admin)
    # 1.6.9 let one in, and kept no scan.
    [old] = await put_tickets(event, organiser, ["Ada of old"], registered=True, status=None)
    then = ext("clock").now()
    await change(old, "reg_timestamp = :at", at=ext("crud").legacy_time(then))

    tickets = {
        ticket["id"]: ticket for ticket in await found(client, event, organiser.admin, "ada")
    }
    assert len(tickets) == 5
    told = {id_: (tickets[id_]["status"], tickets[id_]["by"]) for id_ in tickets}
    assert told[in_by_gate] == ("used", "B")
    assert told[in_by_key] == ("used", "organiser")
    assert told[new] == ("active", None)
    assert told[old] == ("used", None)
    assert tickets[new]["first_check_in_at"] is None
    assert tickets[old]["first_check_in_at"] == ext("clock").iso(then)
    assert tickets[in_by_gate]["first_check_in_at"]
    assert tickets[new]["package"] == event["packages"][0]["name"]
    assert [tickets[id_]["order"] for id_ in bought["ticket_ids"]] == [3, 3, 3]


async def test_twenty_are_told_in_one_statement_of_however_many(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    headers = shows(await a_scanner(client, organiser, event["id"]))
    counts = []
    for number in (0, 3, 40):
        await put_tickets(event, organiser, islice(cycle(NAMES[:1]), number))
        with statements() as seen:
            answer = await ask(client, event, headers, "lovelace")
        counts.append(len(seen))
    assert counts == [2, 2, 2]
    assert (len(answer.json()["data"]), answer.json()["total"]) == (20, 43)


async def test_i6_credentials_search_takes_a_scanner_that_sees_names(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await put_tickets(event, organiser, NAMES)
    unpaid = await put_tickets(event, organiser, NAMES[:1], paid=False, status="reserved")
    blind = shows(await a_scanner(client, organiser, event["id"], sees_names=False))
    for headers in (blind, other_organiser.admin, organiser.invoice):
        assert assert_refused(await ask(client, event, headers, "ada"), 403) == "forbidden"
    assert_refused(await ask(client, event, {}, "ada"), 401)
    [ada] = await found(client, event, organiser.admin, "ada")
    assert ada["id"] not in unpaid


@pytest.mark.parametrize(
    "text", ["", " ", "x", " x ", "#", "a\0b", "\ud800"[:0] + "\x1b[", "x" * 101]
)
async def test_a_search_that_is_none_is_refused(
    client: httpx.AsyncClient, organiser: Person, text: str
) -> None:
    event = await an_event(client, organiser)
    assert_refused(await ask(client, event, organiser.admin, text), 400)
