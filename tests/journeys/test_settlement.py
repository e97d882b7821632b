"""I3 and I4: a payment is settled once, however it is announced, and the counters follow."""

import asyncio
from collections import Counter

import httpx
import pytest
from sqlalchemy.exc import IntegrityError

from support.builders import (
    a_purchase,
    an_event,
    buy,
    event_row,
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
from support.settling import (
    announce,
    another_invoice,
    forget_hash,
    host_payment,
    lapse,
    nobody_listens,
    settle_directly,
    sweep,
)

pytestmark = pytest.mark.asyncio


async def test_i3_once_a_payment_announced_again_and_again_changes_nothing(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=3)
    await pay(buyer, purchase)
    before = (await order_row(purchase["order_id"]), await ticket_rows(event["id"]))
    await asyncio.gather(*(announce(purchase["payment_hash"]) for _ in range(5)))
    await sweep()
    assert (await order_row(purchase["order_id"]), await ticket_rows(event["id"])) == before
    assert (await event_row(event["id"]))["sold"] == 3
    assert await broken_invariants(event["id"]) == []


async def test_i3_once_of_many_announcements_at_the_same_time_one_settles(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=2)
    with nobody_listens():
        await send_payment(buyer, purchase)
        outcomes = await asyncio.gather(
            *(settle_directly(purchase["payment_hash"]) for _ in range(12))
        )
    assert Counter(outcomes) == {"confirmed": 1, "already_settled": 11}
    assert {t["status"] for t in await ticket_rows(event["id"])} == {"active"}
    assert await broken_invariants(event["id"]) == []


async def test_i3_control_without_the_guard_a_second_announcement_does_harm(
    client: httpx.AsyncClient,
    organiser: Person,
    buyer: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Shows that the tests above would notice: without the conditions the order settles twice."""
    crud = ext("orders.crud")
    guard = "AND status = :expected AND confirmed_at IS NULL"
    assert guard in crud.CONFIRM
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await pay(buyer, purchase)
    # The value stays bound, so only the conditions are gone.
    unguarded = crud.CONFIRM.replace(guard, "AND CAST(:expected AS TEXT) <> ''")
    monkeypatch.setattr(crud, "CONFIRM", unguarded)
    # The seats were sold already: the CHECK of the table stops what the condition lets pass.
    with pytest.raises(IntegrityError):
        await settle_directly(purchase["payment_hash"])
    assert await broken_invariants(event["id"]) == []


async def test_i3_once_when_announced_before_the_hash_is_stored(
    client: httpx.AsyncClient,
    organiser: Person,
    buyer: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The buyer pays faster than the order learns its hash: the invoice is public at once."""
    invoicing = ext("orders.invoicing")
    make = invoicing.make_invoice

    async def make_and_pay(order: object, memo: str, expiry_s: int) -> tuple[str, str]:
        payment_hash, bolt11 = await make(order, memo, expiry_s)
        order_id = order.id  # type: ignore[attr-defined]
        await send_payment(buyer, {"payment_request": bolt11})
        assert await settled(order_id) == "confirmed"
        return payment_hash, bolt11

    monkeypatch.setattr(invoicing, "make_invoice", make_and_pay)
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=2)
    order = await order_row(purchase["order_id"])
    assert (order["status"], order["payment_hash"], order["payment_request"]) == (
        "confirmed",
        purchase["payment_hash"],
        purchase["payment_request"],
    )
    tickets = await ticket_rows(event["id"])
    assert {(t["status"], t["payment_hash"]) for t in tickets} == {
        ("active", purchase["payment_hash"])
    }
    assert await broken_invariants(event["id"]) == []


async def test_i3_once_when_nothing_was_announced_the_sweep_finds_it(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    stored = await a_purchase(client, event["id"])
    lost = await a_purchase(client, event["id"])
    with nobody_listens():
        await send_payment(buyer, stored)
        await send_payment(buyer, lost)
    await forget_hash(lost)
    assert (await order_row(stored["order_id"]))["status"] == "reserved"

    done = await sweep()
    assert done.settled == 2
    for purchase in (stored, lost):
        order = await order_row(purchase["order_id"])
        assert (order["status"], order["payment_hash"]) == ("confirmed", purchase["payment_hash"])
        assert order["settled_msat"] == 100_000
    assert {t["status"] for t in await ticket_rows(event["id"])} == {"active"}
    assert {t["payment_hash"] for t in await ticket_rows(event["id"])} == {
        stored["payment_hash"],
        lost["payment_hash"],
    }
    assert await broken_invariants(event["id"]) == []


async def test_i3_a_listener_that_fails_leaves_the_payment_to_the_sweep(
    client: httpx.AsyncClient,
    organiser: Person,
    buyer: Person,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An exception out of the listener would make the host drop this payment and pause others."""
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])

    async def fails(*_: object) -> None:
        raise OSError("database is locked")

    with nobody_listens():
        await send_payment(buyer, purchase)
    with monkeypatch.context() as patched:
        patched.setattr(ext("orders.sweeper"), "settle", fails)
        await announce(purchase["payment_hash"])
        assert (await sweep()).settled == 0
    assert (await order_row(purchase["order_id"]))["status"] == "reserved"
    assert (await sweep()).settled == 1
    assert await broken_invariants(event["id"]) == []


async def test_payments_that_are_not_ours_change_nothing(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, buyer: Person
) -> None:
    """Anybody can make an invoice that names an order; tags and extras prove nothing."""
    from lnbits.core.services import create_invoice

    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await forget_hash(purchase)
    order_id = purchase["order_id"]
    foreign_tag = await create_invoice(
        wallet_id=organiser.wallet,
        amount=100,
        memo="x",
        extra={"tag": "tpos", "order_id": order_id},
    )
    no_order = await create_invoice(
        wallet_id=organiser.wallet, amount=100, memo="x", extra={"tag": "events", "order_id": [7]}
    )
    forged = [
        await another_invoice(other_organiser, order_id, 100),
        await another_invoice(organiser, order_id, 99),
        await another_invoice(organiser, order_id, 101),
        await another_invoice(organiser, "no-such-order", 100),
        {"payment_hash": foreign_tag.payment_hash, "payment_request": foreign_tag.bolt11},
        {"payment_hash": no_order.payment_hash, "payment_request": no_order.bolt11},
    ]
    for invoice in forged:
        await send_payment(buyer, invoice)
        await announce(invoice["payment_hash"])
    assert [await settle_directly(f["payment_hash"]) for f in forged[:4]] == ["not_ours"] * 4
    await sweep()
    assert (await order_row(order_id))["status"] == "reserved"
    assert await refund_rows(order_id) == []
    assert {t["status"] for t in await ticket_rows(event["id"])} == {"reserved"}
    await announce_unpaid(purchase["payment_hash"], order_id)


async def announce_unpaid(payment_hash: str, order_id: str) -> None:
    """A pending payment, and an outgoing one, settle nothing."""
    payment = await host_payment(payment_hash)
    assert payment.success is False
    await announce(payment_hash)
    assert (await order_row(order_id))["status"] == "reserved"
    assert ext("orders.invoicing").paid_invoice(payment) is None


async def test_the_organiser_buys_from_own_wallet(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Payer and payee are one wallet: the host's outgoing row has the same hash."""
    event = await an_event(client, buyer)
    purchase = await a_purchase(client, event["id"])
    await pay(buyer, purchase)
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"
    assert await broken_invariants(event["id"]) == []


async def test_i4_counters_follow_sales_and_the_legacy_columns_agree(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    waves = [
        {"id": "a", "title": "A", "amount_tickets": 5, "price_per_ticket": 50},
        {"id": "b", "title": "B", "amount_tickets": 4, "price_per_ticket": 0},
    ]
    event = await an_event(client, organiser, extra={"ticket_waves": waves})
    await pay(buyer, await a_purchase(client, event["id"], quantity=2, package_id=None))
    await a_purchase(client, event["id"], ticket_wave_id="a")
    free = await a_purchase(client, event["id"], quantity=3, ticket_wave_id="b")
    lapsed = await a_purchase(client, event["id"], ticket_wave_id="a", email="b@example.com")
    await lapse(lapsed["order_id"])
    await sweep()

    await assert_counts(event["id"], client, organiser, sold=5, held=1, left=4, waves=[3, 1])
    url = f"/events/api/v1/tickets/{free['ticket_ids'][0]}"
    assert (await client.delete(url, headers=organiser.admin)).status_code == 200
    await assert_counts(event["id"], client, organiser, sold=4, held=1, left=5, waves=[3, 2])
    assert await broken_invariants(event["id"]) == []


async def assert_counts(
    event_id: str,
    client: httpx.AsyncClient,
    organiser: Person,
    *,
    sold: int,
    held: int,
    left: int,
    waves: list[int],
) -> None:
    """Counters in the row, the JSON that 1.6.9 would read, and what the organiser is told."""
    found = await event_row(event_id)
    assert (found["sold"], found["held"], found["amount_tickets"]) == (sold, held, left)
    stored = ext("catalog.models").read_json(found["extra"])["ticket_waves"]
    assert [wave["amount_tickets"] for wave in stored] == waves
    listed = (await client.get("/events/api/v1/events", headers=organiser.invoice)).json()
    shown = next(item for item in listed if item["id"] == event_id)
    assert (shown["sold"], shown["held"], shown["amount_tickets"]) == (sold, held, left)
    assert [w["amount_tickets"] for w in shown["extra"]["ticket_waves"]] == waves


async def test_a_poll_of_a_lapsed_order_says_so_and_it_can_be_bought_again(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=1)
    purchase = await a_purchase(client, event["id"])
    assert (await buy(client, event["id"], email="b@example.com")).status_code == 410
    await lapse(purchase["order_id"])
    await sweep()
    url = f"/events/api/v1/tickets/{event['id']}/{purchase['payment_hash']}"
    answer = (await client.post(url)).json()
    assert (answer["paid"], answer["status"]) == (False, "expired")
    await a_purchase(client, event["id"], email="b@example.com")
    open_orders = await rows(
        "SELECT o.id FROM events.orders o JOIN events.order_lines l ON l.order_id = o.id"
        " WHERE l.event_id = :id AND o.status = 'reserved'",
        id=event["id"],
    )
    assert len(open_orders) == 1
