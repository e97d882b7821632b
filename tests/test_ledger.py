"""The reconciliation report: to the sat, against the host's own payment rows."""

import httpx
import pytest

from support.books import (
    a_paid_order,
    a_payout,
    a_refund,
    cancel_tickets,
    fund,
    ledger,
    only_difference,
    sums,
)
from support.builders import (
    API,
    a_purchase,
    an_event,
    execute,
    refund_rows,
    send_payment,
)
from support.host import ext
from support.people import Person
from support.settling import announce, another_invoice, nobody_listens

pytestmark = pytest.mark.asyncio


async def test_i2_money_of_a_balanced_history_adds_up(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Kept, cancelled for half, paid back by hand and over Lightning, still due, never paid."""
    event = await an_event(client, organiser, amount_tickets=20)
    await a_paid_order(client, buyer, event, quantity=2)
    await a_purchase(client, event["id"])
    by_hand = await a_paid_order(client, buyer, event)
    refund = await a_refund(by_hand, 50, status="paid", paid_by="hand")
    await cancel_tickets(by_hand, retained_sat=50, refund_id=refund)
    sent = await a_paid_order(client, buyer, event)
    refund = await a_refund(sent, 100, fee_msat=1001)
    await a_payout(organiser, buyer, refund, 100)
    await cancel_tickets(sent, refund_id=refund, status="refunded")
    owed = await a_paid_order(client, buyer, event)
    await cancel_tickets(owed, refund_id=await a_refund(owed, 100, status="offered"))

    report = await ledger(event, organiser)
    assert sums(report) == (500, 250, 150, 100)
    assert report["balanced"] is True
    assert report["difference_sat"] == 0
    assert report["differences"] == []
    assert report["refunded_by_hand_sat"] == 50
    assert report["fees_sat"] == 2
    assert report["refunds"] == {"due": 0, "offered": 1, "paying": 0, "paid": 2, "failed": 0}
    assert report["orders"] == {"confirmed": 1, "to_book": 0, "booked": 0}
    assert (report["event_id"], report["event_name"]) == (event["id"], "Concert")


async def test_i2_money_of_free_and_unsold_events_is_nothing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    assert (await ledger(event, organiser))["orders"]["confirmed"] == 0
    await a_purchase(client, event["id"])
    report = await ledger(event, organiser)
    assert (report["balanced"], sums(report)) == (True, (0, 0, 0, 0))
    assert report["orders"]["confirmed"] == 1


async def test_the_ledger_is_of_the_events_own_wallet_only(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser)
    with pytest.raises(ext("errors").Forbidden):
        await ledger(event, other_organiser)
    with pytest.raises(ext("errors").NotFound):
        await ledger({"id": "none"}, organiser)


async def test_i2_money_a_changed_price_is_a_difference_with_its_order(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    dearer, cheaper = [await a_paid_order(client, buyer, event) for _ in range(2)]
    for purchase, price in ((dearer, 130), (cheaper, 70)):
        await execute(
            "UPDATE events.ticket SET price_sat = :price WHERE order_id = :id",
            price=price,
            id=purchase["order_id"],
        )
    report = await ledger(event, organiser)
    # The sums agree; the orders do not.
    assert (report["balanced"], report["difference_sat"]) == (False, 0)
    notes = {found["order_id"]: found["note"] for found in report["differences"]}
    assert notes == {
        dearer["order_id"]: "tickets and refunds stand for 30 sat that the host did not receive",
        cheaper["order_id"]: "the host received 30 sat that no ticket and no refund stands for",
    }


async def test_i2_money_that_is_not_settled_is_named(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    with nobody_listens():
        purchase = await a_purchase(client, event["id"], quantity=3)
        await send_payment(buyer, purchase)
        for status in ("reserved", "expired", "cancelled"):
            await execute(
                "UPDATE events.orders SET status = :status WHERE id = :id",
                status=status,
                id=purchase["order_id"],
            )
            report = await ledger(event, organiser)
            assert (report["balanced"], report["unsettled_sat"]) == (False, 300)
            assert report["difference_sat"] == 300
            found = only_difference(report)
            assert found["note"] == "paid, but not settled yet"
            assert (found["order_id"], found["received_sat"]) == (purchase["order_id"], 300)
    await execute(
        "UPDATE events.orders SET status = 'reserved' WHERE id = :id", id=purchase["order_id"]
    )
    await announce(purchase["payment_hash"])
    report = await ledger(event, organiser)
    assert (report["balanced"], report["unsettled_sat"]) == (True, 0)


async def test_a_payment_settled_while_the_report_is_made_is_no_difference(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser)
    with nobody_listens():
        purchase = await a_purchase(client, event["id"])
        await send_payment(buyer, purchase)
        real = ext("refunds.report").asyncio.sleep

        async def settle_meanwhile(seconds: float) -> None:
            if seconds == ext("refunds.report")._SECOND_LOOK_S:
                await announce(purchase["payment_hash"])
            await real(0)

        monkeypatch.setattr("asyncio.sleep", settle_meanwhile)
        report = await ledger(event, organiser)
        monkeypatch.undo()
    assert (report["balanced"], sums(report)) == (True, (100, 100, 0, 0))


async def test_i2_money_of_a_second_invoice_counts_when_it_is_the_orders(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_paid_order(client, buyer, event)
    # Another sum, another wallet: anybody can make such an invoice.
    for owner, amount_sat in ((organiser, 99), (other_organiser, 100)):
        await send_payment(buyer, await another_invoice(owner, purchase["order_id"], amount_sat))
    assert (await ledger(event, organiser))["balanced"] is True
    second = await another_invoice(organiser, purchase["order_id"], 100)
    with nobody_listens():
        await send_payment(buyer, second)
        found = only_difference(await ledger(event, organiser))
        assert "100 sat that no ticket" in found["note"]
        assert found["received_sat"] == 200
    await announce(second["payment_hash"])
    assert [r["reason"] for r in await refund_rows(purchase["order_id"])] == ["paid_twice"]
    report = await ledger(event, organiser)
    assert (report["balanced"], sums(report)) == (True, (200, 100, 0, 100))


@pytest.mark.parametrize("is_settled", [True, False])
async def test_i2_money_that_names_its_order_in_extra_alone_is_found(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, is_settled: bool
) -> None:
    from lnbits.core.db import db

    event = await an_event(client, organiser)
    purchase = await a_paid_order(client, buyer, event)
    second = await another_invoice(organiser, purchase["order_id"], 100)
    await db.execute(
        "UPDATE apipayments SET external_id = NULL WHERE payment_hash = :hash",
        {"hash": second["payment_hash"]},
    )
    with nobody_listens():
        await send_payment(buyer, second)
        if is_settled:
            await announce(second["payment_hash"])
        report = await ledger(event, organiser)
    assert sums(report) == (200, 100, 0, 100 if is_settled else 0)
    assert report["balanced"] is is_settled


async def test_i2_money_a_refund_marked_paid_that_the_host_never_paid_is_named(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_paid_order(client, buyer, event)
    refund = await a_refund(
        purchase, 100, status="paid", paid_by="lightning", payment_hash="ab" * 32
    )
    await cancel_tickets(purchase, refund_id=refund)
    report = await ledger(event, organiser)
    assert (report["balanced"], report["difference_sat"], sums(report)[2]) == (False, 0, 100)
    note = f"refund {refund} is marked paid, but the host made no payment of 100 sat"
    assert only_difference(report)["note"] == note
    # Another sum, and another wallet, do not make it good.
    for payer, amount_sat in ((organiser, 99), (buyer, 100)):
        await a_payout(payer, organiser if payer is buyer else buyer, refund, amount_sat)
        assert only_difference(await ledger(event, organiser))["note"] == note


async def test_i3_a_refund_the_host_paid_otherwise_than_the_ledger_says_is_named(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_paid_order(client, buyer, event)
    refund = await a_refund(purchase, 100)
    await cancel_tickets(purchase, refund_id=refund)

    async def note(**changes: object) -> str:
        for name, value in changes.items():
            await execute(
                f"UPDATE events.refunds SET {name} = :value WHERE id = :id",  # noqa: S608
                value=value,
                id=refund,
            )
        report = await ledger(event, organiser)
        return str(only_difference(report)["note"]) if report["differences"] else ""

    await a_payout(organiser, buyer, refund, 100)
    assert await note() == ""
    assert await note(status="paying") == ""
    unmarked = f"refund {refund} is not marked paid, but the host paid it"
    for status in ("due", "offered", "failed"):
        assert await note(status=status) == unmarked
    # A first attempt that the ledger gave up and that was paid after all.
    assert await note(status="offered", payment_hash=None, attempts=1) == unmarked
    assert await note(status="paying", payment_hash="cd" * 32) == (
        f"refund {refund} is being paid, but the host has paid it before"
    )
    assert await note(status="paid", paid_by="hand", payment_hash=None) == (
        f"refund {refund} was paid by hand, and by the host as well"
    )
    await a_payout(organiser, buyer, refund, 100, attempt=2)
    assert await note(attempts=2) == f"refund {refund} was paid 2 times"


async def test_i3_a_payout_of_the_extension_itself_is_recognised(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Cancelled and paid by the routes; then as if the ledger had forgotten that it paid."""
    from lnbits.core.services import create_invoice

    event = await an_event(client, organiser)
    purchase = await a_paid_order(client, buyer, event)
    url = f"{API}/orders/{purchase['order_id']}/cancel"
    answer = await client.post(url, json={"percent": 60}, headers=organiser.admin)
    refund_id = answer.json()["refund"]["id"]
    assert sums(await ledger(event, organiser)) == (100, 40, 0, 60)
    await fund(organiser)
    invoice = await create_invoice(wallet_id=buyer.wallet, amount=60, memo="refund")
    url = f"{API}/refunds/{refund_id}/pay"
    answer = await client.post(url, json={"destination": invoice.bolt11}, headers=organiser.admin)
    assert answer.json()["status"] == "paid", answer.text
    url = f"{API}/events/{event['id']}/ledger"
    report = (await client.get(url, headers=organiser.admin)).json()
    assert (report["balanced"], sums(report)) == (True, (100, 40, 60, 0))
    await execute(
        "UPDATE events.refunds SET status = 'offered', payment_hash = NULL WHERE id = :id",
        id=refund_id,
    )
    note = only_difference(await ledger(event, organiser))["note"]
    assert note == f"refund {refund_id} is not marked paid, but the host paid it"


async def test_a_refund_noted_by_the_operators_sql_of_older_releases_is_checked_too(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_paid_order(client, buyer, event)
    refund = await a_refund(purchase, 100)
    await cancel_tickets(purchase, refund_id=refund)
    await a_payout(organiser, buyer, refund, 100)
    await execute("UPDATE events.refunds SET paid_by = NULL WHERE id = :id", id=refund)
    report = await ledger(event, organiser)
    assert (report["balanced"], report["refunded_by_hand_sat"]) == (True, 0)
