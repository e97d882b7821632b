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


BAD_PURCHASES: dict[str, list[object]] = {
    "quantity": [0, -1, 11, 2.5, 2**63, 10**400, "x", "2", "", None, [], {}, True, float("nan")],
    "name": ["", "   ", HUGE, 7, None, [], *UNPRINTABLE],
    "email": [
        *["x", "a@", "@b.c", f"{HUGE}@example.com", 7, *UNPRINTABLE],
        "a@example.com\r\nBcc: b@example.com",
    ],
    "promo_code": ["NONE", HUGE, 7, [], *UNPRINTABLE],
    "ticket_wave_id": ["none", HUGE, 7, "\x00", "\ud800"],
    "package_id": ["none", HUGE, 7, "\x00", "\ud800"],
    "payment_method": ["cash", "onchain", "fiat", "", 7, HUGE, "\ud800"],
    "fiat_provider": [HUGE, "stripe", 7],
    "nostr_identifier": [
        HUGE,
        "npub1",
        "npub1" + "q" * 58,
        "nprofile1" + "q" * 40,
        "not one",
        7,
        *UNPRINTABLE,
    ],
    "refund_address": [HUGE, "nowhere", 7, *UNPRINTABLE],
    "attendees": [
        *["x", 7, [7], [{"name": HUGE}], [{"name": "\x00"}]],
        [{"name": "Ada"}] * 2,
    ],
}


@pytest.mark.parametrize(("field", "values"), BAD_PURCHASES.items(), ids=BAD_PURCHASES)
async def test_a_purchase_with_a_bad_field(
    client: httpx.AsyncClient, event: Json, field: str, values: list[object]
) -> None:
    async with nothing_written():
        for value in values:
            body = raw(purchase_body(**{field: value}))
            answer = await send(client, "POST", f"/tickets/{event['id']}", body)
            assert_refused(answer, 400, about=short(value))


@pytest.mark.parametrize(
    "event_id", ["none", "a" * 129, "%00", "a%00b", "%ED%A0%80", "a b"], ids=short
)
async def test_a_purchase_of_an_event_that_cannot_exist(
    client: httpx.AsyncClient, event_id: str
) -> None:
    async with nothing_written():
        answer = await send(client, "POST", f"/tickets/{event_id}", raw(purchase_body()))
        assert 400 <= answer.status_code < 500


NO_DATES: list[object] = [
    *["x", "31.05.2030", "2030-02-30", "2030-13-01", "20300531", "\u00b2030-05-31", 7, []]
]
NO_PRICES: list[object] = [-1, -0.01, 0.5, 1.9, 1e30, 10**400, "1e-999999", *NO_NUMBERS]
NO_COUNTS: list[object] = [-1, 1.5, 2**31, 10**400, *NO_NUMBERS]
NO_TEXTS: list[object] = [HUGE, 7, [], *UNPRINTABLE]
NO_CURRENCIES: list[object] = ["XYZ", "", "€", "USDT", 7, None, [], HUGE, "\x00"]
NO_SHARES: list[object] = [-1, 101, "x", "NaN", "1e999999", None]


def waves(field: str, values: list[object]) -> list[object]:
    return [{"ticket_waves": [wave(**{field: value})]} for value in values]


def codes(field: str, values: list[object]) -> list[object]:
    code = {"code": "A", "discount_percent": 1}
    return [{"promo_codes": [{**code, field: value}]} for value in values]


BAD_EVENTS: dict[str, tuple[str, list[object]]] = {
    "name": ("name", ["", "  ", *NO_TEXTS]),
    "info": ("info", NO_TEXTS),
    "closing date": ("closing_date", NO_DATES),
    "start": ("event_start_date", [*NO_DATES, day(31)]),
    "end": ("event_end_date", [*NO_DATES, day(29)]),
    "price": ("price_per_ticket", NO_PRICES),
    "currency": ("currency", NO_CURRENCIES),
    "amount": ("amount_tickets", NO_COUNTS),
    "capacity": ("capacity", [value for value in NO_COUNTS if value is not None]),
    "banner": ("banner", ["javascript:alert(1)", "data:x", HUGE, "http://\x00", 7, []]),
    "fiat currency": ("fiat_currency", [HUGE, "XYZ", [], "\x00", "\ud800"]),
    "status": ("status", ["cancelled", "completed", "x", 7, None]),
    "extra": ("extra", ["x", 7, [], {"ticket_waves": "x"}, {"promo_codes": 7}]),
    "wave's price": ("extra", waves("price_per_ticket", NO_PRICES)),
    "wave's amount": ("extra", waves("amount_tickets", NO_COUNTS)),
    "wave's title": ("extra", waves("title", [HUGE, "\x00", "\ud800", []])),
    "wave's id": ("extra", waves("id", ["", HUGE, "\x00", [], "\ud800"])),
    "wave's currency": ("extra", waves("currency", NO_CURRENCIES)),
    "wave's dates": (
        "extra",
        waves("closing_date", [day(-2), "soon"]) + waves("opening_date", [day(6), "soon"]),
    ),
    "list of waves": (
        "extra",
        [
            {"ticket_waves": [wave(), wave()]},
            {"ticket_waves": [wave(id=str(number)) for number in range(101)]},
        ],
    ),
    "percentage": ("extra", codes("discount_percent", NO_SHARES)),
    "code": ("extra", codes("code", ["", " ", HUGE, "\x00", "\ud800", [], None])),
    "list of codes": (
        "extra",
        [{"promo_codes": [{"code": name, "discount_percent": 1} for name in ("a", "A")]}],
    ),
    "message": (
        "extra",
        [
            {"notification_subject": "a\r\nBcc: b@example.com"},
            *({"notification_body": value} for value in NO_TEXTS),
        ],
    ),
    "least sale": ("extra", [{"min_tickets": value} for value in [-1, 1.5, "x", 2**31]]),
}


@pytest.mark.parametrize(("field", "values"), BAD_EVENTS.values(), ids=BAD_EVENTS)
async def test_an_event_with_a_bad_field(
    client: httpx.AsyncClient, organiser: Person, event: Json, field: str, values: list[object]
) -> None:
    """New, and changed. In a change null leaves a field alone, and the status has other routes."""
    async with nothing_written():
        for value in values:
            body = raw(event_body(**{field: value}))
            answer = await send(client, "POST", "/events", body, organiser)
            assert_refused(answer, 400, about=f"new {short(value)}")
            if value is not None and field != "status":
                url, body = f"/events/{event['id']}", raw({field: value})
                answer = await send(client, "PUT", url, body, organiser)
                assert_refused(answer, 400, about=f"changed {short(value)}")


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

    async with nothing_written("scans"):
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
        {"hold_seconds": None},
        {"max_free_orders_per_address": 0},
        {"default_max_per_buyer": "many"},
        {"allow_private_relays": 1},
        {"default_relays": ["https://relay.example.com"]},
        {"default_relays": ["wss://relay.example.com"] * 6},
        {"default_relays": None},
        {"mail_security": "maybe"},
        {"mail_verify": "no"},
        {"mail_from_name": "a\r\nBcc: b@example.com"},
        {"mail_from_name": 7},
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
