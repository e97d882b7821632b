"""I5 over HTTP: every outcome of a scan, what it changes, what it leaves, and its second answer."""

import asyncio
import hashlib
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from support.builders import API, Json, a_purchase, an_event, pay
from support.host import ext, is_shared, on_postgres
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.scanners import a_scanner, revoke, shows
from support.scanning import (
    a_party,
    post,
    scan,
    scan_row,
    scan_rows,
    set_ticket,
    state,
    ticket_row,
    validate,
)
from support.statements import statements

pytestmark = pytest.mark.asyncio

NEVER_SEEN = "ticket://nobody-has-this-one"


def in_ms(**ahead: float) -> int:
    return int((time.time() + timedelta(**ahead).total_seconds()) * 1000)


async def test_i5_entry_a_check_in_tells_the_ticket_and_leaves_a_row(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    [package] = event["packages"]
    gate = await a_scanner(client, organiser, event["id"], name="Gate A")
    before = datetime.now(timezone.utc).replace(microsecond=0)
    told = await scan(client, event, shows(gate), f"ticket://{ticket}", location=" North ")
    at = datetime.fromisoformat(told["scanned_at"].replace("Z", "+00:00"))
    assert before <= at <= datetime.now(timezone.utc)
    assert told == {
        "outcome": "admitted",
        "scan_id": told["scan_id"],
        "type": "check_in",
        "ticket": {
            "id": ticket,
            "number": 1,
            "name": "Ada Lovelace",
            "package": package["name"],
            "package_id": package["id"],
            "kind": "admission",
            "status": "used",
            "valid_from": None,
            "valid_until": None,
        },
        "scanned_at": told["scanned_at"],
        "first_check_in_at": told["scanned_at"],
        "by": "Gate A",
        "conflict": False,
        "annulled": False,
        "group": None,
    }
    assert await state(ticket) == ("used", True, False)
    assert (await ticket_row(ticket))["reg_timestamp"] is not None
    left = await scan_row(event, told["scan_id"])
    assert (left["ticket_id"], left["code_hash"], left["scanner_id"]) == (ticket, None, gate["id"])
    assert (left["type"], left["outcome"], left["location"]) == ("check_in", "admitted", "North")
    assert "Ada" not in str(dict(left))


async def test_i5_entry_already_used_says_when_and_by_whom(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, event["id"], name="Gate A")
    first = await scan(client, event, shows(gate), ticket)
    before = await ticket_row(ticket)
    again = await scan(client, event, organiser.admin, ticket)
    assert (again["outcome"], again["by"]) == ("already_used", "Gate A")
    assert again["first_check_in_at"] == first["scanned_at"]
    assert again["ticket"]["status"] == "used"
    assert await ticket_row(ticket) == before
    assert [found["outcome"] for found in await scan_rows(event)] == ["admitted", "already_used"]


async def outcome_of(client: httpx.AsyncClient, event: Json, who: Person, ticket: str) -> str:
    """Of a scan that must change nothing and leave a row; validate must have said the same."""
    async with nothing_written():
        foreseen = await validate(client, event, who.admin, ticket)
    before = len(await scan_rows(event))
    async with nothing_written("scans"):
        told = await scan(client, event, who.admin, ticket)
    assert {name: told[name] for name in foreseen} == foreseen
    left = await scan_row(event, told["scan_id"])
    assert (left["outcome"], len(await scan_rows(event))) == (told["outcome"], before + 1)
    return str(told["outcome"])


async def test_i5_entry_each_refusal_has_its_outcome_and_its_row(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=4)
    unpaid = (await a_purchase(client, event["id"]))["ticket_ids"][0]
    await pay(buyer, purchase)
    cancelled, refunded, early, late = purchase["ticket_ids"]
    url = f"{API}/tickets/{cancelled}/cancel"
    assert (await client.post(url, json={"percent": 0}, headers=organiser.admin)).is_success
    await set_ticket(refunded, status="refunded", paid=False)
    await set_ticket(early, valid_from=in_ms(hours=1))
    await set_ticket(late, valid_until=in_ms(hours=-1))
    elsewhere = (await a_party(client, organiser))[1][0]
    expected = {
        unpaid: "unpaid",
        cancelled: "cancelled",
        refunded: "refunded",
        early: "not_yet_valid",
        late: "expired",
        elsewhere: "wrong_event",
        NEVER_SEEN: "unknown",
    }
    for ticket, outcome in expected.items():
        assert await outcome_of(client, event, organiser, ticket) == outcome
    await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    assert await outcome_of(client, event, organiser, late) == "cancelled"


@pytest.mark.parametrize("code", ["", "\x00", "\ud800", "x" * 10_000, "https://a.example/"])
async def test_any_other_code_is_unknown_and_only_its_digest_is_kept(
    client: httpx.AsyncClient, organiser: Person, code: str
) -> None:
    event, _ = await a_party(client, organiser)
    told = await scan(client, event, organiser.admin, code)
    assert (told["outcome"], told["ticket"], told["by"]) == ("unknown", None, None)
    left = await scan_row(event, told["scan_id"])
    digest = hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
    assert (left["ticket_id"], left["code_hash"]) == (None, digest)


async def test_i6_a_ticket_of_another_event_tells_nothing_of_it(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event, _ = await a_party(client, organiser)
    elsewhere, [ticket, _] = await a_party(client, other_organiser, quantity=2)
    await scan(client, elsewhere, other_organiser.admin, ticket)
    told = await scan(client, event, organiser.admin, ticket)
    assert (told["outcome"], told["ticket"], told["group"]) == ("wrong_event", None, None)
    assert (told["first_check_in_at"], told["by"]) == (None, None)
    assert (await scan_row(event, told["scan_id"]))["ticket_id"] is None
    looked = await validate(client, event, organiser.admin, ticket)
    assert looked.pop("outcome") == "wrong_event"
    assert set(looked.values()) == {None}


async def test_names_are_for_scanners_that_may_see_them(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    blind = await a_scanner(client, organiser, event["id"], name="Blind", sees_names=False)
    told = await scan(client, event, shows(blind), ticket, scan_id="the-same-scan")
    assert (told["outcome"], told["ticket"]["name"]) == ("admitted", None)
    assert "Ada" not in str(await validate(client, event, shows(blind), ticket))
    again = await scan(client, event, organiser.admin, ticket, scan_id="the-same-scan")
    assert (again["ticket"]["name"], again["by"]) == ("Ada Lovelace", "Blind")


async def test_i5_entry_going_out_and_coming_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser, entry="reentry")
    steps = [
        ("check_out", "not_checked_in", ("active", False, False)),
        ("access", "access_granted", ("active", False, False)),
        ("check_in", "admitted", ("used", True, False)),
        ("check_in", "already_used", ("used", True, False)),
        ("check_out", "left", ("used", True, True)),
        ("check_out", "not_checked_in", ("used", True, True)),
        ("access", "access_granted", ("used", True, True)),
        ("check_in", "admitted", ("used", True, False)),
        ("check_in", "already_used", ("used", True, False)),
    ]
    told: list[Json] = []
    for scan_type, outcome, after in steps:
        told.append(await scan(client, event, organiser.admin, ticket, type=scan_type))
        assert (told[-1]["outcome"], await state(ticket)) == (outcome, after), scan_type
    # The first entry stays the first.
    assert told[-1]["first_check_in_at"] == told[2]["scanned_at"]
    assert [found["outcome"] for found in await scan_rows(event)] == [step[1] for step in steps]


async def test_i5_entry_who_left_stays_out_when_the_event_has_one_entry(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    for scan_type, outcome in (("check_in", "admitted"), ("check_out", "left")):
        told = await scan(client, event, organiser.admin, ticket, type=scan_type)
        assert told["outcome"] == outcome
    async with nothing_written("scans"):
        assert (await scan(client, event, organiser.admin, ticket))["outcome"] == "already_used"


async def test_i5_entry_an_add_on_is_redeemed_once_and_opens_no_door(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, _ = await a_party(client, organiser)
    body = {"name": "Drink", "kind": "addon", "price": 0, "currency": "sat"}
    url = f"{API}/events/{event['id']}/packages"
    drink = (await client.post(url, json=body, headers=organiser.admin)).json()
    ids = (await a_purchase(client, event["id"], package_id=drink["id"], quantity=2))["ticket_ids"]
    first = await scan(client, event, organiser.admin, ids[0])
    assert (first["outcome"], first["ticket"]["kind"]) == ("admitted", "addon")
    # Drinks of one order are not a group that comes in.
    assert first["group"] is None
    assert (await scan(client, event, organiser.admin, ids[0]))["outcome"] == "already_used"


async def test_i5_entry_a_repeated_scan_gets_its_first_answer(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket, other] = await a_party(client, organiser, quantity=2, entry="reentry")
    gate = await a_scanner(client, organiser, event["id"])
    first = await scan(client, event, shows(gate), ticket, scan_id="repeated-1")
    refused = await scan(client, event, shows(gate), ticket, scan_id="repeated-2")
    unknown = await scan(client, event, shows(gate), NEVER_SEEN, scan_id="repeated-3")
    await scan(client, event, shows(gate), ticket, type="check_out")
    await scan(client, event, shows(gate), other)
    async with nothing_written():
        for answer in (first, refused, unknown):
            # Also of another code, or for another purpose: the id says which scan it was.
            for code, scan_type in ((ticket, "check_in"), (other, "access"), ("", "check_out")):
                sent: dict[str, Any] = {"type": scan_type, "scan_id": answer["scan_id"]}
                assert await scan(client, event, shows(gate), code, **sent) == answer
    elsewhere, [stranger] = await a_party(client, organiser)
    told = await scan(client, elsewhere, organiser.admin, stranger, scan_id="repeated-1")
    assert (told["outcome"], told["ticket"]["id"]) == ("admitted", stranger)


async def test_i5_entry_a_scan_has_the_moment_that_is_stored(app: object) -> None:
    """Not a fraction of a millisecond more, which would be another second to whoever rounds."""
    now = datetime(2030, 5, 31, 19, 59, 59, 999_600, tzinfo=timezone.utc)
    new = ext("door.bodies").ScanBody(code="x").new_scan("x", now)
    assert new.scanned_at == ext("clock").from_ms(ext("clock").to_ms(now))


async def test_i5_entry_equal_scan_ids_at_once_are_one_scan(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, tickets = await a_party(client, organiser, quantity=3)
    codes = [*tickets, NEVER_SEEN] * 4
    answers = await asyncio.gather(
        *(scan(client, event, organiser.admin, code, scan_id="only-one-of-us") for code in codes)
    )
    assert all(answer == answers[0] for answer in answers)
    assert len(await scan_rows(event)) == 1
    assert sum([(await state(ticket))[0] == "used" for ticket in tickets]) == 1


async def test_i11_a_scan_is_a_look_a_change_and_a_row(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """With the credential, and whatever was sold."""
    event, [ticket, other] = await a_party(client, organiser, quantity=2)
    gate = await a_scanner(client, organiser, event["id"])
    with statements() as seen:
        await scan(client, event, shows(gate), ticket)
    assert [text.split()[0] for text in seen] == ["SELECT", "UPDATE", "INSERT"]
    with statements() as seen:
        await scan(client, event, shows(gate), ticket)
    assert [text.split()[0] for text in seen] == ["SELECT", "INSERT"]
    with statements() as seen:
        await client.put(f"{API}/tickets/register/{other}", headers=shows(gate))
    assert [text.split()[0] for text in seen] == ["SELECT", "UPDATE", "INSERT"]


ROWS = [
    {"status": status, "registered": registered, "paid": paid, "left_at": left_at}
    for status in (None, "reserved", "active", "used", "cancelled", "refunded")
    for registered in (False, True)
    for paid in (False, True)
    for left_at in (None, 1)
]
SCANS: list[dict[str, object]] = [{}, {"force": True}, {"type": "check_out"}]
# Of two engines side by side each has one of these.
ENTRIES = ["once", "reentry"]
HERE = [ENTRIES[on_postgres()]] if is_shared() else ENTRIES


@pytest.mark.parametrize("entry", HERE)
async def test_i5_entry_what_is_decided_can_be_done_with_every_row_there_may_be(
    client: httpx.AsyncClient, organiser: Person, entry: str
) -> None:
    """Also with those that 1.6.9, or nobody at all, would write: rules and statements agree."""
    event, [ticket] = await a_party(client, organiser, entry=entry)
    for row in ROWS:
        for more in SCANS:
            await set_ticket(ticket, **row)
            told = await scan(client, event, organiser.admin, ticket, **more)
            after = await state(ticket)
            if told["outcome"] == "admitted":
                # Out of an event with one entry, a conflict leaves the ticket as it was.
                assert after[0] == "used" or told["conflict"] or row["registered"], (row, more)
                assert not after[2] or told["conflict"], (row, more)
            if told["outcome"] == "left":
                assert after[2], (row, more)
        url = f"{API}/tickets/register/{ticket}"
        await set_ticket(ticket, **row)
        assert (await client.put(url, headers=organiser.admin)).status_code in (200, 403), row


async def test_i5_entry_a_scanner_that_is_revoked_stops_at_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, event["id"])
    made = await scan(client, event, shows(gate), ticket)
    await revoke(client, organiser, event["id"], gate)
    async with nothing_written():
        for path, body in (
            ("scans", {"code": ticket}),
            ("scans", {"scans": [{"code": ticket}]}),
            ("scans", {"code": ticket, "scan_id": made["scan_id"]}),
            ("validate", {"code": ticket}),
            (f"scans/{made['scan_id']}/annul", None),
        ):
            answer = await post(client, event, path, shows(gate), body)
            assert assert_refused(answer, 403) == "scanner_revoked"
        register = await client.put(f"{API}/tickets/register/{ticket}", headers=shows(gate))
        assert assert_refused(register, 403) == "scanner_revoked"


async def test_openapi_describes_what_a_door_answers(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket, _] = await a_party(client, organiser, quantity=2)
    answers = ext("door.answers_scans")
    one = await scan(client, event, organiser.admin, ticket)
    order = await scan(client, event, organiser.admin, ticket, whole_order=True)
    look = await validate(client, event, organiser.admin, ticket)
    for told, model in (
        (one, answers.ScanAnswer),
        (order, answers.OrderAnswer),
        (order["results"][1], answers.ScanAnswer),
        (look, answers.LookAnswer),
        (look["ticket"], answers.ScannedTicket),
        (look["group"], answers.ScannedGroup),
    ):
        assert set(told) == set(model.__fields__)
        model(**told)
    schema = (await client.get("/openapi.json")).json()
    fields = schema["components"]["schemas"]["ScansBody"]["properties"]
    assert [name for name in fields if not fields[name].get("description")] == []
    for path in ("scans", "validate", "scans/{scan_id}/annul"):
        door = schema["paths"][f"{API}/door/{{event_id}}/{path}"]["post"]
        assert {"200", "400", "401", "403", "404"} <= set(door["responses"])
        assert {"ScannerToken": []} in door["security"]
