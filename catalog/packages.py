"""Organiser's use cases: add, change, order and take away ticket types, one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..audit.services import Change, differences, record
from ..clock import to_ms
from ..crud import Tx, reading, short_id, transaction
from ..errors import BelowSold, Forbidden, HasSales, InvalidInput, NotFound, StaleVersion
from ..models import EventStatus
from . import crud, crud_options, crud_packages
from .bodies_packages import PackageBody, PackagePatch
from .mirror import mirror_legacy
from .models import Listing, Package
from .options import Options, listing_options
from .package_rules import changed_columns, described, new_columns
from .policy import must_decide_again
from .rules import Currencies
from .services import own_event, read_listing

MAX_PACKAGES = 100
_STALE = "Somebody else changed this ticket type. Reload it and try again."


@dataclass(frozen=True)
class Shown:
    """An event with its packages and what they ask."""

    listing: Listing
    options: Options = field(default_factory=dict)

    def package(self, package_id: str) -> Package:
        """Raises NotFound."""
        for package in self.listing.packages:
            if package.id == package_id:
                return package
        raise NotFound("This ticket type does not exist.")


@dataclass(frozen=True)
class Removed:
    """What is left of a removed package: nothing (`shown` is None, its picture is to be
    forgotten), or the disabled package."""

    shown: Shown | None
    image_id: str | None


async def read_shown(event_id: str) -> Shown:
    """An event with all its packages: two statements on one connection. Raises NotFound."""
    async with reading() as tx:
        return await _read(tx, event_id)


async def read_packages(event_id: str, wallet: str | None) -> Shown:
    """The packages of an event, in display order: all for its wallet, without one those that
    everybody may see. Raises NotFound, also for the public and a draft, and Forbidden."""
    shown = await read_shown(event_id)
    event = shown.listing.event
    if wallet is not None:
        if event.wallet != wallet:
            raise Forbidden("Not your event.")
        return shown
    if event.status is EventStatus.DRAFT:
        raise NotFound("This event does not exist.")
    public = [p for p in shown.listing.packages if p.is_enabled and not p.is_hidden]
    return Shown(Listing(event, public), shown.options)


async def add_package(
    event_id: str, wallet: str, body: PackageBody, known: Currencies, now: datetime
) -> tuple[Shown, str]:
    """Store a new ticket type, shown last; returns its id too.

    Raises NotFound, Forbidden, InvalidInput.
    """
    async with transaction() as tx:
        before = await _lock(tx, event_id, wallet)
        if len(before.packages) >= MAX_PACKAGES:
            raise InvalidInput(f"An event can have {MAX_PACKAGES} ticket types at most.")
        package_id = short_id()
        last = max((package.display_order for package in before.packages), default=-1)
        row = {
            "id": package_id,
            "event_id": event_id,
            "wave_id": short_id(),
            **new_columns(before, body, known),
            "display_order": last + 1,
            "created_at": to_ms(now),
        }
        await crud.insert_package(tx, row)
        shown = await _finish(tx, before, now)
        after = described(shown.package(package_id))
        await record(tx, differences("create", "package", package_id, event_id, {}, after))
    return shown, package_id


async def change_package(
    event_id: str,
    wallet: str,
    package_id: str,
    patch: PackagePatch,
    known: Currencies,
    now: datetime,
) -> Shown:
    """Store any subset of a ticket type; orders that were placed keep the price they had.

    Raises NotFound, Forbidden, InvalidInput, StaleVersion, BelowSold, HasSales; then nothing is
    stored.
    """
    async with transaction() as tx:
        before = await _lock(tx, event_id, wallet)
        old = await crud_packages.require_package(tx, event_id, package_id)
        if patch.version is not None and patch.version != old.version:
            raise StaleVersion(_STALE)
        values = changed_columns(before.event, old, patch, known)
        await _save_kind(tx, package_id, values.pop("kind", None))
        if "quantity_limit" in patch.__fields_set__:
            await _save_limit(tx, package_id, patch.quantity_limit)
        if await crud_packages.save(tx, package_id, old.version, values) != 1:
            raise StaleVersion(_STALE)
        shown = await _finish(tx, before, now)
        after = described(shown.package(package_id))
        changes = differences("update", "package", package_id, event_id, described(old), after)
        await record(tx, changes)
    return shown


async def remove_package(event_id: str, wallet: str, package_id: str, now: datetime) -> Removed:
    """Delete a ticket type nothing was sold of; any other is only disabled, because its tickets
    and refunds name it. Raises NotFound, Forbidden."""
    async with transaction() as tx:
        before = await _lock(tx, event_id, wallet)
        old = await crud_packages.require_package(tx, event_id, package_id)
        if await crud_packages.delete_unused(tx, event_id, package_id):
            await crud_options.delete_of_package(tx, package_id)
            await _finish(tx, before, now)
            changes = differences("delete", "package", package_id, event_id, described(old), {})
            await record(tx, changes)
            return Removed(None, old.image_id)
        await crud_packages.save(tx, package_id, old.version, {"is_enabled": False})
        shown = await _finish(tx, before, now)
        after = described(shown.package(package_id))
        changes = differences("delete", "package", package_id, event_id, described(old), after)
        await record(tx, changes)
        return Removed(shown, None)


async def order_packages(
    event_id: str, wallet: str, package_ids: Sequence[str], now: datetime
) -> Shown:
    """Show the ticket types in this order. Raises InvalidInput unless each is named once."""
    async with transaction() as tx:
        before = await _lock(tx, event_id, wallet)
        old = [package.id for package in before.packages]
        if len(package_ids) != len(old) or set(package_ids) != set(old):
            raise InvalidInput("Name each ticket type of the event once.")
        if old:
            await crud_packages.save_order(tx, event_id, package_ids)
        shown = await _finish(tx, before, now)
        changed = Change(
            "reorder", "event", event_id, event_id, "package_ids", old, list(package_ids)
        )
        await record(tx, [changed] if old != list(package_ids) else [])
    return shown


async def set_image(
    event_id: str, wallet: str, package_id: str, image_id: str | None
) -> tuple[Shown, str | None]:
    """Show another picture, or none; returns the one that was shown, which is to be forgotten.

    Raises NotFound, Forbidden.
    """
    async with transaction() as tx:
        await _lock(tx, event_id, wallet)
        old = await crud_packages.require_package(tx, event_id, package_id)
        if old.image_id != image_id:
            await crud_packages.save(tx, package_id, old.version, {"image_id": image_id})
        shown = await _read(tx, event_id)
        after = described(shown.package(package_id))
        changes = differences("update", "package", package_id, event_id, described(old), after)
        await record(tx, changes)
    return shown, old.image_id if old.image_id != image_id else None


async def _lock(tx: Tx, event_id: str, wallet: str) -> Listing:
    """The event, for its organiser. Nobody else changes it or its packages until the commit."""
    await crud_packages.lock_event(tx, event_id, wallet)
    event = await own_event(tx, event_id, wallet)
    return Listing(event, await crud.get_packages(tx, event_id))


async def _read(tx: Tx, event_id: str) -> Shown:
    listing = await read_listing(tx, event_id)
    if listing is None:
        raise NotFound("This event does not exist.")
    return Shown(listing, await listing_options(tx, listing))


async def _save_kind(tx: Tx, package_id: str, kind: str | None) -> None:
    if kind is not None and await crud_packages.save_kind(tx, package_id, kind) != 1:
        raise HasSales("Tickets of this type are sold or being bought: its kind stays.")


async def _save_limit(tx: Tx, package_id: str, limit: int | None) -> None:
    if await crud.save_limit(tx, package_id, limit) != 1:
        raise BelowSold("More tickets of this type than that are sold or being bought already.")


async def _finish(tx: Tx, before: Listing, now: datetime) -> Shown:
    """Bring in line what follows from the packages: 1.6.9's columns, and whether the minimum of
    a conditional event is to be judged once more."""
    event_id = before.event.id
    shown = await _read(tx, event_id)
    first = shown.listing.package(None)
    if first is not None:
        await crud.save_price(tx, event_id, first.currency, first.price)
    if must_decide_again(before, shown.listing, now):
        await crud.reopen_minimum(tx, event_id)
    await mirror_legacy(tx, event_id)
    return shown
