"""How full it is: the figures of the door against plain counting."""

import asyncio
import random
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from support.builders import API, Json, a_purchase, an_event, eventually, rows, ticket_rows
from support.door_list import add_package, change, put_tickets
from support.host import ext
from support.people import Person
from support.refusals import assert_refused
from support.scanners import a_scanner, shows
from support.statements import statements

pytestmark = pytest.mark.asyncio


@pytest.fixture
def counted_anew(app: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered from one request to the next."""
    monkeypatch.setattr(ext("door.stats"), "_STALE_S", 0.0)


async def stats(client: httpx.AsyncClient, event: Json, headers: dict[str, str]) -> Json:
    answer = await client.get(f"{API}/door/{event['id']}/stats", headers=headers)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


async def plainly_counted(event: Json) -> Json:
    """From the rows, one by one."""
    per_package: dict[str, Counter[str]] = {}
    for ticket in await ticket_rows(event["id"]):
        if ticket["kind"] != "admission" or ticket["status"] not in ("active", "used"):
            continue
        count = per_package.setdefault(ticket["package_id"], Counter())
        count["sold"] += 1
        count["admitted"] += ticket["status"] == "used"
        count["inside"] += ticket["status"] == "used" and ticket["left_at"] is None
    totals = {
        name: sum(count[name] for count in per_package.values())
        for name in ("sold", "admitted", "inside")
    }
    return {**totals, "per_package": per_package}


def assert_told(told: Json, expected: Json) -> None:
    for name in ("sold", "admitted", "inside"):
        assert told[name] == expected[name]
        for package in told["per_package"]:
            assert (
                package[name] == expected["per_package"].get(package["package_id"], {name: 0})[name]
            )
    assert {package["package_id"] for package in told["per_package"]} >= set(
        expected["per_package"]
    )


@pytest.mark.parametrize("seed", [1, 2])
async def test_i5_entry_after_random_scans_the_figures_are_those_of_plain_counting(
    client: httpx.AsyncClient, organiser: Person, counted_anew: None, seed: int
) -> None:
    event = await an_event(
        client, organiser, price_per_ticket=0, entry="reentry", amount_tickets=99
    )
    vip = await add_package(client, organiser, event, name="VIP")
    drink = await add_package(client, organiser, event, name="Drink", kind="addon")
    await add_package(client, organiser, event, name="Nobody bought it")
    people = f"{API}/door/{event['id']}/scans"
    gates = [shows(await a_scanner(client, organiser, event["id"])) for _ in range(2)]
    ids = []
    for package, quantity in ((event["packages"][0], 6), (vip, 4), (drink, 3)):
        bought = await a_purchase(client, event["id"], quantity=quantity, package_id=package["id"])
        ids += bought["ticket_ids"]
    chance = random.Random(seed)  # noqa: S311 - the same scans each time
    for number in range(60):
        ticket_id = chance.choice(ids)
        if chance.random() < 0.05:
            url = f"{API}/tickets/{ticket_id}/cancel"
            await client.post(url, json={}, headers=organiser.admin)
            continue
        type_ = chance.choice(("check_in", "check_in", "check_out", "access"))
        scan_id = f"{event['id']}-{number}"[-20:]
        body = {"code": ticket_id, "type": type_, "scan_id": scan_id}
        answer = await client.post(people, json=body, headers=chance.choice(gates))
        assert answer.status_code == 200, answer.text
        if answer.json()["outcome"] == "admitted" and chance.random() < 0.2:
            await client.post(f"{people}/{scan_id}/annul", headers=organiser.admin)
        if number % 10 == 9:
            assert_told(await stats(client, event, gates[0]), await plainly_counted(event))
    told = await stats(client, event, organiser.admin)
    assert_told(told, await plainly_counted(event))
    assert told["admitted"]
    order = [package["name"] for package in told["per_package"]]
    assert order == [event["packages"][0]["name"], "VIP", "Nobody bought it"]
    assert told["last_minute"] == await guests_let_in(event)


async def guests_let_in(event: Json) -> int:
    found = await rows("SELECT * FROM events.scans WHERE event_id = :id", id=event["id"])
    kinds = {row["id"]: row["kind"] for row in await ticket_rows(event["id"])}
    return len(
        {
            scan["ticket_id"]
            for scan in found
            if scan["outcome"] == "admitted"
            and scan["annulled_at"] is None
            and kinds[scan["ticket_id"]] == "admission"
        }
    )


async def test_the_last_minute_is_the_last_minute(
    client: httpx.AsyncClient,
    organiser: Person,
    counted_anew: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = await an_event(client, organiser)
    clock = ext("clock")
    for ticket_id in await put_tickets(event, organiser, ["Ada", "Eve"]):
        body = {"code": ticket_id, "type": "check_in"}
        url = f"{API}/door/{event['id']}/scans"
        await client.post(url, json=body, headers=organiser.admin)
    assert (await stats(client, event, organiser.admin))["last_minute"] == 2
    later = clock.now() + timedelta(seconds=61)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert (await stats(client, event, organiser.admin))["last_minute"] == 0


async def test_tickets_of_packages_that_are_gone_count_as_well(
    client: httpx.AsyncClient, organiser: Person, counted_anew: None
) -> None:
    event = await an_event(client, organiser)
    [one, two, old] = await put_tickets(event, organiser, ["Ada", "Eve", "Old"])
    await change(one, "package_id = NULL")
    await change(two, "package_id = 'gone'")
    # 1.6.9 after a roll back.
    await change(old, "registered = TRUE")
    told = await stats(client, event, organiser.admin)
    assert (told["sold"], told["admitted"], told["inside"]) == (3, 1, 1)
    of = {package["package_id"]: package for package in told["per_package"]}
    assert of[None]["sold"] == of["gone"]["sold"] == 1
    assert of["gone"]["name"] is None


async def test_i11_loop_figures_are_counted_once_for_all_who_ask(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    url = f"{API}/door/{event['id']}/stats"
    with statements() as seen:
        answers = await asyncio.gather(
            *(client.get(url, headers=organiser.admin) for _ in range(8))
        )
    assert {answer.status_code for answer in answers} == {200}
    # Each reads its credential, one counts.
    assert len(seen) == 8 + 3


async def test_i11_loop_the_figures_take_as_many_statements_however_much_was_sold(
    client: httpx.AsyncClient, organiser: Person, counted_anew: None
) -> None:
    event = await an_event(client, organiser)
    counts = []
    for number in (0, 10, 500):
        await put_tickets(event, organiser, ["Ada"] * number)
        with statements() as seen:
            await stats(client, event, organiser.admin)
        counts.append(len(seen))
    assert counts == [4, 4, 4]


async def test_a_change_shows_within_seconds(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser)
    assert (await stats(client, event, organiser.admin))["sold"] == 0
    await put_tickets(event, organiser, ["Ada"])

    async def seen() -> bool:
        return bool((await stats(client, event, organiser.admin))["sold"])

    await eventually(seen, timeout_s=15)


async def test_i6_credentials_the_figures_take_any_scanner_of_the_event(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event, other = [await an_event(client, organiser) for _ in range(2)]
    rights = {"may_work_offline": False, "sees_names": False}
    scanner = await a_scanner(client, organiser, event["id"], **rights)
    assert (await stats(client, event, shows(scanner)))["sold"] == 0
    foreign = shows(await a_scanner(client, organiser, other["id"]))
    url = f"{API}/door/{event['id']}/stats"
    for headers in (foreign, other_organiser.admin, organiser.invoice):
        assert_refused(await client.get(url, headers=headers), 403)
    assert_refused(await client.get(url), 401)
    [row] = await rows("SELECT * FROM events.scanners WHERE id = :id", id=scanner["id"])
    assert row["last_seen_at"]
