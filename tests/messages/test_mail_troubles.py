"""I9: whose trouble it is: a message's, which waits alone, or the server's, for which none pays."""

import asyncio
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest

from support.builders import API, a_purchase, execute
from support.host import ext
from support.mailbox import ADDRESS, Mailbox
from support.messaging import (
    ADA,
    BOB,
    a_lane,
    arrived,
    bought_by,
    drain,
    guests,
    message,
    messages,
    send_mail,
    states,
)
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

BREAKS = "421 4.3.2 Closing"


async def passes(
    lane: Any, until: timedelta, step: timedelta = timedelta(seconds=1), most: int = 200
) -> None:
    """As the loop does them, each when the one before it said; and not more often than `step`."""
    begun = ext("clock").now()
    at = begun
    for _ in range(most):
        done = await lane.send_due(at)
        if done.next_at is None or done.next_at > begun + until:
            return
        at = max(done.next_at, at + step)
    raise AssertionError("it is tried far too often")


@pytest.mark.parametrize("count", [2, 12])
async def test_i9_messages_the_server_breaks_at_stop_no_mail(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, count: int
) -> None:
    bad = [f"bad{number}@example.com" for number in range(count)]
    box.refused.update(dict.fromkeys(bad, BREAKS))
    event = await bought_by(client, organiser, *bad, *guests(3))
    lane = a_lane()
    await passes(lane, timedelta(minutes=3))
    assert arrived(box) == guests(3)
    for address in bad:
        found = await message(event["id"], recipient=address)
        assert (found["state"], found["error_code"]) == ("queued", "deferred")
        assert found["attempts"] >= 1
    await execute("UPDATE events.messages SET attempts = 53 WHERE state = 'queued'")
    await passes(lane, timedelta(hours=2))
    await lane.close()
    assert await states(event["id"]) == ["failed"] * count + ["sent"] * 3


async def test_a_server_that_breaks_at_every_message_is_asked_seldom(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.dies = 1000
    event = await bought_by(client, organiser, *guests(8))
    lane = a_lane()
    done = await lane.send_due(ext("clock").now())
    await lane.close()
    assert len(box.tried) == 3
    assert (done.next_at - ext("clock").now()).total_seconds() > 4
    assert sorted(one["attempts"] for one in await messages(event["id"])) == [0] * 5 + [1] * 3


async def test_i9_an_answer_that_never_comes_is_a_try_of_that_message(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await bought_by(client, organiser, ADA)
    box.delay_s = 30.0
    server = ext("notifications.email").MailServer
    lane = ext("notifications.mail_lane").MailLane(lambda: server(0.5, 0.2))
    await lane.send_due(ext("clock").now())
    await lane.close()
    found = await message(event["id"])
    assert (found["state"], found["attempts"]) == ("queued", 1)
    assert found["error_code"] == "deferred"


async def test_an_invalid_sender_address_makes_mail_wait_and_costs_no_tries(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lnbits.settings import settings as host

    event = await bought_by(client, organiser, ADA, BOB)
    lane = a_lane()
    monkeypatch.setattr(host, "lnbits_email_notifications_email", "the box office")
    done = await lane.send_due(ext("clock").now())
    assert done.next_at is not None
    found = await messages(event["id"])
    assert [one["attempts"] for one in found] == [0, 0]
    assert [one["error_code"] for one in found].count("auth") == 1
    await passes(lane, timedelta(days=3), timedelta(hours=1))
    assert await states(event["id"]) == ["queued"] * 2
    monkeypatch.setattr(host, "lnbits_email_notifications_email", f"Tickets <{ADDRESS}>")
    assert (await send_mail(lane, days=4)).sent == 2
    await lane.close()
    assert {caught.sender for caught in box.messages} == {ADDRESS}
    assert {caught.mail["From"].addresses[0].addr_spec for caught in box.messages} == {ADDRESS}


@pytest.mark.parametrize(
    ("words", "tries"),
    [("554 5.7.1 Account blocked", 99), ("550 5.4.5 Daily quota exceeded", 99), ("550 Blocked", 9)],
)
async def test_i9_a_blocked_account_fails_no_message(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, words: str, tries: int
) -> None:
    box.data_answer = words
    event = await bought_by(client, organiser, *guests(5))
    lane = a_lane()
    await lane.send_due(ext("clock").now())
    assert len(box.tried) == 3
    await passes(lane, timedelta(hours=6))
    await execute("UPDATE events.messages SET attempts = :tries", tries=tries)
    await passes(lane, timedelta(days=1), timedelta(hours=1))
    found = await messages(event["id"])
    assert {(one["state"], one["error_code"]) for one in found} == {("queued", "auth")}
    box.data_answer = None
    assert (await send_mail(lane, days=2)).sent == 5
    await lane.close()
    assert arrived(box) == guests(5)


@pytest.mark.parametrize(
    ("words", "state", "code"),
    [
        ("550 5.7.1 This is spam", "failed", "refused"),
        ("550 This is spam", "failed", "refused"),
        (BREAKS, "queued", "deferred"),
    ],
)
async def test_words_to_many_that_are_refused_keep_no_ticket_waiting(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, words: str, state: str, code: str
) -> None:
    """One text, refused each time, says nothing of the account that other organisers use too."""
    event = await bought_by(client, organiser, *guests(6))
    assert (await send_mail()).sent == 6
    said = {"subject": "News", "text": "Cheap watches!"}
    url = f"{API}/events/{event['id']}/messages"
    assert (await client.post(url, json=said, headers=organiser.admin)).is_success
    await drain()
    box.refused.update(dict.fromkeys(guests(6), words))
    lane, now = a_lane(), ext("clock").now()
    await lane.send_due(now)
    await a_purchase(client, event["id"], email=ADA)
    await drain()
    assert (await lane.send_due(now + timedelta(seconds=1))).sent == 1
    await lane.close()
    found = [one for one in await messages(event["id"]) if one["kind"] == "announcement"]
    assert [(one["state"], one["error_code"]) for one in found] == [(state, code)] * 6


@pytest.mark.parametrize("words", ["550 5.1.1 No such user", "552 5.2.2 Mailbox full"])
async def test_bad_addresses_in_a_row_are_not_the_servers_trouble(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, words: str
) -> None:
    box.refused.update(dict.fromkeys(guests(4), words))
    event = await bought_by(client, organiser, *guests(4), ADA)
    assert (await send_mail()).sent == 1
    assert await states(event["id"]) == ["failed"] * 4 + ["sent"]


async def test_refusals_between_which_mail_arrives_are_the_messages_own(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    first, second, third, fourth = guests(4)
    box.refused.update(dict.fromkeys([first, second, fourth], "550 Unknown"))
    event = await bought_by(client, organiser, first, second, third, fourth)
    assert (await send_mail()).sent == 1
    assert await states(event["id"]) == ["failed"] * 3 + ["sent"]


async def test_a_host_that_stops_does_not_wait_for_a_server_that_hangs(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.hangs = True
    event = await bought_by(client, organiser, ADA)
    lane = a_lane(timeout_s=10.0)
    task = asyncio.ensure_future(lane.send_due(ext("clock").now()))
    await box.connected.wait()
    begun = time.monotonic()
    task.cancel()
    await asyncio.wait({task})
    await lane.close()
    assert time.monotonic() - begun < 2
    found = await message(event["id"])
    assert (found["state"], found["attempts"], found["error_code"]) == ("queued", 0, None)
    box.hangs = False
    assert (await send_mail()).sent == 1
