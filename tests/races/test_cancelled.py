"""A request that is cancelled while it waits, at each of its awaits, leaves nothing behind."""

from collections.abc import Coroutine
from typing import Any

import httpx
import pytest

from support.builders import Json, a_purchase, an_event, event_row, order_row, rows, send_payment
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person
from support.settling import host_payment, lapse, nobody_listens, settle_directly, sweep
from support.stepping import cut_off_at, leave_out_what_is_here

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def little_to_collect() -> None:
    leave_out_what_is_here()


def wish(event_id: str, number: int) -> Any:
    body = ext("orders.bodies").PurchaseBody(name="Ada", email=f"{number}@example.com", quantity=2)
    return body.request(event_id, "127.0.0.1", None, "api")


async def test_i1_seats_of_a_purchase_cancelled_at_any_await_come_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=2)
    place_order, now = ext("orders.checkout").place_order, ext("clock").now
    step = 1
    while await cut_off_at(step, place_order(wish(event["id"], step), now())):
        step += 1
        held = await rows(
            "SELECT o.id FROM events.orders o JOIN events.order_lines l ON l.order_id = o.id"
            " WHERE l.event_id = :id AND o.status = 'reserved'",
            id=event["id"],
        )
        if held:
            await lapse(*(order["id"] for order in held))
            await sweep()
        assert await broken_invariants(event["id"]) == [], f"cancelled at {step}"
        assert (await event_row(event["id"]))["held"] == 0, f"cancelled at {step}"
    assert step > 10
    assert (await event_row(event["id"]))["held"] == 2


async def test_i3_once_a_settlement_cancelled_at_any_await_can_be_repeated(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """The extension is switched off while it settles; the next announcement or sweep goes on."""
    event = await an_event(client, organiser, amount_tickets=100)
    step = 1
    while await cut_off_at(step, await settling(client, buyer, event)):
        step += 1
        assert await repaired(event) == [], f"cancelled at {step}"
    assert step > 10
    assert await repaired(event) == []


async def settling(
    client: httpx.AsyncClient, buyer: Person, event: Json
) -> Coroutine[Any, Any, object]:
    purchase = await a_purchase(client, event["id"])
    with nobody_listens():
        await send_payment(buyer, purchase)
    paid = ext("orders.invoicing").paid_invoice(await host_payment(purchase["payment_hash"]))
    event["last"] = purchase
    settle: Coroutine[Any, Any, object] = ext("orders.settlement").settle(
        paid, ext("tasks").ledger, ext("clock").now()
    )
    return settle


async def repaired(event: Json) -> list[str]:
    """What is wrong after the payment was announced once more."""
    await settle_directly(event["last"]["payment_hash"])
    order = await order_row(event["last"]["order_id"])
    found = await broken_invariants(event["id"])
    return found if order["status"] == "confirmed" else [*found, f"order {order['status']}"]
