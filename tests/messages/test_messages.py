"""I9: each fact becomes the messages it makes, once, whatever is killed when."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.builders import API, Json, a_purchase, eventually, execute, rows
from support.host import ext
from support.messaging import (
    ADA,
    BOB,
    a_free_event,
    a_party_of_three,
    drain,
    forget_all,
    letter_of,
    message,
    messages,
    told,
)
from support.people import Person
from support.stepping import cut_off_at, leave_out_what_is_here

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("box")]

ADA_DM, EVE_DM = "ada@nostr.example", "eve@nostr.example"
PARTY = [
    ("order_confirmed", "dm", ADA_DM),
    ("order_confirmed", "mail", ADA),
    ("ticket", "dm", EVE_DM),
    ("ticket", "mail", BOB),
]


def as_kind(kind: str) -> list[tuple[str, str, str]]:
    return sorted((kind, channel, recipient) for _, channel, recipient in PARTY)


async def test_i9_a_confirmed_order_is_told_to_its_buyer_and_each_attendee_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_party_of_three(client, event)
    assert await told(event["id"]) == []
    await drain()
    assert await told(event["id"]) == PARTY
    found = await messages(event["id"])
    mine = {one["message_id"] for one in found if one["channel"] == "mail"}
    assert len(mine) == 2
    assert all(one.startswith("<") and one.endswith(">") and "@" in one for one in mine)
    assert {(one["wallet"], one["order_id"], one["state"]) for one in found} == {
        (organiser.wallet, purchase["order_id"], "queued")
    }
    async with ext("crud").transaction() as tx:
        await ext("outbox.services").put(tx, "order_confirmed", purchase["order_id"], event["id"])
    await drain()
    assert await told(event["id"]) == PARTY


async def test_who_gave_no_address_is_not_written_to(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser)
    await a_purchase(client, event["id"], email="", quantity=2)
    await drain()
    assert await told(event["id"]) == []


async def test_the_language_is_the_orders(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await a_free_event(client, organiser)
    await a_purchase(client, event["id"], email=ADA, language="de-AT")
    plain = await a_purchase(client, event["id"], email=BOB)
    await execute("UPDATE events.orders SET language = NULL WHERE id = :id", id=plain["order_id"])
    await drain()
    spoken = {one["recipient"]: one["language"] for one in await messages(event["id"])}
    assert spoken == {ADA: "de", BOB: "en"}


async def test_i9_a_telling_that_is_cut_off_anywhere_is_whole_in_the_end(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Cancelled at each of its awaits, as a host that stops does."""
    event = await a_free_event(client, organiser)
    purchase = await a_party_of_three(client, event)

    async def is_whole() -> bool:
        """Either it is still to be told, or all of it is written down."""
        facts = await rows("SELECT id FROM events.outbox WHERE event_id = :id", id=event["id"])
        return await told(event["id"]) == ([] if facts else PARTY)

    cut, was_cut = 0, True
    leave_out_what_is_here()
    while was_cut:
        await forget_all()
        async with ext("crud").transaction() as tx:
            order_id = purchase["order_id"]
            await ext("outbox.services").put(tx, "order_confirmed", order_id, event["id"])
        cut += 1
        was_cut = await cut_off_at(cut, drain())
        # A server that was left at COMMIT may be done with it between two looks.
        await eventually(is_whole)
        await drain()
        assert await told(event["id"]) == PARTY, cut
    assert cut > 10


async def put_off(client: httpx.AsyncClient, organiser: Person, event: Json, place: str) -> None:
    url = f"{API}/events/{event['id']}"
    answer = await client.put(url, json={"location": place}, headers=organiser.admin)
    assert answer.status_code == 200, answer.text


async def test_a_changed_place_is_told_to_all_holders(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser, location="Hall")
    await a_party_of_three(client, event)
    await put_off(client, organiser, event, "Church")
    await drain()
    assert await told(event["id"], "event_changed") == as_kind("event_changed")
    found = await message(event["id"], kind="event_changed", recipient=ADA)
    payload = ext("catalog.models").read_json(found["payload"])
    assert (payload["before"]["location"], payload["after"]["location"]) == ("Hall", "Church")
    nobody = await a_free_event(client, organiser, location="Hall", send_messages=False)
    await a_party_of_three(client, nobody)
    await put_off(client, organiser, nobody, "Church")
    await drain()
    assert await told(nobody["id"]) == []


async def test_a_second_change_tells_of_both_and_one_that_is_undone_of_none(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser, location="Hall")
    await a_purchase(client, event["id"], email=ADA)
    await a_purchase(client, event["id"], email=BOB)
    await drain()
    await put_off(client, organiser, event, "Church")
    await drain()
    # Bob has read of the first one.
    await execute(
        "UPDATE events.messages SET state = 'sent' WHERE recipient = :who AND event_id = :id",
        who=BOB,
        id=event["id"],
    )
    await put_off(client, organiser, event, "Barn")
    await drain()
    assert await _changes(event) == {(ADA, "Hall", "Barn"), (BOB, "Church", "Barn")}
    await put_off(client, organiser, event, "Hall")
    await drain()
    # Hers is not true any more, and stays unsent.
    assert await _changes(event) == {(ADA, "Hall", "Hall"), (BOB, "Church", "Hall")}
    queued = [one for one in await messages(event["id"]) if one["state"] == "queued"]
    assert [await letter_of(one) is not None for one in queued if one["recipient"] == ADA] == [
        *(True, False)
    ]


async def _changes(event: Json) -> set[tuple[str, str, str]]:
    """What is queued: who, from where, to where."""
    found = set()
    for one in await messages(event["id"]):
        if one["kind"] == "event_changed" and one["state"] == "queued":
            said = ext("catalog.models").read_json(one["payload"])
            places = said["before"]["location"], said["after"]["location"]
            found.add((one["recipient"], *places))
    return found


async def test_i9_many_holders_are_told_page_by_page_and_none_twice(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = ext("notifications.facts")
    monkeypatch.setattr(facts, "_PAGE", 2)
    event = await a_free_event(client, organiser, location="Hall")
    people = sorted(f"guest{number}@example.com" for number in range(5))
    for address in people:
        await a_purchase(client, event["id"], email=address)
    await put_off(client, organiser, event, "Church")
    real, pages = facts.write_down, []

    async def fails_in_the_second_page(tx: Any, found: Any) -> None:
        await real(tx, found)
        pages.append([one for one in found if one["kind"] == "event_changed"])
        if sum(bool(page) for page in pages) == 2:
            raise RuntimeError("killed here")

    monkeypatch.setattr(facts, "write_down", fails_in_the_second_page)
    done = await ext("outbox.services").drain(facts.HANDLERS, ext("clock").now())
    assert done.failed == 1
    assert len(await told(event["id"], "event_changed")) == 2
    await drain(minutes=1)
    assert await told(event["id"], "event_changed") == [
        ("event_changed", "mail", address) for address in people
    ]
    assert await rows("SELECT id FROM events.outbox WHERE event_id = :id", id=event["id"]) == []


@dataclass(frozen=True)
class Cancelling:
    """When the orders of a cancelled event are booked, compared to the telling."""

    name: str
    books_first: bool
    tells_between: bool


@pytest.mark.parametrize(
    "how",
    [
        Cancelling("told before any order is booked", False, False),
        Cancelling("told when all are booked", True, False),
        Cancelling("told while they are being booked", False, True),
    ],
    ids=lambda how: how.name,
)
async def test_i9_a_cancelled_event_is_told_to_all_who_had_a_ticket_once(
    client: httpx.AsyncClient, organiser: Person, how: Cancelling
) -> None:
    """Also where nothing was paid, and where the event is silent else."""
    event = await a_free_event(client, organiser, send_messages=False)
    await a_party_of_three(client, event)
    gone = "gone@example.com"
    other = await a_purchase(client, event["id"], email=gone)
    url = f"{API}/orders/{other['order_id']}/cancel"
    assert (await client.post(url, headers=organiser.admin, json={"percent": 0})).is_success
    late = await a_purchase(client, event["id"], email="late@example.com")
    answer = await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    assert answer.status_code == 200
    worker, now = ext("refunds.worker"), ext("clock").now()
    if how.tells_between:
        await worker._book(late["order_id"], event["id"], "event_cancelled", now)
        await drain()
    if not how.books_first:
        await drain()
    await worker.book_event(event["id"], "event_cancelled", now)
    await drain()
    expected = [*as_kind("event_cancelled"), ("event_cancelled", "mail", "late@example.com")]
    assert await told(event["id"], "event_cancelled") == sorted(expected)
    # Whose ticket was cancelled before that is told of this alone.
    found = await messages(event["id"])
    assert [one["recipient"] for one in found if one["kind"] == "tickets_cancelled"] == [gone]
    for one in (one for one in found if one["recipient"] != gone):
        letter = await letter_of(one)
        assert letter is not None
        assert len(letter.tickets) == (3 if one["recipient"] in (ADA, ADA_DM) else 1), one
