"""An event is over: because its organiser says so, or because its time has passed."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    buy,
    day,
    event_row,
    execute,
    order_row,
    pay,
    rows,
    ticket_rows,
)
from support.changing import act, changed
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")


def now() -> datetime:
    return datetime.now(timezone.utc)


async def status(event: Json) -> str:
    return str((await event_row(event["id"]))["status"])


async def time_passes(at: datetime) -> int:
    """What the timer does at that moment."""
    return int(await ext("catalog.endings").complete_past(at))


async def test_a_completed_event_sells_nothing_and_keeps_its_tickets(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    paid, unpaid = [await a_purchase(client, event["id"], quantity=2) for _ in range(2)]
    await pay(buyer, paid)
    done = (await act(client, organiser, event, "complete")).json()
    assert (done["status"], done["sales"], done["canceled"]) == ("completed", "closed", False)
    assert assert_refused(await buy(client, event["id"]), 410) == "not_on_sale"
    # Who was about to pay has been promised a seat.
    await pay(buyer, unpaid)
    assert (await order_row(unpaid["order_id"]))["status"] == "confirmed"
    assert {ticket["status"] for ticket in await ticket_rows(event["id"])} == {"active"}
    url = f"{API}/tickets/register/{paid['ticket_ids'][0]}"
    assert (await client.put(url, headers=organiser.admin)).status_code == 200
    assert await broken_invariants(event["id"]) == []


async def test_only_a_published_event_is_completed(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser)
    assert_refused(await act(client, other_organiser, event, "complete"), 403)
    assert_refused(await act(client, organiser, {"id": "none"}, "complete"), 404)
    first = (await act(client, organiser, event, "complete")).json()
    async with nothing_written():
        again = (await act(client, organiser, event, "complete")).json()
    assert again["version"] == first["version"] == event["version"] + 1
    assert assert_refused(await act(client, organiser, event, "publish"), 410) == "not_on_sale"

    draft = await an_event(client, organiser, status="draft")
    cancelled = await an_event(client, organiser)
    await act(client, organiser, cancelled, "cancel")
    async with nothing_written():
        answer = await act(client, organiser, draft, "complete")
        assert assert_refused(answer, 410) == "not_on_sale"
        answer = await act(client, organiser, cancelled, "complete")
        assert assert_refused(answer, 410) == "event_cancelled"


async def test_i1_whoever_is_refused_by_a_completion_holds_nothing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=100)

    async def complete_soon() -> httpx.Response:
        await asyncio.sleep(0.05)
        return await act(client, organiser, event, "complete")

    done, *answers = await asyncio.gather(
        complete_soon(),
        *(buy(client, event["id"], email=f"b{n}@example.com") for n in range(30)),
    )
    assert done.status_code == 200
    outcomes = Counter(answer.status_code for answer in answers)
    assert set(outcomes) <= {200, 410}
    assert (await event_row(event["id"]))["held"] == outcomes[200]
    assert await status(event) == "completed"
    assert await broken_invariants(event["id"]) == []


async def test_i1_a_purchase_decided_before_the_completion_is_refused_after_it(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its control: without the condition of the statement the seats would be held."""
    event = await an_event(client, organiser)
    seats, crud = ext("catalog.seats"), ext("catalog.crud")
    wanted = seats.Seats(event["id"], event["packages"][0]["id"], 1)
    await act(client, organiser, event, "complete")
    async with ext("crud").transaction() as tx:
        with pytest.raises(ext("errors").NotOnSale):
            await seats.hold(tx, wanted)
    assert "AND status = 'published'" in crud.HOLD_EVENT
    monkeypatch.setattr(crud, "HOLD_EVENT", crud.HOLD_EVENT.replace("AND status = 'published'", ""))
    async with ext("crud").transaction() as tx:
        assert await seats.hold(tx, wanted) == 1
        await seats.release(tx, [wanted])
    assert await broken_invariants(event["id"]) == []


TIMED: Json = {"starts_at": "2041-07-01T18:00Z", "ends_at": "2041-07-01T20:00Z"}
TOKYO: Json = {"event_start_date": "2041-07-01", "timezone": "Asia/Tokyo"}
HAWAII: Json = {"event_start_date": "2041-06-30", "timezone": "Pacific/Honolulu"}
JUNE: Json = {"event_start_date": "2041-06-01"}
PASSES: list[tuple[str, Json, str, bool]] = [
    ("its end", TIMED, "20:00", True),
    ("before", TIMED, "19:59", False),
    ("the end of its day", {"starts_at": "2041-07-01T18:00Z"}, "23:59", False),
    # 15:00 of UTC is midnight in Tokyo.
    (
        "its day in Tokyo",
        {"event_start_date": "2041-07-01", "timezone": "Asia/Tokyo"},
        "15:00",
        True,
    ),
    ("before", TOKYO, "14:59", False),
    (
        "Honolulu",
        {"event_start_date": "2041-06-30", "timezone": "Pacific/Honolulu"},
        "09:59",
        False,
    ),
    ("Honolulu", HAWAII, "10:00", True),
    # 1.6.9 sells until the closing date, whatever the day of the event is.
    (
        "still sold",
        {**JUNE, "closing_date": "2041-07-01"},
        "23:59",
        False,
    ),
    ("no longer", {**JUNE, "closing_date": "2041-06-30"}, "00:00", True),
    ("never", {**JUNE, "closing_date": "9999-12-31"}, "23:59", False),
]


@pytest.mark.parametrize(("_name", "when", "at", "is_over"), PASSES, ids=str)
async def test_an_event_is_completed_once_its_time_has_passed(
    client: httpx.AsyncClient, organiser: Person, _name: str, when: Json, at: str, is_over: bool
) -> None:
    body = {"name": "Concert", **when}
    answer = await client.post(f"{API}/events", json=body, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    event = answer.json()
    try:
        await only(event)
        assert await time_passes(datetime.fromisoformat(f"2041-07-01T{at}+00:00")) == is_over
        assert (await status(event) == "completed") is is_over
        assert await time_passes(datetime.fromisoformat(f"2041-07-01T{at}+00:00")) == 0
    finally:
        await all_again()


async def only(event: Json) -> None:
    """The other tests' events must not end with this one: they are drafts for a moment."""
    await execute(
        "UPDATE events.events SET status = 'waiting' WHERE status = 'published' AND id <> :id",
        id=event["id"],
    )


async def all_again() -> None:
    await execute("UPDATE events.events SET status = 'published' WHERE status = 'waiting'")


async def test_an_event_that_is_over_waits_for_its_open_orders(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    later = now() + timedelta(days=40)
    try:
        await only(event)
        assert await time_passes(later) == 0
        await pay(buyer, purchase)
        assert await time_passes(later) == 1
    finally:
        await all_again()
    assert await status(event) == "completed"
    logged = await rows(
        "SELECT actor, field, old, new FROM events.audit"
        " WHERE entity_id = :id AND action = 'complete'",
        id=event["id"],
    )
    assert [tuple(entry.values()) for entry in logged] == [
        ("system", "status", '"published"', '"completed"')
    ]


async def test_control_an_event_that_changed_since_it_was_judged_is_not_completed(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    crud, crud_endings = ext("catalog.crud"), ext("catalog.crud_endings")
    async with ext("crud").reading() as tx:
        judged = await crud.get_event(tx, event["id"])
    await changed(client, organiser, event, event_end_date=day(90))
    async with ext("crud").transaction() as tx:
        assert not await crud_endings.complete_past(tx, judged)
    assert await status(event) == "published"
    # A hold is no change of the event, but somebody may be about to pay.
    async with ext("crud").reading() as tx:
        judged = await crud.get_event(tx, event["id"])
    await a_purchase(client, event["id"])
    async with ext("crud").transaction() as tx:
        assert not await crud_endings.complete_past(tx, judged)
    assert await status(event) == "published"


async def test_i10_an_event_cancelled_by_its_minimum_is_on_record(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, min_tickets=5, closing_date=day(-1))
    try:
        await only(event)
        assert await ext("catalog.endings").decide_minimums(now()) == 1
    finally:
        await all_again()
    logged = await rows(
        "SELECT actor, old, new FROM events.audit WHERE entity_id = :id AND action = 'cancel'",
        id=event["id"],
    )
    assert [tuple(entry.values()) for entry in logged] == [("system", '"published"', '"cancelled"')]


async def test_an_event_put_off_after_its_end_is_on_sale_again(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    past = {"closing_date": day(-3), "event_start_date": day(-2), "event_end_date": day(-2)}
    later = {"closing_date": day(5), "event_start_date": day(6), "event_end_date": day(6)}
    event = await an_event(client, organiser, **past)
    assert await time_passes(now()) >= 1
    assert await status(event) == "completed"
    assert (await changed(client, organiser, event, info="It was fine."))["status"] == "completed"
    assert (await changed(client, organiser, event, **later))["status"] == "published"
    await a_purchase(client, event["id"])
    # Completed by hand before its end: another date does not put it on sale.
    await act(client, organiser, event, "complete")
    moved = await changed(client, organiser, event, event_end_date=day(9))
    assert moved["status"] == "completed"
