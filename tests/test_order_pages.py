"""The order page, the ticket page and the organiser's page over HTTP."""

import re
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from support.builders import API, a_purchase, an_event, execute
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_order_says_where_it_stands(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser)
    bought = await a_purchase(client, event["id"])
    past = round((datetime.now(timezone.utc) - timedelta(seconds=5)).timestamp() * 1000)
    states = (
        ("reserved", "The time to pay is over", True),
        ("expired", "This order has expired", True),
        ("refund_due", "The organiser owes you 100&nbsp;sat", False),
        ("refunded", "This order was refunded", False),
        ("cancelled", "This order was cancelled", False),
    )
    for status, words, is_watched in states:
        await execute(
            "UPDATE events.orders SET status = :status, hold_expires_at = :past WHERE id = :id",
            status=status,
            past=past,
            id=bought["order_id"],
        )
        page = (await client.get(f"/events/o/{bought['order_secret']}")).text
        assert words in page
        assert ("data-hash" in page) == is_watched
        # Nobody should pay now.
        assert bought["payment_request"] not in page
    await execute("UPDATE events.events SET held = 0 WHERE id = :id", id=event["id"])
    await execute("UPDATE events.packages SET held = 0 WHERE event_id = :id", id=event["id"])
    await execute("DELETE FROM events.ticket WHERE order_id = :id", id=bought["order_id"])
    await execute("DELETE FROM events.orders WHERE id = :id", id=bought["order_id"])


async def test_a_price_in_fiat_is_shown_beside_the_sats(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """The price itself, or with a discount what the sats are worth at the order's rate."""
    codes = {"promo_codes": [{"code": "THIRD", "discount_percent": 33.33}]}
    event = await an_event(client, organiser, currency="EUR", price_per_ticket=9.99, extra=codes)
    for code, sat, euro in ((None, "19,980", "19.98"), ("third", "13,321", "13.32")):
        bought = await a_purchase(client, event["id"], quantity=2, promo_code=code)
        page = (await client.get(f"/events/o/{bought['order_secret']}")).text
        assert f"{sat}&nbsp;sat" in page
        assert f"about {euro} EUR" in page
        assert ("Discount with THIRD" in page) == (code is not None)


async def test_an_order_outlives_its_event_and_its_ticket_does_not(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """1.6.9 deletes events whose tickets are out. Money may be owed of the order, so it stays."""
    event = await an_event(client, organiser, price_per_ticket=0)
    bought = await a_purchase(client, event["id"])
    await execute("DELETE FROM events.packages WHERE event_id = :id", id=event["id"])
    await execute("DELETE FROM events.events WHERE id = :id", id=event["id"])
    answer = await client.get(f"/events/o/{bought['order_secret']}")
    assert answer.status_code == 200
    assert "An event that no longer exists" in answer.text
    assert "The organiser deleted this event." in answer.text
    assert f"/events/{event['id']}" not in answer.text
    assert "/events/ticket/" not in answer.text
    answer = await client.get(f"/events/ticket/{bought['ticket_ids'][0]}")
    assert answer.status_code == 404
    assert "There is no such" in answer.text
    await execute("DELETE FROM events.ticket WHERE order_id = :id", id=bought["order_id"])


async def test_a_ticket_shows_its_code_only_while_it_may_open_a_door(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, name="Concert hall")
    bought = await a_purchase(client, event["id"], name="李雷")
    path = f"/events/ticket/{bought['ticket_ids'][0]}"
    page = (await client.get(path)).text
    assert "Not paid yet" in page
    assert bought["ticket_ids"][0] not in page
    free = await an_event(client, organiser, name="Concert hall", price_per_ticket=0)
    ticket_id = (await a_purchase(client, free["id"], name="李雷"))["ticket_ids"][0]
    path = f"/events/ticket/{ticket_id}"
    page = (await client.get(path)).text
    for words in ("Concert hall", "李雷", "Valid", ticket_id, "QR code of this ticket", "<dd"):
        assert words in page
    await client.put(f"{API}/tickets/register/{ticket_id}", headers=organiser.admin)
    page = (await client.get(path)).text
    assert re.search(r"Used at <time datetime=\"20", page)
    assert "QR code of this ticket" in page
    for status, word in (("cancelled", "Cancelled"), ("refunded", "Refunded")):
        await execute(
            "UPDATE events.ticket SET status = :status WHERE id = :id", status=status, id=ticket_id
        )
        page = (await client.get(path)).text
        assert word in page
        assert ticket_id not in page
        assert "<path fill" not in page
    await execute(
        "UPDATE events.ticket SET status = 'used', registered = TRUE WHERE id = :id", id=ticket_id
    )


async def test_tickets_of_a_cancelled_event_show_no_code(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    ticket_id = (await a_purchase(client, event["id"]))["ticket_ids"][0]
    await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    page = (await client.get(f"/events/ticket/{ticket_id}")).text
    assert "Cancelled" in page
    assert ticket_id not in page


async def test_the_organisers_page_needs_a_login_and_prints_no_texts_of_people(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    assert (await client.get("/events/")).status_code == 401
    await an_event(client, organiser, name="Named by a person")
    answer = await client.get("/events/", headers=organiser.login)
    assert answer.status_code == 200
    assert 'id="events-app"' in answer.text
    assert "Named by a person" not in answer.text
