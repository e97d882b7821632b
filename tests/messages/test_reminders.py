"""Reminders: a day before, once, to who had a ticket by then; again when the event is put off."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from support.builders import API, Json, a_purchase, day, event_row
from support.host import ext
from support.messaging import (
    ADA,
    BOB,
    a_free_event,
    a_party_of_three,
    drain,
    letter_of,
    message,
    told,
)
from support.people import Person
from support.stepping import cut_off_at, leave_out_what_is_here

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("box")]


def at(**ahead: float) -> str:
    moment: datetime = ext("clock").now() + timedelta(**ahead)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


async def remind(**later: float) -> int:
    done: int = await ext("notifications.reminders").remind_due(
        ext("clock").now() + timedelta(**later)
    )
    return done


async def an_event_in(
    client: httpx.AsyncClient, organiser: Person, hours: float, **changes: object
) -> Json:
    begins = {"starts_at": at(hours=hours), "ends_at": at(hours=hours + 3), "event_end_date": None}
    more: dict[str, Any] = {"send_reminder": True, "event_start_date": None, **begins, **changes}
    return await a_free_event(client, organiser, closing_date=day(20), **more)


async def is_reminded(event: Json) -> bool:
    return (await event_row(event["id"]))["reminded_at"] is not None


async def test_i9_holders_are_reminded_a_day_before_and_once(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event_in(client, organiser, 30)
    await a_party_of_three(client, event)
    await drain()
    await remind()
    assert not await is_reminded(event)
    await remind(hours=7)
    assert await is_reminded(event)
    await remind(hours=8)
    late = await a_purchase(client, event["id"], email="late@example.com")
    await drain()
    await drain()
    assert late["paid"] is True
    assert await told(event["id"], "reminder") == [
        ("reminder", "dm", "ada@nostr.example"),
        ("reminder", "dm", "eve@nostr.example"),
        ("reminder", "mail", ADA),
        ("reminder", "mail", BOB),
    ]
    later = ext("clock").now() + timedelta(hours=8)
    monkeypatch.setattr(ext("clock"), "now", lambda: later)
    letter = await letter_of(await message(event["id"], kind="reminder", recipient=BOB))
    assert len(letter.tickets) == 1


async def test_who_bought_after_it_was_time_is_not_reminded(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event_in(client, organiser, 20)
    await a_purchase(client, event["id"], email=ADA)
    await remind()
    await a_purchase(client, event["id"], email=BOB)
    await drain()
    assert await told(event["id"], "reminder") == [("reminder", "mail", ADA)]


@pytest.mark.parametrize(
    ("hours", "changes", "expected"),
    [
        (20, {}, True),
        (20, {"send_reminder": False}, False),
        (20, {"status": "draft"}, False),
        (24.2, {}, False),
        (0.01, {}, True),
        (-1, {}, False),
    ],
)
async def test_only_events_that_begin_within_a_day_and_want_it(
    client: httpx.AsyncClient,
    organiser: Person,
    hours: float,
    changes: Json,
    expected: bool,
) -> None:
    event = await an_event_in(client, organiser, hours, **changes)
    await remind()
    assert await is_reminded(event) is expected


@pytest.mark.parametrize(
    ("zone", "ahead"), [("Pacific/Kiritimati", 14), ("Pacific/Pago_Pago", -11)]
)
async def test_of_an_event_without_a_time_guests_hear_the_morning_before_where_it_is(
    client: httpx.AsyncClient, organiser: Person, zone: str, ahead: int
) -> None:
    event = await a_free_event(
        client,
        organiser,
        send_reminder=True,
        timezone=zone,
        event_start_date=day(3),
        event_end_date=day(3),
        closing_date=day(3),
    )
    begins = datetime.fromisoformat(f"{day(3)}T00:00:00+00:00") - timedelta(hours=ahead)
    before_s = (begins - timedelta(hours=15) - ext("clock").now()).total_seconds()
    await remind(seconds=before_s - 60)
    assert not await is_reminded(event)
    await remind(seconds=before_s + 60)
    assert await is_reminded(event)


async def test_i9_of_two_that_remind_at_once_one_does(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event_in(client, organiser, 20)
    await a_purchase(client, event["id"], email=ADA)
    crud, reminding, now = ext("crud"), ext("catalog.reminding"), ext("clock").now()
    async with crud.reading() as tx:
        [found] = [one for one in await reminding.list_to_remind(tx, now) if one.id == event["id"]]
    outcomes = []
    for _ in range(2):
        async with crud.transaction() as tx:
            outcomes.append(await reminding.remind(tx, found, now))
    assert outcomes == [True, False]


async def test_i9_a_reminder_that_is_cut_off_is_made_up_for(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Marked and written down go together."""
    event = await an_event_in(client, organiser, 20)
    await a_purchase(client, event["id"], email=ADA)
    await drain()
    cut = 1
    leave_out_what_is_here()
    while await cut_off_at(cut, remind()):
        cut += 1
    assert cut > 3
    await drain()
    assert await told(event["id"], "reminder") == [("reminder", "mail", ADA)]


async def test_an_event_that_is_put_off_is_told_and_reminded_of_again(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event_in(client, organiser, 20)
    await a_purchase(client, event["id"], email=ADA)
    await remind()
    url = f"{API}/events/{event['id']}"
    for hours, again in ((22, False), (10, False), (24 * 7, True)):
        moved = {"starts_at": at(hours=hours), "ends_at": at(hours=hours + 3)}
        answer = await client.put(url, json=moved, headers=organiser.admin)
        assert answer.status_code == 200, answer.text
        assert await is_reminded(event) is not again, hours
    await drain()
    await remind(days=6, hours=12)
    await drain()
    assert await told(event["id"], "reminder") == [("reminder", "mail", ADA)] * 2


async def test_a_reminder_that_comes_too_late_is_not_sent(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event_in(client, organiser, 20)
    await a_purchase(client, event["id"], email=ADA)
    await remind()
    await drain()
    found = await message(event["id"], kind="reminder")
    assert await letter_of(found) is not None
    later = ext("clock").now() + timedelta(hours=20, minutes=1)
    monkeypatch.setattr(ext("clock"), "now", lambda: later)
    assert await letter_of(found) is None


async def test_a_reminder_of_an_event_that_was_put_off_meanwhile_is_not_sent(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event_in(client, organiser, 20)
    await a_purchase(client, event["id"], email=ADA)
    await remind()
    await drain()
    found = await message(event["id"], kind="reminder")
    moved = {"starts_at": at(days=7), "ends_at": at(days=7, hours=3)}
    url = f"{API}/events/{event['id']}"
    assert (await client.put(url, json=moved, headers=organiser.admin)).status_code == 200
    assert await letter_of(found) is None
