"""Events as the pages of 1.6.9 send them back, and what a careless client may send."""

import json
from typing import Any

import httpx
import pytest

from support.builders import API, a_purchase, an_event, day, event_body, execute, pay, rows
from support.host import ext
from support.people import Person

Json = dict[str, Any]

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def put(
    client: httpx.AsyncClient, organiser: Person, event_id: str, body: Json
) -> httpx.Response:
    return await client.put(f"{API}/events/{event_id}", json=body, headers=organiser.admin)


async def organisers_view(client: httpx.AsyncClient, organiser: Person, event_id: str) -> Json:
    answer = await client.get(f"{API}/events", headers=organiser.invoice)
    found: Json = next(event for event in answer.json() if event["id"] == event_id)
    return found


def wave(**changes: object) -> Json:
    body: Json = {
        "id": "early",
        "title": "Early bird",
        "opening_date": day(-1),
        "closing_date": day(10),
        "currency": "sat",
        "amount_tickets": 5,
        "price_per_ticket": 50,
    }
    return body | changes


async def test_a_whole_event_sent_back_unchanged_changes_nothing(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """1.6.9's page sends every field it has read, counters included."""
    event = await an_event(client, organiser)
    await pay(buyer, await a_purchase(client, event["id"], quantity=3))
    before = await organisers_view(client, organiser, event["id"])

    answer = await put(client, organiser, event["id"], before)

    assert answer.status_code == 200, answer.text
    kept = {"sold", "held", "capacity", "remaining", "amount_tickets", "price_per_ticket", "name"}
    assert {k: answer.json()[k] for k in kept} == {k: before[k] for k in kept}
    assert answer.json()["extra"] == before["extra"]


async def test_the_stock_of_an_old_client_is_what_remains(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    await pay(buyer, await a_purchase(client, event["id"], quantity=3))

    answer = await put(client, organiser, event["id"], {"amount_tickets": 20})

    assert (answer.json()["capacity"], answer.json()["amount_tickets"]) == (23, 20)


async def test_the_one_wave_of_an_old_client_carries_price_stock_and_closing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    sent = await organisers_view(client, organiser, event["id"])
    sent["extra"]["ticket_waves"][0] |= {
        "price_per_ticket": 70,
        "amount_tickets": 4,
        "closing_date": day(25),
    }

    answer = (await put(client, organiser, event["id"], sent)).json()

    assert answer["packages"][0]["price"] == 70
    assert (answer["capacity"], answer["closing_date"]) == (4, day(25))


async def test_several_types_have_no_common_price(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    waves = [wave(), wave(id="late")]
    event = await an_event(client, organiser, extra={"ticket_waves": waves})

    answer = await put(client, organiser, event["id"], {"price_per_ticket": 5})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


async def test_i1_seats_waves_of_a_form_read_before_sales_give_none_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    waves = [wave(), wave(id="late", title="Late")]
    event = await an_event(client, organiser, extra={"ticket_waves": waves})
    stale = await organisers_view(client, organiser, event["id"])
    await pay(buyer, await a_purchase(client, event["id"], ticket_wave_id="early", quantity=3))

    answer = (await put(client, organiser, event["id"], stale | {"info": "New text"})).json()

    assert (answer["capacity"], answer["sold"]) == (10, 3)
    limits = {package["wave_id"]: package["quantity_limit"] for package in answer["packages"]}
    assert limits == {"early": 5, "late": 5}


async def test_i1_seats_a_form_that_forgot_what_its_waves_had_sold_is_refused(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """A real 1.6.9 body names the sold count of the event only."""
    waves = [wave(), wave(id="late", title="Late")]
    event = await an_event(client, organiser, extra={"ticket_waves": waves})
    await pay(buyer, await a_purchase(client, event["id"], ticket_wave_id="early", quantity=3))

    answer = await put(
        client, organiser, event["id"], {"sold": 0, "extra": {"ticket_waves": waves}}
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "stale_version")


async def test_a_part_of_extra_leaves_the_rest(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    codes = [{"code": "HALF", "discount_percent": 50, "active": True}]
    extra = {"promo_codes": codes, "notification_subject": "Hello"}
    event = await an_event(client, organiser, extra=extra)

    answer = await put(client, organiser, event["id"], {"extra": {"min_tickets": 5}})

    kept = answer.json()["extra"]
    assert (kept["min_tickets"], kept["notification_subject"]) == (5, "Hello")
    assert [code["code"] for code in kept["promo_codes"]] == ["HALF"]
    assert (await a_purchase(client, event["id"], promo_code="HALF"))["total_sat"] == 50


async def test_the_price_shown_is_that_of_a_package_on_sale(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    waves = [wave(currency="EUR", price_per_ticket=19.99), wave(id="late", price_per_ticket=90)]
    event = await an_event(client, organiser, extra={"ticket_waves": waves})
    await pay(buyer, await a_purchase(client, event["id"], ticket_wave_id="early"))

    await put(client, organiser, event["id"], {"extra": {"ticket_waves": [waves[1]]}})

    shown = (await client.get(f"{API}/events/{event['id']}")).json()
    assert (shown["price_per_ticket"], shown["currency"]) == (90.0, "sat")


@pytest.mark.parametrize("last_day", ["9999-12-31", "2999-01-01"])
async def test_an_event_that_never_closes_can_be_read_and_bought(
    client: httpx.AsyncClient, organiser: Person, last_day: str
) -> None:
    extra = {"ticket_waves": [wave(closing_date=last_day)]}
    event = await an_event(client, organiser, closing_date=last_day, extra=extra)
    assert event["closing_date"] == last_day
    assert (await client.get(f"{API}/events/{event['id']}")).json()["sales"] == "open"
    assert (await a_purchase(client, event["id"]))["total_sat"] == 50


async def test_one_event_with_an_unreadable_day_does_not_hide_the_others(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """1.6.9 stored any text as a date."""
    event = await an_event(client, organiser)
    await execute("UPDATE events.events SET closing_date = 'soon' WHERE id = :id", id=event["id"])
    assert (await organisers_view(client, organiser, event["id"]))["closing_date"] == "soon"
    assert (await client.get(f"{API}/events/{event['id']}")).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"price_per_ticket": "1e999999", "currency": "USD"},
        {"price_per_ticket": "1e-999999", "currency": "USD"},
        {"extra": {"onchain_wallet_id": "\ud800"}},
        {"extra": {"ticket_waves": [wave(ticket_image_id="\ud800")]}},
        {"extra": {"notification_body": "a\x00b"}},
    ],
)
async def test_what_no_database_stores_is_refused_before_anything_is_written(
    client: httpx.AsyncClient, organiser: Person, changes: Json
) -> None:
    before = await rows("SELECT id FROM events.events")
    body = json.dumps(event_body(wallet=organiser.wallet, **changes))
    headers = {**organiser.admin, "Content-Type": "application/json"}
    answer = await client.post(f"{API}/events", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert await rows("SELECT id FROM events.events") == before


async def test_an_event_is_made_where_the_default_card_currency_is_not_allowed(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lnbits.settings import settings

    usd = await an_event(client, organiser, currency="USD", price_per_ticket=5)
    monkeypatch.setattr(settings, "lnbits_allowed_currencies", ["EUR"])

    assert (await an_event(client, organiser))["fiat_currency"] == "GBP"
    renamed = await put(client, organiser, usd["id"], {"name": "Other"})
    assert (renamed.status_code, renamed.json()["currency"]) == (200, "USD")
    refused = await put(client, organiser, usd["id"], {"currency": "GBP"})
    assert refused.status_code == 400


async def test_i2_money_an_event_that_owes_money_is_not_deleted(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    debt = ext("orders.models").Debt(
        "no-order", event["id"], organiser.wallet, 5, "no_seat_left", f"test:{event['id']}", None
    )
    async with ext("crud").transaction() as tx:
        await ext("refunds.services").Ledger().owe(tx, debt, ext("clock").now())
    answer = await client.delete(f"{API}/events/{event['id']}", headers=organiser.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "has_sales")
    await execute("DELETE FROM events.refunds WHERE event_id = :id", id=event["id"])


@pytest.mark.parametrize(
    "query",
    [
        "limit=-1",
        "offset=-5",
        "offset=99999999999999999999",
        "name=%00",
        "search=%00",
        "registered[like]=true",
        "sortby=paid",
    ],
)
async def test_a_strange_page_of_tickets_is_refused_with_a_code(
    client: httpx.AsyncClient, organiser: Person, query: str
) -> None:
    answer = await client.get(f"{API}/tickets/paginated?{query}", headers=organiser.admin)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
