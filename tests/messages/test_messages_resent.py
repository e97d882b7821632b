"""Sending again: by the organiser, by the buyer, and what the organiser sees of all messages."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from support.builders import API, Json, a_purchase, eventually, execute, row
from support.host import ext
from support.mailbox import Mailbox
from support.messaging import (
    ADA,
    BOB,
    a_free_event,
    a_lane,
    a_party_of_three,
    drain,
    message,
    messages,
    send_mail,
    told,
)
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOTHING = {"attempted": False, "sent": False}
SENT = {"attempted": True, "sent": True, "error": None}


@pytest.fixture
def box(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    monkeypatch.setattr(ext("notifications.outcomes"), "_ANSWER_WITHIN_S", 0.3)
    of_a_day = ext("throttle").Limit(10, 86_400.0)
    monkeypatch.setattr(ext("notifications.resending"), "_TO_ONE_ADDRESS", of_a_day)
    return box


@asynccontextmanager
async def mail_is_sent() -> AsyncIterator[None]:
    """The lane runs beside, as in a host of its own."""
    task = asyncio.ensure_future(ext("notifications.worker").keep_mailing())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def by(purchase: Json) -> dict[str, str]:
    return {"X-Order-Secret": purchase["order_secret"]}


async def resend(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], body: Json | None = None
) -> httpx.Response:
    return await client.post(f"{API}{path}", headers=headers, json=body)


async def test_a_ticket_is_sent_again_and_the_answer_says_how_it_went(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_party_of_three(client, event)
    bobs = purchase["ticket_ids"][1]
    async with mail_is_sent():
        answer = await resend(client, f"/tickets/{bobs}/resend-email", organiser.admin)
    assert answer.status_code == 200
    told_now = answer.json()
    assert told_now["ticket"]["id"] == bobs
    assert told_now["ticket"]["email"] == BOB
    assert told_now["email"] == SENT
    # The buyer's Nostr name is on record for a ticket whose holder has none.
    assert told_now["nostr"] == {
        "attempted": True,
        "sent": False,
        "error": "It is on its way.",
    }
    assert [caught.recipients for caught in box.messages] == [(BOB,)]


async def test_a_buyer_is_told_no_more_of_a_ticket_than_anybody(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_party_of_three(client, event)
    path = f"/tickets/{purchase['ticket_ids'][1]}/resend-email"
    in_body = {"order_secret": purchase["order_secret"]}
    for headers, body in ((by(purchase), None), ({}, in_body)):
        ticket = (await resend(client, path, headers, body)).json()["ticket"]
        assert {"email", "wallet", "extra", "payment_hash"}.isdisjoint(ticket)


async def test_a_buyer_may_ask_three_times_an_hour_an_organiser_more_often(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email=ADA)
    order, ticket = purchase["order_id"], purchase["ticket_ids"][0]
    for path in (f"/tickets/{ticket}/resend-email", f"/orders/{order}/resend"):
        for _ in range(3):
            assert (await resend(client, path, by(purchase))).status_code == 200
        async with nothing_written():
            refused = await resend(client, path, by(purchase))
            assert assert_refused(refused, 429) == "too_many_requests"
        assert (await resend(client, path, organiser.admin)).status_code == 200
    # All of it waits in one message each: it is not sent so many times in the end.
    assert len(await messages(event["id"])) == 2


async def test_an_address_is_sent_to_ten_times_a_day_whatever_names_it(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    """Anybody may order in a stranger's name."""
    event = await a_free_event(client, organiser)
    for _ in range(3):
        order = await a_purchase(client, event["id"], email=ADA)
        for _ in range(3):
            path = f"/orders/{order['order_id']}/resend"
            assert (await resend(client, path, by(order))).status_code == 200
    order = await a_purchase(client, event["id"], email=ADA.upper())
    path = f"/orders/{order['order_id']}/resend"
    assert (await resend(client, path, by(order))).status_code == 200
    async with nothing_written():
        for headers in (by(order), organiser.admin):
            assert_refused(await resend(client, path, headers), 429)
    other = await a_purchase(client, event["id"], email=BOB)
    path = f"/orders/{other['order_id']}/resend"
    assert (await resend(client, path, by(other))).status_code == 200
    # One that was sent becomes another letter to her, one that was not is the same.
    await drain()
    mine = [one["id"] for one in await messages(event["id"]) if one["recipient"] == ADA]
    path = f"/messages/{mine[0]}/resend"
    assert (await resend(client, path, organiser.admin)).status_code == 200
    await execute("UPDATE events.messages SET state = 'sent' WHERE id = :id", id=mine[0])
    assert_refused(await resend(client, path, organiser.admin), 429)


async def test_a_buyer_does_not_read_what_the_mail_server_said(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.refused[ADA] = "550 5.1.1 relay7.internal knows no such user"
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email=ADA)
    paths = [f"/orders/{purchase['order_id']}/resend"]
    paths.append(f"/tickets/{purchase['ticket_ids'][0]}/resend-email")
    async with mail_is_sent():
        for path in paths:
            buyers = (await resend(client, path, by(purchase))).json()["email"]
            assert (buyers["attempted"], buyers["sent"]) == (True, False)
            assert buyers["error"] == "The mail server does not take it for this address."
            organisers = (await resend(client, path, organiser.admin)).json()["email"]
            assert "relay7.internal" in organisers["error"]


async def test_the_limit_forgets_after_an_hour_and_whom_it_has_not_seen_for_long(
    client: httpx.AsyncClient,
) -> None:
    limit = ext("throttle").Limit(2, 3600.0, most=3)
    refusal = ext("errors").TooManyRequests
    limit.take("a", 0.0)
    limit.take("a", 1800.0)
    with pytest.raises(refusal):
        limit.take("a", 3599.0)
    limit.take("a", 3600.0)
    with pytest.raises(refusal):
        limit.take("a", 3601.0)
    for name in "bcd":
        limit.take(name, 3602.0)
    limit.take("a", 3603.0)


async def test_an_order_is_sent_again_to_everybody_it_was_sent_to(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_party_of_three(client, event)
    await drain()
    await send_mail()
    async with mail_is_sent():
        answer = await resend(client, f"/orders/{purchase['order_id']}/resend", by(purchase))
    assert answer.json()["email"] == SENT
    assert sorted(caught.recipients[0] for caught in box.messages) == [ADA, ADA, BOB, BOB]
    assert len({caught.message_id for caught in box.messages}) == 4
    # Those on Nostr were not sent yet: they are not sent twice.
    assert len(await told(event["id"])) == 6


async def test_nothing_is_sent_of_what_is_not_valid_or_has_no_address(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    silent = await a_purchase(client, event["id"], email="")
    [ticket] = silent["ticket_ids"]
    told_now = (await resend(client, f"/tickets/{ticket}/resend-email", organiser.admin)).json()
    assert told_now["email"] == {**NOTHING, "error": "No e-mail address is known."}
    assert told_now["nostr"] == {**NOTHING, "error": "No Nostr name or key is known."}
    gone = await a_purchase(client, event["id"], email=ADA)
    await execute(
        "UPDATE events.ticket SET status = 'cancelled' WHERE order_id = :id", id=gone["order_id"]
    )
    path = f"/tickets/{gone['ticket_ids'][0]}/resend-email"
    for answer in (
        await resend(client, path, organiser.admin),
        await resend(client, f"/orders/{gone['order_id']}/resend", organiser.admin),
    ):
        assert answer.json()["email"] == {**NOTHING, "error": "There is no valid ticket to send."}
    assert await messages(event["id"]) == []


async def test_without_a_mail_server_it_says_so(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email=ADA)
    path = f"/tickets/{purchase['ticket_ids'][0]}/resend-email"
    told_now = (await resend(client, path, organiser.admin)).json()["email"]
    assert (told_now["attempted"], told_now["sent"]) == (False, False)
    assert "mail server" in told_now["error"]
    listed = await client.get(f"{API}/events/{event['id']}/messages", headers=organiser.admin)
    assert listed.json()["mail_configured"] is False


async def test_i6_nobody_else_sends_anything_again(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email=ADA)
    other = await a_purchase(client, event["id"], email=BOB)
    await drain()
    one = await message(event["id"], recipient=ADA)
    order, ticket = purchase["order_id"], purchase["ticket_ids"][0]
    async with nothing_written():
        for headers in (other_organiser.admin, by(other), organiser.invoice, {}):
            for path in (f"/orders/{order}/resend", f"/tickets/{ticket}/resend-email"):
                assert_refused(await resend(client, path, headers), 401, 403, 404)
            for path in (f"/messages/{one['id']}/resend", "/messages/none/resend"):
                assert_refused(await resend(client, path, headers), 401, 403, 404)
        assert_refused(await resend(client, f"/messages/{one['id']}/resend", by(purchase)), 401)


async def test_i9_a_failed_message_is_sent_again_under_its_own_message_id(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.refused[ADA] = "550 5.1.1 No such user"
    event = await a_free_event(client, organiser)
    await a_purchase(client, event["id"], email=ADA)
    await drain()
    await send_mail()
    failed = await message(event["id"])
    assert failed["state"] == "failed"
    box.refused.clear()
    answer = await resend(client, f"/messages/{failed['id']}/resend", organiser.admin)
    again = answer.json()
    assert (again["id"], again["state"], again["attempts"]) == (failed["id"], "queued", 0)
    assert (again["last_error"], again["error_code"]) == (None, None)
    await send_mail(seconds=1)
    assert [caught.message_id for caught in box.messages] == [failed["message_id"]]
    answer = await resend(client, f"/messages/{failed['id']}/resend", organiser.admin)
    assert answer.json()["id"] != failed["id"]
    await send_mail(seconds=1)
    assert len({caught.message_id for caught in box.messages}) == 2
    assert [one["state"] for one in await messages(event["id"])] == ["sent", "sent"]


async def test_one_that_is_just_being_sent_is_left_alone(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.delay_s = 0.3
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email=ADA)
    await drain()
    lane = a_lane()
    sending = asyncio.ensure_future(lane.send_due(ext("clock").now()))
    # The server has not answered yet.
    await eventually(lambda: _tried(box))
    one = await message(event["id"])
    answer = await resend(client, f"/messages/{one['id']}/resend", organiser.admin)
    assert answer.json()["state"] == "sending"
    again = await resend(client, f"/orders/{purchase['order_id']}/resend", organiser.admin)
    assert again.json()["email"]["attempted"] is True
    assert (await sending).sent == 1
    await lane.close()
    assert len(await messages(event["id"])) == len(box.messages) == 1


async def _tried(box: Mailbox) -> list[str]:
    return box.tried


async def test_i9_a_nostr_message_that_went_nowhere_is_wrapped_anew(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    await a_purchase(client, event["id"], email="", nostr_identifier="ada@nostr.example")
    await drain()
    one = await message(event["id"])
    await execute(
        "UPDATE events.messages SET state = 'undeliverable', wrap = '{}', wrap_id = 'x',"
        " relays = '[\"wss://gone.example\"]', acked = '[]' WHERE id = :id",
        id=one["id"],
    )
    await resend(client, f"/messages/{one['id']}/resend", organiser.admin)
    found = await row("SELECT * FROM events.messages WHERE id = :id", id=one["id"])
    assert (found["state"], found["wrap"], found["relays"]) == ("queued", None, None)


async def test_the_organiser_sees_every_message_and_how_many_are_how_far(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.refused[BOB] = "550 5.1.1 No such user"
    event = await a_free_event(client, organiser)
    purchase = await a_party_of_three(client, event)
    await drain()
    await send_mail()
    url = f"{API}/events/{event['id']}/messages"
    found = (await client.get(url, headers=organiser.admin)).json()
    assert found["total"] == len(found["data"]) == 4
    assert found["mail_configured"] is True
    assert found["summary"] == {
        "queued": 2,
        "sending": 0,
        "sent": 1,
        "failed": 1,
        "undeliverable": 0,
        "outdated": 0,
    }
    [bobs] = [one for one in found["data"] if one["recipient"] == BOB]
    assert {name: bobs[name] for name in ("kind", "channel", "state", "attempts")} == {
        "kind": "ticket",
        "channel": "mail",
        "state": "failed",
        "attempts": 1,
    }
    assert (bobs["ticket_number"], bobs["order_id"]) == (2, purchase["order_id"])
    assert (bobs["error_code"], bobs["sent_at"], bobs["next_try_at"]) == ("refused", None, None)
    told_all = str(found)
    secrets = {purchase["order_secret"], *purchase["ticket_ids"]}
    assert [secret for secret in secrets if secret in told_all] == []
    for query, total in (
        ("?state=failed", 1),
        ("?kind=order_confirmed", 2),
        ("?state=sent&kind=ticket", 0),
        ("?limit=1&offset=3", 4),
    ):
        page = (await client.get(url + query, headers=organiser.admin)).json()
        assert page["total"] == total, query
    for query in ("?state=lost", "?kind=poem", "?limit=0", "?offset=-1"):
        assert_refused(await client.get(url + query, headers=organiser.admin), 400)


async def test_what_was_outdated_is_no_failure(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.refused[BOB] = "550 5.1.1 No such user"
    event = await a_free_event(client, organiser)
    gone = await a_purchase(client, event["id"], email=ADA)
    await a_purchase(client, event["id"], email=BOB)
    await drain()
    await execute(
        "UPDATE events.ticket SET status = 'cancelled' WHERE order_id = :id", id=gone["order_id"]
    )
    await send_mail()
    url = f"{API}/events/{event['id']}/messages"
    found = (await client.get(url, headers=organiser.admin)).json()
    assert (found["summary"]["failed"], found["summary"]["outdated"]) == (1, 1)
    assert {one["error_code"] for one in found["data"]} == {"outdated", "refused"}
    failed = (await client.get(f"{url}?state=failed", headers=organiser.admin)).json()
    assert [one["recipient"] for one in failed["data"]] == [BOB]
    assert failed["total"] == 1
