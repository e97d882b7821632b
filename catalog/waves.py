"""What 1.6.9's fields of an event do to its packages: waves, the single price, the stock."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..clock import to_ms
from ..crud import Tx
from ..errors import BelowSold, InvalidInput, StaleVersion
from ..models import MAX_COUNT
from . import crud, crud_options, crud_packages, rules
from .bodies import EventPatch, WaveBody
from .models import ADMISSION, Event, Package
from .rules import Currencies, PackageDraft
from .services import new_package_row, package_values
from .times import day_end, zone_of

_LAST = 1000


async def save_packages(
    tx: Tx,
    event: Event,
    packages: list[Package],
    patch: EventPatch,
    known: Currencies,
    now: datetime,
) -> None:
    """Store what 1.6.9's fields of an event say of its packages, and its capacity.

    Only packages that 1.6.9 knows of are touched: no add-on, no hidden one, no disabled one.
    Raises InvalidInput, BelowSold, StaleVersion.
    """
    waves = patch.extra.ticket_waves if patch.extra else []
    shown = [package for package in packages if package.is_wave]
    if len(waves) > 1 or (waves and [w.id for w in waves] != [p.wave_id for p in shown]):
        await _replace_waves(tx, event, packages, patch, known, now)
        return
    if len(shown) == 1:
        await _save_single(tx, event, shown[0], patch, known)
    elif {"price_per_ticket", "currency"} & patch.__fields_set__ and patch.extra is None:
        raise InvalidInput("This event has several ticket types: change their prices one by one.")
    await _save_capacity(tx, event.id, _capacity(event, shown, patch))


async def _save_single(
    tx: Tx, event: Event, package: Package, patch: EventPatch, known: Currencies
) -> None:
    """An event with one package: the event's own price, currency and stock are the package's.

    An old client sends both the event's fields and its one wave; the field that differs from
    what is stored is the one that was changed.
    """
    wave = _single_wave(patch)
    values: dict[str, Any] = {}
    legacy = package.legacy
    if wave is not None:
        draft = rules.wave_draft(wave, known, zone_of(event))
        values, legacy = _values(package, wave, draft), draft.legacy
        if wave.opening_date is None:
            values.pop("sale_starts_at", None)
    currency = package.currency
    if patch.currency is not None:
        currency = rules.clean_currency(patch.currency, known)
    price = patch.price_per_ticket
    if price is None and currency != package.currency:
        price = Decimal(str(package.price))
    if price is not None:
        minor = rules.price_to_minor(price, currency)
        if (minor, currency) != (package.price_minor, package.currency):
            values.update(price_minor=minor, currency=currency)
    if patch.closing_date and patch.closing_date != event.closing_date:
        closes = day_end(patch.closing_date, zone_of(event))
        values["sale_ends_at"] = to_ms(closes) if closes else None
        values["legacy"] = json.dumps({**legacy, "closing_date": patch.closing_date})
    if values:
        await crud.save_package(tx, package.id, values)
    capacity = _capacity(event, [package], patch)
    if package.quantity_limit is not None and capacity != event.capacity:
        await _save_limit(tx, package.id, capacity)


def _capacity(event: Event, packages: Sequence[Package], patch: EventPatch) -> int | None:
    """The capacity a patch means: a new `capacity`, else 1.6.9's remaining stock plus sales."""
    if _names_capacity(event, patch):
        return patch.capacity
    wave = _single_wave(patch)
    stocks = [patch.amount_tickets]
    if wave is not None and not _are_stocks_as_read(event, packages, patch):
        stocks.append(wave.amount_tickets)
    changed = [n for n in stocks if n is not None and n != event.amount_tickets]
    if not changed:
        return event.capacity
    known_sold = event.sold if patch.sold is None else patch.sold
    return min(changed[0] + known_sold, MAX_COUNT)


def _are_stocks_as_read(event: Event, packages: Sequence[Package], patch: EventPatch) -> bool:
    """Whether the waves are the ones that were shown, each with the stock it had: then nobody
    wished for other limits, and the sum of the stocks says nothing of the event's capacity."""
    shown = {package.wave_id: package for package in packages if package.is_wave}
    waves = {wave.id: wave for wave in (patch.extra.ticket_waves if patch.extra else [])}
    return shown.keys() == waves.keys() and all(
        _is_stock_as_read(event, shown[name], wave, patch) for name, wave in waves.items()
    )


def _is_stock_as_read(event: Event, package: Package, wave: WaveBody, patch: EventPatch) -> bool:
    """Whether a wave has the stock that was shown of it, what was sold meanwhile set aside."""
    if package.quantity_limit is None:
        sold = event.sold if patch.sold is None else patch.sold
        if event.capacity is None:
            return wave.amount_tickets == event.amount_tickets
        return wave.amount_tickets + sold == event.capacity
    sold = package.sold if wave.sold is None else wave.sold
    return wave.amount_tickets + sold == package.quantity_limit


def _values(package: Package, wave: WaveBody, draft: PackageDraft) -> dict[str, Any]:
    """What a wave sets of a package. A day that stayed leaves an exact time as it is."""
    values = package_values(draft)
    for column, day in (("sale_starts_at", "opening_date"), ("sale_ends_at", "closing_date")):
        if getattr(package, column) and getattr(wave, day) == package.legacy.get(day):
            values.pop(column)
    return values


def _names_capacity(event: Event, patch: EventPatch) -> bool:
    """Old clients send back every field they read, so only a new value is a wish."""
    return "capacity" in patch.__fields_set__ and patch.capacity != event.capacity


def _single_wave(patch: EventPatch) -> WaveBody | None:
    waves = patch.extra.ticket_waves if patch.extra else []
    return waves[0] if len(waves) == 1 else None


def _known_again(package: Package | None) -> Package | None:
    """A package that 1.6.9 was not shown, but names: it was shown when its form was read."""
    if package is not None and package.kind != ADMISSION:
        raise InvalidInput("Each ticket wave needs an id of its own.")
    return package


async def _remove(tx: Tx, package: Package) -> None:
    """A wave that an organiser left out. What was sold, or may still be paid, is only disabled."""
    if await crud_packages.delete_unused(tx, package.event_id, package.id):
        await crud_options.delete_of_package(tx, package.id)
        return
    await crud.save_package(tx, package.id, {"is_enabled": False, "display_order": _LAST})


def _seats_of(package: Package) -> int:
    """Seats of the event that a package which is no wave may need."""
    if package.kind != ADMISSION:
        return 0
    taken = package.sold + package.held
    is_open = package.is_enabled and package.quantity_limit is not None
    return max(taken, package.quantity_limit or 0) if is_open else taken


async def _replace_waves(
    tx: Tx,
    event: Event,
    packages: list[Package],
    patch: EventPatch,
    known: Currencies,
    now: datetime,
) -> None:
    """Take over a list of waves: known ids are changed, new ones added, missing ones removed.

    A removed package that was sold is only disabled: its tickets and refunds still name it.
    Packages that 1.6.9 is not shown stay as they are.
    """
    waves = patch.extra.ticket_waves if patch.extra else []
    gone = {package.wave_id: package for package in packages if package.is_wave}
    others = {package.wave_id: package for package in packages if not package.is_wave}
    seats = 0
    for position, wave in enumerate(waves):
        draft = rules.wave_draft(wave, known, zone_of(event))
        package = gone.pop(wave.id, None)
        if package is None:
            package = _known_again(others.pop(wave.id, None))
        if package is None:
            await crud.insert_package(tx, new_package_row(event.id, draft, position, now))
            seats += wave.amount_tickets
            continue
        limit = min(wave.amount_tickets + _sold_as_read(event, package, wave, patch), MAX_COUNT)
        values = {**_values(package, wave, draft), "display_order": position, "is_enabled": True}
        await crud.save_package(tx, package.id, values)
        if not _is_stock_as_read(event, package, wave, patch):
            await _save_limit(tx, package.id, limit)
        seats += limit
    for package in gone.values():
        await _remove(tx, package)
        seats += package.sold + package.held
    seats += sum(_seats_of(package) for package in others.values())
    await _save_capacity(tx, event.id, _sum_of_waves(event, packages, patch, seats))


def _sum_of_waves(
    event: Event, packages: Sequence[Package], patch: EventPatch, seats: int
) -> int | None:
    """1.6.9: the event's stock is the sum of its waves' stock."""
    if _names_capacity(event, patch):
        return patch.capacity
    return event.capacity if _are_stocks_as_read(event, packages, patch) else min(seats, MAX_COUNT)


def _sold_as_read(event: Event, package: Package, wave: WaveBody, patch: EventPatch) -> int:
    """What was sold of a wave when its form was read: its stock of then plus this is its limit.

    Without it a form opened before some sales would give their seats back.
    """
    if wave.sold is not None:
        return wave.sold
    if patch.sold is not None and patch.sold != event.sold:
        raise StaleVersion("Tickets were sold meanwhile. Reload the event and try again.")
    return package.sold


async def _save_capacity(tx: Tx, event_id: str, capacity: int | None) -> None:
    if await crud.save_capacity(tx, event_id, capacity) != 1:
        raise BelowSold("More tickets than that are sold or being bought already.")


async def _save_limit(tx: Tx, package_id: str, limit: int | None) -> None:
    if await crud.save_limit(tx, package_id, limit) != 1:
        raise BelowSold("More tickets of this type than that are sold or being bought already.")


async def follow_packages(tx: Tx, event_id: str) -> None:
    """1.6.9's event columns follow the first package; they are read by old clients only."""
    packages = [p for p in await crud.get_packages(tx, event_id) if p.is_wave]
    if packages:
        first = packages[0]
        await crud.save_price(tx, event_id, first.currency, first.price)
    closings = [day for p in packages if (day := p.legacy.get("closing_date"))]
    if closings and len(closings) == len(packages):
        await crud.save_closing(tx, event_id, max(closings))
