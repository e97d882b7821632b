"""Record what is owed, and tell it."""

from datetime import datetime
from typing import Any

from loguru import logger

from ..clock import from_ms, iso, to_ms
from ..crud import Tx, reading, short_id
from ..orders.models import Debt
from . import crud
from .models import RefundStatus


class Ledger:
    """The port settlement needs (`orders.models.Debts`)."""

    async def owe(self, tx: Tx, debt: Debt, now: datetime) -> None:
        """A row for money no ticket stands for, in the transaction that finds it out. Once per
        cause, so a payment announced again adds nothing."""
        added = await crud.insert_refund(
            tx,
            {
                "id": short_id(),
                "order_id": debt.order_id,
                "ticket_id": None,
                "event_id": debt.event_id,
                "wallet": debt.wallet,
                "amount_sat": debt.amount_sat,
                "reason": debt.reason,
                "status": RefundStatus.DUE.value,
                "destination": debt.destination,
                "cause": debt.cause,
                "attempts": 0,
                "created_at": to_ms(now),
            },
        )
        if added:
            logger.warning(
                f"events: order {debt.order_id}: {debt.amount_sat} sat are owed back"
                f" ({debt.reason})"
            )


class EventMoney:
    """The port the catalog needs (`catalog.services.Money`)."""

    async def is_behind(self, tx: Tx, event_id: str) -> bool:
        """Whether any refund of this event is on the books, paid or not."""
        return await crud.has_any(tx, event_id)


async def refunds_of_order(order_id: str) -> list[dict[str, Any]]:
    """What is owed or was paid back of an order, oldest first."""
    async with reading() as tx:
        rows = await crud.list_of_order(tx, order_id)
    return [
        {
            "id": row["id"],
            "amount_sat": row["amount_sat"],
            "status": row["status"],
            "reason": row["reason"],
            "created_at": iso(from_ms(row["created_at"])),
        }
        for row in rows
    ]
