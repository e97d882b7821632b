"""Cancelling tickets and orders: who may, what comes back, and that the parts add up."""

import asyncio
from typing import Any

import httpx
import pytest

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    buy,
    event_row,
    execute,
    order_row,
    pay,
    refund_rows,
    ticket_rows,
)
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person
from support.settling import announce, sweep

pytestmark = pytest.mark.asyncio(loop_scope="session")

HALF = [{"days_before": 7, "percent": 50}]
NONE_BACK = [{"days_before": 365, "percent": 100}]


def by(purchase: Json) -> dict[str, str]:
    return {"X-Order-Secret": purchase["order_secret"]}


async def cancel(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], **body: object
) -> httpx.Response:
    return await client.post(f"{API}/{path}/cancel", json=body, headers=headers)


async def paid(client: httpx.AsyncClient, buyer: Person, event: Json, **changes: object) -> Json:
    purchase = await a_purchase(client, event["id"], **changes)
    if not purchase["paid"]:
        await pay(buyer, purchase)
    return purchase


async def test_i2_money_a_buyer_cancels_tickets_one_by_one_and_gets_the_whole_price(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=3, price_per_ticket=101)
    purchase = await paid(client, buyer, event, quantity=3)
    returned = 0
    for number, ticket_id in enumerate(purchase["ticket_ids"], 1):
        answer = await cancel(client, f"tickets/{ticket_id}", by(purchase))
        assert answer.status_code == 200, answer.text
        assert answer.json()["refund"]["status"] == "offered"
        assert answer.json()["refund"]["ticket_id"] == ticket_id
        returned += answer.json()["refund_sat"]
        found = await event_row(event["id"])
        assert (found["sold"], found["amount_tickets"]) == (3 - number, number)
        status = (await order_row(purchase["order_id"]))["status"]
        assert status == ("confirmed" if number < 3 else "refund_due")
        assert await broken_invariants(event["id"]) == []
    assert returned == purchase["total_sat"] == 303
    again = await a_purchase(client, event["id"], quantity=3)
    assert again["payment_request"], "the seats are for sale again"


@pytest.mark.parametrize(("percent", "price"), [(0, 101), (1, 1), (50, 101), (99, 3), (100, 101)])
async def test_i2_money_parts_add_up_to_the_whole(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, percent: int, price: int
) -> None:
    """Cancelled all at once or one by one, the same comes back, and the rest is kept."""
    event = await an_event(client, organiser, price_per_ticket=price)
    at_once = await paid(client, buyer, event, quantity=2)
    one_by_one = await paid(client, buyer, event, quantity=2)
    whole = await cancel(client, f"orders/{at_once['order_id']}", organiser.admin, percent=percent)
    parts = [
        await cancel(client, f"tickets/{ticket_id}", organiser.admin, percent=percent)
        for ticket_id in one_by_one["ticket_ids"]
    ]
    assert whole.json()["refund_sat"] == sum(part.json()["refund_sat"] for part in parts)
    assert 0 <= whole.json()["refund_sat"] <= 2 * price
    assert (whole.json()["refund"] is None) == (whole.json()["refund_sat"] == 0)
    ledger = await client.get(f"{API}/events/{event['id']}/ledger", headers=organiser.admin)
    books = ledger.json()
    assert books["balanced"] and books["received_sat"] == 4 * price
    assert books["due_sat"] == 2 * whole.json()["refund_sat"]
    assert await broken_invariants(event["id"]) == []


async def test_a_cancelled_order_is_told_again_and_owed_once(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await paid(client, buyer, event, quantity=2)
    path = f"orders/{purchase['order_id']}"
    answers = await asyncio.gather(*(cancel(client, path, by(purchase)) for _ in range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refund"]["id"] for answer in answers}) == 1
    assert len(await refund_rows(purchase["order_id"])) == 1
    ticket = await cancel(client, f"tickets/{purchase['ticket_ids'][0]}", by(purchase))
    assert ticket.json()["refund"]["id"] == answers[0].json()["refund"]["id"]
    assert (await event_row(event["id"]))["sold"] == 0
    assert await broken_invariants(event["id"]) == []


async def test_i5_one_entry_of_a_scan_and_a_cancellation_one_wins(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=20)
    for _ in range(8):
        purchase = await paid(client, buyer, event)
        [ticket_id] = purchase["ticket_ids"]
        scan, cancelled = await asyncio.gather(
            client.put(f"{API}/tickets/register/{ticket_id}", headers=organiser.admin),
            cancel(client, f"tickets/{ticket_id}", by(purchase)),
        )
        assert sorted([scan.status_code, cancelled.status_code])[0] == 200
        assert scan.is_success != cancelled.is_success
        if scan.is_success:
            assert cancelled.json()["code"] == "ticket_used"
    assert await broken_invariants(event["id"]) == []


async def test_a_cancelled_ticket_does_not_open_the_door(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await paid(client, buyer, event, quantity=2)
    first, second = purchase["ticket_ids"]
    await cancel(client, f"tickets/{first}", by(purchase))
    refused = await client.put(f"{API}/tickets/register/{first}", headers=organiser.admin)
    assert (refused.status_code, refused.json()["detail"]) == (403, "Ticket was cancelled.")
    admitted = await client.put(f"{API}/tickets/register/{second}", headers=organiser.admin)
    assert admitted.status_code == 200
    seen = (await client.get(f"{API}/tickets/{first}")).json()
    assert (seen["status"], seen["paid"]) == ("cancelled", False)


async def test_a_used_ticket_is_cancelled_by_the_organiser_alone(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await paid(client, buyer, event, quantity=2)
    used = purchase["ticket_ids"][0]
    await client.put(f"{API}/tickets/register/{used}", headers=organiser.admin)
    order = f"orders/{purchase['order_id']}"
    for path in (f"tickets/{used}", order):
        answer = await cancel(client, path, by(purchase))
        assert (answer.status_code, answer.json()["code"]) == (400, "ticket_used")
    answer = await cancel(client, order, organiser.admin, percent=100)
    assert answer.json()["refund_sat"] == 200
    assert {t["status"] for t in await ticket_rows(event["id"])} == {"cancelled"}
    assert await broken_invariants(event["id"]) == []


@pytest.mark.parametrize(
    ("event_changes", "words"),
    [
        ({"buyer_can_cancel": False}, "cannot be cancelled"),
        ({"refund_tiers": NONE_BACK}, "too late"),
        ({"refund_tiers": []}, "too late"),
    ],
)
async def test_outside_the_policy_the_buyer_hears_why_and_the_organiser_may(
    client: httpx.AsyncClient,
    organiser: Person,
    buyer: Person,
    event_changes: Json,
    words: str,
) -> None:
    event = await an_event(client, organiser, **event_changes)
    purchase = await paid(client, buyer, event)
    path = f"orders/{purchase['order_id']}"
    answer = await cancel(client, path, by(purchase))
    assert (answer.status_code, answer.json()["code"]) == (400, "not_refundable")
    assert words in answer.json()["detail"]
    forbidden = await cancel(client, path, by(purchase), percent=100)
    assert forbidden.status_code == 403
    answer = await cancel(client, path, organiser.admin, percent=40)
    assert answer.json()["refund_sat"] == 40


async def test_the_policy_of_the_event_decides_what_comes_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, refund_tiers=HALF)
    purchase = await paid(client, buyer, event, quantity=3)
    answer = await cancel(client, f"tickets/{purchase['ticket_ids'][1]}", by(purchase))
    assert answer.json()["refund_sat"] == 50
    [retained] = [
        t["retained_sat"] for t in await ticket_rows(event["id"]) if t["status"] == "cancelled"
    ]
    assert retained == 50


async def test_free_tickets_come_back_without_money(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(
        client, organiser, price_per_ticket=0, amount_tickets=2, refund_tiers=NONE_BACK
    )
    purchase = await paid(client, buyer, event, quantity=2)
    answer = await cancel(client, f"orders/{purchase['order_id']}", by(purchase))
    assert answer.json() == {"refund_sat": 0, "refund": None}
    assert (await order_row(purchase["order_id"]))["status"] == "cancelled"
    assert (await event_row(event["id"]))["sold"] == 0
    assert (await buy(client, event["id"], quantity=2)).is_success


async def test_an_unpaid_order_is_not_cancelled_for_money(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    for path in (f"orders/{purchase['order_id']}", f"tickets/{purchase['ticket_ids'][0]}"):
        answer = await cancel(client, path, by(purchase))
        assert (answer.status_code, answer.json()["code"]) == (400, "not_refundable")
    assert await refund_rows(purchase["order_id"]) == []


async def test_i3_once_a_payment_announced_again_after_the_order_was_cancelled_owes_nothing(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Cancelled by the organiser for nothing: the old payment must not turn into a debt."""
    event = await an_event(client, organiser)
    purchase = await paid(client, buyer, event)
    await cancel(client, f"orders/{purchase['order_id']}", organiser.admin, percent=0)
    assert (await order_row(purchase["order_id"]))["status"] == "cancelled"
    await announce(purchase["payment_hash"])
    await sweep()
    assert await refund_rows(purchase["order_id"]) == []
    assert (await order_row(purchase["order_id"]))["status"] == "cancelled"
    assert await broken_invariants(event["id"]) == []
    gone = await client.delete(
        f"{API}/tickets/{purchase['ticket_ids'][0]}", headers=organiser.admin
    )
    assert (gone.status_code, gone.json()["code"]) == (409, "has_sales")


@pytest.mark.parametrize(
    "body",
    [
        {"percent": -1},
        {"percent": 101},
        {"percent": 50.5},
        {"percent": "50"},
        {"percent": True},
        {"refund_address": "nobody"},
        {"refund_address": "x" * 3000},
        {"refund_address": 7},
        [],
    ],
)
async def test_bad_bodies_are_refused_before_anything_is_written(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, body: Any
) -> None:
    event = await an_event(client, organiser)
    purchase = await paid(client, buyer, event)
    url = f"{API}/orders/{purchase['order_id']}/cancel"
    answer = await client.post(url, json=body, headers=organiser.admin)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "invalid_input"
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"


@pytest.mark.parametrize("method", ["fiat", "onchain"])
async def test_i2_money_that_came_by_card_is_due_until_it_is_paid_back_by_hand(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, method: str
) -> None:
    """The host has no call to refund a card, so nothing is ever sent by itself."""
    event = await an_event(client, organiser)
    purchase = await paid(client, buyer, event)
    await execute(
        "UPDATE events.orders SET method = :method WHERE id = :id",
        method=method,
        id=purchase["order_id"],
    )
    path = f"orders/{purchase['order_id']}"
    answer = await cancel(client, path, by(purchase), refund_address="ada@wallet.example.org")
    refund = answer.json()["refund"]
    assert (refund["status"], refund["method"]) == ("due", method)
    assert (refund["claim_url"], refund["lnurl"]) == (None, None)
    async with ext("crud").reading() as tx:
        to_pay = await ext("refunds.crud_lists").list_to_pay(tx, ext("clock").now(), 1000)
    assert refund["id"] not in {waiting.id for waiting in to_pay}
    secret = ext("refunds.booking").claim_secret(refund["id"])
    told = (await client.get(f"{API}/refunds/claim/{secret}")).json()
    assert (told["status"], "by hand" in told["reason"]) == ("ERROR", True)
    url = f"{API}/refunds/{refund['id']}/pay"
    body = {"by_hand": True, "note": "with the provider"}
    done = (await client.post(url, json=body, headers=organiser.admin)).json()
    assert (done["status"], done["paid_by"], done["note"]) == ("paid", "hand", "with the provider")
    assert (await order_row(purchase["order_id"]))["status"] == "refunded"


async def test_the_buyer_sees_what_became_of_the_order(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await paid(client, buyer, event, quantity=2)
    await cancel(client, f"orders/{purchase['order_id']}", by(purchase))
    url = f"{API}/orders/{purchase['order_id']}"
    order = (await client.get(url, headers=by(purchase))).json()
    assert order["status"] == "refund_due"
    assert [ticket["status"] for ticket in order["tickets"]] == ["cancelled", "cancelled"]
    [refund] = order["refunds"]
    paid_by_hand = await client.post(
        f"{API}/refunds/{refund['id']}/pay",
        json={"by_hand": True, "note": "cash at the door"},
        headers=organiser.admin,
    )
    assert paid_by_hand.json()["paid_by"] == "hand"
    order = (await client.get(url, headers=by(purchase))).json()
    assert order["status"] == "refunded"
    assert [ticket["status"] for ticket in order["tickets"]] == ["refunded", "refunded"]
    assert "true" in (await ticket_rows(event["id"]))[0]["extra"].split('"refunded":')[1][:6]
    again = await client.post(f"{API}/refunds/{refund['id']}/pay", json={}, headers=organiser.admin)
    assert (again.status_code, again.json()["code"]) == (409, "refund_settled")


async def test_the_same_key_orders_anew_after_a_cancellation(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    headers = {"Idempotency-Key": "mine-alone"}
    first = (await buy(client, event["id"], headers)).json()
    await pay(buyer, first)
    await cancel(client, f"orders/{first['order_id']}", by(first))
    second = (await buy(client, event["id"], headers)).json()
    assert second["order_id"] != first["order_id"]


async def test_a_ticket_of_1_6_9_without_a_price_gives_back_what_the_host_received(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await paid(client, buyer, event)
    await execute(
        "UPDATE events.ticket SET price_sat = 0 WHERE order_id = :id", id=purchase["order_id"]
    )
    await execute(
        "UPDATE events.orders SET total_sat = 0, subtotal_sat = 0 WHERE id = :id",
        id=purchase["order_id"],
    )
    answer = await cancel(client, f"orders/{purchase['order_id']}", organiser.admin, percent=100)
    assert answer.json()["refund_sat"] == 100
    assert ext("refunds.models").RefundStatus(answer.json()["refund"]["status"])
