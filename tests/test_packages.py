"""Ticket types over their own routes: limits, windows, order, removal; 1.6.9's columns follow."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import pytest_asyncio

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    buy,
    day,
    event_row,
    pay,
    row,
    rows,
)
from support.invariants import broken_invariants, broken_seats
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")

HUGE = "x" * 30_000
NO_NUMBERS: list[object] = ["x", [], {}, "NaN", "Infinity", True, "1e999999"]
NO_COUNTS: list[object] = [-1, 1.5, 2**31, "3", *NO_NUMBERS]
NO_TEXTS: list[object] = [HUGE, 7, [], "a\x00b", "a\x1b[31m", "a\u202eb", "\ud800"]
NO_TIMES: list[object] = ["x", "2030-05-31", "2030-02-30T10:00", 7, [], "", "9999-12-31T23:59:00Z"]


def body(**changes: object) -> Json:
    return {"name": "VIP", "price": 500, "currency": "sat", "quantity_limit": 5} | changes


def where(event: Mapping[str, Any], package: Mapping[str, Any] | None = None) -> str:
    url = f"{API}/events/{event['id']}/packages"
    return f"{url}/{package['id']}" if package else url


async def add(client: httpx.AsyncClient, organiser: Person, event: Json, **changes: object) -> Json:
    answer = await client.post(where(event), json=body(**changes), headers=organiser.admin)
    assert answer.status_code == 201, answer.text
    package: Json = answer.json()
    return package


async def change(
    client: httpx.AsyncClient, organiser: Person, event: Json, package: Json, **changes: object
) -> httpx.Response:
    # JSON by hand: some tests send what httpx would refuse to encode.
    return await client.put(
        where(event, package),
        content=json.dumps(changes).encode(),
        headers={**organiser.admin, "Content-Type": "application/json"},
    )


async def listed(
    client: httpx.AsyncClient, event: Json, person: Person | None = None
) -> list[Json]:
    answer = await client.get(where(event), headers=person.admin if person else {})
    assert answer.status_code == 200, answer.text
    assert answer.json()["total"] == len(answer.json()["data"])
    found: list[Json] = answer.json()["data"]
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def quiet(client: httpx.AsyncClient, organiser: Person) -> Json:
    """Stays as it is: what is sent to it is refused. Its first package is not sold."""
    return await an_event(client, organiser)


async def test_a_package_has_all_that_was_said_of_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, timezone="Europe/Berlin")
    said = body(
        kind="addon",
        description="A *shirt*.",
        price=19.99,
        currency="EUR",
        sale_starts_at="2020-01-01T10:00:00Z",
        sale_ends_at=f"{day(10)}T20:00",
        valid_from="2030-01-01T12:00:00+02:00",
        valid_until="2030-01-02T00:00:00Z",
        min_per_order=2,
        max_per_order=4,
        is_hidden=True,
    )
    package = await add(client, organiser, event, **said)
    assert package["sale_ends_at"][-10:-4] in ("T18:00", "T19:00"), "local time of the event"
    assert package["valid_from"] == "2030-01-01T10:00:00Z"
    for name, value in said.items():
        if name not in ("valid_from", "sale_ends_at"):
            assert package[name] == value, name
    expected = {"sold": 0, "held": 0, "remaining": 5, "version": 1, "display_order": 1}
    assert package.items() >= (expected | {"image_url": None, "options": []}).items()
    assert (await listed(client, event, organiser))[1] == package


async def test_everybody_sees_what_is_on_sale_and_no_counters(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await add(client, organiser, event, name="open", kind="addon")
    await add(client, organiser, event, name="hidden", is_hidden=True)
    await add(client, organiser, event, name="off", is_enabled=False)
    seen = await listed(client, event)
    assert [package["name"] for package in seen] == ["Ticket", "open"]
    secret = {"sold", "held", "quantity_limit", "is_enabled", "is_hidden", "version"}
    assert not any(secret & package.keys() for package in seen)
    assert seen == (await client.get(f"{API}/events/{event['id']}")).json()["packages"]
    everything = await listed(client, event, organiser)
    assert [p["name"] for p in everything] == ["Ticket", "open", "hidden", "off"]
    assert_refused(await client.get(where(event), headers=other_organiser.admin), 403)
    assert_refused(await client.get(where(event), headers=organiser.invoice), 403)
    page = (await client.get(f"{where(event)}?limit=1&offset=1")).json()
    assert (page["total"], [p["name"] for p in page["data"]]) == (2, ["open"])
    assert_refused(await client.get(f"{where(event)}?limit=1001"), 400)
    draft = await an_event(client, organiser, status="draft")
    assert_refused(await client.get(where(draft)), 404)
    assert len(await listed(client, draft, organiser)) == 1


BAD_PACKAGES: dict[str, list[object]] = {
    "name": ["", "  ", "x" * 101, *NO_TEXTS],
    "kind": ["ticket", "", 7, []],
    "description": ["x" * 2001, *NO_TEXTS],
    "price": [-1, 0.5, 1e30, "1e-99", *NO_NUMBERS],
    "currency": ["XYZ", "", "€", 7, [], HUGE, "\x00"],
    "quantity_limit": NO_COUNTS,
    "min_per_order": [0, 11, *NO_COUNTS],
    "max_per_order": [0, 11, *NO_COUNTS],
    "sale_starts_at": NO_TIMES,
    "sale_ends_at": NO_TIMES,
    "valid_from": NO_TIMES,
    "valid_until": NO_TIMES,
    "is_enabled": [1, "true", []],
    "is_hidden": [0, "no", []],
}
BAD_PAIRS: list[Json] = [
    {"min_per_order": 3, "max_per_order": 2},
    {"sale_starts_at": "2030-01-02T00:00", "sale_ends_at": "2030-01-02T00:00"},
    {"valid_from": "2030-01-02T00:00Z", "valid_until": "2030-01-01T00:00Z"},
    {"price": 0.001, "currency": "EUR"},
]


@pytest.mark.parametrize(("field", "values"), BAD_PACKAGES.items(), ids=BAD_PACKAGES)
async def test_a_package_with_a_bad_field(
    client: httpx.AsyncClient, organiser: Person, quiet: Json, field: str, values: list[object]
) -> None:
    headers = {**organiser.admin, "Content-Type": "application/json"}
    async with nothing_written():
        for value in values:
            sent = json.dumps(body(**{field: value})).encode()
            answer = await client.post(where(quiet), content=sent, headers=headers)
            assert_refused(answer, 400, about=f"new {ascii(value)[:40]}")
            answer = await change(client, organiser, quiet, quiet["packages"][0], **{field: value})
            assert_refused(answer, 400, about=f"changed {ascii(value)[:40]}")


@pytest.mark.parametrize("wrong", BAD_PAIRS, ids=lambda pair: ",".join(pair))
async def test_a_package_whose_fields_do_not_fit(
    client: httpx.AsyncClient, organiser: Person, quiet: Json, wrong: Json
) -> None:
    async with nothing_written():
        answer = await client.post(where(quiet), json=body(**wrong), headers=organiser.admin)
        assert_refused(answer, 400)
        answer = await change(client, organiser, quiet, quiet["packages"][0], **wrong)
        assert_refused(answer, 400)


async def test_a_change_is_judged_with_what_is_stored(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    package = await add(
        client, organiser, event, valid_until="2030-01-01T00:00Z", max_per_order=3, price=1
    )
    for wrong in (
        {"valid_from": "2030-01-01T00:00Z"},
        {"min_per_order": 4},
        {"price": 0.5},
        {"version": 7},
    ):
        answer = await change(client, organiser, event, package, **wrong)
        assert_refused(answer, 409 if "version" in wrong else 400, about=str(wrong))
    fine = {"valid_until": None, "valid_from": "2031-01-01T00:00Z", "quantity_limit": None}
    answer = await change(client, organiser, event, package, version=1, **fine)
    changed = answer.json()
    assert (changed["valid_until"], changed["quantity_limit"]) == (None, None)
    assert (changed["remaining"], changed["version"]) == (None, 2)
    untouched = ("name", "price", "currency", "max_per_order", "sale_ends_at", "kind")
    assert {n: changed[n] for n in untouched} == {n: package[n] for n in untouched}
    stale = await change(client, organiser, event, package, name="late", version=1)
    assert assert_refused(stale, 409) == "stale_version"


async def test_nobody_else_touches_a_package(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, quiet: Json
) -> None:
    package, other = quiet["packages"][0], await an_event(client, organiser)
    async with nothing_written():
        for person, status in ((other_organiser, 403), (None, 401)):
            headers = person.admin if person else {}
            for method, url, sent in (
                ("POST", where(quiet), body()),
                ("PUT", where(quiet, package), {"name": "x"}),
                ("PUT", f"{where(quiet)}/order", {"package_ids": [package["id"]]}),
                ("DELETE", where(quiet, package), None),
            ):
                answer = await client.request(method, url, json=sent, headers=headers)
                assert_refused(answer, status, about=f"{method} {url}")
        for url in (where(other, package), f"{where(quiet)}/none", f"{where(quiet)}/%00"):
            for method in ("PUT", "DELETE"):
                answer = await client.request(method, url, json={}, headers=organiser.admin)
                assert_refused(answer, 404)


async def test_i1_a_limit_below_what_is_sold_and_held(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    package = await add(client, organiser, event)
    wanted = {"package_id": package["id"]}
    await pay(buyer, await a_purchase(client, event["id"], quantity=2, **wanted))
    await a_purchase(client, event["id"], quantity=1, **wanted)
    async with nothing_written():
        low = await change(client, organiser, event, package, quantity_limit=2, name="lower")
        assert assert_refused(low, 409) == "below_sold"
        kind = await change(client, organiser, event, package, kind="addon")
        assert assert_refused(kind, 409) == "has_sales"
    full = (await change(client, organiser, event, package, quantity_limit=3)).json()
    assert (full["sold"], full["held"], full["remaining"]) == (2, 1, 0)
    assert assert_refused(await buy(client, event["id"], None, **wanted), 410) == "sold_out"
    dear = (await change(client, organiser, event, package, price=9, currency="EUR")).json()
    assert (dear["price"], dear["currency"]) == (9, "EUR")
    prices = await rows("SELECT price_sat FROM events.ticket WHERE event = :id", id=event["id"])
    assert {found["price_sat"] for found in prices} == {500}, "what was bought keeps its price"
    assert await broken_invariants(event["id"]) == []


async def test_i1_a_limit_that_is_cut_while_tickets_are_bought(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, capacity=100)
    package = await add(client, organiser, event, quantity_limit=40)

    async def cut(limit: int) -> httpx.Response:
        return await change(client, organiser, event, package, quantity_limit=limit)

    async def take(number: int) -> httpx.Response:
        wanted = {"package_id": package["id"], "email": f"{number}@example.com"}
        return await buy(client, event["id"], None, **wanted)

    racing = [cut(12 - number // 2) if number % 3 == 0 else take(number) for number in range(24)]
    answers = await asyncio.gather(*racing)
    assert await broken_seats(event["id"]) == []
    stored = await row("SELECT * FROM events.packages WHERE id = :id", id=package["id"])
    bought = sum(a.is_success for n, a in enumerate(answers) if n % 3)
    assert stored["held"] == bought
    for number, answer in enumerate(answers):
        codes = ("below_sold",) if number % 3 == 0 else ("sold_out", "not_enough_left")
        assert answer.is_success or answer.json()["code"] in codes, answer.text
    low = await cut(bought - 1)
    assert assert_refused(low, 409) == "below_sold"


async def test_a_package_nothing_was_sold_of_goes_and_others_are_disabled(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    unsold, sold = (
        await add(client, organiser, event, name="unsold"),
        await add(client, organiser, event, name="sold"),
    )
    options = f"{where(event, unsold)}/options"
    await client.post(options, json={"label": "Size?"}, headers=organiser.admin)
    await pay(buyer, await a_purchase(client, event["id"], package_id=sold["id"]))
    gone = await client.delete(where(event, unsold), headers=organiser.admin)
    assert (gone.status_code, gone.content) == (204, b"")
    assert_refused(await client.delete(where(event, unsold), headers=organiser.admin), 404)
    left = await rows("SELECT * FROM events.options WHERE package_id = :id", id=unsold["id"])
    assert left == []
    kept = await client.delete(where(event, sold), headers=organiser.admin)
    assert kept.status_code == 200
    assert (kept.json()["is_enabled"], kept.json()["sold"]) == (False, 1)
    assert [p["name"] for p in await listed(client, event)] == ["Ticket"]
    refused = await buy(client, event["id"], None, package_id=sold["id"])
    assert assert_refused(refused, 410) == "not_on_sale"
    # Without any ticket type an event can be seen, and nothing bought.
    first = event["packages"][0]
    assert (await client.delete(where(event, first), headers=organiser.admin)).status_code == 204
    assert (await client.get(f"{API}/events/{event['id']}")).json()["sales"] == "closed"
    assert_refused(await buy(client, event["id"]), 400, 410)
    assert await broken_invariants(event["id"]) == []


async def test_packages_are_ordered_in_one_call(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    for name in ("b", "c"):
        await add(client, organiser, event, name=name)
    ids = [package["id"] for package in await listed(client, event, organiser)]
    url = f"{where(event)}/order"
    async with nothing_written():
        for wrong in (
            [],
            ids[:2],
            [*ids, ids[0]],
            [*ids[:2], "none"],
            [ids[0]] * 3,
            "x",
            [7],
            None,
        ):
            sent = {"package_ids": wrong}
            assert_refused(await client.put(url, json=sent, headers=organiser.admin), 400)
    wanted = [ids[2], ids[0], ids[1]]
    answer = await client.put(url, json={"package_ids": wanted}, headers=organiser.admin)
    assert [package["id"] for package in answer.json()["data"]] == wanted
    assert [package["id"] for package in await listed(client, event)] == wanted
    stored = await event_row(event["id"])
    waves = json.loads(stored["extra"])["ticket_waves"]
    assert [wave["title"] for wave in waves] == ["c", "Ticket", "b"]
    assert stored["price_per_ticket"] == 500, "1.6.9's price is that of the first"


async def test_1_6_9_sees_what_it_may_sell_and_takes_nothing_else_away(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await add(client, organiser, event, name="shirt", kind="addon")
    await add(client, organiser, event, name="friends", is_hidden=True)
    late = await add(client, organiser, event, name="late", sale_ends_at=f"{day(9)}T18:30:00Z")
    url = f"{API}/events/{event['id']}"
    [old] = [
        found
        for found in (await client.get(f"{API}/events", headers=organiser.admin)).json()
        if found["id"] == event["id"]
    ]
    waves = old["extra"]["ticket_waves"]
    assert [(w["title"], w["closing_date"]) for w in waves] == [
        ("Ticket", event["closing_date"]),
        ("late", day(9)),
    ]
    assert json.loads((await event_row(event["id"]))["extra"])["ticket_waves"] == waves
    waves[1]["title"] = "last minute"
    known = {"wallet", "name", "info", "closing_date", "extra", "amount_tickets", "sold"}
    sent = {name: value for name, value in old.items() if name in known}
    answer = await client.put(url, json=sent, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    after = {package["name"]: package for package in await listed(client, event, organiser)}
    assert set(after) == {"Ticket", "shirt", "friends", "last minute"}
    assert after["last minute"]["sale_ends_at"] == late["sale_ends_at"]
    for name in ("shirt", "friends"):
        assert after[name]["is_enabled"]
    limits = {name: package["quantity_limit"] for name, package in after.items()}
    assert limits == {"Ticket": None, "shirt": 5, "friends": 5, "last minute": 5}
    assert answer.json()["capacity"] == event["capacity"], "what was only sent back is no wish"


async def test_each_change_of_a_package_is_on_record(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    package = await add(client, organiser, event)
    await change(client, organiser, event, package, price=7, is_hidden=True, name="VIP")
    await change(client, organiser, event, package, quantity_limit=None)
    await change(client, organiser, event, package, version=9, name="refused")
    await client.delete(where(event, package), headers=organiser.admin)
    found = await rows(
        "SELECT action, field, old, new, actor FROM events.audit WHERE entity_id = :id"
        " ORDER BY at, id",
        id=package["id"],
    )
    assert {entry["actor"] for entry in found} == {f"admin_key:{organiser.wallet}"}
    changed = [
        (entry["field"], entry["old"], entry["new"])
        for entry in found
        if entry["action"] == "update"
    ]
    assert changed == [
        ("is_hidden", "false", "true"),
        ("price", "500.0", "7.0"),
        ("quantity_limit", "5", None),
    ]
    created = {entry["field"]: entry["new"] for entry in found if entry["action"] == "create"}
    assert created.items() >= {"name": '"VIP"', "price": "500.0", "quantity_limit": "5"}.items()
    assert {entry["action"] for entry in found} == {"create", "update", "delete"}
