"""Bodies nobody thought of: never a 5xx, and nothing written when refused."""

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.builders import API, Json, a_purchase, an_event, event_body, pay, purchase_body
from support.invariants import broken_invariants
from support.odd import moments, some_of, texts, values
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio

waves = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            name: values
            for name in (
                "id",
                "title",
                "opening_date",
                "closing_date",
                "currency",
                "amount_tickets",
                "price_per_ticket",
                "ticket_image_id",
            )
        },
    ).map(lambda odd: {"id": "w", "amount_tickets": 3, "price_per_ticket": 1, **odd}),
    max_size=3,
)
codes = st.lists(
    st.fixed_dictionaries(
        {}, optional={name: values for name in ("code", "discount_percent", "active")}
    ),
    max_size=3,
)
extras = values | st.fixed_dictionaries(
    {},
    optional={
        "ticket_waves": waves,
        "promo_codes": codes,
        "min_tickets": values,
        "conditional": values,
        "notification_subject": values,
        "unknown": values,
    },
)

event_fields = some_of(
    "name",
    "info",
    "closing_date",
    "event_start_date",
    "event_end_date",
    "currency",
    "allow_fiat",
    "fiat_currency",
    "amount_tickets",
    "price_per_ticket",
    "banner",
    "capacity",
    "status",
    "timezone",
    "buyer_can_cancel",
    "refund_tiers",
    "conditional",
    "min_tickets",
    "event_type",
    "location",
    "is_online",
    "max_per_buyer",
    "login_required",
    "entry",
    "listed",
    "nostr_publish",
    "metadata",
    "unknown",
    extra=extras,
    starts_at=moments,
    ends_at=moments,
)
purchase_fields = some_of(
    "name",
    "email",
    "quantity",
    "package_id",
    "ticket_wave_id",
    "promo_code",
    "refund_address",
    "nostr_identifier",
    "attendees",
    "payment_method",
    "fiat_provider",
    "unknown",
)
fuzz = settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def send(
    client: httpx.AsyncClient, method: str, url: str, body: object, headers: dict[str, str]
) -> httpx.Response:
    headers = {"Content-Type": "application/json", **headers}
    return await client.request(method, url, content=json.dumps(body), headers=headers)


@fuzz
@given(odd=event_fields)
async def test_no_event_body_breaks_anything(
    client: httpx.AsyncClient, organiser: Person, odd: Json
) -> None:
    async with nothing_written() as writing:
        answer = await send(client, "POST", f"{API}/events", event_body(**odd), organiser.admin)
        writing.allowed = answer.is_success
    if not answer.is_success:
        assert_refused(answer)
        return
    event_id = answer.json()["id"]
    for url in (f"{API}/events/{event_id}", f"/events/{event_id}"):
        assert (await client.get(url)).status_code in (200, 404)
    assert (
        await send(client, "POST", f"{API}/tickets/{event_id}", purchase_body(), {})
    ).status_code < 500
    assert await broken_invariants(event_id) == []


@fuzz
@given(odd=event_fields)
async def test_no_change_of_an_event_breaks_anything(
    client: httpx.AsyncClient, organiser: Person, odd: Json
) -> None:
    event_id = await the_event(client, organiser)
    async with nothing_written() as writing:
        answer = await send(client, "PUT", f"{API}/events/{event_id}", odd, organiser.admin)
        writing.allowed = answer.is_success
    if not answer.is_success:
        assert_refused(answer)
    assert (await client.get(f"/events/{event_id}")).status_code == 200
    assert await broken_invariants(event_id) == []


_changed: dict[str, str] = {}


async def the_event(client: httpx.AsyncClient, organiser: Person) -> str:
    """One event for all examples, with a ticket sold and one held, so that limits matter."""
    if "id" not in _changed:
        event = await an_event(client, organiser, price_per_ticket=0)
        await a_purchase(client, event["id"])
        body = {"price_per_ticket": 5}
        answer = await send(client, "PUT", f"{API}/events/{event['id']}", body, organiser.admin)
        assert answer.status_code == 200
        await a_purchase(client, event["id"])
        _changed["id"] = event["id"]
    return _changed["id"]


@fuzz
@given(odd=purchase_fields)
async def test_no_purchase_body_breaks_anything(
    client: httpx.AsyncClient, organiser: Person, odd: Json
) -> None:
    event = await an_event(client, organiser)
    async with nothing_written() as writing:
        url = f"{API}/tickets/{event['id']}"
        answer = await send(client, "POST", url, purchase_body(**odd), {})
        writing.allowed = answer.is_success
    if not answer.is_success:
        assert_refused(answer)
    assert await broken_invariants(event["id"]) == []


@settings(fuzz, max_examples=15)
@given(path=texts, secret=texts)
async def test_no_address_breaks_anything(
    client: httpx.AsyncClient, organiser: Person, path: str, secret: str
) -> None:
    from urllib.parse import quote

    # A surrogate cannot be sent at all; its bytes can.
    sent = quote(path.encode("utf-8", "surrogatepass"), safe="")
    async with nothing_written():
        for method, url in (
            ("GET", f"{API}/events/{sent}"),
            ("GET", f"{API}/tickets/{sent}"),
            ("GET", f"{API}/orders/{sent}"),
            ("GET", f"{API}/qr/{sent}"),
            ("GET", f"/events/o/{sent}"),
            ("GET", f"/events/ticket/{sent}"),
            ("GET", f"/events/register/{sent}"),
            ("POST", f"{API}/tickets/{sent}/{sent}"),
            ("PUT", f"{API}/tickets/register/{sent}"),
            ("POST", f"{API}/door/{sent}/scans"),
            ("POST", f"{API}/door/{sent}/validate"),
            ("POST", f"{API}/door/{sent}/scans/{sent}/annul"),
            ("PUT", f"{API}/events/{sent}/cancel"),
            ("PUT", f"{API}/events/{sent}/complete"),
            ("POST", f"{API}/events/{sent}/duplicate"),
            ("GET", f"{API}/events/{sent}/audit"),
            ("GET", f"{API}/public/events?q={sent}&from={sent}&event_type={sent}"),
            ("DELETE", f"{API}/events/{sent}"),
            ("DELETE", f"{API}/tickets/{sent}"),
            ("POST", f"{API}/orders/{sent}/cancel"),
            ("POST", f"{API}/tickets/{sent}/cancel"),
            ("GET", f"{API}/events/{sent}/refunds?status={sent}"),
            ("GET", f"{API}/events/{sent}/ledger"),
            ("POST", f"{API}/refunds/{sent}/pay"),
            ("GET", f"{API}/refunds/claim/{sent}"),
            ("GET", f"{API}/refunds/claim/{sent}/callback?k1={sent}&pr={sent}"),
            ("GET", f"/events/r/{sent}"),
            ("POST", f"/events/r/{sent}"),
            ("GET", f"/events/o/{sent}/cancel?ticket={sent}"),
            ("POST", f"/events/o/{sent}/cancel"),
        ):
            headers = organiser.admin
            if secret.isascii() and secret.isprintable():
                headers = headers | {"X-Order-Secret": secret}
            answer = await client.request(method, url, headers=headers)
            assert answer.status_code < 500, f"{method} {url}: {answer.text[:200]}"


money_fields = st.fixed_dictionaries(
    {},
    optional={
        name: values
        for name in ("refund_address", "percent", "order_secret", "destination", "by_hand", "note")
    },
)


@settings(fuzz, max_examples=12)
@given(odd=money_fields, k1=texts, pr=texts)
async def test_no_word_about_money_breaks_anything(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, odd: Json, k1: str, pr: str
) -> None:
    """Cancelling, paying back and claiming with odd bodies and odd queries."""
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=2)
    await pay(buyer, purchase)
    tickets = f"{API}/tickets/{purchase['ticket_ids'][0]}/cancel"
    answer = await client.post(tickets, json={"percent": 100}, headers=organiser.admin)
    refund = answer.json()["refund"]
    for url in (f"{API}/refunds/{refund['id']}/pay", f"{API}/orders/{purchase['order_id']}/cancel"):
        answer = await send(client, "POST", url, odd, organiser.admin)
        if not answer.is_success:
            assert_refused(answer)
    claim = refund["claim_url"].rsplit("/", 1)[1]
    query = {
        name: text.encode("utf-8", "replace").decode() for name, text in (("k1", k1), ("pr", pr))
    }
    answer = await client.get(f"{API}/refunds/claim/{claim}/callback", params=query)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ERROR"
    assert await broken_invariants(event["id"]) == []
