"""The reconciler and the sweeper: holds end only after the funding source was asked."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from support import websocket
from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    event_row,
    eventually,
    order_row,
    package_row,
    pay,
    refund_rows,
    send_payment,
    settled,
    ticket_rows,
)
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person
from support.settling import (
    forget_hash,
    in_time,
    lapse,
    nobody_listens,
    node_receives,
    sweep,
    sweep_lapsed,
)

pytestmark = pytest.mark.asyncio


async def test_a_lapsed_hold_gives_its_seats_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    waves = [{"id": "w", "title": "W", "amount_tickets": 5, "price_per_ticket": 9}]
    event = await an_event(client, organiser, extra={"ticket_waves": waves})
    lapsed = await a_purchase(client, event["id"], quantity=3)
    hashless = await a_purchase(client, event["id"], quantity=1)
    fresh = await a_purchase(client, event["id"], email="b@example.com")
    await forget_hash(hashless)
    await lapse(lapsed["order_id"], hashless["order_id"])
    assert (await sweep()).expired == 2
    assert (await sweep()).expired == 0
    states = [(await order_row(p["order_id"]))["status"] for p in (lapsed, hashless, fresh)]
    assert states == ["expired", "expired", "reserved"]
    assert (await event_row(event["id"]))["held"] == 1
    assert (await package_row(event["id"]))["held"] == 1
    assert await broken_invariants(event["id"]) == []


async def test_a_hold_outlives_its_invoice_a_little(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """A payment under way when the invoice runs out may still be accepted by the node."""
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await lapse(purchase["order_id"], ago_s=2)
    assert (await sweep()).expired == 0
    assert (await sweep(in_time(seconds=30))).expired == 1
    assert (await order_row(purchase["order_id"]))["status"] == "expired"


async def test_the_funding_source_is_asked_before_seats_go_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """The node has the money, and neither host nor extension was told."""
    event = await an_event(client, organiser, amount_tickets=1)
    purchase = await a_purchase(client, event["id"])
    node_receives(purchase["payment_hash"])
    await lapse(purchase["order_id"])
    done = await sweep()
    assert (done.settled, done.expired) == (1, 0)
    assert await settled(purchase["order_id"]) == "confirmed"
    assert await broken_invariants(event["id"]) == []


async def test_seats_are_kept_while_the_funding_source_does_not_answer(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(payment: object) -> None:
        raise OSError("no route to node")

    event = await an_event(client, organiser, amount_tickets=1)
    purchase = await a_purchase(client, event["id"])
    await lapse(purchase["order_id"])
    with monkeypatch.context() as patched:
        patched.setattr(ext("orders.invoicing"), "check_payment_status", down)
        assert (await sweep()).expired == 0
    assert (await order_row(purchase["order_id"]))["status"] == "reserved"
    assert (await event_row(event["id"]))["held"] == 1
    node_receives(purchase["payment_hash"])
    await sweep()
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"


async def test_a_late_payment_nobody_announced_is_found(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=1)
    late = await a_purchase(client, event["id"])
    await lapse(late["order_id"])
    await sweep()
    await pay(buyer, await a_purchase(client, event["id"], email="b@example.com"))
    node_receives(late["payment_hash"])
    await sweep_lapsed()
    assert (await order_row(late["order_id"]))["status"] == "refund_due"
    assert [r["amount_sat"] for r in await refund_rows(late["order_id"])] == [100]
    assert await broken_invariants(event["id"]) == []


async def test_one_broken_order_does_not_keep_the_others_waiting(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser)
    broken, sound = [await a_purchase(client, event["id"]) for _ in range(2)]
    await lapse(broken["order_id"], sound["order_id"])
    sweeper = ext("orders.sweeper")
    expire = sweeper.expire

    async def fails_for_one(order: Any, *rest: Any) -> bool:
        if order.id == broken["order_id"]:
            raise ValueError("broken row")
        done: bool = await expire(order, *rest)
        return done

    with monkeypatch.context() as patched:
        patched.setattr(sweeper, "expire", fails_for_one)
        await sweep()
    states = [(await order_row(p["order_id"]))["status"] for p in (broken, sound)]
    assert states == ["reserved", "expired"]
    await sweep()
    assert (await order_row(broken["order_id"]))["status"] == "expired"


async def test_a_sweep_looks_at_more_orders_than_fit_one_batch(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ext("orders.sweeper"), "_BATCH", 3)
    event = await an_event(client, organiser, amount_tickets=20)
    made = [await a_purchase(client, event["id"], email=f"{n}@example.com") for n in range(10)]
    await lapse(*(purchase["order_id"] for purchase in made[::2]))
    node_receives(made[4]["payment_hash"])
    await sweep()
    states = [(await order_row(p["order_id"]))["status"] for p in made]
    assert (
        states
        == ["expired", "reserved"] * 2
        + ["confirmed", "reserved"]
        + [
            "expired",
            "reserved",
        ]
        * 2
    )
    node_receives(made[0]["payment_hash"])
    node_receives(made[8]["payment_hash"])
    await sweep_lapsed()
    assert await settled(made[0]["order_id"]) == "confirmed"
    assert await settled(made[8]["order_id"]) == "confirmed"
    assert await broken_invariants(event["id"]) == []


async def test_a_buyer_who_waits_need_not_wait_for_the_next_sweep(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Polling makes the extension ask the node: the announcement may have been lost."""
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    node_receives(purchase["payment_hash"])
    answer = await poll(client, event["id"], purchase)
    assert (answer["paid"], answer["ticket_ids"]) == (False, [])
    assert await settled(purchase["order_id"]) == "confirmed"
    answer = await poll(client, event["id"], purchase)
    assert (answer["paid"], answer["ticket_ids"]) == (True, purchase["ticket_ids"])


async def poll(client: httpx.AsyncClient, event_id: str, purchase: Json) -> Json:
    answer = await client.post(
        f"{API}/tickets/{event_id}/{purchase['payment_hash']}",
        headers={"X-Order-Secret": purchase["order_secret"]},
    )
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


async def test_the_loops_go_on_after_an_error(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ext("tasks")
    seen: list[object] = []
    done = asyncio.Event()

    async def fails_twice(*args: object) -> None:
        seen.append(args)
        if len(seen) >= 3:
            done.set()
        raise OSError("database is locked")

    monkeypatch.setattr(tasks, "SWEEP_EVERY_S", 0.001)
    monkeypatch.setattr(tasks, "NUDGE_PAUSE_S", 0.001)
    monkeypatch.setattr(tasks.sweeper, "sweep", fails_twice)
    monkeypatch.setattr(tasks.sweeper, "look_again", fails_twice)
    for loop in (tasks.keep_sweeping, tasks.keep_nudging):
        seen.clear()
        done.clear()
        running = asyncio.create_task(loop())
        while not done.is_set():
            tasks.nudges.add("no-such-order")
            await asyncio.sleep(0.005)
        assert not running.done()
        running.cancel()


async def test_a_start_that_fails_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = ext("tasks")
    tried: list[str] = []

    async def fails_once() -> None:
        tried.append("migrate")
        if len(tried) == 1:
            raise OSError("database is down")

    monkeypatch.setattr(tasks, "migrate", fails_once)
    monkeypatch.setattr(tasks, "RETRY_S", 0.001)
    await tasks.boot()
    assert tried == ["migrate", "migrate"]


async def test_the_websocket_tells_once_that_it_is_paid(
    app: FastAPI, client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    path = f"{API}/tickets/ws/{purchase['payment_hash']}"
    async with websocket.connect(app, path) as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        await socket.incoming.put({"type": "websocket.receive", "text": "anything"})
        await pay(buyer, purchase)
        assert await socket.next_json() == {"paid": True}
        assert (await socket.next())["type"] == "websocket.close"
    async with websocket.connect(app, path) as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        assert await socket.next_json() == {"paid": True}


async def test_the_websocket_of_an_unknown_or_refunded_payment_closes(
    app: FastAPI, client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    async with websocket.connect(app, f"{API}/tickets/ws/{'0' * 64}") as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        closed = await socket.next()
        assert (closed["type"], closed["code"]) == ("websocket.close", 4404)
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    url = f"{API}/events/{event['id']}/cancel"
    assert (await client.put(url, headers=organiser.admin)).status_code == 200
    await send_payment(buyer, purchase)
    assert await settled(purchase["order_id"]) == "refund_due"
    async with websocket.connect(app, f"{API}/tickets/ws/{purchase['payment_hash']}") as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        assert (await socket.next())["type"] == "websocket.close"


async def test_the_websocket_of_who_leaves_is_forgotten(
    app: FastAPI, client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    waiting = ext("orders.live")._waiting
    async with websocket.connect(app, f"{API}/tickets/ws/{purchase['payment_hash']}") as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        await eventually(lambda: asyncio.sleep(0.01, purchase["payment_hash"] in waiting))
    assert purchase["payment_hash"] not in waiting
    assert {t["status"] for t in await ticket_rows(event["id"])} == {"reserved"}


async def test_the_websocket_notices_what_another_process_settled(
    app: FastAPI,
    client: httpx.AsyncClient,
    organiser: Person,
    buyer: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No hint comes; the database is asked every few seconds."""
    monkeypatch.setattr(ext("orders.views_api"), "_LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(ext("orders.settlement"), "announce", lambda payment_hash: None)
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    async with websocket.connect(app, f"{API}/tickets/ws/{purchase['payment_hash']}") as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        with nobody_listens():
            await send_payment(buyer, purchase)
        await sweep()
        assert await socket.next_json() == {"paid": True}
