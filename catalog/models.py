"""Rows of `events.events` and `events.packages`."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..clock import from_ms
from ..crud import Row, from_legacy_time
from ..models import LEGACY_UNLIMITED, EventStatus, to_major

UTC_NAME = "UTC"
MAX_DAYS_BEFORE = 3650


@dataclass(frozen=True)
class RefundTier:
    """Until so many days before the start, `percent` of the price comes back."""

    days_before: int
    percent: int


DEFAULT_REFUND_TIERS = (RefundTier(7, 100), RefundTier(3, 50))


def read_tiers(stored: str | None) -> tuple[RefundTier, ...]:
    """The tiers of an event, most days first; the default ones for NULL and for what cannot be
    read, so that nobody loses a refund to a damaged row."""
    if stored is None:
        return DEFAULT_REFUND_TIERS
    try:
        loaded = json.loads(stored)
        pairs = [(tier["days_before"], tier["percent"]) for tier in loaded]
    except (ValueError, TypeError, KeyError, RecursionError):
        return DEFAULT_REFUND_TIERS
    if not isinstance(loaded, list) or not all(_is_tier(*pair) for pair in pairs):
        return DEFAULT_REFUND_TIERS
    return tuple(RefundTier(*pair) for pair in sorted(pairs, reverse=True))


def _is_tier(days_before: object, percent: object) -> bool:
    return (
        type(days_before) is int
        and type(percent) is int
        and 0 <= days_before <= MAX_DAYS_BEFORE
        and 0 <= percent <= 100
    )


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
    """An event. The three dates are 1.6.9's, `YYYY-MM-DD`, days in `timezone`; those of start and
    end follow `starts_at` and `ends_at` where there are such times."""

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
    timezone: str = UTC_NAME
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    buyer_can_cancel: bool = False
    refund_tiers: tuple[RefundTier, ...] = DEFAULT_REFUND_TIERS
    # Below so many sold tickets it does not take place; None: it does in any case.
    min_tickets: int | None = None
    min_decided_at: datetime | None = None
    cancelled_at: datetime | None = None
    refunds_booked_at: datetime | None = None

    @property
    def is_conditional(self) -> bool:
        return self.min_tickets is not None

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
            timezone=row["timezone"] or UTC_NAME,
            starts_at=from_ms(row["starts_at"]),
            ends_at=from_ms(row["ends_at"]),
            buyer_can_cancel=bool(row["buyer_can_cancel"]),
            refund_tiers=read_tiers(row["refund_tiers"]),
            min_tickets=row["min_tickets"],
            min_decided_at=from_ms(row["min_decided_at"]),
            cancelled_at=from_ms(row["cancelled_at"]),
            refunds_booked_at=from_ms(row["refunds_booked_at"]),
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
