"""The organiser's log of all scans, and what OpenAPI says of scanners and of it."""

from datetime import datetime, timedelta, timezone

import httpx
import pytest

from support.builders import API, Json, a_purchase, an_event, execute
from support.host import ext
from support.people import Person
from support.refusals import assert_refused
from support.scanners import a_scanner, hello, scanners_url, shows
from support.scanning import annul, scan

pytestmark = pytest.mark.asyncio


async def log(
    client: httpx.AsyncClient, organiser: Person, event: Json, **query: str | int
) -> Json:
    url = f"{API}/events/{event['id']}/scans"
    answer = await client.get(url, params=query, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def a_free_event(client: httpx.AsyncClient, organiser: Person) -> tuple[Json, list[str]]:
    """An event with two valid tickets."""
    event = await an_event(client, organiser, price_per_ticket=0)
    purchase = await a_purchase(client, event["id"], quantity=2, name="Grace Hopper")
    return event, purchase["ticket_ids"]


async def test_i5_every_scan_is_in_the_log_with_who_when_where_and_what(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, (ticket, _) = await a_free_event(client, organiser)
    gate = await a_scanner(client, organiser, event["id"], name="Gate A")
    earlier = datetime.now(timezone.utc) - timedelta(minutes=10)
    first = await scan(
        client, event, shows(gate), ticket, location="North", scanned_at=earlier.isoformat()
    )
    await scan(client, event, organiser.admin, ticket, type="access")
    await scan(client, event, shows(gate), "no ticket at all")
    found = await log(client, organiser, event)
    assert found["total"] == 3
    unknown, looked, admitted = found["data"]
    said = admitted.pop("ticket")
    assert (said["id"], said["name"], said["package"]) == (ticket, "Grace Hopper", "Ticket")
    assert said["number"] in (1, 2)
    at, received_at = (
        datetime.fromisoformat(admitted.pop(name)[:-1] + "+00:00") for name in ("at", "received_at")
    )
    assert at == earlier.replace(microsecond=0)
    assert timedelta(minutes=9) < received_at - at < timedelta(minutes=11)
    assert admitted == {
        "scan_id": first["scan_id"],
        "type": "check_in",
        "outcome": "admitted",
        "forced": False,
        "conflict": False,
        "annulled_at": None,
        "annulled_by": None,
        "scanner_id": gate["id"],
        "scanner": "Gate A",
        "location": "North",
        "others": [],
    }
    assert (looked["outcome"], looked["scanner_id"]) == ("access_granted", None)
    assert (looked["scanner"], looked["location"]) == ("organiser", None)
    assert (unknown["outcome"], unknown["ticket"]) == ("unknown", None)
    assert "no ticket at all" not in str(found)


async def test_the_log_is_picked_and_paged(client: httpx.AsyncClient, organiser: Person) -> None:
    event, (first, second) = await a_free_event(client, organiser)
    a, b = [await a_scanner(client, organiser, event["id"], name=name) for name in "AB"]
    for number, (gate, code, forced) in enumerate(
        ((a, first, False), (b, first, True), (a, second, False), (b, "none", False))
    ):
        await scan(client, event, shows(gate), code, force=forced, scan_id=f"number-{number}")
    # The order of receiving, also where all are within one millisecond.
    await execute(
        "UPDATE events.scans SET received_at = received_at + CAST(substr(scan_id, 8) AS INTEGER)"
        " * 1000 WHERE event_id = :id",
        id=event["id"],
    )

    async def numbers(**query: str | int) -> list[str]:
        found = await log(client, organiser, event, **query)
        assert found["total"] == len(found["data"]) or "limit" in query
        return [entry["scan_id"].removeprefix("number-") for entry in found["data"]]

    assert await numbers() == ["3", "2", "1", "0"]
    assert await numbers(ticket_id=first) == ["1", "0"]
    assert await numbers(scanner_id=b["id"]) == ["3", "1"]
    assert await numbers(outcome="admitted") == ["2", "1", "0"]
    assert await numbers(outcome="refunded") == []
    assert await numbers(conflict="true") == ["1"]
    assert await numbers(conflict="false") == ["3", "2", "0"]
    assert await numbers(conflict="true", ticket_id=second) == []
    assert await numbers(limit=2, offset=1) == ["2", "1"]
    assert (await log(client, organiser, event, limit=2))["total"] == 4
    other, _ = await a_free_event(client, organiser)
    assert await log(client, organiser, other, ticket_id=first) == {"data": [], "total": 0}


async def test_i5_a_conflict_names_the_other_admissions_of_its_ticket(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, (ticket, _) = await a_free_event(client, organiser)
    gates = {
        name: shows(await a_scanner(client, organiser, event["id"], name=name)) for name in "ABC"
    }
    now = datetime.now(timezone.utc)
    for minutes, (name, headers) in enumerate(gates.items()):
        at = (now - timedelta(minutes=9 - minutes)).isoformat()
        told = await scan(client, event, headers, ticket, force=True, scanned_at=at)
        assert told["conflict"] is (name != "A")
    found = (await log(client, organiser, event))["data"]
    others = {entry["scanner"]: [other["scanner"] for other in entry["others"]] for entry in found}
    assert others == {"C": ["A", "B"], "B": ["A", "C"], "A": []}
    [first] = [entry for entry in found if entry["scanner"] == "A"]
    [last] = [entry for entry in found if entry["scanner"] == "C"]
    assert last["others"][0]["at"] == first["at"]
    await annul(client, event, organiser.admin, first["scan_id"])
    found = (await log(client, organiser, event, conflict="true"))["data"]
    assert [[other["scanner"] for other in entry["others"]] for entry in found] == [["B"], ["C"]]


async def test_the_log_shows_what_was_annulled_and_by_whom(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, (ticket, _) = await a_free_event(client, organiser)
    gate = await a_scanner(client, organiser, event["id"], name="Gate A")
    await scan(client, event, shows(gate), ticket, scan_id="by-mistake")
    await annul(client, event, shows(gate), "by-mistake")
    [entry] = (await log(client, organiser, event))["data"]
    assert (entry["outcome"], entry["annulled_by"]) == ("admitted", "Gate A")
    assert entry["annulled_at"] is not None


@pytest.mark.parametrize(
    "query",
    [
        *("outcome=late", "outcome=", "conflict=maybe", "limit=0", "limit=1001", "offset=-1"),
        *("ticket_id=%00", "ticket_id=", "scanner_id=%ED%A0%80", "ticket_id=" + "x" * 129),
    ],
)
async def test_a_log_that_cannot_be_is_refused(
    client: httpx.AsyncClient, organiser: Person, query: str
) -> None:
    event = await an_event(client, organiser)
    url = f"{API}/events/{event['id']}/scans?{query}"
    assert_refused(await client.get(url, headers=organiser.admin), 400, 404)


async def test_openapi_describes_the_scanner_routes(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    answers = ext("door.answers_scanners")
    event = await an_event(client, organiser)
    made = await a_scanner(client, organiser, event["id"])
    assert set(made) == set(answers.NewScannerAnswer.__fields__)
    url = scanners_url(event["id"])
    [found] = (await client.get(url, headers=organiser.admin)).json()["data"]
    assert set(found) == set(answers.ScannerAnswer.__fields__)
    await scan(client, event, shows(made), "nothing")
    [entry] = (await log(client, organiser, event))["data"]
    assert set(entry) == set(answers.LoggedScan.__fields__)
    told = (await hello(client, event["id"], shows(made))).json()
    for name, model in answers.HelloAnswer.__fields__.items():
        part = told[name][0] if isinstance(told[name], list) else told[name]
        assert not isinstance(part, dict) or set(part) == set(model.type_.__fields__)
    schema = (await client.get("/openapi.json")).json()
    bodies = schema["components"]["schemas"]
    for name in ("ScannerBody", "HelloBody"):
        properties = bodies[name]["properties"]
        assert [field for field in properties if not properties[field].get("description")] == []
    door = schema["paths"][f"{API}/door/{{event_id}}/hello"]["post"]
    assert {"200", "400", "401", "403", "404"} <= set(door["responses"])
    assert {"ScannerToken": []} in door["security"]
