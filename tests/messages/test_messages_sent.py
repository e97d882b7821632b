"""I9 and I11: every message arrives, whatever the mail server does, and nothing waits for it."""

import asyncio
import time
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest

from support.builders import API, a_purchase, eventually, execute, row
from support.host import ext
from support.lag import LAG_S, lag_of
from support.mailbox import Mailbox
from support.messaging import (
    ADA,
    BOB,
    a_free_event,
    a_lane,
    a_party_of_three,
    arrived,
    bought_by,
    drain,
    guests,
    message,
    messages,
    send_mail,
    states,
    ticket_extra,
)
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_i9_three_tickets_for_three_people_arrive_and_the_tickets_say_so(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_party_of_three(client, event)
    await drain()
    assert (await send_mail()).sent == 2
    assert arrived(box) == [ADA, BOB]
    assert box.sessions == 1
    for address in (ADA, BOB):
        sent = await message(event["id"], recipient=address)
        assert (sent["state"], sent["attempts"], sent["last_error"]) == ("sent", 1, None)
        assert sent["sent_at"] >= sent["created_at"]
        [caught] = box.sent_to(address)
        assert caught.message_id == sent["message_id"]
    told = [await ticket_extra(ticket_id) for ticket_id in purchase["ticket_ids"]]
    # Eve has no mail of her own: hers is in the buyer's letter.
    assert [extra["email_notification_sent"] for extra in told] == [True, True, True]
    assert [extra["nostr_notification_sent"] for extra in told] == [False, False, False]
    assert (await send_mail()).sent == 0
    assert len(box.messages) == 2


async def test_i9_a_server_that_is_down_for_the_whole_sale_delivers_all_once_it_is_up(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    await box.down()
    event = await bought_by(client, organiser, *guests(6))
    lane = a_lane()
    waits = []
    for minutes in (0, 1, 5, 30, 24 * 60 * 3):
        done = await lane.send_due(ext("clock").now() + timedelta(minutes=minutes))
        waits.append(done.next_at)
    assert None not in waits
    assert [one["attempts"] for one in await messages(event["id"])] == [0] * 6
    first = (await messages(event["id"]))[0]
    assert (first["error_code"], first["state"]) == ("unreachable", "queued")
    await box.up()
    assert (await send_mail(lane, days=4)).sent == 6
    await lane.close()
    assert arrived(box) == guests(6)
    assert await states(event["id"]) == ["sent"] * 6
    assert len({caught.message_id for caught in box.messages}) == 6


async def test_while_the_server_is_down_it_is_asked_seldom(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    await box.down()
    await bought_by(client, organiser, *guests(3))
    lane, now = a_lane(), ext("clock").now()
    waits, at = [], now
    for _ in range(9):
        done = await lane.send_due(at)
        waits.append(round((done.next_at - at).total_seconds()))
        assert (await lane.send_due(at)).next_at == done.next_at
        at = done.next_at
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    await lane.close()


async def test_i9_a_message_the_server_breaks_at_does_not_stop_the_others(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    """It ends the session whenever it sees this one, which looks as if it was broken itself."""
    box.refused[ADA] = "421 4.3.2 Closing"
    event = await bought_by(client, organiser, ADA, BOB, *guests(3))
    lane, at = a_lane(), ext("clock").now()
    assert (await lane.send_due(at)).sent == 4
    assert arrived(box) == [BOB, *guests(3)]
    unlucky = await message(event["id"], recipient=ADA)
    assert (unlucky["state"], unlucky["attempts"]) == ("queued", 1)
    assert unlucky["error_code"] == "deferred"
    box.refused.clear()
    assert (await lane.send_due(at + timedelta(minutes=1))).sent == 1
    await lane.close()


async def test_i9_a_message_is_tried_again_under_the_same_message_id(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    """The server takes it and dies before it says so: nobody can know."""
    box.dies, box.dies_when = 1, "after"
    event = await bought_by(client, organiser, ADA)
    lane = a_lane()
    assert (await lane.send_due(ext("clock").now())).sent == 0
    assert (await send_mail(lane, minutes=1)).sent == 1
    await lane.close()
    assert len(box.messages) == 2
    assert {caught.message_id for caught in box.messages} == {
        (await message(event["id"]))["message_id"]
    }


async def test_i9_one_that_is_put_off_waits_alone_and_in_its_place(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.greylist[ADA] = 2
    event = await bought_by(client, organiser, ADA, BOB)
    url = f"{API}/events/{event['id']}"
    await client.put(url, json={"location": "Church"}, headers=organiser.admin)
    await drain()
    assert (await send_mail(minutes=3)).sent == 2
    assert arrived(box) == [BOB, BOB]
    waiting = await message(event["id"], recipient=ADA, kind="order_confirmed")
    assert (waiting["state"], waiting["attempts"]) == ("queued", 1)
    assert waiting["error_code"] == "deferred"
    assert "451" in waiting["last_error"]
    # Nobody reads that an event was moved before they have their ticket.
    assert box.tried.count(ADA) == 1
    await send_mail(minutes=4)
    await send_mail(minutes=6)
    assert [caught.recipients[0] for caught in box.messages] == [BOB, BOB, ADA, ADA]
    assert box.messages[2].message_id == waiting["message_id"]
    assert await states(event["id"]) == ["sent"] * 4


async def test_one_that_is_never_taken_is_given_up_after_two_days(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.greylist[ADA] = 1000
    event = await bought_by(client, organiser, ADA)
    lane, hours, tries = a_lane(), 0.0, 0
    while (await states(event["id"])) == ["queued"]:
        await lane.send_due(ext("clock").now() + timedelta(hours=hours))
        tries, hours = tries + 1, hours + 1
        assert hours < 100
    await lane.close()
    assert 48 <= tries <= 56
    assert (await message(event["id"]))["state"] == "failed"


async def test_one_that_is_refused_is_shown_as_failed_and_keeps_no_other_back(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.refused[ADA] = "550 5.1.1 No such user"
    event = await bought_by(client, organiser, ADA, BOB)
    assert (await send_mail()).sent == 1
    failed = await message(event["id"], recipient=ADA)
    assert (failed["state"], failed["error_code"]) == ("failed", "refused")
    assert "550" in failed["last_error"]
    assert (await send_mail(days=3)).sent == 0
    assert arrived(box) == [BOB]


async def test_i9_a_letter_that_cannot_be_written_keeps_no_other_back(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane_module = ext("notifications.mail_lane")
    real = lane_module.rendering.write

    def write(letter: Any) -> Any:
        if letter.message.recipient == ADA:
            raise RuntimeError("a word is missing")
        return real(letter)

    monkeypatch.setattr(lane_module.rendering, "write", write)
    event = await bought_by(client, organiser, ADA, BOB)
    assert (await send_mail()).sent == 1
    assert (await message(event["id"], recipient=ADA))["error_code"] == "broken"
    monkeypatch.setattr(lane_module.rendering, "write", real)
    assert (await send_mail(minutes=1)).sent == 1
    assert arrived(box) == [ADA, BOB]


async def test_what_is_not_true_any_more_is_not_sent(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await bought_by(client, organiser, ADA)
    await execute("UPDATE events.ticket SET status = 'cancelled' WHERE event = :id", id=event["id"])
    assert (await send_mail()).sent == 0
    found = await message(event["id"])
    assert (found["state"], found["error_code"]) == ("failed", "outdated")


async def test_a_ticket_is_not_kept_waiting_by_a_letter_to_many(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await bought_by(client, organiser, *guests(3))
    await execute(
        "UPDATE events.messages SET kind = 'announcement', rank = 2, payload = '{\"subject\":"
        ' "Hi", "text": "Hi"}\''
    )
    await a_purchase(client, event["id"], email=guests(3)[2])
    await a_purchase(client, event["id"], email=ADA)
    await drain()
    await send_mail()
    order = [caught.recipients[0] for caught in box.messages]
    assert order == [guests(3)[2], ADA, *guests(3)]


async def test_a_ticket_that_is_used_while_its_letter_is_sent_stays_used(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email=ADA)
    await drain()
    box.delay_s = 0.2
    sending = asyncio.ensure_future(send_mail())
    await box.wait(1)
    [ticket_id] = purchase["ticket_ids"]
    used = await client.put(f"{API}/tickets/register/{ticket_id}", headers=organiser.admin)
    assert used.status_code == 200
    assert (await sending).sent == 1
    found = await row("SELECT * FROM events.ticket WHERE id = :id", id=ticket_id)
    assert (found["status"], bool(found["registered"])) == ("used", True)
    assert (await ticket_extra(ticket_id))["email_notification_sent"] is True


async def test_i11_a_sale_goes_on_while_the_mail_server_hangs(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.hangs = True
    event = await bought_by(client, organiser, ADA)
    lane = a_lane(timeout_s=60.0)
    sending = asyncio.ensure_future(lane.send_due(ext("clock").now()))
    await eventually(lambda: _sessions(box))

    async def sell() -> None:
        await a_purchase(client, event["id"], email=BOB)
        await drain()

    assert await lag_of(sell) < LAG_S
    # A sale that waited for the mail would have taken a minute, and seen it end.
    assert not sending.done()
    sending.cancel()
    await asyncio.wait({sending})
    await lane.close()
    box.hangs = False
    assert (await send_mail()).sent == 1 + 3


async def _sessions(box: Mailbox) -> int:
    return box.sessions


async def test_a_ticket_overtakes_letters_to_many_that_were_listed_before_it(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await bought_by(client, organiser, *guests(5))
    assert (await send_mail()).sent == 5
    url = f"{API}/events/{event['id']}/messages"
    said = {"subject": "News", "text": "Doors open at eight."}
    assert (await client.post(url, json=said, headers=organiser.admin)).is_success
    await drain()
    sending = ext("notifications.sending")
    list_due, sales = sending.list_due, iter([ADA])

    async def list_and_sell(*arguments: Any) -> Any:
        """Somebody buys between the list and the first letter of it."""
        found = await list_due(*arguments)
        for buyer in sales:
            await a_purchase(client, event["id"], email=buyer)
            await drain()
        return found

    monkeypatch.setattr(sending, "list_due", list_and_sell)
    assert (await send_mail()).sent == 6
    assert box.messages[5 + 1].recipients == (ADA,)


async def test_events_that_cannot_be_remembered_keep_no_fact_from_being_told(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> int:
        raise OSError("no reminder today")

    worker = ext("notifications.worker")
    monkeypatch.setattr(worker, "remind_due", fail)
    event = await a_free_event(client, organiser)
    loop = asyncio.ensure_future(worker.keep_delivering())
    try:
        for address in guests(2):
            await a_purchase(client, event["id"], email=address)
            await eventually(partial(_is_told, event["id"], address))
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


async def _is_told(event_id: str, address: str) -> bool:
    return address in {one["recipient"] for one in await messages(event_id)}


async def test_a_confirmed_orders_mail_leaves_at_once(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    worker = ext("notifications.worker")
    loops = [asyncio.ensure_future(worker.keep_delivering())]
    loops.append(asyncio.ensure_future(worker.keep_mailing()))
    try:
        event = await a_free_event(client, organiser)
        for number, address in enumerate(guests(3)):
            await a_purchase(client, event["id"], email=address)
            started = time.monotonic()
            await box.wait(number + 1)
            assert time.monotonic() - started < 2
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    assert arrived(box) == guests(3)
    assert (box.sessions, box.quits) == (1, 1)
