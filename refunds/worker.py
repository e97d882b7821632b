"""What runs beside requests: go on with payments under way, end events, refund the cancelled ones,
pay what is owed."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from loguru import logger

from ..catalog import endings as events
from ..crud import reading, transaction
from ..orders import endings, legacy
from ..outbox import services as outbox
from ..outbox.models import EVENT_CANCELLED
from ..tickets import services as tickets
from . import crud_lists, paying
from .booking import VALID, Return, take_back
from .models import Refund, RefundStatus
from .services import give_claims

# Slow wallets must not keep quick ones waiting; the host pays one by one per wallet anyway.
_AT_ONCE = 4
_BATCH = 100
T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """What one pass did."""

    resolved: int = 0
    booked: int = 0
    cancelled: int = 0
    paid: int = 0
    unpaid: int = 0

    @property
    def has_more(self) -> bool:
        """Whether there is certainly more to pay: a full batch, and it moves."""
        return self.paid > 0 and self.paid + self.unpaid >= _BATCH


async def run_once(now: datetime) -> Done:
    """One pass. Each part, and each row of it, stands for itself: none keeps the others back."""
    await _apart(give_claims(), "refunds without a claim link")
    resolved = await _apart(resolve_paying(now), "payments under way") or 0
    cancelled = await _apart(events.decide_minimums(now), "events with a minimum") or 0
    await _apart(events.complete_past(now), "events that are over")
    booked = await _apart(book_cancelled(now), "cancelled events") or 0
    paid, unpaid = await _apart(pay_due(now), "refunds to pay") or (0, 0)
    return Done(resolved, booked, cancelled, paid, unpaid)


async def _apart(step: Awaitable[T], what: str) -> T | None:
    """One row that cannot be dealt with must not keep the others from a look."""
    try:
        return await step
    except Exception as exc:  # noqa: BLE001  # logged; the next pass tries again
        logger.error(f"events: could not deal with {what}: {exc!r}")
        return None


async def resolve_paying(now: datetime) -> int:
    """Look up every payment that was under way when somebody stopped looking."""
    async with reading() as tx:
        found = await crud_lists.list_paying(tx)
    resolved = 0
    for refund in found:
        after = await _apart(paying.resolve(refund, now), f"refund {refund.id}")
        resolved += after is not None and after.status is not RefundStatus.PAYING
    return resolved


async def book_cancelled(now: datetime) -> int:
    """A debt for every confirmed order of cancelled events, order by order."""
    async with reading() as tx:
        found = await events.to_refund(tx)
    booked = 0
    for event_id, reason in found:
        booked += await _apart(book_event(event_id, reason, now), f"event {event_id}") or 0
    return booked


async def book_event(event_id: str, reason: str, now: datetime) -> int:
    """Take back all tickets of a cancelled event at their full price. Safe to repeat, and in two
    processes: each order is decided by its own row."""
    booked = 0
    stuck: set[str] = set()
    while True:
        async with reading() as tx:
            found = await endings.next_confirmed(tx, event_id, _BATCH + len(stuck))
        todo = [order_id for order_id in found if order_id not in stuck]
        if not todo:
            break
        for order_id in todo:
            done = await _apart(_book(order_id, event_id, reason, now), f"order {order_id}")
            booked += bool(done)
            # Another process may have had it; what is still there in the end is tried again
            # in the next pass.
            stuck.add(order_id)
    async with transaction() as tx:
        if not await endings.next_confirmed(tx, event_id, 1):
            await events.refunds_are_booked(tx, event_id, now)
    return booked


async def _book(order_id: str, event_id: str, reason: str, now: datetime) -> bool:
    await legacy.learn_price(order_id)
    async with transaction() as tx:
        order = await endings.lock_confirmed(tx, order_id)
        if order is None:
            return False
        rows = await tickets.order_tickets(tx, order_id)
        chosen = [row for row in rows if row.event_id == event_id and row.status in VALID]
        if not chosen:
            return False
        wanted = Return(
            order=order,
            tickets=chosen,
            percent=100,
            reason=reason,
            cause=f"event:{event_id}:{order_id}",
            destination=None,
            may_be_used=True,
        )
        told = {"order_id": order_id, "ticket_ids": [ticket.id for ticket in chosen]}
        await outbox.put(tx, EVENT_CANCELLED, event_id, event_id, told)
        await take_back(tx, wanted, now)
    return True


async def pay_due(now: datetime) -> tuple[int, int]:
    """Pay the refunds whose time has come; returns how many were paid and how many were not."""
    async with reading() as tx:
        found = await crud_lists.list_to_pay(tx, now, _BATCH)
    slots = asyncio.Semaphore(_AT_ONCE)

    async def pay(refund: Refund) -> bool:
        async with slots:
            after = await _apart(paying.pay_destination(refund, now), f"refund {refund.id}")
        return after is not None and after.status is RefundStatus.PAID

    paid = sum(await asyncio.gather(*(pay(refund) for refund in found)))
    return paid, len(found) - paid
