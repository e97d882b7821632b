"""Change an event. No save ever writes a counter; limits never go below what is sold and held."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from ..audit.services import record
from ..crud import Tx, transaction
from ..errors import Forbidden, StaleVersion
from ..models import EventStatus
from ..outbox import services as outbox
from ..outbox.models import EVENT_CHANGED
from . import crud, rules
from .bodies import EventPatch
from .described import listing_changed, when_and_where
from .details import changed_details
from .images import forget_images
from .mirror import mirror_legacy
from .models import Event, Listing
from .policy import changed_policy, must_decide_again
from .reminding import is_to_remind_again
from .rules import Currencies
from .schedule import Schedule, changed_schedule
from .services import Codes, lock_event, read_listing
from .times import completes_at
from .waves import follow_packages, save_packages
from .zone_change import move_sales

_PLAIN = (
    "name",
    "info",
    "closing_date",
    "allow_fiat",
)
_STALE = "Somebody else changed this event. Reload it and try again."


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
        event = await lock_event(tx, event_id, wallet)
        if patch.version is not None and patch.version != event.version:
            raise StaleVersion(_STALE)
        before = Listing(event, await crud.get_packages(tx, event_id))
        described = _described(event, patch, now)
        if fiat_currency is not None:
            described["fiat_currency"] = fiat_currency
        if await crud.save_event(tx, event_id, event.version, described) != 1:
            raise StaleVersion(_STALE)
        await _save_rest(tx, before, patch, codes, known, now)
        after = await _finish(tx, before, now)
        await record(tx, listing_changed(before, after))
        await _tell_holders(tx, before.event, after.event)
    await forget_images(_gone_images(before, after))
    return after


async def _save_rest(
    tx: Tx, before: Listing, patch: EventPatch, codes: Codes, known: Currencies, now: datetime
) -> None:
    """What an update changes beside the event's own row, and what follows from it."""
    event, packages = before.event, before.packages
    # A currency that stays is not judged: the host may have stopped converting it since.
    kept = {package.currency for package in packages}
    known = replace(known, allowed={*known.allowed, *kept})
    if patch.timezone is not None and patch.timezone != event.timezone:
        # From here on its days are those of the new zone.
        event = replace(event, timezone=patch.timezone)
        packages = await move_sales(tx, before, event)
    await save_packages(tx, event, packages, patch, known, now)
    if patch.extra is not None and patch.extra.sets_codes:
        await codes.replace(tx, event.id, patch.extra.promo_codes, now)
    await follow_packages(tx, event.id)
    await mirror_legacy(tx, event.id)


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


async def _tell_holders(tx: Tx, before: Event, after: Event) -> None:
    """Whoever has a ticket is told that time or place are others now."""
    was, is_ = when_and_where(before), when_and_where(after)
    if was != is_ and after.sold and after.status is EventStatus.PUBLISHED:
        was_over = before.status is EventStatus.COMPLETED
        told = {"before": was, "after": is_, "was_over": was_over}
        await outbox.put(tx, EVENT_CHANGED, after.id, after.id, told)


def _described(event: Event, patch: EventPatch, now: datetime) -> dict[str, Any]:
    """The columns a patch sets, checked against those it leaves alone."""
    values: dict[str, Any] = {
        name: getattr(patch, name) for name in _PLAIN if getattr(patch, name) is not None
    }
    if "banner" in patch.__fields_set__:
        values["banner"] = patch.banner
    if patch.extra is not None:
        values["extra"] = json.dumps({**event.extra, **patch.extra.settings(only_sent=True)})
    schedule = changed_schedule(event, patch)
    closing_date = patch.closing_date or event.closing_date
    moved = _moved(event, schedule, closing_date)
    if _takes_place_again(event, moved, now):
        values["status"] = EventStatus.PUBLISHED.value
    if is_to_remind_again(event, moved, now):
        values["reminded_at"] = None
    return {
        **values,
        **schedule.columns(),
        **changed_policy(event, patch),
        **changed_details(patch),
    }


def _moved(event: Event, schedule: Schedule, closing_date: str) -> Event:
    """The event with its new dates."""
    return replace(
        event,
        closing_date=closing_date,
        timezone=schedule.timezone,
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        event_start_date=schedule.first_day,
        event_end_date=schedule.last_day,
    )


def _takes_place_again(event: Event, moved: Event, now: datetime) -> bool:
    """Whether a completed event, whose end had passed, ends later than now: it was put off, or its
    date was a slip. 1.6.9's organisers give a past event new dates to use it again."""
    if event.status is not EventStatus.COMPLETED:
        return False
    was_over_at, over_at = completes_at(event), completes_at(moved)
    was_over = was_over_at is not None and now >= was_over_at
    return was_over and (over_at is None or now < over_at)


def _gone_images(before: Listing, after: Listing) -> list[str]:
    """The host's assets that no package shows any more."""
    shown = {package.image_id for package in after.packages}
    images = [package.image_id for package in before.packages if package.image_id not in shown]
    return [image for image in images if image]
