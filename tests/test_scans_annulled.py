"""I5: an admission is taken back and may be made again; a whole order comes in at once."""

import asyncio

import httpx
import pytest

from support.builders import API, a_purchase, rows
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.scanners import a_scanner, shows
from support.scanning import (
    a_party,
    annul,
    post,
    scan,
    scan_row,
    scan_rows,
    state,
    ticket_row,
    validate,
)

pytestmark = pytest.mark.asyncio

VALID, INSIDE, OUTSIDE = ("active", False, False), ("used", True, False), ("used", True, True)


async def test_i5_entry_an_annulled_admission_may_be_made_again(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, event["id"], name="Gate A")
    made = await scan(client, event, shows(gate), ticket, scan_id="admitted-1")
    undone = await annul(client, event, shows(gate), "admitted-1")
    assert await state(ticket) == VALID
    assert (await ticket_row(ticket))["reg_timestamp"] is None
    assert undone == made | {
        "annulled": True,
        "first_check_in_at": None,
        "by": None,
        "ticket": made["ticket"] | {"status": "active"},
    }
    left = await scan_row(event, "admitted-1")
    assert (left["outcome"], left["annulled_by"]) == ("admitted", "Gate A")
    assert left["annulled_at"] >= left["received_at"]
    async with nothing_written():
        assert await annul(client, event, shows(gate), "admitted-1") == undone
        assert await annul(client, event, organiser.admin, "admitted-1") == undone
        # What it was told stays, and that it was annulled.
        repeated = await scan(client, event, shows(gate), ticket, scan_id="admitted-1")
        assert repeated == made | {"annulled": True}
        assert (await validate(client, event, shows(gate), ticket))["outcome"] == "admitted"
    again = await scan(client, event, organiser.admin, ticket, scan_id="admitted-2")
    assert (again["outcome"], again["by"]) == ("admitted", "organiser")
    async with nothing_written():
        await annul(client, event, shows(gate), "admitted-1")
    assert await state(ticket) == INSIDE


async def test_i10_audit_an_annulled_admission_is_in_the_log(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, event["id"])
    await scan(client, event, shows(gate), ticket, scan_id="admitted-1")
    await asyncio.gather(*(annul(client, event, shows(gate), "admitted-1") for _ in range(4)))
    found = await rows("SELECT * FROM events.audit WHERE entity_id = :id ORDER BY id", id=ticket)
    assert [(r["action"], r["entity"], r["field"], r["old"], r["new"]) for r in found] == [
        ("annul", "ticket", "scan", '"admitted-1"', None),
        ("annul", "ticket", "status", '"used"', '"active"'),
    ]
    assert {r["actor"] for r in found} == {f"scanner:{gate['id']}"}
    assert {r["event_id"] for r in found} == {event["id"]}


async def test_i5_entry_an_annulment_leaves_what_another_scan_admitted(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    await scan(client, event, organiser.admin, ticket, scan_id="admitted-1")
    await scan(client, event, organiser.admin, ticket, scan_id="admitted-2", force=True)
    await annul(client, event, organiser.admin, "admitted-1")
    assert await state(ticket) == INSIDE
    told = await scan(client, event, organiser.admin, ticket)
    assert told["first_check_in_at"] == (await again(client, organiser, event, "admitted-2"))
    await annul(client, event, organiser.admin, "admitted-2")
    assert await state(ticket) == VALID


async def again(client: httpx.AsyncClient, who: Person, event: object, scan_id: str) -> object:
    """When a scan was made, by its own answer."""
    assert isinstance(event, dict)
    return (await scan(client, event, who.admin, "", scan_id=scan_id))["scanned_at"]


async def test_i5_entry_a_return_that_is_annulled_leaves_the_guest_outside(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser, entry="reentry")
    for number, scan_type in enumerate(("check_in", "check_out", "check_in"), 1):
        sent = {"type": scan_type, "scan_id": f"returning-{number}"}
        await scan(client, event, organiser.admin, ticket, **sent)
    out_since = (await scan_row(event, "returning-2"))["scanned_at"]
    await annul(client, event, organiser.admin, "returning-3")
    assert await state(ticket) == OUTSIDE
    assert (await ticket_row(ticket))["left_at"] == out_since
    told = await scan(client, event, organiser.admin, ticket, scan_id="returning-4")
    assert (told["outcome"], await state(ticket)) == ("admitted", INSIDE)
    await annul(client, event, organiser.admin, "returning-1")
    assert await state(ticket) == INSIDE
    await annul(client, event, organiser.admin, "returning-4")
    assert await state(ticket) == VALID


async def test_what_cannot_be_annulled(client: httpx.AsyncClient, organiser: Person) -> None:
    event, [ticket] = await a_party(client, organiser)
    elsewhere, _ = await a_party(client, organiser)
    gate, other = [await a_scanner(client, organiser, event["id"], name=name) for name in "AB"]
    await scan(client, event, shows(gate), ticket, scan_id="admitted-1")
    refused = [await scan(client, event, shows(gate), code) for code in (ticket, "none")]
    async with nothing_written():
        for told in refused:
            path = f"scans/{told['scan_id']}/annul"
            answer = await post(client, event, path, shows(gate))
            assert assert_refused(answer, 400) == "not_an_admission"
        path = "scans/admitted-1/annul"
        assert_refused(await post(client, event, path, shows(other)), 403)
        assert_refused(await post(client, elsewhere, path, organiser.admin), 404)
        assert_refused(await post(client, event, "scans/admitted-9/annul", organiser.admin), 404)
        assert_refused(await post(client, event, "scans/%00/annul", organiser.admin), 404)
    await scan(client, event, organiser.admin, ticket, scan_id="organisers", force=True)
    assert_refused(await post(client, event, "scans/organisers/annul", shows(gate)), 403)


async def test_a_ticket_cancelled_inside_stays_cancelled_when_its_entry_is_annulled(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    await scan(client, event, organiser.admin, ticket, scan_id="admitted-1")
    url = f"{API}/tickets/{ticket}/cancel"
    assert (await client.post(url, json={"percent": 0}, headers=organiser.admin)).is_success
    undone = await annul(client, event, organiser.admin, "admitted-1")
    assert (undone["annulled"], undone["ticket"]["status"]) == (True, "cancelled")
    assert (await scan(client, event, organiser.admin, ticket))["outcome"] == "cancelled"


async def test_a_scan_tells_how_many_of_its_order_are_in(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, tickets = await a_party(client, organiser, quantity=3)
    await a_purchase(client, event["id"], quantity=2, email="another@example.com")
    for admitted, ticket in enumerate(tickets, 1):
        before = await validate(client, event, organiser.admin, ticket)
        assert before["group"] == {"tickets": 3, "admitted": admitted - 1}
        told = await scan(client, event, organiser.admin, ticket)
        assert told["group"] == {"tickets": 3, "admitted": admitted}
    url = f"{API}/tickets/{tickets[2]}/cancel"
    assert (await client.post(url, json={"percent": 0}, headers=organiser.admin)).is_success
    told = await scan(client, event, organiser.admin, tickets[0])
    assert told["group"] == {"tickets": 2, "admitted": 2}


async def test_i5_entry_a_whole_order_comes_in_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, tickets = await a_party(client, organiser, quantity=4)
    stranger = (await a_purchase(client, event["id"], email="b@example.com"))["ticket_ids"][0]
    url = f"{API}/tickets/{tickets[3]}/cancel"
    assert (await client.post(url, json={"percent": 0}, headers=organiser.admin)).is_success
    await scan(client, event, organiser.admin, tickets[0])
    sent = {"whole_order": True, "scan_id": "the-family"}
    told = await scan(client, event, organiser.admin, tickets[0], **sent)
    # The one that was shown is in already; the two that are valid come in with it.
    assert [part["outcome"] for part in told["results"]] == ["already_used", *["admitted"] * 2]
    assert [part["scan_id"] for part in told["results"]] == [
        "the-family",
        "the-family.2",
        "the-family.3",
    ]
    assert told["outcome"] == "already_used"
    assert told["group"] == told["results"][-1]["group"] == {"tickets": 3, "admitted": 3}
    states = [(await state(ticket))[0] for ticket in (*tickets, stranger)]
    assert states == ["used", "used", "used", "cancelled", "active"]
    left = len(await scan_rows(event))
    await annul(client, event, organiser.admin, "the-family.2")
    async with nothing_written():
        repeated = await scan(client, event, organiser.admin, tickets[0], **sent)
    assert [part.pop("annulled") for part in repeated["results"]] == [False, True, False]
    for part in told["results"]:
        part.pop("annulled")
    assert repeated == told
    assert len(await scan_rows(event)) == left


async def test_i5_entry_whole_orders_from_all_doors_at_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, tickets = await a_party(client, organiser, quantity=4)
    answers = await asyncio.gather(
        *(scan(client, event, organiser.admin, ticket, whole_order=True) for ticket in tickets * 2)
    )
    told = [part for answer in answers for part in answer["results"]]
    admitted = [part["ticket"]["id"] for part in told if part["outcome"] == "admitted"]
    assert sorted(admitted) == sorted(tickets)
    assert {part["outcome"] for part in told} == {"admitted", "already_used"}
    assert len(await scan_rows(event)) == len(told)


async def test_nobody_comes_in_with_a_ticket_that_is_not_valid(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket, other] = await a_party(client, organiser, quantity=2)
    url = f"{API}/tickets/{ticket}/cancel"
    assert (await client.post(url, json={"percent": 0}, headers=organiser.admin)).is_success
    for code, outcome in ((ticket, "cancelled"), ("none", "unknown")):
        told = await scan(client, event, organiser.admin, code, whole_order=True)
        assert [part["outcome"] for part in told["results"]] == [outcome]
    assert await state(other) == VALID
