"""The reconciliation report: what 1.6.9 left, on-chain, several events, many orders, odd rows."""

from typing import Any

import httpx
import pytest

from support.books import a_paid_order, a_refund, cancel_tickets, ledger, make_legacy, sums
from support.builders import an_event, execute, package_row, send_payment
from support.host import ext
from support.people import Person
from support.settling import another_invoice, nobody_listens

pytestmark = pytest.mark.asyncio


async def test_i12_upgrade_orders_without_a_price_are_listed_and_excused(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    priced, unpriced, called, late = [await a_paid_order(client, buyer, event) for _ in range(4)]
    await make_legacy(priced, 100)
    await make_legacy(unpriced, None)
    await make_legacy(called, 100, status="refunded")
    await make_legacy(late, None)
    report = await ledger(event, organiser)
    assert (report["balanced"], report["difference_sat"]) == (True, 0)
    assert sums(report) == (400, 100, 0, 0)
    assert report["legacy_unknown_sat"] == 300
    notes = {found["order_id"]: found["note"] for found in report["differences"]}
    assert notes == {
        unpriced["order_id"]: "taken over without a price",
        late["order_id"]: "taken over without a price",
        called["order_id"]: "1.6.9 called it refunded, but paid nothing back",
    }
    # Neither is excused: money not settled, nor a known price that is not what was received.
    await execute("UPDATE events.orders SET status = 'expired' WHERE id = :id", id=late["order_id"])
    for price_sat in (70, 130):
        await execute(
            "UPDATE events.ticket SET price_sat = :price WHERE order_id = :id",
            price=price_sat,
            id=priced["order_id"],
        )
        report = await ledger(event, organiser)
        assert (report["balanced"], report["unsettled_sat"]) == (False, 100)
        assert report["legacy_unknown_sat"] == 200
        wrong = {found["order_id"] for found in report["differences"][:2]}
        assert wrong == {late["order_id"], priced["order_id"]}


async def test_on_chain_orders_stand_apart(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    kept, owed = [await a_paid_order(client, buyer, event) for _ in range(2)]
    for purchase in (kept, owed):
        await make_legacy(purchase, 100)
        await execute(
            "UPDATE events.orders SET method = 'onchain', payment_hash = :hash WHERE id = :id",
            hash=f"charge-{purchase['order_id']}",
            id=purchase["order_id"],
        )
    await cancel_tickets(owed, refund_id=await a_refund(owed, 100, method="onchain"))
    report = await ledger(event, organiser)
    assert (report["balanced"], sums(report), report["differences"]) == (True, (0, 0, 0, 0), [])
    assert (report["onchain_sat"], report["onchain_due_sat"]) == (200, 100)
    assert report["refunds"]["due"] == 1


async def test_an_order_over_two_events_is_shared_by_its_lines(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    first, second = [await an_event(client, organiser, price_per_ticket=75) for _ in range(2)]
    purchase = await a_paid_order(client, buyer, first, quantity=4)
    package = await package_row(second["id"])
    order_id = purchase["order_id"]
    await execute(
        "UPDATE events.order_lines SET quantity = 1, total_sat = 75 WHERE order_id = :id",
        id=order_id,
    )
    await execute(
        "INSERT INTO events.order_lines (id, order_id, event_id, package_id, quantity,"
        " unit_price_minor, currency, subtotal_sat, discount_sat, total_sat)"
        " VALUES (:line, :id, :event, :package, 3, 75, 'sat', 225, 0, 225)",
        line=f"{order_id}-2",
        id=order_id,
        event=second["id"],
        package=package["id"],
    )
    await execute(
        "UPDATE events.ticket SET event = :event WHERE order_id = :id AND number > 1",
        event=second["id"],
        id=order_id,
    )
    await execute(
        "UPDATE events.ticket SET status = 'cancelled' WHERE order_id = :id AND number = 4",
        id=order_id,
    )
    await a_refund({**purchase, "event_id": second["id"]}, 75)
    for event, expected in ((first, (75, 75, 0, 0)), (second, (225, 150, 0, 75))):
        report = await ledger(event, organiser)
        assert (report["balanced"], sums(report)) == (True, expected)


async def test_a_cancelled_event_tells_how_far_its_refunds_are(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    booked, _ = [await a_paid_order(client, buyer, event) for _ in range(2)]
    cancel = "UPDATE events.events SET status = 'cancelled' WHERE id = :id"
    await execute(cancel, id=event["id"])
    assert (await ledger(event, organiser))["orders"]["to_book"] == 0
    await execute("UPDATE events.events SET cancelled_at = 1 WHERE id = :id", id=event["id"])
    await cancel_tickets(booked, refund_id=await a_refund(booked, 100, reason="event_cancelled"))
    report = await ledger(event, organiser)
    assert report["orders"] == {"confirmed": 1, "to_book": 1, "booked": 1}
    assert (report["balanced"], sums(report)) == (True, (200, 100, 0, 100))


async def test_i11_a_report_is_made_in_batches(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser)
    purchases = [await a_paid_order(client, buyer, event) for _ in range(7)]
    await execute(
        "UPDATE events.ticket SET price_sat = 90 WHERE order_id IN (:a, :b)",
        a=purchases[0]["order_id"],
        b=purchases[5]["order_id"],
    )
    whole = await ledger(event, organiser)
    monkeypatch.setattr(ext("refunds.report"), "_BATCH", 2)
    monkeypatch.setattr(ext("refunds.host_rows"), "MOST", 3)
    assert await ledger(event, organiser) == whole
    assert (whole["difference_sat"], len(whole["differences"])) == (20, 2)
    monkeypatch.setattr(ext("refunds.report"), "_SHOWN", 1)
    short = await ledger(event, organiser)
    assert (short["difference_sat"], len(short["differences"])) == (20, 1)
    assert (whole["differences_left_off"], short["differences_left_off"]) == (0, 1)


async def test_a_shared_wallets_money_lies_in_its_source(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_paid_order(client, buyer, event)
    await execute(
        "UPDATE events.orders SET wallet = 'shared' WHERE id = :id", id=purchase["order_id"]
    )
    second = await another_invoice(organiser, purchase["order_id"], 100)
    with nobody_listens():
        await send_payment(buyer, second)

    assert (await ledger(event, organiser))["received_sat"] == 100
    real = ext("refunds.host_rows").get_wallet

    async def get_wallet(wallet_id: str) -> Any:
        return await real(organiser.wallet if wallet_id == "shared" else wallet_id)

    monkeypatch.setattr(ext("refunds.host_rows"), "get_wallet", get_wallet)
    assert (await ledger(event, organiser))["received_sat"] == 200


async def test_the_hosts_unreadable_rows_do_not_end_the_report(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    from lnbits.core.db import db

    event = await an_event(client, organiser)
    purchase = await a_paid_order(client, buyer, event)
    for extra in ("{broken", "[]", '{"order_id": 7}'):
        await db.execute(
            "UPDATE apipayments SET extra = :extra WHERE payment_hash = :hash AND amount > 0",
            {"extra": extra, "hash": purchase["payment_hash"]},
        )
        assert (await ledger(event, organiser))["balanced"] is True
    await db.execute(
        "UPDATE apipayments SET extra = :extra WHERE payment_hash = :hash AND amount > 0",
        {"extra": "{}", "hash": purchase["payment_hash"]},
    )
    assert (await ledger(event, organiser))["balanced"] is True
