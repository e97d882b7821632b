"""The host's payments as tests need them: unheard, announced, known to the node alone, forged."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from support.builders import Json, execute
from support.host import ext
from support.people import Person


@contextmanager
def nobody_listens() -> Iterator[None]:
    """The host's announcements reach the extension no more, as while it is switched off."""
    from lnbits.task_manager import task_manager

    tasks = ext("tasks")
    listener = task_manager.get_task(f"{tasks.LISTENER}_invoice_listener")
    assert listener is not None
    task_manager.tasks.remove(listener)
    try:
        yield
    finally:
        task_manager.tasks.append(listener)


async def host_payment(payment_hash: str) -> Any:
    """The host's incoming row of an invoice."""
    from lnbits.core.crud import get_standalone_payment

    payment = await get_standalone_payment(payment_hash, incoming=True)
    assert payment is not None
    return payment


async def announce(payment_hash: str) -> None:
    """What the host does when it notices a payment."""
    await ext("tasks").on_invoice_paid(await host_payment(payment_hash))


async def settle_directly(payment_hash: str) -> str:
    """One settlement; says how it ended."""
    paid = ext("orders.invoicing").paid_invoice(await host_payment(payment_hash))
    outcome = await ext("orders.settlement").settle(paid, ext("tasks").ledger, ext("clock").now())
    return str(outcome.value)


async def sweep(at: datetime | None = None) -> Any:
    """What the sweeper does every minute, but for orders that have lapsed before: there are many
    of them here, and the node is asked for each."""
    sweeper, real = ext("orders.sweeper"), ext("clock").now()
    paid_since = real - ext("tasks").OVERLAP
    return await sweeper.sweep(ext("tasks").ledger, at or real, paid_since, real)


async def sweep_lapsed() -> Any:
    """All that the sweeper does every minute."""
    tasks, sweeper = ext("tasks"), ext("orders.sweeper")
    now = ext("clock").now()
    return await tasks.sweep_once(now - tasks.OVERLAP, now - sweeper.RECENT)


def node_receives(payment_hash: str) -> None:
    """The funding source has the money; the host has not noticed."""
    from lnbits.wallets import get_funding_source

    node: Any = get_funding_source()
    node.paid_invoices.add(payment_hash)


async def lapse(*order_ids: str, ago_s: int = 60) -> None:
    """The hold of an order ran out a minute ago."""
    for order_id in order_ids:
        await execute(
            "UPDATE events.orders SET hold_expires_at = :at WHERE id = :id",
            id=order_id,
            at=round((time.time() - ago_s) * 1000),
        )


async def forget_hash(purchase: Mapping[str, Any]) -> None:
    """As if the process was killed after the host made the invoice, before it was stored."""
    await execute(
        "UPDATE events.orders SET payment_hash = NULL, payment_request = NULL WHERE id = :id",
        id=purchase["order_id"],
    )
    await execute(
        "UPDATE events.ticket SET payment_hash = '' WHERE order_id = :id", id=purchase["order_id"]
    )


async def another_invoice(owner: Person, order_id: str, amount_sat: int) -> Json:
    """An invoice made by hand that says it is for an order; anybody can make one."""
    from lnbits.core.services import create_invoice

    payment = await create_invoice(
        wallet_id=owner.wallet,
        amount=amount_sat,
        memo="by hand",
        extra={"tag": "events", "order_id": order_id},
        external_id=order_id,
    )
    return {
        "order_id": order_id,
        "payment_hash": payment.payment_hash,
        "payment_request": payment.bolt11,
    }


def in_time(**later: float) -> datetime:
    """Now plus a difference, for functions that are told the time."""
    moment: datetime = ext("clock").now() + timedelta(**later)
    return moment
