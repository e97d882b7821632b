"""When an event takes place and what it promises: time zone, times, refund tiers, minimum."""

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from support.builders import API, Json, an_event, day, event_body, event_row, execute, package_row
from support.changing import change, changed
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")

HUGE = "x" * 100_000
TIERS = [{"days_before": 7, "percent": 100}, {"days_before": 3, "percent": 50}]
SUMMER = "2030-07-01"  # Berlin is two hours ahead
BERLIN: Json = {"timezone": "Europe/Berlin", "starts_at": f"{SUMMER}T20:00"}
HOUR_MS = 3_600_000


async def public(client: httpx.AsyncClient, event: Json) -> Json:
    found: Json = (await client.get(f"{API}/events/{event['id']}")).json()
    return found


async def a_timed_event(client: httpx.AsyncClient, organiser: Person, **changes: object) -> Json:
    """At 20:00 in Berlin; only the times are sent."""
    body = {"name": "Concert", "amount_tickets": 10, "price_per_ticket": 100, **BERLIN, **changes}
    answer = await client.post(f"{API}/events", json=body, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    event: Json = answer.json()
    return event


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


NO_MOMENTS: list[object] = [
    *["x", "", " ", "2030-05-31", "20:00", "2030-02-30T20:00", "2030-13-01T20:00", HUGE],
    *["2030-05-31T24:00", "2030-05-31T20:60", "2030-05-31T20:00:60", "2030-05-31T20"],
    *["2030-05-31T20:00+24:00", "2030-05-31T20:00+02:60", "2030-05-31T20:00 Europe/Berlin"],
    *["20300531T200000Z", "2030-W22-5T20:00", "\u0662030-05-31T20:00", "2030-05-31T20:00\x00"],
    *["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "1969-12-31T23:59Z", "9999-01-01T00:00Z"],
    *[7, 1.5, True, [], {}],
]
NO_ZONES: list[object] = [
    *["", " ", "x", "Europe", "Europe/Nowhere", "europe/berlin/x", "/etc/passwd", "../UTC"],
    *["Europe/../Europe/Berlin", "Europe//Berlin", "posix/Europe/Berlin", "right/Europe/Berlin"],
    *["posixrules", "localtime", "Factory", "zone.tab", "leapseconds", "tzdata.zi", "+02:00"],
    *[HUGE, "Europe/Berlin\x00", "\ud800", 7, True, [], {}],
]


def tier(days_before: object, percent: object) -> Json:
    return {"days_before": days_before, "percent": percent}


NO_TIERS: list[object] = [
    *["x", 7, True, {}, [7], ["x"], [None], [[7, 100]], [{}], [{"days_before": 7}]],
    *[[tier(bad, 50)] for bad in (-1, 3651, 1.5, "7", True, None, 2**63)],
    *[[tier(7, bad)] for bad in (-1, 101, 1.5, "50", True, None, float("nan"))],
    [tier(7, 100), tier(7, 50)],
    [tier(7, 50), tier(3, 51)],
    [tier(3, 100), tier(7, 50)],
    [tier(days, 50) for days in range(11)],
]
BAD: dict[str, list[object]] = {
    "timezone": NO_ZONES,
    "starts_at": NO_MOMENTS,
    "ends_at": NO_MOMENTS,
    "buyer_can_cancel": ["yes", "true", 1, 0, 1.0, [], {}],
    "conditional": ["yes", "true", 1, 0, [], {}],
    "refund_tiers": NO_TIERS,
    "min_tickets": [-1, 1.5, "5", True, 2**31, [], {}],
}


@pytest.mark.parametrize(("field", "values"), BAD.items(), ids=BAD)
async def test_an_event_with_a_bad_time_or_promise_is_refused(
    client: httpx.AsyncClient, organiser: Person, field: str, values: list[object]
) -> None:
    event = await an_event(client, organiser)
    headers = {"Content-Type": "application/json"} | organiser.admin
    async with nothing_written():
        for value in values:
            body = json.dumps(event_body(**{field: value})).encode()
            answer = await client.post(f"{API}/events", content=body, headers=headers)
            assert assert_refused(answer, 400, about=ascii(value)[:60]) == "invalid_input"
            url, body = f"{API}/events/{event['id']}", json.dumps({field: value}).encode()
            answer = await client.put(url, content=body, headers=headers)
            assert assert_refused(answer, 400, about=ascii(value)[:60]) == "invalid_input"


@pytest.mark.parametrize(
    "body",
    [
        {"starts_at": f"{SUMMER}T20:00", "ends_at": f"{SUMMER}T19:59"},
        {"starts_at": f"{SUMMER}T20:00Z", "ends_at": f"{SUMMER}T20:00+01:00"},
        {"starts_at": f"{SUMMER}T20:00", "event_end_date": "2030-06-30"},
        {"event_start_date": SUMMER, "ends_at": "2030-06-30T23:59"},
        {"event_start_date": SUMMER, "event_end_date": "2030-06-30"},
        {"ends_at": f"{SUMMER}T20:00"},
        {"timezone": "Europe/Berlin"},
        {"starts_at": None},
        {"event_start_date": SUMMER, "conditional": True, "min_tickets": 0},
    ],
    ids=str,
)
async def test_a_new_event_whose_times_or_minimum_contradict_is_refused(
    client: httpx.AsyncClient, organiser: Person, body: Json
) -> None:
    async with nothing_written():
        sent = {"name": "Concert", **body}
        answer = await client.post(f"{API}/events", json=sent, headers=organiser.admin)
        assert assert_refused(answer, 400) == "invalid_input"


async def test_an_event_without_the_new_fields_is_in_utc_and_lets_buyers_cancel(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    for view in (event, await public(client, event)):
        assert (view["timezone"], view["starts_at"], view["ends_at"]) == ("UTC", None, None)
        assert (view["buyer_can_cancel"], view["refund_tiers"]) == (True, TIERS)
        assert (view["conditional"], view["min_tickets"]) == (False, None)
    stored = await event_row(event["id"])
    assert stored["refund_tiers"] is None
    assert "cancelled_at" in event
    assert "cancelled_at" not in await public(client, event)


async def test_everybody_sees_the_times_and_promises_of_an_event(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_timed_event(
        client,
        organiser,
        ends_at=f"{SUMMER}T23:30:59.999+02:00",
        buyer_can_cancel=False,
        refund_tiers=[tier(1, 0), tier(30, 80), tier(0, 0)],
        conditional=True,
        min_tickets=5,
    )
    for view in (event, await public(client, event)):
        assert view["timezone"] == "Europe/Berlin"
        assert (view["starts_at"], view["ends_at"]) == (
            f"{SUMMER}T18:00:00Z",
            f"{SUMMER}T21:30:59Z",
        )
        assert view["buyer_can_cancel"] is False
        assert view["refund_tiers"] == [tier(30, 80), tier(1, 0), tier(0, 0)]
        assert (view["conditional"], view["min_tickets"]) == (True, 5)
        assert (view["extra"]["conditional"], view["extra"]["min_tickets"]) == (True, 5)


async def test_the_days_of_1_6_9_follow_the_times(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """In its zone: 23:00 UTC is the next day in Berlin. They win over days that are sent."""
    event = await a_timed_event(
        client,
        organiser,
        starts_at=f"{SUMMER}T23:00Z",
        ends_at="2030-07-03T01:00",
        event_start_date="2030-01-01",
        event_end_date="2030-12-31",
    )
    assert (event["event_start_date"], event["event_end_date"]) == ("2030-07-02", "2030-07-03")
    assert event["closing_date"] == "2030-07-03"
    # Sold through the whole last day in Berlin.
    assert (await package_row(event["id"]))["sale_ends_at"] == ms("2030-07-03T22:00:00+00:00")


async def test_a_day_that_an_old_client_changes_moves_the_time_and_keeps_the_clock(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """It sends back all it read, our fields too. In winter Berlin is one hour ahead."""
    event = await a_timed_event(client, organiser, ends_at=f"{SUMMER}T23:00")
    sent = {name: event[name] for name in ("starts_at", "ends_at", "timezone", "name", "extra")}
    days = {"event_start_date": "2030-12-01", "event_end_date": "2030-12-02"}
    after = await changed(client, organiser, event, **sent, **days)
    assert (after["starts_at"], after["ends_at"]) == (
        "2030-12-01T19:00:00Z",
        "2030-12-02T22:00:00Z",
    )
    assert {name: after[name] for name in days} == days
    again = await changed(client, organiser, event, event_start_date="2030-11-30")
    assert (again["starts_at"], again["ends_at"]) == ("2030-11-30T19:00:00Z", after["ends_at"])


async def test_a_whole_view_sent_back_changes_nothing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    for extra in ({}, {"conditional": True, "min_tickets": 3}):
        event = await a_timed_event(client, organiser, extra=extra)
        sent = {name: value for name, value in event.items() if name != "packages"}
        after = await changed(client, organiser, event, **sent)
        ignored = ("version", "packages")
        assert {k: v for k, v in after.items() if k not in ignored} == {
            k: v for k, v in event.items() if k not in ignored
        }


async def test_a_time_may_be_cleared_and_its_day_stays(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_timed_event(client, organiser, ends_at="2030-07-02T01:00")
    same = await changed(client, organiser, event, name="Other")
    assert (same["starts_at"], same["ends_at"]) == (event["starts_at"], event["ends_at"])
    after = await changed(client, organiser, event, starts_at=None, ends_at=None)
    assert (after["starts_at"], after["ends_at"]) == (None, None)
    assert (after["event_start_date"], after["event_end_date"]) == (SUMMER, "2030-07-02")
    assert after["timezone"] == "Europe/Berlin"


async def test_an_event_of_one_day_moves_as_a_whole(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_timed_event(client, organiser)
    after = await changed(client, organiser, event, starts_at="2030-07-05T20:00")
    assert (after["event_start_date"], after["event_end_date"]) == ("2030-07-05", "2030-07-05")
    far = await changed(client, organiser, event, timezone="Pacific/Kiritimati")
    assert (far["starts_at"], far["event_end_date"]) == (after["starts_at"], "2030-07-06")


async def test_an_event_may_not_end_before_it_starts_by_parts(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_timed_event(client, organiser, ends_at=f"{SUMMER}T23:00")
    async with nothing_written():
        for changes in (
            {"starts_at": f"{SUMMER}T23:01"},
            {"ends_at": f"{SUMMER}T19:59"},
            {"event_end_date": "2030-06-30"},
            {"event_start_date": "2030-07-02"},
        ):
            assert_refused(await change(client, organiser, event, **changes), 400)


async def test_days_of_sale_are_days_in_the_time_zone_and_follow_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    wave = {
        **{"id": "w", "title": "W", "amount_tickets": 5, "price_per_ticket": 10},
        **{"opening_date": "2030-03-01", "closing_date": "2030-06-20"},
    }
    event = await a_timed_event(client, organiser, extra={"ticket_waves": [wave]})

    async def sale() -> tuple[int, int]:
        found = await package_row(event["id"])
        return found["sale_starts_at"], found["sale_ends_at"]

    opened, closed = ms("2030-03-01T00:00:00+00:00"), ms("2030-06-21T00:00:00+00:00")
    assert await sale() == (opened - HOUR_MS, closed - 2 * HOUR_MS)
    await changed(client, organiser, event, timezone="America/New_York")
    assert await sale() == (opened + 5 * HOUR_MS, closed + 4 * HOUR_MS)
    # An exact time is no day: it stays.
    exact = "UPDATE events.packages SET sale_starts_at = 7 WHERE event_id = :id"
    await execute(exact, id=event["id"])
    await changed(client, organiser, event, timezone="UTC")
    assert await sale() == (7, closed)
    later = {**wave, "closing_date": "2030-06-25"}
    both = {"timezone": "Europe/Berlin", "extra": {"ticket_waves": [later]}}
    await changed(client, organiser, event, **both)
    # Nor does a client change it that sends back the day it was shown.
    assert await sale() == (7, closed + (5 * 24 - 2) * HOUR_MS)
    moved = {**later, "opening_date": "2030-03-02"}
    await changed(client, organiser, event, extra={"ticket_waves": [moved]})
    assert await sale() == (opened + 23 * HOUR_MS, closed + (5 * 24 - 2) * HOUR_MS)


async def test_an_open_sale_stays_open_when_an_old_client_sends_its_wave_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Without an opening day it gets the day the event was made, which may lie ahead elsewhere."""
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        event = await an_event(client, organiser, timezone=zone)
        waves = event["extra"]["ticket_waves"]
        after = await changed(client, organiser, event, extra={"ticket_waves": waves})
        assert after["sales"] == "open"


async def test_the_closing_day_ends_in_the_time_zone(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    now = datetime.now(ZoneInfo("UTC"))
    ahead = (now + timedelta(hours=14)).date() - timedelta(days=1)
    dates = {"closing_date": str(ahead), "event_start_date": day(5), "event_end_date": day(5)}
    event = await an_event(client, organiser, timezone="Pacific/Kiritimati", **dates)
    assert event["sales"] == "closed"
    event = await changed(client, organiser, event, timezone="Pacific/Pago_Pago")
    assert event["sales"] == "open"


async def test_a_promise_is_changed_and_null_leaves_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, refund_tiers=[tier(10, 90)])
    after = await changed(client, organiser, event, buyer_can_cancel=False, refund_tiers=[])
    assert (after["buyer_can_cancel"], after["refund_tiers"]) == (False, [])
    nulls = {"buyer_can_cancel": None, "refund_tiers": None, "timezone": None, "conditional": None}
    kept = await changed(client, organiser, event, **nulls)
    assert (kept["buyer_can_cancel"], kept["refund_tiers"]) == (False, [])


async def test_a_stale_version_changes_no_promise(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await changed(client, organiser, event, name="Other")
    async with nothing_written():
        answer = await change(
            client, organiser, event, version=event["version"], buyer_can_cancel=False
        )
        assert assert_refused(answer, 409) == "stale_version"
    assert (await public(client, event))["buyer_can_cancel"] is True
