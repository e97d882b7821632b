"""What an organiser does: make, change, publish, cancel and delete events; lists of tickets."""

import asyncio

import httpx
import pytest

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    buy,
    day,
    event_body,
    event_row,
    pay,
    rows,
)
from support.changing import change, changed
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.settling import lapse, sweep

pytestmark = pytest.mark.asyncio


def wave(id: str = "w", **changes: object) -> Json:  # noqa: A002 - its name in 1.6.9
    return {
        "id": id,
        "title": id.title(),
        "opening_date": day(-1),
        "closing_date": day(10),
        "currency": "sat",
        "amount_tickets": 5,
        "price_per_ticket": 10,
    } | changes


async def mine(client: httpx.AsyncClient, organiser: Person, event_id: str) -> Json:
    listed = (await client.get(f"{API}/events", headers=organiser.invoice)).json()
    found: Json = next(event for event in listed if event["id"] == event_id)
    return found


async def test_the_least_body_makes_a_free_event_of_1000_seats(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    body = {"name": "Talk", "event_start_date": day(3)}
    answer = await client.post(f"{API}/events", json=body, headers=organiser.admin)
    event = answer.json()
    assert (event["capacity"], event["remaining"], event["price_per_ticket"]) == (1000, 1000, 0)
    assert (event["wallet"], event["status"], event["currency"]) == (
        organiser.wallet,
        "published",
        "sat",
    )
    assert (event["event_end_date"], event["closing_date"]) == (day(3), day(3))
    assert [(w["id"], w["amount_tickets"]) for w in event["extra"]["ticket_waves"]] == [
        ("primary", 1000)
    ]
    assert (await a_purchase(client, event["id"]))["paid"] is True


async def test_an_unlimited_event_never_sells_out(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, capacity=None, price_per_ticket=0)
    assert (event["capacity"], event["remaining"]) == (None, None)
    for n in range(3):
        await a_purchase(client, event["id"], quantity=10, email=f"{n}@example.com")
    public = (await client.get(f"{API}/events/{event['id']}")).json()
    assert (public["sales"], public["packages"][0]["remaining"]) == ("open", None)
    assert (await event_row(event["id"]))["amount_tickets"] == ext("models").LEGACY_UNLIMITED
    assert (await changed(client, organiser, event, capacity=30))["remaining"] == 0
    assert (await buy(client, event["id"])).json()["code"] == "sold_out"
    assert (await changed(client, organiser, event, capacity=None))["remaining"] is None


async def test_a_draft_is_sold_only_once_it_is_published(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, status="draft")
    assert (await client.get(f"{API}/events/{event['id']}")).status_code == 404
    assert (await buy(client, event["id"])).status_code == 404
    url = f"{API}/events/{event['id']}/publish"
    for _ in range(2):
        answer = await client.put(url, headers=organiser.admin)
        assert (answer.status_code, answer.json()["status"]) == (200, "published")
    await a_purchase(client, event["id"])
    await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    answer = await client.put(url, headers=organiser.admin)
    assert assert_refused(answer, 410) == "event_cancelled"


async def test_a_form_read_before_a_sale_gives_no_seat_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """A client of 1.6.9 sends the whole event back, with the stock and sales it had read."""
    event = await an_event(client, organiser, amount_tickets=10)
    read = await mine(client, organiser, event["id"])
    await pay(buyer, await a_purchase(client, event["id"], quantity=4))
    sent = {name: value for name, value in read.items() if name not in ("version", "packages")}
    after = await changed(client, organiser, event, **{**sent, "name": "New name"})
    assert (after["name"], after["capacity"], after["sold"], after["amount_tickets"]) == (
        "New name",
        10,
        4,
        6,
    )
    more = await changed(client, organiser, event, amount_tickets=8, sold=4)
    assert (more["capacity"], more["amount_tickets"]) == (12, 8)
    assert await broken_invariants(event["id"]) == []


async def test_a_limit_below_what_is_sold_or_held_is_refused(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=10)
    await a_purchase(client, event["id"], quantity=3)
    async with nothing_written():
        answer = await change(client, organiser, event, capacity=2)
        assert assert_refused(answer, 409) == "below_sold"
    assert (await changed(client, organiser, event, capacity=3))["remaining"] == 0
    assert (await buy(client, event["id"])).json()["code"] == "sold_out"


async def test_a_stale_version_is_refused(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser)
    first = await changed(client, organiser, event, version=event["version"], name="First")
    assert first["version"] > event["version"]
    async with nothing_written():
        answer = await change(client, organiser, event, version=event["version"], name="Second")
        assert assert_refused(answer, 409) == "stale_version"


async def test_of_two_changes_at_once_none_is_lost_silently(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    answers = await asyncio.gather(
        *(
            change(client, organiser, event, version=event["version"], name=f"Name {n}")
            for n in range(6)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5


async def test_an_event_may_not_end_before_it_starts_by_parts(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Each date alone is sound; with the one that is stored it is not."""
    event = await an_event(client, organiser)
    async with nothing_written():
        for field, value in (("event_end_date", day(29)), ("event_start_date", day(31))):
            assert_refused(await change(client, organiser, event, **{field: value}), 400)


async def test_price_currency_and_closing_day_of_a_single_package_follow_the_event(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    dearer = await changed(client, organiser, event, price_per_ticket=250)
    assert [p["price"] for p in dearer["packages"]] == [250]
    assert (await a_purchase(client, event["id"]))["total_sat"] == 250
    euro = await changed(client, organiser, event, currency="eur", price_per_ticket=2.5)
    assert (euro["currency"], euro["packages"][0]["currency"]) == ("EUR", "EUR")
    assert (await a_purchase(client, event["id"], email="b@example.com"))["total_sat"] == 2500
    closed = await changed(client, organiser, event, closing_date=day(-1))
    assert closed["sales"] == "closed"
    assert (await buy(client, event["id"])).json()["code"] == "not_on_sale"
    async with nothing_written():
        assert_refused(await change(client, organiser, event, price_per_ticket=2.555), 400)


async def test_waves_are_changed_added_and_removed_by_their_ids(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, extra={"ticket_waves": [wave("a"), wave("b")]})
    await pay(buyer, await a_purchase(client, event["id"], ticket_wave_id="a", quantity=2))
    waves = [wave("c"), wave("a", amount_tickets=1, price_per_ticket=20)]
    after = await changed(client, organiser, event, extra={"ticket_waves": waves})
    assert [(p["wave_id"], p["quantity_limit"], p["price"]) for p in after["packages"]] == [
        ("c", 5, 10),
        ("a", 3, 20),
    ]
    assert (after["capacity"], after["amount_tickets"]) == (8, 6)
    assert [w["id"] for w in after["extra"]["ticket_waves"]] == ["c", "a"]
    gone = await buy(client, event["id"], ticket_wave_id="b")
    assert_refused(gone, 400)
    assert await broken_invariants(event["id"]) == []


async def test_a_removed_wave_with_sales_is_only_closed(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, extra={"ticket_waves": [wave("a"), wave("b")]})
    sold = await a_purchase(client, event["id"], ticket_wave_id="a", quantity=2)
    held = await a_purchase(client, event["id"], ticket_wave_id="a")
    await pay(buyer, sold)
    after = await changed(client, organiser, event, extra={"ticket_waves": [wave("b")]})
    closed = next(p for p in after["packages"] if p["wave_id"] == "a")
    assert (closed["is_enabled"], closed["sold"], closed["held"]) == (False, 2, 1)
    assert [w["id"] for w in after["extra"]["ticket_waves"]] == ["b"]
    answer = await buy(client, event["id"], ticket_wave_id="a", email="b@example.com")
    assert assert_refused(answer, 410) == "not_on_sale"
    await pay(buyer, held)
    door = f"{API}/tickets/register/{held['ticket_ids'][0]}"
    assert (await client.put(door, headers=organiser.admin)).status_code == 200
    assert await broken_invariants(event["id"]) == []


async def test_a_wave_below_its_sales_is_refused_as_a_whole(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, extra={"ticket_waves": [wave("a"), wave("b")]})
    await a_purchase(client, event["id"], ticket_wave_id="a", quantity=4)
    async with nothing_written():
        waves = [wave("b", price_per_ticket=99), wave("a", amount_tickets=3)]
        answer = await change(client, organiser, event, extra={"ticket_waves": waves})
        assert assert_refused(answer, 409) == "below_sold"
        both = await change(client, organiser, event, price_per_ticket=5)
        assert_refused(both, 400)


async def test_promo_codes_are_replaced_by_the_sent_list_and_kept_without_one(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    first = {"promo_codes": [{"code": "one", "discount_percent": 10}]}
    event = await an_event(client, organiser, extra=first)
    await changed(client, organiser, event, name="Renamed", extra={"conditional": True})
    await a_purchase(client, event["id"], promo_code="ONE")
    second = {"promo_codes": [{"code": "two", "discount_percent": 12.5}]}
    after = await changed(client, organiser, event, extra=second)
    assert after["extra"]["promo_codes"] == [
        {"code": "TWO", "discount_percent": 12.5, "active": True}
    ]
    assert after["extra"]["conditional"] is True
    gone = await buy(client, event["id"], promo_code="one", email="b@example.com")
    assert assert_refused(gone, 400) == "promo_invalid"
    found = await a_purchase(client, event["id"], promo_code="two", email="b@example.com")
    assert found["discount_sat"] == 12
    await changed(client, organiser, event, extra={"promo_codes": []})
    codes = await rows("SELECT * FROM events.promo_codes WHERE event_id = :id", id=event["id"])
    assert codes == []


async def test_an_event_with_sales_or_open_orders_cannot_be_deleted(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    url = f"{API}/events/{event['id']}"
    purchase = await a_purchase(client, event["id"])
    async with nothing_written():
        answer = await client.delete(url, headers=organiser.admin)
        assert assert_refused(answer, 409) == "has_sales"
    await pay(buyer, purchase)
    async with nothing_written():
        answer = await client.delete(url, headers=organiser.admin)
        assert assert_refused(answer, 409) == "has_sales"


async def test_an_event_whose_orders_may_still_be_paid_is_not_forgotten(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Its order lapsed, the event may go; if the payment comes after all, it is owed back."""
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await lapse(purchase["order_id"])
    await sweep()
    url = f"{API}/events/{event['id']}"
    answer = await client.delete(url, headers=organiser.admin)
    assert answer.status_code in (200, 409)
    await pay(buyer, purchase)
    assert await broken_invariants(event["id"]) == []


async def test_a_deleted_event_leaves_nothing_behind(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    extra = {"promo_codes": [{"code": "x", "discount_percent": 1}], "ticket_waves": [wave()]}
    event = await an_event(client, organiser, extra=extra)
    answer = await client.delete(f"{API}/events/{event['id']}", headers=organiser.admin)
    assert (answer.status_code, answer.json()) == (200, None)
    for table in ("packages", "promo_codes"):
        found = await rows(f"SELECT * FROM events.{table} WHERE event_id = :id", id=event["id"])  # noqa: S608
        assert found == []
    assert (await client.get(f"{API}/events/{event['id']}")).status_code == 404


async def test_an_old_body_with_everything_in_it_is_read(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """What the page of 1.6.9 sends, on-chain fields and all."""
    body = event_body(
        allow_fiat=True,
        fiat_currency="USD",
        banner="https://example.com/banner.png",
        extra={
            "promo_codes": [{"code": "vip", "discount_percent": 50, "active": True}],
            "conditional": True,
            "min_tickets": 3,
            "email_notifications": True,
            "nostr_notifications": False,
            "notification_subject": "Hi",
            "notification_body": "See\nyou",
            "onchain_enabled": False,
            "onchain_wallet_id": None,
            "onchain_zeroconf": False,
            "onchain_fasttrack": False,
            "ticket_waves": [wave("early", allow_fiat=False, fiat_currency="USD")],
        },
    )
    answer = await client.post(f"{API}/events", json=body, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    event = answer.json()
    for name in ("conditional", "min_tickets", "notification_subject", "notification_body"):
        assert event["extra"][name] == body["extra"][name]
    assert (event["allow_fiat"], event["fiat_currency"]) == (True, "USD")
    public = (await client.get(f"{API}/events/{event['id']}")).json()
    legacy = {
        "id",
        "name",
        "info",
        "closing_date",
        "canceled",
        "event_start_date",
        "event_end_date",
        "currency",
        "allow_fiat",
        "fiat_currency",
        "price_per_ticket",
        "banner",
        "extra",
    }
    assert legacy <= set(public)
    assert public["extra"]["ticket_waves"][0]["id"] == "early"
