"""Words of the door, and what is known of a scan."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ..catalog.models import Entry
from ..models import EventStatus
from ..tickets.models import Ticket

# Who acts with the admin key of the event's wallet.
ORGANISER = "organiser"


class ScanType(str, Enum):
    """What a scan is for. Access looks only, as at the door of a room inside."""

    CHECK_IN = "check_in"
    CHECK_OUT = "check_out"
    ACCESS = "access"


class Outcome(str, Enum):
    """How a scan ended. All are answers, none is an error."""

    ADMITTED = "admitted"
    ALREADY_USED = "already_used"
    WRONG_EVENT = "wrong_event"
    UNPAID = "unpaid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    LEFT = "left"
    NOT_CHECKED_IN = "not_checked_in"
    ACCESS_GRANTED = "access_granted"

    @property
    def is_refusal(self) -> bool:
        return self not in (Outcome.ADMITTED, Outcome.LEFT, Outcome.ACCESS_GRANTED)


@dataclass(frozen=True)
class NewScan:
    """A scan as it was sent, checked. `code` is whatever was read, and never stored as such."""

    scan_id: str
    code: str
    type: ScanType
    # The device's time, or ours when it named none.
    scanned_at: datetime
    location: str | None = None
    # An entry that was already made offline.
    is_forced: bool = False
    # How a device without network turned the guest away.
    refused: Outcome | None = None
    # The other tickets of the same order come in as well.
    whole_order: bool = False


@dataclass(frozen=True)
class DoorEvent:
    """What of an event matters at its door."""

    id: str
    wallet: str
    status: EventStatus
    entry: Entry


@dataclass(frozen=True)
class Verdict:
    """What a scan comes to. A conflict: somebody is inside who should not be, or not again."""

    outcome: Outcome
    is_conflict: bool = False


@dataclass(frozen=True)
class Group:
    """The admission tickets of an order in one event, as far as they are valid or used."""

    tickets: int
    admitted: int


@dataclass(frozen=True)
class Told:
    """What a scan was answered beyond the columns of its row, so that a repeat hears the same."""

    status: str | None = None
    first_check_in_at: datetime | None = None
    by: str | None = None
    group: Group | None = None
    # Of a re-entry: when the guest had left. Annulled, they are out again.
    was_out_since: datetime | None = None
    # Numbers of the order's other tickets that were to come in with this one.
    others: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Scan:
    """A row of `events.scans`. `scanner_id` is None for the organiser's key."""

    id: str
    event_id: str
    scan_id: str
    type: ScanType
    outcome: Outcome
    scanned_at: datetime
    received_at: datetime
    told: Told
    ticket_id: str | None = None
    # SHA-256 of what was read, when that is no ticket of this event.
    code_hash: str | None = None
    scanner_id: str | None = None
    location: str | None = None
    is_forced: bool = False
    is_conflict: bool = False
    annulled_at: datetime | None = None


@dataclass(frozen=True)
class Sight:
    """All that one SELECT finds for a scan. The ticket may be of another event."""

    event: DoorEvent
    ticket: Ticket | None
    package_name: str | None
    # Of the same scan id; then `ticket` is the one of that scan.
    earlier: Scan | None
    # The first admission that was not annulled, and who made it.
    first_check_in_at: datetime | None
    by: str | None
    group: Group | None

    @property
    def own_ticket(self) -> Ticket | None:
        """Of another event's ticket nothing may be told."""
        return self.ticket if self.ticket and self.ticket.event_id == self.event.id else None
