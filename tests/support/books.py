"""Money histories written into the tables by hand, and the report about them."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx

from support.builders import Json, a_purchase, execute, pay
from support.host import ext
from support.people import Person


async def ledger(event: Mapping[str, Any], organiser: Person) -> Json:
    report: Json = await ext("refunds.report").ledger_report(event["id"], organiser.wallet)
    return report


def sums(report: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(report[f"{name}_sat"] for name in ("received", "kept", "refunded", "due"))


def only_difference(report: Mapping[str, Any]) -> Json:
    assert report["balanced"] is False
    [found] = report["differences"]
    difference: Json = found
    return difference


async def a_paid_order(
    client: httpx.AsyncClient, buyer: Person, event: Mapping[str, Any], **changes: object
) -> Json:
    """A confirmed order; beside what a purchase answers, its event and wallet."""
    purchase = await a_purchase(client, event["id"], **changes)
    await pay(buyer, purchase)
    return {**purchase, "event_id": event["id"], "wallet": event["wallet"]}


async def a_refund(order: Mapping[str, Any], amount_sat: int, **changes: object) -> str:
    """A row of the ledger, due unless told otherwise; returns its id."""
    refund_id = f"r-{uuid4().hex}"
    row: Json = {
        "id": refund_id,
        "order_id": order["order_id"],
        "event_id": order["event_id"],
        "wallet": order["wallet"],
        "amount_sat": amount_sat,
        "reason": "organiser_cancelled",
        "status": "due",
        "cause": f"test:{refund_id}",
        "attempts": 0,
        "created_at": 1,
        **changes,
    }
    names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
    # Names come from the tests, values are bound.
    await execute(f"INSERT INTO events.refunds ({names}) VALUES ({marks})", **row)  # noqa: S608
    return refund_id


async def cancel_tickets(
    order: Mapping[str, Any], retained_sat: int = 0, refund_id: str = "", status: str = "cancelled"
) -> None:
    """All tickets of an order are cancelled, and the order with them."""
    await execute(
        "UPDATE events.ticket SET status = :status, paid = FALSE, retained_sat = :retained,"
        " refund_id = :refund WHERE order_id = :id",
        status=status,
        retained=retained_sat,
        refund=refund_id,
        id=order["order_id"],
    )
    await execute(
        "UPDATE events.orders SET status = 'refund_due' WHERE id = :id", id=order["order_id"]
    )


async def fund(person: Person) -> None:
    """Enough for a refund and the host's reserve for fees."""
    from lnbits.core.crud import get_wallet
    from lnbits.core.services import update_wallet_balance

    wallet = await get_wallet(person.wallet)
    assert wallet is not None
    await update_wallet_balance(wallet, 1000)


async def a_payout(
    payer: Person, receiver: Person, refund_id: str, amount_sat: int, attempt: int = 1
) -> None:
    """The host really pays an invoice for a refund, which is then marked paid over Lightning."""
    from lnbits.core.services import create_invoice, pay_invoice

    await fund(payer)
    invoice = await create_invoice(wallet_id=receiver.wallet, amount=amount_sat, memo="refund")
    await pay_invoice(
        wallet_id=payer.wallet,
        payment_request=invoice.bolt11,
        external_id=f"{refund_id}.{attempt}",
    )
    await execute(
        "UPDATE events.refunds SET status = 'paid', paid_by = 'lightning', payment_hash = :hash,"
        " attempts = :attempt WHERE id = :id",
        hash=invoice.payment_hash,
        attempt=attempt,
        id=refund_id,
    )


async def make_legacy(order: Mapping[str, Any], price_sat: int | None, **ticket: object) -> None:
    """The order as if taken over from 1.6.9, which stored this price, or none."""
    values = {"id": order["order_id"], "price": price_sat}
    sold = {"price": price_sat or 0, "id": order["order_id"]}
    await execute(
        "UPDATE events.orders SET origin = 'legacy', total_sat = :price, subtotal_sat = :price,"
        " settled_msat = NULL WHERE id = :id",
        **sold,
    )
    await execute("UPDATE events.order_lines SET total_sat = :price WHERE order_id = :id", **sold)
    await execute("UPDATE events.ticket SET price_sat = :price WHERE order_id = :id", **values)
    if "status" in ticket:
        await execute(
            "UPDATE events.ticket SET status = :status WHERE order_id = :id",
            status=ticket["status"],
            id=order["order_id"],
        )
