"""I2: every received sat is matched by tickets or by a debt of the same sum."""

import asyncio

import httpx
import pytest

from support.builders import (
    a_purchase,
    an_event,
    event_row,
    order_row,
    pay,
    refund_rows,
    send_payment,
    settled,
    ticket_rows,
)
from support.invariants import broken_invariants
from support.people import Person
from support.settling import (
    announce,
    another_invoice,
    forget_hash,
    lapse,
    nobody_listens,
    settle_directly,
    sweep,
)

pytestmark = pytest.mark.asyncio


async def test_i2_money_late_with_seats_left_becomes_tickets(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=2)
    purchase = await a_purchase(client, event["id"], quantity=2)
    await lapse(purchase["order_id"])
    assert (await sweep()).expired == 1
    assert (await event_row(event["id"]))["held"] == 0
    await send_payment(buyer, purchase)
    assert await settled(purchase["order_id"]) == "confirmed"
    found = await event_row(event["id"])
    assert (found["held"], found["sold"], found["amount_tickets"]) == (0, 2, 0)
    assert {t["status"] for t in await ticket_rows(event["id"])} == {"active"}
    assert await broken_invariants(event["id"]) == []


@pytest.mark.parametrize("limit", ["event", "package"])
async def test_i2_money_late_without_seats_is_owed_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, limit: str
) -> None:
    waves = [{"id": "w", "title": "W", "amount_tickets": 3, "price_per_ticket": 70}]
    of_package = {"extra": {"ticket_waves": waves}, "capacity": 100}
    of_event = {"amount_tickets": 3, "price_per_ticket": 70}
    event = await an_event(client, organiser, **(of_event if limit == "event" else of_package))
    late = await a_purchase(
        client, event["id"], quantity=2, refund_address="ada@wallet.example.com"
    )
    await lapse(late["order_id"])
    await sweep()
    await pay(buyer, await a_purchase(client, event["id"], quantity=2))

    await send_payment(buyer, late)
    assert await settled(late["order_id"]) == "refund_due"
    await announce(late["payment_hash"])
    [refund] = await refund_rows(late["order_id"])
    assert (refund["amount_sat"], refund["status"], refund["reason"]) == (
        140,
        "due",
        "no_seat_left",
    )
    assert refund["destination"] == "ada@wallet.example.com"
    assert refund["wallet"] == organiser.wallet
    of_late = [t for t in await ticket_rows(event["id"]) if t["order_id"] == late["order_id"]]
    assert {(t["status"], bool(t["paid"])) for t in of_late} == {("cancelled", False)}
    found = await event_row(event["id"])
    assert (found["held"], found["sold"], found["amount_tickets"]) == (
        (0, 2, 1) if limit == "event" else (0, 2, 98)
    )
    assert await broken_invariants(event["id"]) == []


async def test_i2_money_for_a_cancelled_event_is_owed_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    held = await a_purchase(client, event["id"])
    lapsed = await a_purchase(client, event["id"])
    await lapse(lapsed["order_id"])
    await sweep()
    url = f"/events/api/v1/events/{event['id']}/cancel"
    assert (await client.put(url, headers=organiser.admin)).status_code == 200
    for purchase in (held, lapsed):
        await send_payment(buyer, purchase)
        assert await settled(purchase["order_id"]) == "refund_due"
        assert [r["amount_sat"] for r in await refund_rows(purchase["order_id"])] == [100]
    found = await event_row(event["id"])
    assert (found["held"], found["sold"]) == (0, 0)
    assert await broken_invariants(event["id"]) == []


async def test_i2_money_for_an_order_that_was_given_up_is_owed_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await lapse(purchase["order_id"])
    await sweep()
    ticket_id = purchase["ticket_ids"][0]
    url = f"/events/api/v1/tickets/{ticket_id}"
    assert (await client.delete(url, headers=organiser.admin)).status_code == 200
    await send_payment(buyer, purchase)
    assert await settled_any(purchase["order_id"]) == "refund_due"
    assert [r["amount_sat"] for r in await refund_rows(purchase["order_id"])] == [100]
    assert await broken_invariants(event["id"]) == []


async def settled_any(order_id: str) -> str:
    """As `settled`, for an order that begins as cancelled."""
    for _ in range(100):
        found = str((await order_row(order_id))["status"])
        if found != "cancelled":
            break
        await asyncio.sleep(0.02)
    return found


async def test_i2_money_a_second_invoice_of_an_order_is_owed_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await pay(buyer, purchase)
    second = await another_invoice(organiser, purchase["order_id"], 100)
    await send_payment(buyer, second)
    for _ in range(2):
        await announce(second["payment_hash"])
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"
    [refund] = await refund_rows(purchase["order_id"])
    assert (refund["amount_sat"], refund["reason"]) == (100, "paid_twice")
    assert await broken_invariants(event["id"]) == []


async def test_i2_money_two_invoices_of_one_order_paid_at_the_same_time(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """A killed process left the order without its hash, so it has two invoices: both get paid."""
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    second = await another_invoice(organiser, purchase["order_id"], 100)
    with nobody_listens():
        await send_payment(buyer, purchase)
        await send_payment(buyer, second)
        await forget_hash(purchase)
        hashes = [purchase["payment_hash"], second["payment_hash"]]
        await asyncio.gather(*(settle_directly(payment_hash) for payment_hash in hashes))
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"
    assert [r["amount_sat"] for r in await refund_rows(purchase["order_id"])] == [100]
    assert await broken_invariants(event["id"]) == []
