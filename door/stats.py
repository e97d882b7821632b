"""How full it is: counted at most once a second per event, however many devices ask."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..catalog.models import ADMISSION
from ..clock import to_ms
from ..crud import Row, Tx, transaction
from . import crud_offline
from .keys import Presented, require_key
from .scanners import note_seen

_MINUTE = timedelta(minutes=1)
_FRESH_S = 1.0
# Counting a very large event takes its time, and nobody is let in meanwhile: it may take a
# twentieth of it.
_REST_PER_COUNT = 19.0
_STALE_S = 10.0
_MOST_REMEMBERED = 1_000


@dataclass(frozen=True)
class PackageFigures:
    """Admission tickets of one package. `sold`: valid or used; `inside`: admitted and not gone."""

    package_id: str | None
    name: str | None
    sold: int
    admitted: int
    inside: int


@dataclass(frozen=True)
class Figures:
    """Of an event. `last_minute`: guests whose admission was received within it."""

    per_package: list[PackageFigures]
    last_minute: int

    @property
    def sold(self) -> int:
        return sum(package.sold for package in self.per_package)

    @property
    def admitted(self) -> int:
        return sum(package.admitted for package in self.per_package)

    @property
    def inside(self) -> int:
        return sum(package.inside for package in self.per_package)


# Until when (monotonic seconds) which figures are told again.
_known: dict[str, tuple[float, Figures]] = {}


async def figures(event_id: str, shown: Presented, now: datetime) -> Figures:
    """The figures of an event, and a note that the scanner is there. Raises Forbidden."""
    # One at a time, as every step of the extension: whoever waited finds what the first counted.
    async with transaction() as tx:
        key = await require_key(tx, event_id, shown, now)
        await note_seen(tx, key, now)
        known = _known.get(event_id)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        return await _count_and_keep(tx, event_id, now)


async def _count_and_keep(tx: Tx, event_id: str, now: datetime) -> Figures:
    began = time.monotonic()
    counted = await count(tx, event_id, now)
    ended = time.monotonic()
    rest = min(max(_FRESH_S, _REST_PER_COUNT * (ended - began)), _STALE_S)
    if len(_known) >= _MOST_REMEMBERED:
        _known.clear()
    _known[event_id] = (ended + rest, counted)
    return counted


async def count(tx: Tx, event_id: str, now: datetime) -> Figures:
    """The figures as they are now: three statements."""
    _, packages = await crud_offline.list_packages(tx, event_id)
    counted = {row["package_id"]: row for row in await crud_offline.count_tickets(tx, event_id)}
    names = {row["id"]: row["name"] for row in packages if row["kind"] == ADMISSION}
    ids = [*names, *(package_id for package_id in counted if package_id not in names)]
    last_minute = await crud_offline.count_admissions(tx, event_id, to_ms(now - _MINUTE))
    per_package = [_of_package(id_, names.get(id_), counted.get(id_)) for id_ in ids]
    return Figures(per_package, last_minute)


def _of_package(package_id: str | None, name: str | None, row: Row | None) -> PackageFigures:
    if row is None:
        return PackageFigures(package_id, name, 0, 0, 0)
    return PackageFigures(package_id, name, row["sold"], row["admitted"], row["inside"])
