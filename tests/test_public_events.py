"""The public list: what stands in it, in which order, and how it is narrowed down."""

from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import httpx
import pytest

from support.builders import API, Json, an_event, day, execute
from support.people import Person
from support.refusals import assert_refused
from support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="session")

HUGE = "x" * 10_000


def tag() -> str:
    """Stands in the names of one test's events, so that others' do not disturb."""
    return f"tag{uuid4().hex[:10]}"


def moment(**ahead: float) -> str:
    at = datetime.now(timezone.utc) + timedelta(**ahead)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


async def ask(client: httpx.AsyncClient, **query: object) -> httpx.Response:
    params: Any = {name.rstrip("_"): value for name, value in query.items()}
    return await client.get(f"{API}/public/events", params=params)


async def found(client: httpx.AsyncClient, **query: object) -> Json:
    answer = await ask(client, **query)
    assert answer.status_code == 200, answer.text
    page: Json = answer.json()
    return page


async def names(client: httpx.AsyncClient, mark: str, **query: object) -> list[str]:
    """The names of the events with this mark, in the order of the list, without it."""
    page = await found(client, q=mark, **query)
    return [view["name"].replace(mark, "").strip() for view in page["data"]]


async def test_only_published_and_listed_events_that_are_not_over_are_in_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    mark = tag()

    async def make(name: str, **changes: object) -> Json:
        return await an_event(client, organiser, name=f"{name} {mark}", **changes)

    await make("shown")
    await make("unlisted", listed=False)
    await make("draft", status="draft")
    past = {"event_start_date": day(-3), "event_end_date": day(-2)}
    await make("past", **past)
    timed: Json = {"event_start_date": None, "event_end_date": None}
    await make("ended", **timed, starts_at=moment(hours=-3), ends_at=moment(hours=-1))
    await make("going on", **timed, starts_at=moment(hours=-3), ends_at=moment(hours=1))
    for action in ("cancel", "complete"):
        event = await make(action)
        url = f"{API}/events/{event['id']}/{action}"
        assert (await client.put(url, headers=organiser.admin)).status_code == 200
    assert await names(client, mark) == ["going on", "shown"]


async def test_the_soonest_is_first_in_whatever_time_zone(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    mark = tag()
    new_york, tokyo = {"timezone": "America/New_York"}, {"timezone": "Asia/Tokyo"}
    undated: Json = {"event_start_date": None, "event_end_date": None}
    starts: list[tuple[str, Json]] = [
        ("5", {"event_start_date": "2040-07-03", "event_end_date": "2040-07-03"}),
        ("4", {**undated, **new_york, "starts_at": "2040-07-01T23:30"}),  # 03:30Z
        ("1", {**undated, **tokyo, "starts_at": "2040-07-02T01:00"}),  # 16:00Z the day before
        ("3", {**undated, "starts_at": "2040-07-02T03:00Z"}),
        ("2", {"event_start_date": "2040-07-02", "event_end_date": "2040-07-09"}),
    ]
    for name, when in starts:
        await an_event(client, organiser, name=f"{name} {mark}", **when)
    assert await names(client, mark) == ["1", "2", "3", "4", "5"]

    cases: list[tuple[Json, str]] = [
        ({"from_": "2040-07-02"}, "2345"),
        ({"from_": "2040-07-02T03:00Z"}, "345"),
        ({"from_": "2040-07-02T03:00:01"}, "45"),
        ({"from_": "2040-07-02T05:00+02:00"}, "345"),
        ({"to": "2040-07-01"}, "1"),
        ({"to": "2040-07-02"}, "1234"),
        ({"to": "2040-07-02T03:00Z"}, "123"),
        ({"from_": "2040-07-02", "to": "2040-07-02"}, "234"),
        ({"from_": "2040-07-03", "to": "2040-07-02"}, ""),
        ({"from_": "", "to": "", "event_type": ""}, "12345"),
        ({"to": "9999-12-31"}, "12345"),
    ]
    for query, expected in cases:
        assert "".join(await names(client, mark, **query)) == expected, query


async def test_days_that_are_none_do_not_break_the_list(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    mark = tag()
    for number, text in enumerate(["", "soon", "2040-06-31", "0000-00-00", "31.05.2040"]):
        event = await an_event(client, organiser, name=f"{number} {mark}")
        await execute(
            "UPDATE events.events SET event_start_date = :day WHERE id = :id",
            day=text,
            id=event["id"],
        )
    assert sorted(await names(client, mark)) == ["0", "1", "2", "3", "4"]


async def test_the_text_is_found_in_capitals_or_not_and_is_no_pattern(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    mark = tag()
    texts: list[Json] = [
        {"name": f"{mark} a"},
        {"name": "b", "location": f"ÜBERLINGEN {mark}, Straße 1"},
        {"name": "c", "info": f"First line\n50% [of] all_in *{mark}* \\ it's!"},
    ]
    for text in texts:
        await an_event(client, organiser, **text)

    async def letters(query: str) -> str:
        page = await found(client, q=query)
        return "".join(sorted(view["name"][-1] for view in page["data"]))

    assert await letters(mark) == await letters(mark.upper()) == await letters(f" {mark} ") == "abc"
    for query in (f"überlingen {mark}", f"Überlingen {mark}, stra\u00dfe"):
        assert await letters(query) == "b", query
    for query in (f"50% [OF] all_in *{mark}*", f"*{mark}* \\ it's!", f"in *{mark}"):
        assert await letters(query) == "c", query
    for query in (f"%{mark}", f"_{mark}", f"?{mark}", f"[*]{mark}", f"{mark}%", f"5_% {mark}"):
        assert await letters(query) == "", query


async def test_pages_follow_each_other_and_tell_how_many_there_are(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    mark = tag()
    for number in range(5):
        when = {"event_start_date": day(30), "event_end_date": day(30)}
        kind = "webinar" if number % 2 else "workshop"
        await an_event(client, organiser, name=f"{number} {mark}", event_type=kind, **when)
    pages = [await found(client, q=mark, limit=2, offset=offset) for offset in (0, 2, 4, 6, 999)]
    assert [page["total"] for page in pages] == [5] * 5
    assert [len(page["data"]) for page in pages] == [2, 2, 1, 0, 0]
    ids = [view["id"] for page in pages for view in page["data"]]
    assert len(set(ids)) == 5
    kinds = await found(client, q=mark, event_type="webinar", limit=1)
    assert (kinds["total"], kinds["data"][0]["event_type"]) == (2, "webinar")
    assert await found(client, q=f"{mark}none") == {"data": [], "total": 0}


async def test_what_is_shown_is_public(client: httpx.AsyncClient, organiser: Person) -> None:
    mark = tag()
    extra = {"promo_codes": [{"code": "HUSH", "discount_percent": 5}]}
    event = await an_event(client, organiser, name=mark, extra=extra, metadata={"x": "private"})
    [view] = (await found(client, q=mark))["data"]
    expected = (await client.get(f"{API}/events/{event['id']}")).json()
    for package in expected["packages"]:
        del package["options"]
    assert view == expected
    for secret in (organiser.wallet, "HUSH", "private"):
        assert secret not in str(view)


BAD: dict[str, list[object]] = {
    "event_type": ["party", "Workshop", HUGE, "\x00"],
    "from_": ["x", "2030-02-30", "2030-13-01", "2030-05-31T24:00", "٢030-05-31", HUGE, "\x00"],
    "to": ["x", "2030-02-30", "20300531", "0000-01-01T00:00", HUGE, "2030-05-31\x00"],
    "q": ["x" * 101, HUGE, "a\x00b", "a\nb", "a\u202eb"],
    "limit": [0, -1, 1001, "x", 1.5, "", 10**30],
    "offset": [-1, "x", 1.5, "", 2**31, 10**30],
}


@pytest.mark.parametrize(("name", "values"), BAD.items(), ids=BAD)
async def test_a_bad_filter_is_refused(
    client: httpx.AsyncClient, name: str, values: list[object]
) -> None:
    for value in values:
        answer = await ask(client, **{name: value})
        assert assert_refused(answer, 400, about=ascii(value)[:60]) == "invalid_input"


async def test_i11_the_list_takes_two_statements_however_long_it_is(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    mark = tag()
    counts = []
    for number in range(4):
        waves = [
            {"id": f"w{wave}", "title": "W", "amount_tickets": 5, "price_per_ticket": 1}
            for wave in range(number + 1)
        ]
        await an_event(client, organiser, name=mark, extra={"ticket_waves": waves})
        with statements() as seen:
            assert (await found(client, q=mark))["total"] == number + 1
        counts.append(len(seen))
    assert counts == [2] * 4
