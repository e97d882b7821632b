"""Sending again at once all that was given up of an event, some hundreds per request."""

import asyncio

import httpx
import pytest

from support.builders import API, Json, a_purchase, execute
from support.host import ext, on_postgres
from support.mailbox import Mailbox
from support.messaging import (
    ADA,
    BOB,
    EVE,
    a_free_event,
    arrived,
    bought_by,
    drain,
    guests,
    message,
    messages,
    send_mail,
    states,
)
from support.other_processes import open_the_lock
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_SUCH_USER = "550 5.1.1 No such user"


async def ask(client: httpx.AsyncClient, event: Json, headers: dict[str, str]) -> httpx.Response:
    url = f"{API}/events/{event['id']}/messages/resend-failed"
    return await client.post(url, headers=headers)


async def resent(client: httpx.AsyncClient, who: Person, event: Json) -> tuple[int, int]:
    """How many wait again, and how many are left."""
    answer = await ask(client, event, who.admin)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return found["queued"], found["left"]


async def given_up(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, *buyers: str
) -> Json:
    """An event whose letters to these were refused; by now they would not be."""
    box.refused.update(dict.fromkeys(buyers, NO_SUCH_USER))
    event = await bought_by(client, organiser, *buyers)
    await send_mail()
    box.refused.clear()
    assert await states(event["id"]) == ["failed"] * len(buyers)
    return event


@pytest.fixture
def two_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ext("notifications.resending"), "_MOST_AT_ONCE", 2)


async def test_i9_all_that_failed_is_sent_again_some_at_a_time(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, two_at_once: None
) -> None:
    event = await given_up(client, organiser, box, *guests(5))
    ids = {one["message_id"] for one in await messages(event["id"])}
    assert [await resent(client, organiser, event) for _ in range(4)] == [
        (2, 3),
        (2, 1),
        (1, 0),
        (0, 0),
    ]
    for one in await messages(event["id"]):
        assert (one["state"], one["attempts"]) == ("queued", 0)
        assert (one["error_code"], one["last_error"]) == (None, None)
    await send_mail(seconds=1)
    assert arrived(box) == guests(5)
    # They are the same letters, and no others were made.
    assert {caught.message_id for caught in box.messages} == ids


async def test_what_fails_anew_comes_after_all_others(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, two_at_once: None
) -> None:
    event = await given_up(client, organiser, box, *guests(3))
    box.refused.update(dict.fromkeys(guests(3), NO_SUCH_USER))
    assert await resent(client, organiser, event) == (2, 1)
    again = {one["id"] for one in await messages(event["id"]) if one["state"] == "queued"}
    await send_mail(seconds=1)
    assert await resent(client, organiser, event) == (2, 1)
    left = {one["id"] for one in await messages(event["id"]) if one["state"] == "failed"}
    assert len(left) == 1
    assert left < again


async def test_only_what_failed_and_is_still_true_is_sent_again(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await given_up(client, organiser, box, ADA)
    other = await given_up(client, organiser, box, BOB)
    gone = await a_purchase(client, event["id"], email=BOB)
    await a_purchase(client, event["id"], email=EVE, nostr_identifier="eve@nostr.example")
    await drain()
    await execute(
        "UPDATE events.ticket SET status = 'cancelled' WHERE order_id = :id", id=gone["order_id"]
    )
    await send_mail(seconds=1)
    await execute(
        "UPDATE events.messages SET state = 'undeliverable' WHERE event_id = :id"
        " AND channel = 'dm'",
        id=event["id"],
    )
    assert await states(event["id"]) == ["failed", "failed", "sent", "undeliverable"]
    assert await resent(client, organiser, event) == (1, 0)
    assert (await message(event["id"], recipient=ADA))["state"] == "queued"
    assert (await message(event["id"], recipient=BOB))["error_code"] == "outdated"
    assert await states(event["id"]) == ["failed", "queued", "sent", "undeliverable"]
    assert await states(other["id"]) == ["failed"]


async def test_i9_nostr_messages_that_no_inbox_has_are_wrapped_anew(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    held = {"ada@nostr.example": "[]", "bob@nostr.example": '["wss://relay.example"]'}
    for name, acked in held.items():
        await a_purchase(client, event["id"], email="", nostr_identifier=name)
        await drain()
        await execute(
            "UPDATE events.messages SET state = 'failed', wrap = '{}', wrap_id = recipient,"
            " relays = '[\"wss://relay.example\"]', acked = :acked WHERE recipient = :name",
            **{"acked": acked, "name": name},
        )
    assert await resent(client, organiser, event) == (2, 0)
    adas = await message(event["id"], recipient="ada@nostr.example")
    bobs = await message(event["id"], recipient="bob@nostr.example")
    assert (adas["state"], adas["wrap"], adas["wrap_id"], adas["acked"]) == ("queued",) + (
        None,
    ) * 3
    assert (bobs["state"], bobs["wrap"], bobs["wrap_id"]) == ("queued", "{}", "bob@nostr.example")


async def test_i9_asked_for_at_once_each_message_is_sent_again_once(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    two_at_once: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = await given_up(client, organiser, box, *guests(5))
    # SQLite has one file, and one process at a time that writes to it.
    if on_postgres():
        open_the_lock(monkeypatch)
    found = await asyncio.gather(*(resent(client, organiser, event) for _ in range(4)))
    assert sorted(found) == [(0, 0), (1, 0), (2, 1), (2, 3)]
    await send_mail(seconds=1)
    assert arrived(box) == guests(5)


async def test_it_is_asked_for_sixty_times_an_hour_and_single_ones_are_counted_apart(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await given_up(client, organiser, box, ADA)
    one = await message(event["id"])
    for _ in range(60):
        await resent(client, organiser, event)
    async with nothing_written():
        refused = await ask(client, event, organiser.admin)
        assert assert_refused(refused, 429) == "too_many_requests"
    single = f"{API}/messages/{one['id']}/resend"
    assert (await client.post(single, headers=organiser.admin)).status_code == 200


async def test_i6_nobody_else_sends_again_what_failed(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, box: Mailbox
) -> None:
    event = await given_up(client, organiser, box, ADA)
    async with nothing_written():
        for headers in (other_organiser.admin, organiser.invoice, {}):
            assert_refused(await ask(client, event, headers), 401, 403)
        assert_refused(await ask(client, {"id": "none"}, organiser.admin), 404)
