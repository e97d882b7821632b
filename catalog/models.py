"""Rows of `events.events` and `events.packages`."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..clock import from_ms
from ..crud import Row, from_legacy_time
from ..models import LEGACY_UNLIMITED, EventStatus, to_major


def read_json(value: str | None) -> dict[str, Any]:
    """A JSON object column. 1.6.9 may have left NULL or something broken: then it is empty."""
    try:
        loaded = json.loads(value) if value else {}
    except json.JSONDecodeError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


@dataclass(frozen=True)
class Package:
    """A ticket type. `sold` is paid for, `held` is in unpaid orders; neither ever counts down
    the limit. `sale_ends_at` is exclusive."""

    id: str
    event_id: str
    wave_id: str
    kind: str
    name: str
    description: str
    price_minor: int
    currency: str
    quantity_limit: int | None
    held: int
    sold: int
    display_order: int
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    min_per_order: int
    max_per_order: int
    is_enabled: bool
    is_hidden: bool
    version: int
    legacy: dict[str, Any] = field(default_factory=dict)

    @property
    def remaining(self) -> int | None:
        """Seats that can still be held; None when unlimited."""
        if self.quantity_limit is None:
            return None
        return max(0, self.quantity_limit - self.sold - self.held)

    @property
    def price(self) -> float:
        """The price in `currency` as people write it."""
        return float(to_major(self.price_minor, self.currency))

    @classmethod
    def from_row(cls, row: Row) -> "Package":
        return cls(
            id=row["id"],
            event_id=row["event_id"],
            wave_id=row["wave_id"],
            kind=row["kind"],
            name=row["name"],
            description=row["description"],
            price_minor=row["price_minor"],
            currency=row["currency"],
            quantity_limit=row["quantity_limit"],
            held=row["held"],
            sold=row["sold"],
            display_order=row["display_order"],
            sale_starts_at=from_ms(row["sale_starts_at"]),
            sale_ends_at=from_ms(row["sale_ends_at"]),
            min_per_order=row["min_per_order"],
            max_per_order=row["max_per_order"],
            is_enabled=bool(row["is_enabled"]),
            is_hidden=bool(row["is_hidden"]),
            version=row["version"],
            legacy=read_json(row["legacy"]),
        )


@dataclass(frozen=True)
class Event:
    """An event. The three dates are 1.6.9's, `YYYY-MM-DD`, read as UTC days."""

    id: str
    wallet: str
    name: str
    info: str
    closing_date: str
    event_start_date: str
    event_end_date: str
    currency: str
    price_per_ticket: float
    allow_fiat: bool
    fiat_currency: str
    banner: str | None
    status: EventStatus
    capacity: int | None
    held: int
    sold: int
    version: int
    created_at: datetime | None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def remaining(self) -> int | None:
        """Seats that can still be held; None when unlimited."""
        if self.capacity is None:
            return None
        return max(0, self.capacity - self.sold - self.held)

    @property
    def amount_tickets(self) -> int:
        """What 1.6.9 calls the stock: not yet paid for, whether held or not."""
        if self.capacity is None:
            return LEGACY_UNLIMITED
        return max(0, self.capacity - self.sold)

    @classmethod
    def from_row(cls, row: Row) -> "Event":
        return cls(
            id=row["id"],
            wallet=row["wallet"],
            name=row["name"],
            info=row["info"],
            closing_date=row["closing_date"],
            event_start_date=row["event_start_date"],
            event_end_date=row["event_end_date"],
            currency=row["currency"],
            price_per_ticket=row["price_per_ticket"],
            allow_fiat=bool(row["allow_fiat"]),
            fiat_currency=row["fiat_currency"],
            banner=row["banner"],
            status=EventStatus(row["status"]),
            capacity=row["capacity"],
            held=row["held"],
            sold=row["sold"],
            version=row["version"],
            created_at=from_legacy_time(row["time"]),
            extra=read_json(row["extra"]),
        )


@dataclass(frozen=True)
class Listing:
    """An event with its packages, in display order."""

    event: Event
    packages: list[Package]

    def package(self, wanted: str | None) -> Package | None:
        """A package by its id or by 1.6.9's wave id; without one the first that can be bought."""
        if wanted:
            return next((p for p in self.packages if wanted in (p.id, p.wave_id)), None)
        return next((p for p in self.packages if p.is_enabled and not p.is_hidden), None)
