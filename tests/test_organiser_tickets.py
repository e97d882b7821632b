"""The organiser's tickets and orders: lists, deletion, the door, and what comes later."""

import asyncio
from typing import Any

import httpx
import pytest

from support.builders import API, a_purchase, an_event, buy, event_row, pay, ticket_rows
from support.invariants import broken_invariants
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.settling import lapse, sweep

pytestmark = pytest.mark.asyncio


async def test_a_free_ticket_may_be_deleted_and_its_seat_comes_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0, amount_tickets=2)
    first, second = (await a_purchase(client, event["id"], quantity=2))["ticket_ids"]
    door = f"{API}/tickets/register/{second}"
    assert (await client.put(door, headers=organiser.admin)).status_code == 200
    url = f"{API}/tickets/{first}"
    assert (await client.delete(url, headers=organiser.admin)).status_code == 200
    assert (await client.delete(url, headers=organiser.admin)).status_code == 404
    assert (await event_row(event["id"]))["sold"] == 1
    async with nothing_written():
        used = await client.delete(f"{API}/tickets/{second}", headers=organiser.admin)
        assert assert_refused(used, 409) == "has_sales"
    assert await broken_invariants(event["id"]) == []
    paid_event = await an_event(client, organiser)
    purchase = await a_purchase(client, paid_event["id"])
    url = f"{API}/tickets/{purchase['ticket_ids'][0]}"
    async with nothing_written():
        for _ in range(2):
            answer = await client.delete(url, headers=organiser.admin)
            assert assert_refused(answer, 409) == "has_sales"
            await asyncio.sleep(0)
    await pay(buyer, purchase)
    assert assert_refused(await client.delete(url, headers=organiser.admin), 409) == "has_sales"


async def test_unpaid_tickets_of_a_lapsed_order_may_be_deleted(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=2)
    await lapse(purchase["order_id"])
    await sweep()
    url = f"{API}/tickets/{purchase['ticket_ids'][0]}"
    assert (await client.delete(url, headers=organiser.admin)).status_code == 200
    assert await ticket_rows(event["id"]) == []
    assert await broken_invariants(event["id"]) == []


async def test_the_lists_of_tickets(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Shapes of 1.6.9: all of a wallet, and the paid ones by page with filters and search."""
    event = await an_event(client, organiser)
    paid = await a_purchase(client, event["id"], quantity=3, name="Zoë Findme")
    unpaid = await a_purchase(client, event["id"], name="Not Paid")
    await pay(buyer, paid)
    listed = (await client.get(f"{API}/tickets", headers=organiser.admin)).json()
    ids = [ticket["id"] for ticket in listed if ticket["event"] == event["id"]]
    assert set(ids) == {*paid["ticket_ids"], *unpaid["ticket_ids"]}
    legacy = {"id", "wallet", "event", "name", "email", "registered", "paid", "time", "extra"}
    assert legacy | {"reg_timestamp"} <= set(listed[0])

    page = await tickets_page(client, organiser, event=event["id"], limit=2)
    assert (page["total"], len(page["data"])) == (3, 2)
    assert {ticket["paid"] for ticket in page["data"]} == {True}
    assert page["data"][0]["extra"]["sats_paid"] == 100
    found = await tickets_page(client, organiser, search="findme")
    assert {ticket["id"] for ticket in found["data"]} == set(paid["ticket_ids"])
    sorted_page = await tickets_page(
        client, organiser, event=event["id"], sortby="id", direction="asc"
    )
    assert [t["id"] for t in sorted_page["data"]] == sorted(paid["ticket_ids"])
    all_wallets = await tickets_page(client, organiser, event=event["id"], all_wallets="true")
    assert all_wallets["total"] == 3


async def tickets_page(
    client: httpx.AsyncClient, organiser: Person, **query: Any
) -> dict[str, Any]:
    answer = await client.get(f"{API}/tickets/paginated", params=query, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_list_of_orders(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    paid = await a_purchase(client, event["id"])
    unpaid = await a_purchase(client, event["id"])
    await pay(buyer, paid)
    url = f"{API}/events/{event['id']}/orders"
    answer = (await client.get(url, headers=organiser.admin)).json()
    assert answer["total"] == 2
    assert {order["id"] for order in answer["data"]} == {paid["order_id"], unpaid["order_id"]}
    for query, expected in (
        ("status=confirmed", [paid["order_id"]]),
        ("status=reserved", [unpaid["order_id"]]),
        ("limit=1&offset=1", [answer["data"][1]["id"]]),
        ("offset=2", []),
    ):
        part = (await client.get(f"{url}?{query}", headers=organiser.admin)).json()
        assert [order["id"] for order in part["data"]] == expected
    for query in ("status=lost", "limit=0", "limit=1001", "offset=-1", "limit=x"):
        assert_refused(await client.get(f"{url}?{query}", headers=organiser.admin), 400)


async def test_the_order_for_its_buyer(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=2)
    url = f"{API}/orders/{purchase['order_id']}"
    headers = {"X-Order-Secret": purchase["order_secret"]}
    before = (await client.get(url, headers=headers)).json()
    assert before["payment_request"] == purchase["payment_request"]
    assert (before["status"], before["total_sat"]) == ("reserved", 200)
    assert before["hold_expires_at"] == purchase["hold_expires_at"]
    await pay(buyer, purchase)
    after = (await client.get(url, headers=headers)).json()
    assert (after["status"], after["payment_request"]) == ("confirmed", None)
    assert [t["id"] for t in after["tickets"]] == purchase["ticket_ids"]
    assert [(t["number"], t["event_name"]) for t in after["tickets"]] == [
        (1, "Concert"),
        (2, "Concert"),
    ]
    organisers = (await client.get(url, headers=organiser.admin)).json()
    assert organisers["id"] == purchase["order_id"]


async def test_a_ticket_and_its_qr(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], name="李雷")
    await pay(buyer, purchase)
    [ticket_id] = purchase["ticket_ids"]
    ticket = (await client.get(f"{API}/tickets/{ticket_id}")).json()
    assert (ticket["event"], ticket["event_name"], ticket["name"]) == (
        event["id"],
        "Concert",
        "李雷",
    )
    assert (ticket["paid"], ticket["registered"], ticket["reg_timestamp"]) == (True, False, None)
    qr = await client.get(f"{API}/qr/{ticket_id}")
    assert qr.headers["content-type"] == "image/png"
    assert qr.content.startswith(b"\x89PNG")
    admitted = await client.put(f"{API}/tickets/register/{ticket_id}", headers=organiser.admin)
    assert admitted.json()["registered"] is True
    after = (await client.get(f"{API}/tickets/{ticket_id}")).json()
    assert (after["registered"], after["status"]) == (True, "used")
    assert after["reg_timestamp"].endswith("Z")


async def test_a_ticket_of_a_cancelled_event_is_not_admitted(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    [ticket_id] = (await a_purchase(client, event["id"]))["ticket_ids"]
    await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    answer = await client.put(f"{API}/tickets/register/{ticket_id}", headers=organiser.admin)
    assert assert_refused(answer, 403) == "forbidden"


async def test_settings_change_only_what_is_sent(
    client: httpx.AsyncClient, instance_admin: Person
) -> None:
    url, login = f"{API}/settings", instance_admin.login
    before = (await client.get(url, headers=login)).json()
    assert before["hold_seconds"] == 900
    answer = await client.put(url, json={"hold_seconds": 60}, headers=login)
    assert answer.json() == {**before, "hold_seconds": 60}
    await client.put(url, json={"hold_seconds": 900}, headers=login)
    assert (await client.get(url, headers=login)).json() == before


async def test_routes_of_1_6_9_that_come_later_say_so(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    status = await client.get(f"{API}/events/onchain/status", headers=organiser.admin)
    assert status.json()["available"] is False
    async with nothing_written():
        for method in ("onchain", "fiat"):
            answer = await buy(client, event["id"], payment_method=method)
            assert assert_refused(answer, 400) == "method_unsupported"
        card = await buy(client, event["id"], fiat_provider="stripe")
        assert assert_refused(card, 400) == "method_unsupported"
