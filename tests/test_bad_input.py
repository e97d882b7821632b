"""Bad input gets 4xx with a sentence and a code, and writes nothing. No input gives a 5xx."""

import json

import httpx
import pytest
import pytest_asyncio

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    buy,
    day,
    event_body,
    pay,
    purchase_body,
)
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio

HUGE = "x" * 100_000
NO_NUMBERS: list[object] = ["x", None, [], {}, "NaN", "Infinity", "-Infinity", True, "1e999999"]
UNPRINTABLE = ["\x00", "a\x00b", "a\x07b", "a\x1b[31m", "a\x7fb", "a\x85b", "a\u202eb", "\ud800"]


def wave(**changes: object) -> Json:
    return {
        "id": "w",
        "title": "Wave",
        "opening_date": day(-1),
        "closing_date": day(5),
        "amount_tickets": 5,
        "price_per_ticket": 10,
    } | changes


def short(value: object) -> str:
    """A test's name must be printable, and must not hold 100 kB."""
    return ascii(value)[:40]


def raw(body: object) -> bytes:
    """JSON as hostile clients write it: lone surrogates and NaN included."""
    return json.dumps(body).encode()


async def send(
    client: httpx.AsyncClient, method: str, url: str, body: bytes, person: Person | None = None
) -> httpx.Response:
    headers = {"Content-Type": "application/json"} | (person.admin if person else {})
    return await client.request(method, f"{API}{url}", content=body, headers=headers)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def event(client: httpx.AsyncClient, organiser: Person) -> Json:
    """Stays as it is: nothing in this file is written."""
    return await an_event(client, organiser)


@pytest.mark.parametrize(
    "quantity",
    [0, -1, 11, 2.5, 2**63, 10**400, "x", "2", "", None, [], {}, True, float("nan")],
    ids=short,
)
async def test_a_purchase_of_no_possible_quantity(
    client: httpx.AsyncClient, event: Json, quantity: object
) -> None:
    async with nothing_written():
        body = raw(purchase_body(quantity=quantity))
        assert_refused(await send(client, "POST", f"/tickets/{event['id']}", body), 400)


NO_NAMES: list[object] = ["", "   ", HUGE, 7, None, [], *UNPRINTABLE]

PURCHASE_FIELDS: list[tuple[str, object]] = [
    *(("name", value) for value in NO_NAMES),
    *(("email", value) for value in ["x", "a@", "@b.c", f"{HUGE}@example.com", 7, *UNPRINTABLE]),
    ("email", "a@example.com\r\nBcc: b@example.com"),
    *(("promo_code", value) for value in ["NONE", HUGE, 7, [], *UNPRINTABLE]),
    *(("ticket_wave_id", value) for value in ["none", HUGE, 7, "\x00", "\ud800"]),
    *(("package_id", value) for value in ["none", HUGE, 7, "\x00", "\ud800"]),
    *(("payment_method", value) for value in ["cash", "onchain", "fiat", "", 7, HUGE, "\ud800"]),
    ("fiat_provider", HUGE),
    *(("nostr_identifier", value) for value in [HUGE, "npub1", "not one", 7, *UNPRINTABLE]),
    *(("refund_address", value) for value in [HUGE, "nowhere", 7, *UNPRINTABLE]),
    *(("attendees", value) for value in ["x", 7, [7], [{"name": HUGE}], [{"name": "\x00"}]]),
    ("attendees", [{"name": "Ada"}] * 2),
]


@pytest.mark.parametrize(("field", "value"), PURCHASE_FIELDS, ids=short)
async def test_a_purchase_with_a_bad_field(
    client: httpx.AsyncClient, event: Json, field: str, value: object
) -> None:
    async with nothing_written():
        body = raw(purchase_body(**{field: value}))
        assert_refused(await send(client, "POST", f"/tickets/{event['id']}", body))


@pytest.mark.parametrize(
    "event_id", ["none", "a" * 129, "%00", "a%00b", "%ED%A0%80", "a b"], ids=short
)
async def test_a_purchase_of_an_event_that_cannot_exist(
    client: httpx.AsyncClient, event_id: str
) -> None:
    async with nothing_written():
        answer = await send(client, "POST", f"/tickets/{event_id}", raw(purchase_body()))
        assert 400 <= answer.status_code < 500


EVENT_FIELDS: list[tuple[str, object]] = [
    *(("name", value) for value in ["", "  ", HUGE, 7, [], *UNPRINTABLE]),
    *(("info", value) for value in [HUGE, 7, [], *UNPRINTABLE]),
    *(
        (field, value)
        for field in ("closing_date", "event_start_date", "event_end_date")
        for value in [
            "x",
            "31.05.2030",
            "2030-02-30",
            "2030-13-01",
            "20300531",
            "²030-05-31",
            7,
            [],
        ]
    ),
    ("event_end_date", day(29)),
    ("event_start_date", day(31)),
    *(("price_per_ticket", value) for value in [-1, -0.01, 0.5, 1.9, 1e30, *NO_NUMBERS[:8]]),
    *(("price_per_ticket", value) for value in ["1e999999", "1e-999999", float("nan"), 10**400]),
    *(("currency", value) for value in ["XYZ", "", "€", "USDT", 7, None, [], HUGE, "\x00"]),
    *(("amount_tickets", value) for value in [-1, 1.5, 2**31, 10**400, *NO_NUMBERS[:4]]),
    *(("capacity", value) for value in [-1, 1.5, 2**31, "x", [], True]),
    *(("banner", value) for value in ["javascript:alert(1)", "data:x", HUGE, "http://\x00", 7, []]),
    *(("fiat_currency", value) for value in [HUGE, "XYZ", [], "\x00", "\ud800"]),
    *(("status", value) for value in ["cancelled", "completed", "x", 7, None]),
    *(("extra", value) for value in ["x", 7, [], {"ticket_waves": "x"}, {"promo_codes": 7}]),
    ("extra", {"ticket_waves": [wave(), wave()]}),
    *(
        ("extra", {"ticket_waves": [wave(price_per_ticket=v)]})
        for v in [-1, 0.5, "NaN", "1e999999"]
    ),
    *(("extra", {"ticket_waves": [wave(amount_tickets=v)]}) for v in [-1, 1.5, "x", 2**31, None]),
    *(("extra", {"ticket_waves": [wave(title=v)]}) for v in [HUGE, "\x00", "\ud800", []]),
    *(("extra", {"ticket_waves": [wave(id=v)]}) for v in ["", HUGE, "\x00", [], "\ud800"]),
    *(("extra", {"ticket_waves": [wave(currency=v)]}) for v in ["XYZ", "", 7, "\x00"]),
    ("extra", {"ticket_waves": [wave(closing_date=day(-2))]}),
    ("extra", {"ticket_waves": [wave(opening_date="soon")]}),
    ("extra", {"ticket_waves": [wave(id=str(n)) for n in range(101)]}),
    *(
        ("extra", {"promo_codes": [{"code": "A", "discount_percent": v}]})
        for v in [-1, 101, "x", "NaN", "1e999999", None]
    ),
    *(("extra", {"promo_codes": [{"code": v}]}) for v in ["", " ", HUGE, "\x00", "\ud800", []]),
    ("extra", {"promo_codes": [{"code": "a", "discount_percent": 1}] * 2}),
    ("extra", {"notification_subject": "a\r\nBcc: b@example.com"}),
    *(("extra", {"notification_body": v}) for v in [HUGE, "\x00", "\ud800", 7, []]),
    *(("extra", {"min_tickets": v}) for v in [-1, 1.5, "x", 2**31]),
]


@pytest.mark.parametrize(("field", "value"), EVENT_FIELDS, ids=short)
async def test_a_new_event_with_a_bad_field(
    client: httpx.AsyncClient, organiser: Person, field: str, value: object
) -> None:
    async with nothing_written():
        body = raw(event_body(**{field: value}))
        assert_refused(await send(client, "POST", "/events", body, organiser), 400)


@pytest.mark.parametrize(
    ("field", "value"),
    [f for f in EVENT_FIELDS if f[0] != "status" and f[1] is not None],
    ids=short,
)
async def test_a_changed_event_with_a_bad_field(
    client: httpx.AsyncClient, organiser: Person, event: Json, field: str, value: object
) -> None:
    async with nothing_written():
        url = f"/events/{event['id']}"
        assert_refused(await send(client, "PUT", url, raw({field: value}), organiser), 400)


@pytest.mark.parametrize("missing", ["name", "event_start_date"])
async def test_a_new_event_without_what_it_needs(
    client: httpx.AsyncClient, organiser: Person, missing: str
) -> None:
    body = event_body()
    del body[missing]
    async with nothing_written():
        code = assert_refused(await send(client, "POST", "/events", raw(body), organiser), 400)
    assert code == "invalid_input"


async def test_an_event_in_a_foreign_wallet(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser)
    body = raw(event_body(wallet=other_organiser.wallet))
    async with nothing_written():
        for method, url in (("POST", "/events"), ("PUT", f"/events/{event['id']}")):
            answer = await send(client, method, url, body, organiser)
            assert assert_refused(answer, 403) == "forbidden"


async def test_an_event_too_dear_for_one_invoice(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=6_000_000)
    async with nothing_written():
        assert_refused(await buy(client, event["id"], quantity=2), 400)


async def test_the_door_refuses_what_is_no_valid_ticket(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    unpaid = await a_purchase(client, event["id"])
    paid = await a_purchase(client, event["id"])
    await pay(buyer, paid)
    used, fresh = paid["ticket_ids"][0], unpaid["ticket_ids"][0]
    door = f"{API}/tickets/register"
    assert (await client.put(f"{door}/{used}", headers=organiser.admin)).status_code == 200

    async with nothing_written():
        for ticket_id, person, status, sentence in (
            ("none", organiser, 404, "Ticket does not exist."),
            ("%00", organiser, 404, "Ticket does not exist."),
            (paid["payment_hash"], organiser, 404, "Ticket does not exist."),
            (used, other_organiser, 404, "Ticket does not exist."),
            (fresh, organiser, 403, "Ticket not paid for."),
            (used, organiser, 403, "Ticket already registered"),
        ):
            answer = await client.put(f"{door}/{ticket_id}", headers=person.admin)
            assert_refused(answer, status)
            assert answer.json()["detail"] == sentence


GARBAGE: dict[str, bytes] = {
    "nothing": b"",
    "a cut object": b'{"name": ',
    "a list": b"[]",
    "null": b"null",
    "a text": b'"x"',
    "a number": b"1",
    "infinity": b'{"quantity": Infinity, "price_per_ticket": -Infinity}',
    "no utf-8": b'{"name": "\xff\xfe"}',
    "NUL": b'\x00{"name": "x"}',
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"extra":' * 20_000 + b"1" + b"}" * 20_000,
    "a long number": b'{"quantity": ' + b"9" * 10_000 + b"}",
    "the same key twice": b'{"name": "a", "name": 7, "quantity": []}',
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_on_every_route_with_a_body(
    client: httpx.AsyncClient,
    organiser: Person,
    event: Json,
    instance_admin: Person,
    body: bytes,
) -> None:
    async with nothing_written():
        for method, url in (
            ("POST", "/events"),
            ("PUT", f"/events/{event['id']}"),
            ("POST", f"/tickets/{event['id']}"),
        ):
            assert_refused(await send(client, method, url, body, organiser), 400)
        headers = {"Content-Type": "application/json"} | instance_admin.login
        answer = await client.put(f"{API}/settings", content=body, headers=headers)
        assert_refused(answer, 400)


@pytest.mark.parametrize(
    "patch",
    [
        {"hold_seconds": 1},
        {"hold_seconds": 10**9},
        {"hold_seconds": 2.5},
        {"hold_seconds": "x"},
        {"max_open_orders_per_buyer": 0},
        {"max_open_orders_per_address": -1},
        {"unknown": 1},
    ],
)
async def test_settings_out_of_range(
    client: httpx.AsyncClient, instance_admin: Person, patch: Json
) -> None:
    before = (await client.get(f"{API}/settings", headers=instance_admin.login)).json()
    answer = await client.put(f"{API}/settings", json=patch, headers=instance_admin.login)
    assert_refused(answer, 400)
    after = (await client.get(f"{API}/settings", headers=instance_admin.login)).json()
    assert after == before
