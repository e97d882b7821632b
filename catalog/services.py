"""Organiser's use cases: make, cancel and delete events; read listings."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ..audit.services import record
from ..clock import to_ms
from ..crud import Tx, legacy_time, reading, short_id, transaction
from ..errors import Forbidden, HasSales, NotFound
from ..models import EventStatus, to_major
from ..outbox import services as outbox
from ..outbox.models import EVENT_CANCELLED
from . import crud, crud_endings, crud_options, crud_packages, rules
from .bodies import EventBody, PromoBody
from .described import event_deleted, listing_made, status_changed
from .details import new_details
from .mirror import mirror_legacy
from .models import Event, Listing, Package
from .policy import new_policy
from .rules import Currencies, PackageDraft
from .schedule import Schedule, new_schedule


class Codes(Protocol):
    """What this room asks of the promo codes above it, handed in by whoever mounts the routes."""

    async def replace(
        self, tx: Tx, event_id: str, codes: Sequence[PromoBody], now: datetime
    ) -> None: ...

    async def copy(
        self, tx: Tx, event_id: str, new_event_id: str, packages: Mapping[str, str], now: datetime
    ) -> None:
        """Give a copy of an event the same codes, without their uses. `packages`: the copy's
        package ids by those of the event."""

    async def forget(self, tx: Tx, event_id: str) -> None:
        """Of a deleted event nothing is left, the uses of its codes included."""


class Money(Protocol):
    """The port to the refunds above: whether an event owes or has paid back money, and a hint
    that it does from now on."""

    async def is_behind(self, tx: Tx, event_id: str) -> bool: ...

    def look(self) -> None:
        """An event was cancelled; there is something to refund."""


async def read_listing(tx: Tx, event_id: str) -> Listing | None:
    """An event and its packages: one statement, however much was sold."""
    return await crud.get_listing(tx, event_id)


async def require_listing(event_id: str) -> Listing:
    """The same on a connection of its own. Raises NotFound."""
    async with reading() as tx:
        listing = await read_listing(tx, event_id)
    if listing is None:
        raise NotFound("This event does not exist.")
    return listing


async def require_own(event_id: str, wallet: str) -> Event:
    """An event of this wallet. Raises NotFound, or Forbidden when it lies in another."""
    async with reading() as tx:
        return await own_event(tx, event_id, wallet)


async def list_listings(wallets: Sequence[str]) -> list[Listing]:
    """All events of some wallets with their packages, newest first."""
    if not wallets:
        return []
    async with reading() as tx:
        events = await crud.list_events(tx, wallets)
        packages = await crud.list_packages(tx, wallets)
    return with_packages(events, packages)


def with_packages(events: Sequence[Event], packages: Sequence[Package]) -> list[Listing]:
    """Each event with its own packages; both keep their order."""
    of_event: dict[str, list[Package]] = defaultdict(list)
    for package in packages:
        of_event[package.event_id].append(package)
    return [Listing(event, of_event[event.id]) for event in events]


async def create_event(
    wallet: str, body: EventBody, codes: Codes, known: Currencies, now: datetime
) -> Listing:
    """Store a new event with its packages and codes. `known`: the currencies of this host.

    Raises Forbidden for a foreign wallet in the body, InvalidInput for what cannot be sold.
    """
    if body.wallet and body.wallet != wallet:
        raise Forbidden("An event can only be made in the wallet of the key.")
    schedule = new_schedule(body)
    drafts = rules.new_packages(body, known, schedule)
    event_id = short_id()
    row = {
        **_new_row(event_id, wallet, body, drafts, now),
        **schedule.columns(),
        **new_policy(body),
        **new_details(body),
        "closing_date": _closing_day(body, drafts, schedule),
    }
    async with transaction() as tx:
        await crud.insert_event(tx, row)
        for position, draft in enumerate(drafts):
            await crud.insert_package(tx, new_package_row(event_id, draft, position, now))
        await codes.replace(tx, event_id, body.extra.promo_codes, now)
        await mirror_legacy(tx, event_id)
        listing = await reread(tx, event_id)
        await record(tx, listing_made("create", listing))
        return listing


def _new_row(
    event_id: str, wallet: str, body: EventBody, drafts: Sequence[PackageDraft], now: datetime
) -> dict[str, Any]:
    return {
        "id": event_id,
        "wallet": wallet,
        "name": body.name,
        "info": body.info,
        "currency": drafts[0].currency,
        "price_per_ticket": float(to_major(drafts[0].price_minor, drafts[0].currency)),
        # Follows from the capacity, by the mirror at the end of the same transaction.
        "amount_tickets": 0,
        "sold": 0,
        "time": legacy_time(now),
        "banner": body.banner,
        "canceled": False,
        "extra": json.dumps(body.extra.settings()),
        "allow_fiat": body.allow_fiat,
        "fiat_currency": drafts[0].legacy["fiat_currency"],
        "status": body.status.value,
        "capacity": rules.new_capacity(body, drafts),
        "held": 0,
        "ticket_seq": 0,
        "version": 1,
        "is_adopted": True,
    }


def _closing_day(body: EventBody, drafts: Sequence[PackageDraft], schedule: Schedule) -> str:
    """1.6.9: the latest of the waves. One that stays open leaves it to the event."""
    closings = [day for draft in drafts if (day := draft.legacy.get("closing_date"))]
    latest = max(closings) if len(closings) == len(drafts) else None
    return latest or body.closing_date or schedule.last_day


def new_package_row(
    event_id: str, draft: PackageDraft, position: int, now: datetime
) -> dict[str, Any]:
    """A row of `events.packages` for a draft."""
    return {
        "id": short_id(),
        "event_id": event_id,
        "wave_id": draft.wave_id,
        "kind": "admission",
        "quantity_limit": draft.stock,
        "display_order": position,
        "created_at": to_ms(now),
        **package_values(draft),
    }


def package_values(draft: PackageDraft) -> dict[str, Any]:
    """The described columns of a package: everything but ids, limit and counters."""
    return {
        "name": draft.name,
        "price_minor": draft.price_minor,
        "currency": draft.currency,
        "sale_starts_at": to_ms(draft.sale_starts_at) if draft.sale_starts_at else None,
        "sale_ends_at": to_ms(draft.sale_ends_at) if draft.sale_ends_at else None,
        "legacy": json.dumps(draft.legacy),
    }


async def cancel_event(event_id: str, wallet: str, money: Money, now: datetime) -> Listing:
    """Stop all sales; what was paid is refunded in the background. Payments of open orders that
    still arrive become refunds as well. Asked again it looks for orders left over."""
    async with transaction() as tx:
        event = await lock_event(tx, event_id, wallet)
        await crud_endings.cancel_event(tx, event_id, now)
        await record(tx, status_changed("cancel", event, EventStatus.CANCELLED.value))
        if event.status is not EventStatus.CANCELLED:
            await outbox.put(tx, EVENT_CANCELLED, event_id, event_id)
        listing = await reread(tx, event_id)
    money.look()
    return listing


async def delete_event(event_id: str, wallet: str, codes: Codes, money: Money) -> list[str]:
    """Remove an event nothing was sold or is being bought of, and all that is its own. Returns
    the pictures nobody shows any more. Raises HasSales otherwise."""
    async with transaction() as tx:
        event = await lock_event(tx, event_id, wallet)
        if await money.is_behind(tx, event_id):
            raise HasSales("Money of this event is owed or was paid back. Cancel it instead.")
        if await crud.delete_unsold_event(tx, event_id, wallet) != 1:
            raise HasSales("Tickets of this event are sold or being bought. Cancel it instead.")
        images = await crud_packages.list_images(tx, event_id)
        await crud_options.delete_of_event(tx, event_id)
        await crud.delete_packages(tx, event_id)
        await codes.forget(tx, event_id)
        await record(tx, event_deleted(event))
    return images


async def own_event(tx: Tx, event_id: str, wallet: str) -> Event:
    """Raises NotFound, or Forbidden when the event lies in another wallet (as 1.6.9 says)."""
    event = await crud.get_event(tx, event_id)
    if event is None:
        raise NotFound("This event does not exist.")
    if event.wallet != wallet:
        raise Forbidden("Not your event.")
    return event


async def lock_event(tx: Tx, event_id: str, wallet: str) -> Event:
    """The same as nobody else changes it until the commit."""
    await crud_packages.lock_event(tx, event_id, wallet)
    return await own_event(tx, event_id, wallet)


async def reread(tx: Tx, event_id: str) -> Listing:
    listing = await read_listing(tx, event_id)
    if listing is None:
        raise NotFound("This event does not exist.")
    return listing
