"""I9: each message is claimed by one worker, and by the next one when that was killed."""

import asyncio
from typing import Any

import httpx
import pytest

from support.builders import Json, eventually
from support.host import ext
from support.mailbox import Mailbox
from support.messaging import (
    ADA,
    a_lane,
    arrived,
    bought_by,
    guests,
    message,
    send_mail,
    states,
)
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def claimed_by_nobody(event: Json) -> None:
    """As a process leaves it that was killed while it sent."""
    now, sending = ext("clock").now(), ext("notifications.sending")
    found = await message(event["id"])
    async with ext("crud").transaction() as tx:
        assert await ext("notifications.crud").claim(tx, found["id"], now, now + sending.LEASE)


async def test_i9_what_a_killed_sender_leaves_is_sent_by_the_next_one(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await bought_by(client, organiser, ADA)
    await claimed_by_nobody(event)
    early = await send_mail(seconds=30)
    assert early.sent == 0
    left_s = (early.next_at - ext("clock").now()).total_seconds()
    assert 50 < left_s <= 60
    assert (await send_mail(seconds=61)).sent == 1
    sent = await message(event["id"])
    assert (sent["state"], sent["attempts"]) == ("sent", 2)
    assert [caught.message_id for caught in box.messages] == [sent["message_id"]]


async def two_workers(box: Mailbox) -> int:
    """Passes of two processes at once; how many messages arrived."""
    box.delay_s = 0.02
    lanes = [a_lane(), a_lane()]
    now = ext("clock").now()
    await asyncio.gather(*(lane.send_due(now) for lane in lanes))
    for lane in lanes:
        await lane.close()
    return len(box.messages)


async def test_i9_of_two_workers_one_sends_each_message(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await bought_by(client, organiser, *guests(8))
    assert await two_workers(box) == 8
    assert arrived(box) == guests(8)
    assert await states(event["id"]) == ["sent"] * 8


async def test_i9_control_without_the_claim_two_workers_send_twice(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = ext("notifications.crud").CLAIM
    guard = claim[claim.index("AND state IN") : claim.index("RETURNING")]
    monkeypatch.setattr(ext("notifications.crud"), "CLAIM", claim.replace(guard, ""))
    await bought_by(client, organiser, *guests(8))
    assert await two_workers(box) > 8


async def test_i9_what_was_sent_is_noted_although_the_host_stops(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    box.delay_s = 0.3
    event = await bought_by(client, organiser, *guests(2))
    lane = a_lane()
    task = asyncio.ensure_future(lane.send_due(ext("clock").now()))
    await box.wait(1)
    task.cancel()
    assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], BaseException)
    assert await states(event["id"]) == ["queued", "sent"]
    assert (await send_mail(lane)).sent == 1
    await lane.close()
    assert arrived(box) == guests(2)


@pytest.mark.parametrize("is_noted_again", [True, False])
async def test_i9_a_database_that_fails_when_a_mail_has_left_doubles_nothing(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    is_noted_again: bool,
) -> None:
    """Control: without another try to note it the mail is sent once more."""
    sending, crud = ext("notifications.sending"), ext("notifications.crud")
    monkeypatch.setattr(sending, "_NOTE_AGAIN_S", (0.0,) if is_noted_again else ())
    mark_sent, failures = crud.mark_sent, iter([OSError("the database is locked")])

    async def fails_once(*arguments: Any) -> bool:
        for failure in failures:
            raise failure
        return bool(await mark_sent(*arguments))

    monkeypatch.setattr(crud, "mark_sent", fails_once)
    event = await bought_by(client, organiser, ADA)
    lane = a_lane()
    await asyncio.gather(send_mail(lane), return_exceptions=True)
    await send_mail(lane, seconds=61)
    await lane.close()
    assert len(box.messages) == (1 if is_noted_again else 2)
    assert await states(event["id"]) == ["sent"]


@pytest.mark.parametrize("is_renewed", [True, False])
async def test_i9_a_message_that_takes_long_is_not_taken_for_abandoned(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    is_renewed: bool,
) -> None:
    """Control: without a new lease the next worker sends it as well."""
    monkeypatch.setattr(ext("notifications.sending"), "_RENEW_S", 0.05 if is_renewed else 1000.0)
    event = await bought_by(client, organiser, ADA)
    box.thinks_until = asyncio.Event()
    first = asyncio.ensure_future(send_mail())
    await eventually(lambda: _tried(box, 1))
    taken_until = (await message(event["id"]))["next_try_at"]
    if is_renewed:
        await eventually(lambda: _is_taken_beyond(event, taken_until))
    lane = a_lane()
    second = asyncio.ensure_future(lane.send_due(ext("clock").from_ms(taken_until)))
    await (second if is_renewed else eventually(lambda: _tried(box, 2)))
    box.thinks_until.set()
    assert ((await first).sent, (await second).sent) == ((1, 0) if is_renewed else (0, 1))
    assert len(box.messages) == (1 if is_renewed else 2)
    await lane.close()


async def _tried(box: Mailbox, times: int) -> bool:
    return len(box.tried) == times


async def _is_taken_beyond(event: Json, moment_ms: int) -> bool:
    found = await message(event["id"])
    return bool(found["next_try_at"] > moment_ms)
