"""Events that end early: everybody gets the money back, once, in the background."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    day,
    event_row,
    execute,
    order_row,
    pay,
    refund_rows,
    rows,
    send_payment,
    settled,
    ticket_rows,
)
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person
from support.settling import in_time, lapse, sweep

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def cancel_event(client: httpx.AsyncClient, organiser: Person, event: Json) -> Json:
    url = f"{API}/events/{event['id']}/cancel"
    answer = await client.put(url, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def book(event_id: str) -> None:
    """The worker's part for one event; other tests' events are left alone."""
    worker = ext("refunds.worker")
    await worker.book_event(event_id, "event_cancelled", ext("clock").now())


async def ledger(client: httpx.AsyncClient, organiser: Person, event: Json) -> Json:
    url = f"{API}/events/{event['id']}/ledger"
    found: Json = (await client.get(url, headers=organiser.admin)).json()
    return found


async def some_orders(client: httpx.AsyncClient, buyer: Person, event: Json, n: int) -> list[Json]:
    purchases = [
        await a_purchase(client, event["id"], email=f"b{number}@example.com", quantity=2)
        for number in range(n)
    ]
    for purchase in purchases:
        await pay(buyer, purchase)
    return purchases


async def test_i2_money_a_cancelled_event_owes_every_order_its_price_once(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=50)
    purchases = await some_orders(client, buyer, event, 5)
    free_ticket_used = purchases[0]["ticket_ids"][0]
    await client.put(f"{API}/tickets/register/{free_ticket_used}", headers=organiser.admin)
    assert (await cancel_event(client, organiser, event))["status"] == "cancelled"
    before = await ledger(client, organiser, event)
    assert before["orders"]["to_book"] == 5 and before["balanced"]

    await asyncio.gather(*(book(event["id"]) for _ in range(4)))
    await cancel_event(client, organiser, event)
    await book(event["id"])
    for purchase in purchases:
        [refund] = await refund_rows(purchase["order_id"])
        assert (refund["amount_sat"], refund["reason"]) == (200, "event_cancelled")
        assert (await order_row(purchase["order_id"]))["status"] == "refund_due"
    found = await event_row(event["id"])
    assert (found["sold"], found["held"], bool(found["canceled"])) == (0, 0, True)
    assert found["refunds_booked_at"] is not None
    after = await ledger(client, organiser, event)
    assert after["balanced"]
    assert (after["due_sat"], after["orders"]["booked"]) == (1000, 5)
    assert {t["status"] for t in await ticket_rows(event["id"])} == {"cancelled"}
    assert await broken_invariants(event["id"]) == []


async def test_one_order_that_cannot_be_booked_keeps_no_other_back(
    client: httpx.AsyncClient,
    organiser: Person,
    buyer: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = await an_event(client, organiser)
    purchases = await some_orders(client, buyer, event, 3)
    await cancel_event(client, organiser, event)
    worker = ext("refunds.worker")
    real = worker.take_back

    async def fails_for_one(tx: Any, wanted: Any, now: Any) -> Any:
        if wanted.order.id == purchases[1]["order_id"]:
            raise RuntimeError("for the test")
        return await real(tx, wanted, now)

    with monkeypatch.context() as patched:
        patched.setattr(worker, "take_back", fails_for_one)
        await book(event["id"])
    assert (await event_row(event["id"]))["refunds_booked_at"] is None
    assert (await order_row(purchases[1]["order_id"]))["status"] == "confirmed"
    assert (await order_row(purchases[2]["order_id"]))["status"] == "refund_due"
    await book(event["id"])
    assert (await order_row(purchases[1]["order_id"]))["status"] == "refund_due"
    assert (await event_row(event["id"]))["refunds_booked_at"] is not None
    assert await broken_invariants(event["id"]) == []


async def test_an_order_cancelled_in_part_gets_the_rest_when_the_event_is_cancelled(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    [purchase] = await some_orders(client, buyer, event, 1)
    first = purchase["ticket_ids"][0]
    url = f"{API}/tickets/{first}/cancel"
    await client.post(url, json={"percent": 50}, headers=organiser.admin)
    await cancel_event(client, organiser, event)
    await book(event["id"])
    refunds = await refund_rows(purchase["order_id"])
    assert sorted(refund["amount_sat"] for refund in refunds) == [50, 100]
    assert await broken_invariants(event["id"]) == []


async def test_an_unpaid_order_of_a_cancelled_event_is_owed_when_its_payment_comes(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await cancel_event(client, organiser, event)
    await book(event["id"])
    await send_payment(buyer, purchase)
    assert await settled(purchase["order_id"]) == "refund_due"
    [refund] = await refund_rows(purchase["order_id"])
    assert (refund["status"], refund["reason"]) == ("offered", "event_cancelled")
    assert await broken_invariants(event["id"]) == []


async def test_i2_money_late_for_an_event_that_was_deleted_can_be_claimed(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await lapse(purchase["order_id"])
    await sweep()
    gone = await client.delete(f"{API}/events/{event['id']}", headers=organiser.admin)
    assert gone.status_code == 200, gone.text
    await send_payment(buyer, purchase)
    assert await settled(purchase["order_id"]) == "refund_due"
    url = f"{API}/orders/{purchase['order_id']}"
    order = (await client.get(url, headers={"X-Order-Secret": purchase["order_secret"]})).json()
    [refund] = order["refunds"]
    assert (refund["amount_sat"], refund["status"]) == (100, "offered")
    page = await client.get(f"/events/o/{purchase['order_secret']}")
    assert page.status_code == 200
    assert refund["claim_url"].rsplit("/", 1)[1] in page.text


def closing(**changes: object) -> Json:
    """An event whose sale ended today at midnight and that takes place in ten days."""
    return {"conditional": True, "min_tickets": 3, "closing_date": day(2)} | changes


async def decide(days: float) -> None:
    await ext("catalog.endings").decide_minimums(in_time(days=days))


async def test_i2_money_below_the_minimum_everybody_gets_it_back(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, **closing())
    [purchase] = await some_orders(client, buyer, event, 1)
    await decide(days=0)
    for _ in range(3):
        assert (await client.get(f"{API}/events/{event['id']}")).json()["status"] == "published"
    await decide(days=3)
    found = await event_row(event["id"])
    assert (found["status"], found["cancel_reason"]) == ("cancelled", "minimum_not_reached")
    to_refund = dict(await _to_refund())
    assert to_refund[event["id"]] == "minimum_not_reached"
    await ext("refunds.worker").book_event(event["id"], "minimum_not_reached", ext("clock").now())
    [refund] = await refund_rows(purchase["order_id"])
    assert (refund["amount_sat"], refund["reason"]) == (200, "minimum_not_reached")
    assert event["id"] not in dict(await _to_refund())
    assert await broken_invariants(event["id"]) == []


async def _to_refund() -> list[tuple[str, str]]:
    async with ext("crud").reading() as tx:
        found: list[tuple[str, str]] = await ext("catalog.endings").to_refund(tx)
    return found


async def test_a_minimum_is_judged_once_and_later_cancellations_do_not_count(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, **closing(min_tickets=2))
    [purchase] = await some_orders(client, buyer, event, 1)
    await decide(days=3)
    assert (await event_row(event["id"]))["min_decided_at"] is not None
    await client.post(
        f"{API}/tickets/{purchase['ticket_ids'][0]}/cancel",
        headers={"X-Order-Secret": purchase["order_secret"]},
    )
    await decide(days=4)
    assert (await event_row(event["id"]))["status"] == "published"


async def test_an_unpaid_order_keeps_the_minimum_open(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, **closing(min_tickets=2))
    purchase = await a_purchase(client, event["id"], quantity=2)
    await decide(days=3)
    assert (await event_row(event["id"]))["status"] == "published"
    await pay(buyer, purchase)
    await decide(days=3)
    found = await event_row(event["id"])
    assert (found["status"], found["min_decided_at"] is not None) == ("published", True)


async def test_an_event_that_is_over_is_not_cancelled_afterwards(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """The host was switched off from the end of the sale until after the event."""
    event = await an_event(client, organiser, **closing())
    await some_orders(client, buyer, event, 1)
    await decide(days=60)
    assert (await event_row(event["id"]))["status"] == "published"


async def test_the_sale_ends_at_midnight_in_the_events_time_zone(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Kiritimati (UTC+14) is a day ahead of Niue (UTC-11)."""
    ahead = await an_event(client, organiser, **closing(timezone="Pacific/Kiritimati"))
    behind = await an_event(client, organiser, **closing(timezone="Pacific/Niue"))
    midnight_utc = ext("clock").now().replace(hour=0, minute=0, second=0) + timedelta(days=3)
    await ext("catalog.endings").decide_minimums(midnight_utc - timedelta(hours=13))
    statuses = [(await event_row(event["id"]))["status"] for event in (ahead, behind)]
    assert statuses == ["cancelled", "published"]
    await ext("catalog.endings").decide_minimums(midnight_utc + timedelta(hours=10))
    assert (await event_row(behind["id"]))["status"] == "published"
    await ext("catalog.endings").decide_minimums(midnight_utc + timedelta(hours=12))
    assert (await event_row(behind["id"]))["status"] == "cancelled"


async def test_an_event_that_1_6_9_cancelled_is_refunded_only_when_the_organiser_says_so(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Nobody knows what its organiser has paid back by other means."""
    event = await an_event(client, organiser)
    await some_orders(client, buyer, event, 1)
    await execute(
        "UPDATE events.events SET status = 'cancelled', canceled = TRUE WHERE id = :id",
        id=event["id"],
    )
    assert event["id"] not in dict(await _to_refund())
    await cancel_event(client, organiser, event)
    assert event["id"] in dict(await _to_refund())


async def test_a_pass_of_the_worker_does_it_all(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchases = await some_orders(client, buyer, event, 2)
    await execute("UPDATE events.refunds SET next_attempt_at = 99999999999999 WHERE status = 'due'")
    await cancel_event(client, organiser, event)
    done = await ext("refunds.worker").run_once(ext("clock").now())
    assert done.booked >= 2
    left = await rows(
        "SELECT * FROM events.refunds WHERE order_id = :id", id=purchases[0]["order_id"]
    )
    assert [refund["status"] for refund in left] == ["offered"]
