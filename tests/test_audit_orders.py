"""I10: an order is on record from its hold to its end, in the transactions that move it."""

import httpx
import pytest

from support.builders import API, a_purchase, an_event, order_row, pay, purchase_body
from support.host import ext
from support.people import Person
from support.settling import host_payment, node_receives, settle_directly
from support.trail import Entry, entries, together

pytestmark = pytest.mark.asyncio


def moved(who: str, action: str, order_id: str, old: str, new: str) -> Entry:
    return (who, action, "order", order_id, "status", old, new)


def placed(order_id: str, status: str, quantity: int, total_sat: int) -> Entry:
    order = {"status": status, "quantity": quantity, "total_sat": total_sat}
    return ("buyer", "place", "order", order_id, "order", None, order)


async def test_i10_audit_of_an_order_from_its_hold_to_its_tickets(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    before = await entries(event["id"])
    purchase = await a_purchase(client, event["id"], quantity=2)
    await pay(buyer, purchase)
    order_id = purchase["order_id"]
    assert (await entries(event["id"]))[len(before) :] == [
        placed(order_id, "reserved", 2, 200),
        moved("system", "settle", order_id, "reserved", "confirmed"),
    ]


async def test_i10_audit_of_a_free_order(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    before = await entries(event["id"])
    order_id = (await a_purchase(client, event["id"]))["order_id"]
    assert (await entries(event["id"]))[len(before) :] == [placed(order_id, "confirmed", 1, 0)]


async def test_i10_audit_of_a_payment_that_came_too_late_for_a_seat(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    from lnbits.core.services import update_pending_payment

    event = await an_event(client, organiser, amount_tickets=1)
    before = await entries(event["id"])
    purchase = await a_purchase(client, event["id"])
    orders = ext("orders.models")
    order = orders.Order.from_row(await order_row(purchase["order_id"]))
    assert await ext("orders.settlement").expire(order)
    await a_purchase(client, event["id"], email="next@example.com")
    node_receives(order.payment_hash)
    await update_pending_payment(await host_payment(order.payment_hash))
    await settle_directly(order.payment_hash)
    log = [entry for entry in (await entries(event["id"]))[len(before) :] if entry[3] == order.id]
    assert log[1:] == [
        moved("system", "expire", order.id, "reserved", "expired"),
        moved("system", "settle", order.id, "expired", "confirmed"),
        moved("system", "owe", order.id, "confirmed", "refund_due"),
    ]


async def test_i10_audit_nothing_is_held_without_its_record(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser)
    url = f"{API}/tickets/{event['id']}"
    done = await together(lambda: client.post(url, json=purchase_body()), event["id"], monkeypatch)
    order_id = done.answer.json()["order_id"]
    assert done.added == [placed(order_id, "reserved", 1, 100)]
