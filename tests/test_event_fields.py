"""What kind of event it is, where, and for whom: kept, shown to whom it concerns, and on record."""

import json
from typing import Any

import httpx
import pytest

from support.builders import API, Json, an_event, event_body, event_row, execute, rows
from support.changing import change
from support.host import ext
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")

HUGE = "x" * 100_000
UNPRINTABLE = ["a\x00b", "a\nb", "a\x1b[31m", "a\u202eb", "\ud800"]
DETAILS: Json = {
    "event_type": "workshop",
    "location": "Old Town Hall, Wrocław",
    "is_online": True,
    "max_per_buyer": 4,
    "login_required": True,
    "entry": "reentry",
    "listed": False,
    "nostr_publish": True,
    "metadata": {"stage": {"lights": ["red", 1.5, None, True]}, "ü": "<b>"},
}
DEFAULTS: Json = {
    "event_type": "other",
    "location": None,
    "is_online": False,
    "max_per_buyer": None,
    "login_required": False,
    "entry": "once",
    "listed": True,
    "nostr_publish": False,
    "metadata": {},
}
PRIVATE = ("entry", "listed", "nostr_publish", "metadata")


def details_of(view: Json) -> Json:
    return {name: view[name] for name in DETAILS}


async def mine(client: httpx.AsyncClient, organiser: Person, event: Json) -> Json:
    """The event as its organiser reads it."""
    found = (await client.get(f"{API}/events", headers=organiser.invoice)).json()
    [view] = [view for view in found if view["id"] == event["id"]]
    return dict(view)


async def log(client: httpx.AsyncClient, organiser: Person, event: Json, **query: int) -> Json:
    url = f"{API}/events/{event['id']}/audit"
    answer = await client.get(url, params=query, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def nested(depth: int) -> Any:
    """So many objects and lists in each other."""
    value: Any = {}
    for level in range(depth - 1):
        value = {"a": value} if level % 2 == 0 or level == depth - 2 else [value]
    return value


BAD: dict[str, list[object]] = {
    "event_type": ["", "party", "Workshop", 7, True, [], {}, HUGE, "\x00"],
    "location": [HUGE, "x" * 301, 7, True, [], {}, *UNPRINTABLE],
    "is_online": ["yes", "true", 1, 0, [], {}],
    "max_per_buyer": [0, -1, 1.5, "4", True, 2**31, 10**400, float("nan"), [], {}],
    "login_required": ["yes", 1, 0, [], {}],
    "entry": ["", "twice", "Once", 7, False, [], {}],
    "listed": ["yes", "false", 1, 0, [], {}],
    "nostr_publish": ["yes", 1, 0, [], {}],
    "metadata": [
        *["", "x", 7, True, [], [["a", 1]], {"a": float("nan")}, {"a": [float("inf")]}],
        *[{"a": "\x00"}, {"\ud800": 1}, {"a": HUGE}, {"a": "ü" * 5001}, nested(11), nested(500)],
    ],
}


@pytest.mark.parametrize(("field", "values"), BAD.items(), ids=BAD)
async def test_an_event_with_a_bad_detail_is_refused(
    client: httpx.AsyncClient, organiser: Person, field: str, values: list[object]
) -> None:
    event = await an_event(client, organiser)
    headers = {"Content-Type": "application/json"} | organiser.admin
    async with nothing_written():
        for value in values:
            about = ascii(value)[:60]
            body = json.dumps(event_body(**{field: value})).encode()
            answer = await client.post(f"{API}/events", content=body, headers=headers)
            assert assert_refused(answer, 400, about=about) == "invalid_input"
            url, body = f"{API}/events/{event['id']}", json.dumps({field: value}).encode()
            answer = await client.put(url, content=body, headers=headers)
            assert assert_refused(answer, 400, about=about) == "invalid_input"


async def test_a_new_event_is_listed_and_plain_unless_it_says_otherwise(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    assert details_of(await an_event(client, organiser)) == DEFAULTS
    nothing = dict.fromkeys(DETAILS)
    assert details_of(await an_event(client, organiser, **nothing)) == DEFAULTS
    assert details_of(await an_event(client, organiser, location="  ")) == DEFAULTS


async def test_details_are_kept_and_only_those_for_buyers_are_public(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, **DETAILS)
    assert details_of(event) == DETAILS
    assert details_of(await mine(client, organiser, event)) == DETAILS
    public = (await client.get(f"{API}/events/{event['id']}")).json()
    assert {name: public.get(name, "missing") for name in DETAILS} == {
        **DETAILS,
        **dict.fromkeys(PRIVATE, "missing"),
    }


async def test_the_edges_of_what_is_allowed(client: httpx.AsyncClient, organiser: Person) -> None:
    text = "x" * (10_000 - len('{"a":""}'))
    for changes in (
        {"metadata": {"a": text}},
        {"metadata": nested(10)},
        {"location": "ł" * 300},
        {"max_per_buyer": 2**31 - 1},
        {"max_per_buyer": 1},
    ):
        event = await an_event(client, organiser, **changes)
        assert {name: event[name] for name in changes} == changes


async def test_a_change_sets_what_it_names_and_null_clears_what_may_be_none(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, **DETAILS)
    expected = dict(DETAILS)
    steps: list[tuple[Json, Json]] = [
        ({"name": "Other"}, {}),
        (
            {"event_type": "series", "is_online": False},
            {"event_type": "series", "is_online": False},
        ),
        ({"entry": "once", "listed": True}, {"entry": "once", "listed": True}),
        ({"metadata": {"only": "this"}}, {"metadata": {"only": "this"}}),
        (dict.fromkeys(("event_type", "is_online", "entry", "listed", "login_required")), {}),
        ({"location": None}, {"location": None}),
        ({"location": "Here"}, {"location": "Here"}),
        ({"location": ""}, {"location": None}),
        ({"max_per_buyer": None}, {"max_per_buyer": None}),
        ({"metadata": None}, {"metadata": {}}),
    ]
    for sent, differs in steps:
        expected |= differs
        answer = await change(client, organiser, event, **sent)
        assert answer.status_code == 200, answer.text
        assert details_of(answer.json()) == expected, sent


async def test_a_stale_version_changes_no_detail(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    assert (await change(client, organiser, event, version=event["version"])).status_code == 200
    async with nothing_written():
        answer = await change(
            client, organiser, event, version=event["version"], location="Elsewhere"
        )
        assert assert_refused(answer, 409) == "stale_version"


async def test_an_event_that_1_6_9_made_is_not_listed(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, **DETAILS)
    columns = (
        "id, wallet, name, info, closing_date, event_start_date, event_end_date, currency,"
        " amount_tickets, price_per_ticket, sold, time, banner, canceled, extra, allow_fiat,"
        " fiat_currency"
    )
    await execute(
        f"INSERT INTO events.events ({columns})"  # noqa: S608 - own names
        f" SELECT :new, {columns[4:]} FROM events.events WHERE id = :id",
        new=f"old-{event['id']}",
        id=event["id"],
    )
    old = await mine(client, organiser, {"id": f"old-{event['id']}"})
    assert details_of(old) == {**DEFAULTS, "listed": False}


async def test_openapi_names_exactly_what_is_answered(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    answers = ext("catalog.answers")
    event = await an_event(client, organiser)
    assert set(event) == set(answers.EventAnswer.__fields__)
    public = (await client.get(f"{API}/events/{event['id']}")).json()
    assert set(public) == set(answers.PublicEventAnswer.__fields__)
    schema = (await client.get("/openapi.json")).json()["components"]["schemas"]
    for name in ("EventBody", "EventPatch"):
        properties = schema[name]["properties"]
        assert set(DETAILS) < set(properties)
        assert [field for field in properties if not properties[field].get("description")] == []


async def test_i10_every_change_of_an_event_is_on_record(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, status="draft")
    made = (await log(client, organiser, event))["data"]
    assert {entry["action"] for entry in made} == {"create"}
    assert {"event", "package"} <= {entry["entity"] for entry in made}
    assert {entry["actor"] for entry in made} == {f"admin_key:{organiser.wallet}"}

    async def last(count: int) -> list[tuple[Any, ...]]:
        found = await log(client, organiser, event, limit=count)
        fields = ("action", "entity", "field", "old", "new")
        return [tuple(entry[name] for name in fields) for entry in found["data"]]

    async def total() -> int:
        return int((await log(client, organiser, event, limit=1))["total"])

    before = await total()
    assert before == len(made)
    await change(client, organiser, event, location="Here", refund_tiers=[], capacity=20)
    assert await total() == before + 3
    assert {entry[2:] for entry in map(_hashable, await last(3))} == {
        ("location", "null", '"Here"'),
        ("capacity", "10", "20"),
        (
            "refund_tiers",
            json.dumps(event["refund_tiers"]),
            "[]",
        ),
    }
    await change(client, organiser, event, price_per_ticket=120)
    assert ("update", "package", "price", 100.0, 120.0) in await last(1)
    url = f"{API}/events/{event['id']}"
    for action, old, new in (
        ("publish", "draft", "published"),
        ("complete", "published", "completed"),
        ("cancel", "completed", "cancelled"),
    ):
        assert (await client.put(f"{url}/{action}", headers=organiser.admin)).status_code == 200
        assert await last(1) == [(action, "event", "status", old, new)]
    known = await total()
    # What changes nothing, and what is refused, leaves nothing.
    await client.put(f"{url}/cancel", headers=organiser.admin)
    await change(client, organiser, event, location="Here")
    await change(client, organiser, event, location="There", starts_at="x")
    await change(client, organiser, event, capacity=5, price_per_ticket=-1)
    assert await total() == known
    assert (await client.delete(url, headers=organiser.admin)).status_code == 200
    gone = await rows(
        "SELECT field, new FROM events.audit WHERE entity_id = :id AND action = 'delete'",
        id=event["id"],
    )
    assert {"name", "status"} <= {entry["field"] for entry in gone}
    assert {entry["new"] for entry in gone} == {None}


def _hashable(entry: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*entry[:3], *(json.dumps(value) for value in entry[3:]))


async def test_the_log_is_for_the_admin_key_of_the_event(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser)
    url = f"{API}/events/{event['id']}/audit"
    assert (await client.get(url)).status_code == 401
    assert_refused(await client.get(url, headers=organiser.invoice), 401, 403)
    assert_refused(await client.get(url, headers=other_organiser.admin), 403)
    assert_refused(await client.get(f"{API}/events/none/audit", headers=organiser.admin), 404)


async def test_the_instance_says_how_many_one_buyer_may_have_where_the_event_does_not(
    client: httpx.AsyncClient, instance_admin: Person
) -> None:
    async def put(value: object) -> httpx.Response:
        body = json.dumps({"default_max_per_buyer": value}).encode()
        headers = {"Content-Type": "application/json"} | instance_admin.login
        return await client.put(f"{API}/settings", content=body, headers=headers)

    bads: list[object] = [0, -1, 1.5, "2", True, 2**31, [], {}]
    for bad in bads:
        assert_refused(await put(bad), 400, about=str(bad))
    try:
        assert (await put(2)).json()["default_max_per_buyer"] == 2
        read = await client.get(f"{API}/settings", headers=instance_admin.login)
        assert read.json()["default_max_per_buyer"] == 2
    finally:
        assert (await put(None)).json()["default_max_per_buyer"] is None


async def test_i4_a_save_of_details_writes_no_counter(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await execute("UPDATE events.events SET held = 1, sold = 2 WHERE id = :id", id=event["id"])
    await change(client, organiser, event, **DETAILS)
    stored = await event_row(event["id"])
    assert (stored["held"], stored["sold"], stored["amount_tickets"]) == (1, 2, 8)
    await execute("UPDATE events.events SET held = 0, sold = 0 WHERE id = :id", id=event["id"])
