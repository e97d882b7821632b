"""I9: which message is next, however many wait, and which are not needed any more."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from support.builders import execute, rows
from support.host import ext, on_postgres
from support.mailbox import Mailbox
from support.messaging import (
    ADA,
    a_lane,
    bought_by,
    guests,
    messages,
    states,
)
from support.people import Person
from support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="session")

MINUTE_MS = 60_000


async def written(*wanted: dict[str, Any]) -> None:
    """Rows as the room writes them, an hour old; `due_ms` after now, which is by default past."""
    at_ms = ext("clock").to_ms(ext("clock").now()) - 60 * MINUTE_MS
    made = [
        {
            **{"id": f"m{number}", "wallet": "w", "event_id": "e", "kind": "ticket"},
            **{"channel": "mail", "recipient": f"r{number}@example.com", "language": "en"},
            **{"cause": f"c{number}", "state": "queued", "created_at": at_ms + number},
            "next_try_at": at_ms + number,
            **more,
        }
        for number, more in enumerate(wanted)
    ]
    async with ext("crud").transaction() as tx:
        await ext("notifications.crud").insert_missing(tx, made)


async def due() -> list[str]:
    channel = ext("notifications.models").Channel.MAIL
    found = await ext("notifications.sending").list_due(channel, ext("clock").now(), 50)
    return [str(one) for one in found]


async def test_tickets_go_before_changes_and_those_before_letters_to_many(box: Mailbox) -> None:
    ranks = [
        ("announcement", "reminder"),
        (
            *("event_changed", "event_cancelled", "tickets_cancelled"),
            *("late_payment", "refund_paid", "refund_due"),
        ),
        ("ticket", "order_confirmed"),
    ]
    kinds = [kind for group in ranks for kind in group]
    assert set(kinds) == {kind.value for kind in ext("notifications.models").Kind}
    await written(*({"kind": kind} for kind in kinds))
    wanted = [kind for group in reversed(ranks) for kind in group]
    assert [kinds[int(one[1:])] for one in await due()] == wanted


async def test_an_older_message_goes_first_within_one_event_only(box: Mailbox) -> None:
    """Of another organiser's mail nobody has to wait for the end."""
    later = {"next_try_at": 10**15}
    same = {"recipient": ADA}
    await written(
        {**same, **later, "event_id": "another"},
        {**same},
        {**same, "kind": "event_changed"},
        {**same, "event_id": None},
        {**later, "recipient": "bob@example.com", "kind": "announcement"},
        {"recipient": "bob@example.com"},
    )
    assert await due() == ["m1", "m3", "m5"]


async def test_the_next_ones_are_found_by_an_index(box: Mailbox) -> None:
    if on_postgres():
        pytest.skip("the plan of a small table says nothing there")
    crud_due = ext("notifications.crud_due")
    for statement, searched in (
        (crud_due.LIST_DUE, "(channel=? AND rank=? AND next_try_at<?)"),
        (crud_due.NEXT_DUE, "(channel=? AND rank=?)"),
    ):
        values = {"channel": "mail", "now": 1, "limit": 50}
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        async with ext("crud").reading() as tx:
            plan = await tx.fetch_all(f"EXPLAIN QUERY PLAN {statement}", used)
        steps = [str(step["detail"]) for step in plan]
        first = [step for step in steps if step.startswith(("SEARCH m", "SCAN m"))]
        assert len(first) == 3, steps
        for step in first:
            assert f"INDEX ix_messages_due {searched}" in step, steps
        # Only the few that were found are sorted.
        assert sum("TEMP B-TREE" in step for step in steps) <= 1, steps
        others = [step for step in steps if step.startswith(("SEARCH e", "SCAN e"))]
        assert len(others) == 3, steps
        for step in others:
            assert "ix_messages_waiting (channel=? AND recipient=? AND event_id=?" in step, steps


async def test_whether_mail_waited_too_long_is_asked_rarely_and_by_the_index(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    """A host without a mail server asks whenever something is sold."""
    waiting, now = ext("notifications.waiting"), ext("clock").now()
    waits = waiting.WithoutServer()
    with statements() as seen:
        for minutes in range(60):
            await waits.give_up(now + timedelta(minutes=minutes))
    assert sum("UPDATE" in one for one in seen) == 1
    await bought_by(client, organiser, ADA)
    assert await waits.give_up(now + timedelta(days=8)) == 1
    if not on_postgres():
        statement = ext("notifications.crud_due").GIVE_UP_MAIL
        values = {"before": 1, "code": "", "error": ""}
        async with ext("crud").reading() as tx:
            plan = await tx.fetch_all(f"EXPLAIN QUERY PLAN {statement}", values)
        [step] = [str(step["detail"]) for step in plan]
        assert "INDEX ix_messages_due (channel=? AND rank=? AND next_try_at<?)" in step


async def statements_of_a_pass(lane: Any) -> int:
    with statements() as seen:
        assert (await lane.send_due(ext("clock").now())).sent == 5
    return len(seen)


async def test_a_message_costs_as_many_statements_however_many_wait(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    lane = a_lane()
    await bought_by(client, organiser, *guests(5))
    alone = await statements_of_a_pass(lane)
    await bought_by(client, organiser, *guests(5))
    await written(*({"next_try_at": 10**15} for _ in range(300)))
    assert await statements_of_a_pass(lane) == alone
    await lane.close()


async def test_a_lease_is_what_a_message_in_hand_is_due_by(box: Mailbox) -> None:
    await written({})
    clock, crud = ext("clock"), ext("notifications.crud")
    now = clock.now()
    async with ext("crud").transaction() as tx:
        taken = await crud.claim(tx, "m0", now, now + timedelta(minutes=1))
    assert await due() == []
    [found] = await rows("SELECT * FROM events.messages")
    assert found["next_try_at"] == clock.to_ms(now + timedelta(minutes=1))
    async with ext("crud").transaction() as tx:
        assert await crud.renew(tx, taken, now - timedelta(seconds=1))
    assert await due() == ["m0"]


@pytest.mark.parametrize("state", ["sent", "failed", "undeliverable"])
async def test_what_ended_long_ago_is_forgotten_a_few_at_a_time(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    event = await bought_by(client, organiser, *guests(5))
    await execute("UPDATE events.messages SET state = :state", state=state)
    sweeping, now = ext("notifications.sweeping"), ext("clock").now()
    monkeypatch.setattr(sweeping, "_BATCH", 2)
    sweep = sweeping.Sweep()
    assert await sweep.forget_old(now + timedelta(days=364)) == 0
    much_later = now + timedelta(days=366)
    assert [await sweep.forget_old(much_later) for _ in range(4)] == [2, 2, 1, 0]
    assert await messages(event["id"]) == []
    newer = await bought_by(client, organiser, ADA)
    assert await sweep.forget_old(much_later + timedelta(hours=2)) == 0
    assert await states(newer["id"]) == ["queued"]
