"""What 1.6.9 reads of an event is kept true, so an operator can go back to it."""

from datetime import timezone
from typing import Any

from ..crud import Tx
from . import crud
from .models import Event, Package
from .times import local_day, zone_of


def wave_of(event: Event, package: Package) -> dict[str, Any]:
    """A package as 1.6.9's ticket wave. `amount_tickets` is what remains, paid ones gone."""
    if package.quantity_limit is None:
        left = event.amount_tickets
    else:
        left = max(0, package.quantity_limit - package.sold)
    return {
        "id": package.wave_id,
        "title": package.name,
        "opening_date": package.legacy.get("opening_date") or _opened(event),
        "closing_date": package.legacy.get("closing_date") or event.closing_date,
        "currency": package.currency,
        "allow_fiat": bool(package.legacy.get("allow_fiat", False)),
        "fiat_currency": package.legacy.get("fiat_currency") or "GBP",
        "amount_tickets": left,
        # Not 1.6.9's: its clients send it back, and with it the moment their form was read.
        "sold": package.sold,
        "price_per_ticket": package.price,
        "use_ticket_image": bool(package.legacy.get("use_ticket_image", False)),
        "ticket_image_id": package.legacy.get("ticket_image_id"),
    }


def extra_of(event: Event, packages: list[Package]) -> dict[str, Any]:
    """1.6.9's `extra`: the stored settings and codes, with waves made from the packages."""
    # Disabled, hidden and add-on packages would be on sale in 1.6.9, as admission.
    waves = [wave_of(event, package) for package in packages if package.is_wave]
    return {**event.extra, **_minimum(event), "ticket_waves": waves}


def _opened(event: Event) -> str:
    """The day the sale began, when none was set. The earlier one, of UTC (as 1.6.9 reads it) and
    of the event: a client that sends it back must not close a sale that is open."""
    if event.created_at is None:
        return event.event_start_date
    return min(local_day(event.created_at, zone) for zone in (timezone.utc, zone_of(event)))


def _minimum(event: Event) -> dict[str, Any]:
    """The columns are what counts; a number without a minimum stays as it was entered."""
    if event.min_tickets is not None:
        return {"conditional": True, "min_tickets": event.min_tickets}
    return {"conditional": False} if event.extra.get("conditional") else {}


async def mirror_legacy(tx: Tx, event_id: str) -> None:
    """Bring `amount_tickets` and `extra` in line. Call it last in a transaction that changed
    seats or packages: the event's row is locked by then, so no older state can overwrite."""
    listing = await crud.get_listing(tx, event_id)
    if listing is None:
        return
    extra = extra_of(listing.event, listing.packages)
    await crud.save_mirror(tx, event_id, listing.event.amount_tickets, extra)
