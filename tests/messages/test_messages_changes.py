"""I9: a change is told once it has settled, as it is by then, and not more often than people bear.
What nobody can send yet waits."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from support.builders import API, Json, Row, a_purchase, day, execute
from support.host import ext
from support.mailbox import Mailbox
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
    send_mail,
    told,
)
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def move(client: httpx.AsyncClient, organiser: Person, event: Json, place: str) -> None:
    url = f"{API}/events/{event['id']}"
    answer = await client.put(url, json={"location": place}, headers=organiser.admin)
    assert answer.status_code == 200, answer.text


async def an_event_of_ada(client: httpx.AsyncClient, organiser: Person) -> Json:
    """In the hall; she has read her ticket."""
    event = await a_free_event(client, organiser, location="Hall")
    await a_purchase(client, event["id"], email=ADA)
    await drain()
    await all_sent(event)
    return event


async def all_sent(event: Json) -> None:
    await execute("UPDATE events.messages SET state = 'sent' WHERE event_id = :id", id=event["id"])


async def queued(event: Json) -> list[Row]:
    return [one for one in await messages(event["id"]) if one["state"] == "queued"]


async def text_of(found: Row) -> str:
    letter = await letter_of(found)
    written: Any = await asyncio.to_thread(ext("notifications.rendering").write, letter)
    return str(written.text)


async def test_i9_edits_in_a_row_are_told_in_one_letter(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await an_event_of_ada(client, organiser)
    for place in ("Church", "Barn", "Stable"):
        await move(client, organiser, event, place)
        await drain()
        assert (await send_mail(minutes=1)).sent == 0
    assert (await send_mail(minutes=3)).sent == 1
    [caught] = box.sent_to(ADA)
    said = caught.part("text/plain")
    assert "Hall" in said
    assert "Stable" in said
    assert "Church" not in said
    assert "Barn" not in said


async def test_a_letter_that_waits_for_more_keeps_no_ticket_waiting(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await an_event_of_ada(client, organiser)
    await move(client, organiser, event, "Church")
    await drain()
    await a_purchase(client, event["id"], email=ADA)
    await drain()
    assert (await send_mail(seconds=1)).sent == 1
    assert (await message(event["id"], kind="event_changed"))["state"] == "queued"


async def test_of_an_edit_loop_people_get_ten_letters_a_day(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await an_event_of_ada(client, organiser)
    for number in range(10):
        await move(client, organiser, event, f"Place {number}")
        await drain()
        assert len(await queued(event)) == 1
        await all_sent(event)
    for number in (10, 11, 12):
        await move(client, organiser, event, f"Place {number}")
        await drain()
    [last] = await queued(event)
    assert (await send_mail(hours=23)).sent == 0
    # Nor does it leave because the organiser asks for it.
    url = f"{API}/messages/{last['id']}/resend"
    assert (await client.post(url, headers=organiser.admin)).json()["state"] == "queued"
    assert (await send_mail(hours=23)).sent == 0
    assert (await send_mail(days=1, minutes=3)).sent == 1
    [caught] = box.sent_to(ADA)
    assert "Place 9" in caught.part("text/plain")
    assert "Place 12" in caught.part("text/plain")


async def test_a_change_is_told_as_it_is_when_it_is_sent(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await an_event_of_ada(client, organiser)
    await move(client, organiser, event, "Church")
    await drain()
    found = await message(event["id"], kind="event_changed")
    assert "Church" in await text_of(found)
    # Written down as a fact, but nobody was told of it yet.
    await move(client, organiser, event, "Barn")
    said = await text_of(found)
    assert "Barn" in said
    assert "Church" not in said
    await move(client, organiser, event, "Hall")
    assert await letter_of(found) is None
    assert (await send_mail(minutes=3)).sent == 0
    outdated = await message(event["id"], kind="event_changed")
    assert outdated["error_code"] == "outdated"


@pytest.mark.parametrize("page", [1, 50])
async def test_a_person_of_several_orders_reads_of_a_change_once(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    page: int,
) -> None:
    """A family of 1.6.9 has an order per ticket."""
    monkeypatch.setattr(ext("notifications.facts"), "_PAGE", page)
    event = await an_event_of_ada(client, organiser)
    for spelt in (ADA, ADA, "Ada@example.com"):
        await a_purchase(client, event["id"], email=spelt)
    await drain()
    await all_sent(event)
    await move(client, organiser, event, "Church")
    await drain()
    assert len(await queued(event)) == 1
    await move(client, organiser, event, "Hall")
    await drain()
    assert [await letter_of(one) for one in await queued(event)] == [None]
    await move(client, organiser, event, "Barn")
    await drain()
    [found] = await queued(event)
    said = await text_of(found)
    assert said.index("Hall") < said.index("Barn")
    assert "Church" not in said
    # It was written down for one of the orders; the others' tickets are valid still.
    sql = "UPDATE events.ticket SET status = 'cancelled' WHERE event = :event"
    await execute(f"{sql} AND order_id = :id", event=event["id"], id=found["order_id"])
    other = await letter_of(found)
    assert (other.order.id != found["order_id"], len(other.tickets)) == (True, 1)
    await execute(sql, event=event["id"])
    assert await letter_of(found) is None


async def test_who_bought_after_a_change_is_not_told_of_it(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await an_event_of_ada(client, organiser)
    await move(client, organiser, event, "Church")
    await a_purchase(client, event["id"], email=BOB)
    await drain()
    assert await told(event["id"], "event_changed") == [("event_changed", "mail", ADA)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_i9_two_changes_are_told_whole_in_whatever_order_they_are_looked_at(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, order: tuple[int, int]
) -> None:
    event = await an_event_of_ada(client, organiser)
    for place in ("Church", "Barn"):
        await move(client, organiser, event, place)
    crud, facts = ext("crud"), ext("notifications.facts")
    async with crud.reading() as tx:
        rows = await tx.fetch_all(
            "SELECT * FROM events.outbox WHERE topic = 'event_changed' ORDER BY created_at, payload"
        )
    by_place = {
        fact.payload["after"]["location"]: fact
        for fact in map(ext("outbox.models").Fact.from_row, rows)
    }
    both = [by_place["Church"], by_place["Barn"]]
    for index in order:
        async with crud.transaction() as tx:
            await facts.event_changed(tx, both[index], ext("clock").now())
    [found] = await queued(event)
    payload = ext("catalog.models").read_json(found["payload"])
    assert (payload["before"]["location"], payload["after"]["location"]) == ("Hall", "Barn")


async def test_an_event_used_again_writes_to_nobody_who_was_let_in_at_it(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    """1.6.9's organisers give a past event new dates. Who has a ticket to use yet is told."""

    async def change(**fields: object) -> None:
        url = f"{API}/events/{event['id']}"
        answer = await client.put(url, json=fields, headers=organiser.admin)
        assert answer.status_code == 200, answer.text

    async def let_in(*ticket_ids: str) -> None:
        for ticket_id in ticket_ids:
            url = f"{API}/tickets/register/{ticket_id}"
            assert (await client.put(url, headers=organiser.admin)).status_code == 200

    event = await a_free_event(client, organiser)
    party = await a_party_of_three(client, event)
    await let_in(*party["ticket_ids"][:2])
    await let_in(*(await a_purchase(client, event["id"], email="in@example.com"))["ticket_ids"])
    await a_purchase(client, event["id"], email="out@example.com")
    await change(closing_date=day(-3), event_start_date=day(-2), event_end_date=day(-2))
    await ext("catalog.endings").complete_past(ext("clock").now())
    await drain()
    await forget_all()
    await change(closing_date=day(5), event_start_date=day(6), event_end_date=day(6))
    await drain()
    assert [recipient for _, _, recipient in await told(event["id"])] == [
        *("ada@nostr.example", "eve@nostr.example", ADA, "out@example.com")
    ]
    assert all([await letter_of(one) for one in await messages(event["id"])])
    # While it is on sale again, everybody who holds a ticket is.
    await change(location="Barn")
    await drain()
    assert len(await told(event["id"])) == 6


async def test_i9_without_a_mail_server_facts_wait_for_one_a_week(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    email, without_server = ext("notifications.email"), ext("notifications.waiting").WithoutServer
    with monkeypatch.context() as patch:
        patch.setattr(email, "is_configured", lambda: False)
        event = await a_free_event(client, organiser)
        await a_party_of_three(client, event)
        await drain()
        assert len(await told(event["id"])) == 4
        assert (await send_mail(days=3)).sent == 0
        assert await without_server().give_up(ext("clock").now() + timedelta(days=6, hours=23)) == 0
    assert (await send_mail(days=6)).sent == 2
    await a_purchase(client, event["id"], email=BOB)
    await drain()
    assert await without_server().give_up(ext("clock").now() + timedelta(days=7, minutes=1)) == 1
    lost = await message(event["id"], kind="order_confirmed", recipient=BOB)
    assert (lost["state"], lost["error_code"]) == ("failed", "no_server")
    assert "mail server" in lost["last_error"]
    # Nostr messages need none.
    assert len(await queued(event)) == 2
