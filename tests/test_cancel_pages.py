"""The pages on which a buyer cancels, and what event and order page promise, over HTTP."""

from typing import Any

import httpx
import pytest
import pytest_asyncio

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    day,
    event_row,
    pay,
    refund_rows,
    ticket_rows,
)
from support.pages import BROWSER, HOSTILE, bought, page_of, path_of, words
from support.people import Person
from support.refunding import Debt, send_to
from support.refusals import nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def paid_order(client: httpx.AsyncClient, organiser: Person, buyer: Person) -> Json:
    """Two tickets at 500 sat, paid."""
    return await bought(client, organiser, buyer, quantity=2)


async def cancel(client: httpx.AsyncClient, order: Json, **fields: str) -> httpx.Response:
    """Send the form as a browser without scripts does."""
    return await client.post(f"{path_of(order)}/cancel", data=fields, headers=BROWSER)


async def test_an_order_page_says_the_rule_and_offers_to_cancel(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    order = await bought(
        client,
        organiser,
        buyer,
        quantity=2,
        timezone="Europe/Berlin",
        starts_at="2099-05-10T20:00",
        event_end_date="2099-05-10",
    )
    page = await page_of(client, path_of(order))
    assert (
        "You get 100 % back until 3 May 2099, 20:00 (Europe/Berlin), 50 % until"
        " 7 May 2099, 20:00 (Europe/Berlin), then nothing." in page
    )
    assert "Sunday 10 May 2099</time>, 20:00 (Europe/Berlin)" in page
    assert f'href="{path_of(order)}/cancel"' in page
    for number in (1, 2):
        assert f'href="{path_of(order)}/cancel?ticket={number}"' in page
    await client.put(f"{API}/tickets/register/{order['ticket_ids'][0]}", headers=organiser.admin)
    page = await page_of(client, path_of(order))
    # A used ticket stays used, so the order cannot go as a whole.
    assert "cancel?ticket=1" not in page
    assert "cancel?ticket=2" in page
    assert f'href="{path_of(order)}/cancel"' not in page
    assert (await client.get(f"{path_of(order)}/cancel")).headers["location"] == path_of(order)


async def test_a_page_before_cancelling_says_what_is_lost_and_what_comes_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    order = await bought(client, organiser, buyer, quantity=2, event_start_date=day(5))
    one = await page_of(client, f"{path_of(order)}/cancel?ticket=2")
    for text in (
        "Cancel ticket no. 2?",
        "Ticket no. 2, Ticket, Ada Lovelace",
        "50 % of the 500 sat you paid",
        "You keep 1 ticket.",
        "Cancel and get 250 sat back",
        "Keep my tickets",
        'name="ticket" value="2"',
    ):
        assert text in one
    assert "Ticket no. 1" not in one
    everything = await page_of(client, f"{path_of(order)}/cancel")
    for text in ("Ticket no. 1", "Ticket no. 2", "Cancel and get 500 sat back", "1,000 sat"):
        assert text in everything
    assert not any(ticket in one + everything for ticket in order["ticket_ids"])


async def test_a_buyer_cancels_one_ticket_then_the_rest_without_scripts(
    client: httpx.AsyncClient, paid_order: Json
) -> None:
    answer = await cancel(client, paid_order, ticket="1")
    assert (answer.status_code, answer.headers["location"]) == (303, path_of(paid_order))
    assert answer.headers["referrer-policy"] == "no-referrer"
    page = await page_of(client, path_of(paid_order))
    assert "1 valid ticket" in page
    assert "for ticket no. 1" in page
    assert "Claim 500 sat" in page
    assert 'data-mark="' in page
    assert (await cancel(client, paid_order)).status_code == 303
    page = await page_of(client, path_of(paid_order))
    assert "You cancelled this order" in page
    assert "The organiser owes you 1,000 sat." in page
    assert page.count("Claim 500 sat") == 2
    found = await refund_rows(paid_order["order_id"])
    assert [row["amount_sat"] for row in found] == [500, 500]
    assert (await event_row(paid_order["event_id"]))["sold"] == 0


@pytest.mark.parametrize("fields", [{}, {"ticket": "2"}])
async def test_a_form_that_is_sent_twice_cancels_once(
    client: httpx.AsyncClient, paid_order: Json, fields: dict[str, str]
) -> None:
    for _ in range(2):
        answer = await cancel(client, paid_order, **fields)
        assert (answer.status_code, answer.headers["location"]) == (303, path_of(paid_order))
    assert len(await refund_rows(paid_order["order_id"])) == 1


async def test_a_refund_goes_to_the_address_on_the_form(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    made = await an_event(client, organiser, price_per_ticket=500)
    purchase = await a_purchase(client, made["id"], refund_address="ada@example.org")
    await pay(buyer, purchase)
    page = await page_of(client, f"{path_of(purchase)}/cancel")
    assert 'name="refund_address" value="ada@example.org"' in page
    await cancel(client, purchase, refund_address=" grace@example.org ")
    [row] = await refund_rows(purchase["order_id"])
    assert (row["destination"], row["status"]) == ("grace@example.org", "due")
    page = await page_of(client, path_of(purchase))
    assert "Goes to" in page
    assert "grace@example.org" in page
    debt = Debt(row["id"], purchase["order_id"], made["id"], 500, "", organiser)
    assert (await send_to(client, debt, by_hand=True)).status_code == 200
    page = await page_of(client, path_of(purchase))
    assert "This order was refunded" in page
    assert "by the organiser" in page
    assert "data-mark" not in page


async def test_a_refused_address_is_shown_beside_its_field(
    client: httpx.AsyncClient, paid_order: Json
) -> None:
    async with nothing_written():
        answer = await cancel(client, paid_order, ticket="1", refund_address=HOSTILE)
    page = words(answer.text)
    assert answer.status_code == 400
    assert '<a href="#refund_address">The refund address must be' in page
    assert 'aria-invalid="true"' in page
    assert 'id="refund_address-error"' in page
    assert "Cancel and get 500 sat back" in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


async def test_what_cannot_be_cancelled_says_why(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    no_returns = await bought(client, organiser, buyer, buyer_can_cancel=False)
    too_late = await bought(
        client, organiser, buyer, event_start_date=day(2), event_end_date=day(9)
    )
    for order, why in ((no_returns, "cannot be cancelled"), (too_late, "It is too late")):
        page = await page_of(client, path_of(order))
        assert why in page
        assert f"{path_of(order)}/cancel" not in page
        page = await page_of(client, f"{path_of(order)}/cancel")
        assert why in page
        assert "<form" not in page
        async with nothing_written():
            answer = await cancel(client, order)
        assert answer.status_code == 400
        assert why in answer.text
        assert "<form" not in answer.text


async def test_cancel_addresses_that_lead_nowhere(
    client: httpx.AsyncClient, organiser: Person, paid_order: Json
) -> None:
    for path in ("no-such-secret", "%00", "a%20b"):
        page = await page_of(client, f"/events/o/{path}/cancel", 404)
        assert "There is no such order" in page
        answer = await client.post(f"/events/o/{path}/cancel", data={})
        assert answer.status_code == 404
    for wrong in ("3", "0", "-1", "x", "1.5", "9" * 30, paid_order["ticket_ids"][0]):
        async with nothing_written():
            answer = await client.get(f"{path_of(paid_order)}/cancel", params={"ticket": wrong})
            assert (answer.status_code, answer.headers["location"]) == (303, path_of(paid_order))
            assert (await cancel(client, paid_order, ticket=wrong)).status_code == 303
    unpaid = await a_purchase(client, paid_order["event_id"])
    answer = await client.get(f"{path_of(unpaid)}/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, path_of(unpaid))


async def test_free_tickets_are_cancelled_without_a_word_about_money(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    order = await bought(client, organiser, buyer, quantity=2, price_per_ticket=0)
    page = await page_of(client, path_of(order))
    assert "until the event begins" in page
    page = await page_of(client, f"{path_of(order)}/cancel?ticket=1")
    assert "Cancel my ticket" in page
    assert "refund_address" not in page
    assert " sat" not in page
    assert (await cancel(client, order)).status_code == 303
    page = await page_of(client, path_of(order))
    assert "This order was cancelled" in page
    assert "Money back" not in page
    assert {row["status"] for row in await ticket_rows(order["event_id"])} == {"cancelled"}


async def test_a_cancelled_event_tells_its_buyers_before_and_after_the_booking(
    client: httpx.AsyncClient, organiser: Person, paid_order: Json
) -> None:
    event = f"{API}/events/{paid_order['event_id']}"
    await client.put(f"{event}/cancel", headers=organiser.admin)
    page = await page_of(client, path_of(paid_order))
    assert "The organiser cancelled this event." in page
    assert "Your money comes back" in page
    assert "data-mark" in page
    assert "/api/v1/qr/" not in page
    assert "/cancel" not in page
    answer = await client.get(f"{path_of(paid_order)}/cancel")
    assert answer.headers["location"] == path_of(paid_order)


async def test_an_event_page_says_its_time_and_what_it_promises(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    async def page(**changes: Any) -> str:
        made = await an_event(client, organiser, **changes)
        answer = await client.get(f"/events/{made['id']}")
        return words(answer.text)

    times = {"starts_at": "2099-05-10T20:00", "ends_at": "2099-05-10T23:30"}
    shown = await page(timezone="America/New_York", **times)
    assert "Sunday 10 May 2099</time>, 20:00 to 23:30 (America/New York)" in shown
    assert "You can cancel: 100 % back until 3 May 2099, 20:00 (America/New York)" in shown
    assert "Tickets cannot be given back." in await page(buyer_can_cancel=False)
    assert "You can cancel your tickets until the event begins." in await page(price_per_ticket=0)
    tiers = [{"days_before": 9, "percent": 80}, {"days_before": 2, "percent": 80}]
    shown = await page(**times, refund_tiers=tiers)
    assert "You can cancel: 80 % back until 8 May 2099, 20:00 (UTC), then nothing." in shown
    late = {"closing_date": day(1), "event_start_date": day(1), "event_end_date": day(1)}
    assert "It is too late to get money back" in await page(**late)
    assert "if at least 5 tickets are sold" in await page(conditional=True, min_tickets=5)
