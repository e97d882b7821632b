"""Rows of `events.events`, and an event with its packages."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from ..clock import from_ms
from ..crud import Row, from_legacy_time
from ..models import LEGACY_UNLIMITED, EventStatus
from .package_model import ADDON as ADDON
from .package_model import ADMISSION as ADMISSION
from .package_model import Package as Package
from .package_model import read_json as read_json
from .tiers import DEFAULT_REFUND_TIERS, read_tiers
from .tiers import RefundTier as RefundTier

UTC_NAME = "UTC"


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
    # Whether buyers and attendees are written to; about their money they are in any case.
    send_messages: bool = True
    send_reminder: bool = False
    reminded_at: datetime | None = None
    # On Nostr: what is left and sold is the organiser's business.
    nostr_hide_counts: bool = False

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
            **_details(row),
        )


def _details(row: Row) -> dict[str, Any]:
    """What decides how it ends, who may come, and who is told."""
    return {
        "min_tickets": row["min_tickets"],
        "min_decided_at": from_ms(row["min_decided_at"]),
        "cancelled_at": from_ms(row["cancelled_at"]),
        "refunds_booked_at": from_ms(row["refunds_booked_at"]),
        "event_type": EventType(row["event_type"]),
        "location": row["location"],
        "is_online": bool(row["is_online"]),
        "max_per_buyer": row["max_per_buyer"],
        "login_required": bool(row["login_required"]),
        "entry": Entry(row["entry"]),
        "listed": bool(row["listed"]),
        "nostr_publish": bool(row["nostr_publish"]),
        "metadata": read_json(row["metadata"]),
        "send_messages": bool(row["send_messages"]),
        "send_reminder": bool(row["send_reminder"]),
        "reminded_at": from_ms(row["reminded_at"]),
        "nostr_hide_counts": bool(row["nostr_hide_counts"]),
    }


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
