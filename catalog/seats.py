"""Seats move here and nowhere else: free -> held -> sold, and back. The database decides.

Events come before packages, each in id order, so two transactions never wait for each other
crosswise on PostgreSQL.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..crud import Tx
from ..errors import EventCancelled, NotEnoughLeft, NotFound, NotOnSale, SoldOut
from ..models import EventStatus
from . import crud
from .mirror import mirror_legacy
from .models import ADMISSION


@dataclass(frozen=True)
class Seats:
    """So many seats of one package. An add-on (a drink, a shirt) takes none of the event."""

    event_id: str
    package_id: str
    quantity: int
    kind: str = ADMISSION

    @property
    def of_event(self) -> int:
        return self.quantity if self.kind == ADMISSION else 0


def _per_event(lines: Sequence[Seats]) -> list[tuple[str, int]]:
    """Events without a seat taken are in it, too: their status decides all the same."""
    return _summed((line.event_id, line.of_event) for line in lines)


def _per_package(lines: Sequence[Seats]) -> list[tuple[str, int]]:
    return _summed((line.package_id, line.quantity) for line in lines)


def _summed(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    totals: dict[str, int] = {}
    for key, quantity in pairs:
        totals[key] = totals.get(key, 0) + quantity
    return sorted(totals.items())


async def hold(tx: Tx, seats: Seats) -> int:
    """Reserve seats for an unpaid order; returns the last ticket number of the block given.

    Raises SoldOut, NotEnoughLeft, NotOnSale, EventCancelled or NotFound; the caller's
    transaction then rolls back.
    """
    last_number = await crud.hold_event(tx, seats.event_id, seats.of_event, seats.quantity)
    if last_number is not None and await crud.hold_package(
        tx, seats.event_id, seats.package_id, seats.quantity
    ):
        return last_number
    taken = seats.of_event if last_number is not None else 0
    raise await _refusal(tx, seats, taken)


async def _refusal(tx: Tx, seats: Seats, taken: int) -> Exception:
    """Why a hold failed, read after the fact. `taken`: seats this transaction already holds."""
    listing = await crud.get_listing(tx, seats.event_id)
    package = listing.package(seats.package_id) if listing else None
    if listing is None or package is None:
        return NotFound("This event does not exist.")
    event = listing.event
    if event.status is EventStatus.CANCELLED:
        return EventCancelled()
    if event.status is not EventStatus.PUBLISHED or not package.is_enabled:
        return NotOnSale("This ticket is not on sale.")
    event_left = event.remaining + taken if event.remaining is not None and seats.of_event else None
    left = min(n for n in (event_left, package.remaining, seats.quantity) if n is not None)
    return NotEnoughLeft(left) if left > 0 else SoldOut()


async def sell_held(tx: Tx, lines: Sequence[Seats]) -> bool:
    """Held seats become sold. False, with the holds given back, if an event no longer sells."""
    done: list[tuple[str, int]] = []
    for event_id, quantity in _per_event(lines):
        if not await crud.change_counter(tx, crud.SELL_HELD_EVENT, event_id, quantity):
            for sold_id, sold in done:
                await crud.change_counter(tx, crud.RETURN_EVENT, sold_id, sold)
            for other_id, other in _per_event(lines):
                if other_id not in dict(done):
                    await crud.change_counter(tx, crud.RELEASE_EVENT, other_id, other)
            for package_id, held in _per_package(lines):
                await crud.change_counter(tx, crud.RELEASE_PACKAGE, package_id, held)
            return False
        done.append((event_id, quantity))
    for package_id, quantity in _per_package(lines):
        await crud.change_counter(tx, crud.SELL_HELD_PACKAGE, package_id, quantity)
    await _mirror(tx, lines)
    return True


async def sell_free(tx: Tx, lines: Sequence[Seats]) -> bool:
    """Seats nobody holds become sold (a payment after its hold lapsed). All of them or none."""
    steps = [(crud.SELL_FREE_EVENT, crud.RETURN_EVENT, *pair) for pair in _per_event(lines)]
    steps += [(crud.SELL_FREE_PACKAGE, crud.RETURN_PACKAGE, *pair) for pair in _per_package(lines)]
    undo: list[tuple[str, str, int]] = []
    for take, give_back, row_id, quantity in steps:
        if not await crud.change_counter(tx, take, row_id, quantity):
            for statement, taken_id, taken in undo:
                await crud.change_counter(tx, statement, taken_id, taken)
            return False
        undo.append((give_back, row_id, quantity))
    await _mirror(tx, lines)
    return True


async def release(tx: Tx, lines: Sequence[Seats]) -> None:
    """Held seats become free again."""
    for event_id, quantity in _per_event(lines):
        await crud.change_counter(tx, crud.RELEASE_EVENT, event_id, quantity)
    for package_id, quantity in _per_package(lines):
        await crud.change_counter(tx, crud.RELEASE_PACKAGE, package_id, quantity)


async def give_back(tx: Tx, lines: Sequence[Seats]) -> None:
    """Sold seats become free again."""
    for event_id, quantity in _per_event(lines):
        await crud.change_counter(tx, crud.RETURN_EVENT, event_id, quantity)
    for package_id, quantity in _per_package(lines):
        await crud.change_counter(tx, crud.RETURN_PACKAGE, package_id, quantity)
    await _mirror(tx, lines)


async def is_cancelled(tx: Tx, lines: Sequence[Seats]) -> bool:
    """Whether an event of these seats was cancelled."""
    events = [await crud.get_event(tx, event_id) for event_id, _ in _per_event(lines)]
    return any(event and event.status is EventStatus.CANCELLED for event in events)


async def _mirror(tx: Tx, lines: Sequence[Seats]) -> None:
    for event_id, _ in _per_event(lines):
        await mirror_legacy(tx, event_id)
