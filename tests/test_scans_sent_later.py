"""Scans that a device made offline: many at once, entries that are facts, and bodies refused."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from support.builders import API, Json, a_purchase, an_event, pay
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.scanners import a_scanner, shows
from support.scanning import a_party, post, scan, scan_row, scan_rows, set_ticket, state

pytestmark = pytest.mark.asyncio


def ago(**time: float) -> str:
    moment = datetime.now(timezone.utc) - timedelta(**time)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def upload(
    client: httpx.AsyncClient, event: Json, who: dict[str, str], *scans: Json
) -> list[Json]:
    answer = await post(client, event, "scans", who, {"scans": scans})
    assert answer.status_code == 200, answer.text
    results: list[Json] = answer.json().pop("results")
    return results


async def test_i5_entry_many_scans_are_made_in_their_order_and_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket, other] = await a_party(client, organiser, quantity=2, entry="reentry")
    gate = await a_scanner(client, organiser, event["id"])
    codes = [
        (ticket, "check_in", "admitted"),
        (ticket, "check_in", "already_used"),
        ("none", "check_in", "unknown"),
        (ticket, "check_out", "left"),
        (ticket, "check_in", "admitted"),
        (other, "access", "access_granted"),
        (other, "check_out", "not_checked_in"),
    ]
    scans = [
        {
            "code": code,
            "type": scan_type,
            "scan_id": f"batch-no-{n}",
            "scanned_at": ago(minutes=9 - n),
        }
        for n, (code, scan_type, _) in enumerate(codes)
    ]
    results = await upload(client, event, shows(gate), *scans)
    assert [result["outcome"] for result in results] == [outcome for *_, outcome in codes]
    assert [result["scanned_at"] for result in results] == [sent["scanned_at"] for sent in scans]
    assert [result["scan_id"] for result in results] == [sent["scan_id"] for sent in scans]
    async with nothing_written():
        assert await upload(client, event, shows(gate), *scans) == results
        # Some at a time, or one at a time.
        assert await upload(client, event, shows(gate), *scans[2:4]) == results[2:4]
        assert await scan(client, event, shows(gate), ticket, scan_id="batch-no-0") == results[0]


async def test_i5_entry_devices_that_were_both_offline_make_one_entry_and_one_conflict(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    gates = [await a_scanner(client, organiser, event["id"], name=name) for name in "AB"]
    results = await asyncio.gather(
        *(
            upload(
                client,
                event,
                shows(gate),
                *(
                    {"code": ticket, "force": True, "scan_id": f"entry-by-{gate['name']}-{n}",
                     "scanned_at": ago(minutes=10 - 5 * number)}
                    for n in (1, 1)
                ),
            )
            for number, gate in enumerate(gates)
        )
    )  # fmt: skip
    assert [answers[0] for answers in results] == [answers[1] for answers in results]
    told = [answers[0] for answers in results]
    assert [answer["outcome"] for answer in told] == ["admitted"] * 2
    assert sorted(answer["conflict"] for answer in told) == [False, True]
    assert sorted(bool(found["is_conflict"]) for found in await scan_rows(event)) == [False, True]
    # A came first, whoever had a network first.
    looked = await scan(client, event, organiser.admin, ticket)
    assert (looked["outcome"], looked["by"]) == ("already_used", "A")
    assert looked["first_check_in_at"] == told[0]["scanned_at"]


async def test_i5_entry_made_offline_with_a_bad_ticket_is_a_conflict_that_changes_nothing(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=2)
    [unpaid] = (await a_purchase(client, event["id"]))["ticket_ids"]
    await pay(buyer, purchase)
    cancelled, refunded = purchase["ticket_ids"]
    for ticket, status in ((cancelled, "cancelled"), (refunded, "refunded")):
        await set_ticket(ticket, status=status, paid=False)
    _, [elsewhere] = await a_party(client, organiser)
    expected = {
        unpaid: "unpaid",
        cancelled: "cancelled",
        refunded: "refunded",
        elsewhere: "wrong_event",
        "none": "unknown",
    }
    for ticket, outcome in expected.items():
        async with nothing_written("scans"):
            told = await scan(client, event, organiser.admin, ticket, force=True)
        assert (told["outcome"], told["conflict"]) == (outcome, True)
        left = await scan_row(event, told["scan_id"])
        assert (bool(left["is_forced"]), bool(left["is_conflict"])) == (True, True)


async def test_i5_entry_made_offline_is_judged_at_its_own_time(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, tickets = await a_party(client, organiser, quantity=3)
    now_ms = int(datetime.now(timezone.utc).timestamp() * 1000)
    for ticket in tickets:
        await set_ticket(ticket, valid_from=now_ms - 7_200_000, valid_until=now_ms - 3_600_000)
    in_time, late, not_made = tickets
    sent: dict[str, Any] = {"force": True, "scanned_at": ago(minutes=90)}
    told = await scan(client, event, organiser.admin, in_time, **sent)
    assert (told["outcome"], told["conflict"]) == ("admitted", False)
    assert told["first_check_in_at"] == told["scanned_at"] == sent["scanned_at"]
    # Out of its time, and inside all the same: nobody else comes in with it.
    told = await scan(client, event, organiser.admin, late, force=True)
    assert (told["outcome"], told["conflict"]) == ("admitted", True)
    assert await state(late) == ("used", True, False)
    # What was not let in is judged when it arrives.
    told = await scan(client, event, organiser.admin, not_made, scanned_at=ago(minutes=90))
    assert (told["outcome"], await state(not_made)) == ("expired", ("active", False, False))


async def test_i6_only_who_may_work_offline_tells_of_entries_made(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    online = await a_scanner(client, organiser, event["id"], may_work_offline=False)
    forced = {"code": ticket, "force": True}
    async with nothing_written():
        for body in (forced, {"scans": [{"code": ticket}, forced]}):
            answer = await post(client, event, "scans", shows(online), body)
            assert assert_refused(answer, 403) == "forbidden"
    told = await scan(client, event, shows(online), ticket)
    assert told["outcome"] == "admitted"


GOOD = {"code": "none", "type": "check_in", "scan_id": "a-good-scan"}
BAD: dict[str, Json] = {
    "no code": {"type": "check_in"},
    "a number": {"code": 1},
    "no text": {"code": None},
    "a strange type": {"type": "enter"},
    "a short scan id": {"scan_id": "1234567"},
    "a long scan id": {"scan_id": "a" * 65},
    "a strange scan id": {"scan_id": "scan.id.1"},
    "a scan id with a line end": {"scan_id": "a-good-scan\n"},
    "a long location": {"location": "x" * 101},
    "a location that cannot be stored": {"location": "a\x00b"},
    "half a character": {"location": "\ud800"},
    "no time": {"scanned_at": "yesterday"},
    "a number as time": {"scanned_at": 1},
    "a time to come": {"scanned_at": ago(days=-1)},
    "a time long ago": {"scanned_at": ago(days=31)},
    "forced out": {"force": True, "type": "check_out"},
    "a word as yes": {"force": "yes"},
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_scan_refuses_all_that_came_with_it(
    client: httpx.AsyncClient, organiser: Person, name: str
) -> None:
    event = await _event(client, organiser)
    bad = {
        key: value
        for key, value in (GOOD | BAD[name]).items()
        if name != "no code" or key != "code"
    }
    async with nothing_written():
        for body in (bad, {"scans": [GOOD, bad]}, {"scans": [bad]}):
            answer = await post(client, event, "scans", organiser.admin, body)
            assert assert_refused(answer, 400) == "invalid_input"


_events: list[Json] = []


async def _event(client: httpx.AsyncClient, organiser: Person) -> Json:
    """One for all bodies that are refused."""
    if not _events:
        _events.append((await a_party(client, organiser))[0])
    return _events[0]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "x",
        {"scans": []},
        {"scans": [GOOD] * 501},
        {"scans": {"code": "x"}},
        {"scans": [[["code", "x"]]]},
        {"scans": ["x"]},
        {"scans": [GOOD | {"scans": []}], "code": "x"},
        {"scans": [GOOD], "whole_order": True},
        GOOD | {"whole_order": True, "force": True},
        GOOD | {"whole_order": True, "type": "access"},
    ],
    ids=lambda body: str(body)[:30],
)
async def test_a_body_that_is_no_scan_is_refused(
    client: httpx.AsyncClient, organiser: Person, body: object
) -> None:
    event = await _event(client, organiser)
    async with nothing_written():
        answer = await post(client, event, "scans", organiser.admin, body)
        assert assert_refused(answer, 400) == "invalid_input"


async def test_i11_500_scans_at_once_are_so_many_answers(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    codes = [ticket, *(f"nobody-{n}" for n in range(499))]
    results = await upload(client, event, organiser.admin, *({"code": code} for code in codes))
    assert [result["outcome"] for result in results] == ["admitted", *["unknown"] * 499]
    assert len(await scan_rows(event)) == 500
    answer = await client.get(f"{API}/events/{event['id']}/scans?limit=1", headers=organiser.admin)
    assert answer.json()["total"] == 500


async def test_i5_entry_who_was_turned_away_offline_is_on_record_and_not_let_in(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """The list of the device was old: the server itself would let this guest in."""
    event, [ticket] = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, event["id"])
    sent = {
        "code": ticket,
        "scan_id": "turned-away",
        "refused": "unknown",
        "scanned_at": ago(hours=1),
    }
    [told] = await upload(client, event, shows(gate), sent)
    assert (told["outcome"], told["scanned_at"]) == ("unknown", sent["scanned_at"])
    assert (await state(ticket))[0] == "active"
    row = await scan_row(event, "turned-away")
    assert (row["outcome"], row["ticket_id"]) == ("unknown", ticket)
    async with nothing_written():
        assert await upload(client, event, shows(gate), {**sent, "refused": "expired"}) == [told]
    assert (await scan(client, event, shows(gate), ticket))["outcome"] == "admitted"


@pytest.mark.parametrize(
    "more",
    [
        {"refused": "admitted"},
        {"refused": "left"},
        {"refused": "access_granted"},
        {"refused": "nonsense"},
        {"refused": "expired", "force": True},
        {"refused": "expired", "whole_order": True},
    ],
)
async def test_what_is_no_refusal_is_refused(
    client: httpx.AsyncClient, organiser: Person, more: Json
) -> None:
    event, [ticket] = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, event["id"])
    async with nothing_written():
        answer = await post(client, event, "scans", shows(gate), {"code": ticket, **more})
        assert assert_refused(answer, 400) == "invalid_input"


async def test_only_who_may_work_offline_says_whom_it_turned_away(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, [ticket] = await a_party(client, organiser)
    gate = await a_scanner(client, organiser, event["id"], may_work_offline=False)
    async with nothing_written():
        answer = await post(
            client, event, "scans", shows(gate), {"code": ticket, "refused": "expired"}
        )
        assert assert_refused(answer, 403) == "forbidden"
