"""How events end: judged by their minimum, over when their time has passed, and refunded when they
were cancelled."""

from datetime import datetime

from loguru import logger

from ..audit.services import record
from ..crud import Tx, reading, transaction
from ..models import EventStatus
from ..outbox import services as outbox
from ..outbox.models import EVENT_CANCELLED
from . import crud, crud_endings
from .described import status_changed
from .models import Event, Listing
from .times import completes_at, event_is_over_at, sales_close_at


async def decide_minimums(now: datetime) -> int:
    """Cancel events whose sale ended below their minimum; returns how many.

    Judged once, when the sale is over and no order is unpaid any more: what buyers cancel later
    does not end an event. An event that is over itself took place, whatever it sold.
    """
    async with reading() as tx:
        waiting = await crud_endings.list_undecided(tx)
    cancelled = 0
    for event_id in waiting:
        async with transaction() as tx:
            cancelled += await _decide(tx, event_id, now)
    return cancelled


async def _decide(tx: Tx, event_id: str, now: datetime) -> bool:
    listing = await crud.get_listing(tx, event_id)
    if listing is None or not _is_closed(listing, now) or listing.event.held:
        return False
    event = listing.event
    if _has_enough(event) or _is_over(event, now):
        await crud_endings.pass_minimum(tx, event_id, now)
        return False
    missed = await crud_endings.miss_minimum(tx, event_id, now)
    if missed:
        await record(tx, status_changed("cancel", event, EventStatus.CANCELLED.value))
        await outbox.put(tx, EVENT_CANCELLED, event_id, event_id)
        logger.info(f"events: {event_id} sold {event.sold} of {event.min_tickets}: cancelled")
    return missed


def _is_closed(listing: Listing, now: datetime) -> bool:
    closes_at = sales_close_at(listing.event, listing.packages)
    return closes_at is not None and now >= closes_at


def _has_enough(event: Event) -> bool:
    return event.min_tickets is None or event.sold >= event.min_tickets


def _is_over(event: Event, now: datetime) -> bool:
    over_at = event_is_over_at(event)
    return over_at is not None and now >= over_at


async def complete_past(now: datetime) -> int:
    """Published events that are over become completed; returns how many.

    One with open orders waits until they are paid or lapse: what is paid in time gets its ticket.
    """
    async with reading() as tx:
        found = await crud_endings.list_maybe_past(tx, now)
    completed = 0
    for event_id in found:
        async with transaction() as tx:
            completed += await _complete(tx, event_id, now)
    return completed


async def _complete(tx: Tx, event_id: str, now: datetime) -> bool:
    event = await crud.get_event(tx, event_id)
    at = completes_at(event) if event else None
    if event is None or at is None or now < at:
        return False
    if not await crud_endings.complete_past(tx, event):
        return False
    await record(tx, status_changed("complete", event, EventStatus.COMPLETED.value))
    return True


async def to_refund(tx: Tx) -> list[tuple[str, str]]:
    """Cancelled events with orders that are not in the ledger yet, each with its reason."""
    return await crud_endings.list_to_refund(tx)


async def refunds_are_booked(tx: Tx, event_id: str, now: datetime) -> None:
    """Every order of a cancelled event is in the ledger."""
    await crud_endings.refunds_are_booked(tx, event_id, now)
