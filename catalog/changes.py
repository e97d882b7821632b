"""Change an event. No save ever writes a counter; limits never go below what is sold and held."""

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..clock import to_ms
from ..crud import Tx, transaction
from ..errors import BelowSold, Forbidden, InvalidInput, StaleVersion
from ..models import MAX_COUNT
from . import crud, rules
from .bodies import EventPatch, WaveBody
from .mirror import mirror_legacy
from .models import Event, Listing, Package
from .policy import changed_policy, must_decide_again
from .rules import Currencies
from .schedule import changed_schedule
from .services import Codes, new_package_row, own_event, package_values, read_listing
from .times import day_end, zone_of
from .zone_change import move_sales

_LAST = 1000

_PLAIN = (
    "name",
    "info",
    "closing_date",
    "allow_fiat",
)


async def update_event(
    event_id: str,
    wallet: str,
    patch: EventPatch,
    codes: Codes,
    known: Currencies,
    now: datetime,
) -> Listing:
    """Store any subset of an event, its waves and its codes.

    Raises NotFound, Forbidden, StaleVersion, BelowSold, InvalidInput; then nothing is stored.
    """
    if patch.wallet and patch.wallet != wallet:
        raise Forbidden("An event cannot move to another wallet.")
    fiat_currency = rules.clean_fiat(patch.fiat_currency, known)
    async with transaction() as tx:
        event = await own_event(tx, event_id, wallet)
        if patch.version is not None and patch.version != event.version:
            raise StaleVersion("Somebody else changed this event. Reload it and try again.")
        packages = await crud.get_packages(tx, event_id)
        before = Listing(event, packages)
        # A currency that stays is not judged: the host may have stopped converting it since.
        kept = {package.currency for package in packages}
        known = replace(known, allowed={*known.allowed, *kept})
        described = _described(event, patch)
        if fiat_currency is not None:
            described["fiat_currency"] = fiat_currency
        if await crud.save_event(tx, event_id, event.version, described) != 1:
            raise StaleVersion("Somebody else changed this event. Reload it and try again.")
        if described["timezone"] != event.timezone:
            # From here on its days are those of the new zone.
            event = replace(event, timezone=described["timezone"])
            packages = await move_sales(tx, before, event)
        await _save_packages(tx, event, packages, patch, known, now)
        if patch.extra is not None and patch.extra.sets_codes:
            await codes.replace(tx, event_id, patch.extra.promo_codes, now)
        await _follow_packages(tx, event_id)
        await mirror_legacy(tx, event_id)
        return await _finish(tx, before, now)


async def _finish(tx: Tx, before: Listing, now: datetime) -> Listing:
    """What the event is after the change."""
    event_id = before.event.id
    after = await read_listing(tx, event_id)
    if after and must_decide_again(before, after, now):
        await crud.reopen_minimum(tx, event_id)
        after = await read_listing(tx, event_id)
    if after is None:
        raise StaleVersion("This event was deleted meanwhile.")
    return after


def _described(event: Event, patch: EventPatch) -> dict[str, Any]:
    """The columns a patch sets, checked against those it leaves alone."""
    values: dict[str, Any] = {
        name: getattr(patch, name) for name in _PLAIN if getattr(patch, name) is not None
    }
    if "banner" in patch.__fields_set__:
        values["banner"] = patch.banner
    if patch.extra is not None:
        values["extra"] = json.dumps({**event.extra, **patch.extra.settings(only_sent=True)})
    return {**values, **changed_schedule(event, patch).columns(), **changed_policy(event, patch)}


async def _save_packages(
    tx: Tx,
    event: Event,
    packages: list[Package],
    patch: EventPatch,
    known: Currencies,
    now: datetime,
) -> None:
    waves = patch.extra.ticket_waves if patch.extra else []
    enabled = [package for package in packages if package.is_enabled]
    if len(waves) > 1 or (waves and [w.id for w in waves] != [p.wave_id for p in enabled]):
        await _replace_waves(tx, event, packages, patch, known, now)
        return
    if len(enabled) == 1:
        await _save_single(tx, event, enabled[0], patch, known)
    elif {"price_per_ticket", "currency"} & patch.__fields_set__ and patch.extra is None:
        raise InvalidInput("This event has several ticket types: change their prices one by one.")
    await _save_capacity(tx, event.id, _capacity(event, patch))


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
        values, legacy = package_values(draft), draft.legacy
        if wave.opening_date is None:
            values.pop("sale_starts_at")
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
    capacity = _capacity(event, patch)
    if package.quantity_limit is not None and capacity != event.capacity:
        await _save_limit(tx, package.id, capacity)


def _capacity(event: Event, patch: EventPatch) -> int | None:
    """The capacity a patch means: a new `capacity`, else 1.6.9's remaining stock plus sales."""
    if _names_capacity(event, patch):
        return patch.capacity
    wave = _single_wave(patch)
    stocks = [patch.amount_tickets, wave.amount_tickets if wave else None]
    changed = [n for n in stocks if n is not None and n != event.amount_tickets]
    if not changed:
        return event.capacity
    known_sold = event.sold if patch.sold is None else patch.sold
    return min(changed[0] + known_sold, MAX_COUNT)


def _names_capacity(event: Event, patch: EventPatch) -> bool:
    """Old clients send back every field they read, so only a new value is a wish."""
    return "capacity" in patch.__fields_set__ and patch.capacity != event.capacity


def _single_wave(patch: EventPatch) -> WaveBody | None:
    waves = patch.extra.ticket_waves if patch.extra else []
    return waves[0] if len(waves) == 1 else None


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
    """
    waves = patch.extra.ticket_waves if patch.extra else []
    gone = {package.wave_id: package for package in packages}
    seats = 0
    for position, wave in enumerate(waves):
        draft = rules.wave_draft(wave, known, zone_of(event))
        package = gone.pop(wave.id, None)
        if package is None:
            await crud.insert_package(tx, new_package_row(event.id, draft, position, now))
            seats += wave.amount_tickets
            continue
        limit = min(wave.amount_tickets + _sold_as_read(event, package, wave, patch), MAX_COUNT)
        values = {**package_values(draft), "display_order": position, "is_enabled": True}
        await crud.save_package(tx, package.id, values)
        await _save_limit(tx, package.id, limit)
        seats += limit
    for package in gone.values():
        if await crud.delete_unsold_package(tx, package.id) != 1:
            last = {"is_enabled": False, "display_order": _LAST}
            await crud.save_package(tx, package.id, last)
            seats += package.sold + package.held
    # 1.6.9: the event's stock is the sum of its waves' stock.
    wanted = patch.capacity if _names_capacity(event, patch) else min(seats, MAX_COUNT)
    await _save_capacity(tx, event.id, wanted)


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


async def _follow_packages(tx: Tx, event_id: str) -> None:
    """1.6.9's event columns follow the first package; they are read by old clients only."""
    packages = [p for p in await crud.get_packages(tx, event_id) if p.is_enabled]
    if packages:
        first = packages[0]
        await crud.save_price(tx, event_id, first.currency, first.price)
    closings = [day for p in packages if (day := p.legacy.get("closing_date"))]
    if closings and len(closings) == len(packages):
        await crud.save_closing(tx, event_id, max(closings))
