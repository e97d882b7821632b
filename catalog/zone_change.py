"""An event moves to another time zone: the days of its sale are days there from now on."""

from collections.abc import Callable
from datetime import datetime, tzinfo

from ..clock import to_ms
from ..crud import Tx
from . import crud
from .models import Event, Listing, Package
from .times import day_end, day_start, zone_of

Edge = Callable[[str | None, tzinfo], datetime | None]


async def move_sales(tx: Tx, before: Listing, event: Event) -> list[Package]:
    """Store the new begin and end of each sale; returns the packages as they are then.

    Only what stands at the edge of a day moves: an exact time stays the moment it is.
    """
    old, new = zone_of(before.event), zone_of(event)
    for package in before.packages:
        first = package.legacy.get("opening_date")
        last = package.legacy.get("closing_date") or before.event.closing_date
        values = {
            "sale_starts_at": _moved(package.sale_starts_at, day_start, first, old, new),
            "sale_ends_at": _moved(package.sale_ends_at, day_end, last, old, new),
        }
        await crud.save_package(
            tx, package.id, {name: to_ms(at) if at else None for name, at in values.items()}
        )
    return await crud.get_packages(tx, event.id)


def _moved(
    moment: datetime | None, edge: Edge, day: str | None, old: tzinfo, new: tzinfo
) -> datetime | None:
    return edge(day, new) if moment and moment == edge(day, old) else moment
