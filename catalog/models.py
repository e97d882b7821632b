"""Rows of `events.events` and `events.packages`."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from ..clock import from_ms
from ..crud import Row, from_legacy_time
from ..models import LEGACY_UNLIMITED, EventStatus, to_major
from .tiers import DEFAULT_REFUND_TIERS, read_tiers
from .tiers import RefundTier as RefundTier

UTC_NAME = "UTC"
# What a package is: it opens the door, or it is something beside it.
ADMISSION = "admission"
ADDON = "addon"


class EventType(str, Enum):
    CONFERENCE = "conference"
    WORKSHOP = "workshop"
    WEBINAR = "webinar"
    SERIES = "series"
    OTHER = "other"


class Entry(str, Enum):
    """Whether a ticket opens the door once, or again after its holder left."""

    ONCE = "once"
    REENTRY = "reentry"


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
    # When its tickets open the door; the end is exclusive. None: any time.
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    # The host's asset with its picture.
    image_id: str | None = None

    @property
    def is_wave(self) -> bool:
        """Whether 1.6.9 may know of it: there every wave is on sale, to everybody, and admits."""
        return self.is_enabled and not self.is_hidden and self.kind == ADMISSION

    @property
    def image_url(self) -> str | None:
        """The path on this host where anybody may load its picture."""
        return f"/api/v1/assets/{self.image_id}/data" if self.image_id else None

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
            valid_from=from_ms(row["valid_from"]),
            valid_until=from_ms(row["valid_until"]),
            image_id=row["image_id"],
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
    event_type: EventType = EventType.OTHER
    location: str | None = None
    is_online: bool = False
    # Tickets one buyer may have over all orders; None: what the instance says.
    max_per_buyer: int | None = None
    login_required: bool = False
    entry: Entry = Entry.ONCE
    # Shown in the public list; one that is not can be read by whoever knows its id.
    listed: bool = False
    nostr_publish: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)

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
            event_type=EventType(row["event_type"]),
            location=row["location"],
            is_online=bool(row["is_online"]),
            max_per_buyer=row["max_per_buyer"],
            login_required=bool(row["login_required"]),
            entry=Entry(row["entry"]),
            listed=bool(row["listed"]),
            nostr_publish=bool(row["nostr_publish"]),
            metadata=read_json(row["metadata"]),
        )


@dataclass(frozen=True)
class Listing:
    """An event with its packages, in display order."""

    event: Event
    packages: list[Package]
    # Whether there may be questions: most events have none, and need no statement for them.
    asks: bool = True

    def package(self, wanted: str | None) -> Package | None:
        """A package by its id or by 1.6.9's wave id; without one the first that anybody can buy
        to be let in."""
        if wanted:
            return next((p for p in self.packages if wanted in (p.id, p.wave_id)), None)
        return next((p for p in self.packages if p.is_wave), None)
