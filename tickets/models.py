"""Rows of `events.ticket` and what is answered of them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..catalog.models import read_json
from ..clock import from_ms, iso
from ..crud import Row, from_legacy_time
from ..models import TicketStatus


@dataclass(frozen=True)
class Ticket:
    """One attendee's ticket. `paid` and `registered` are 1.6.9's columns and follow `status`."""

    id: str
    wallet: str
    event_id: str
    name: str
    email: str
    registered: bool
    paid: bool
    created_at: datetime | None
    registered_at: datetime | None
    order_id: str | None
    payment_hash: str | None
    package_id: str | None
    kind: str
    status: TicketStatus
    number: int | None
    price_sat: int
    retained_sat: int
    refund_id: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    extra: dict[str, Any] = field(default_factory=dict)
    # Its holder went out of the door at that time, and is not back.
    left_at: datetime | None = None

    @property
    def is_used(self) -> bool:
        """It was let in. 1.6.9 says so by `registered` alone until the next boot."""
        return self.status is TicketStatus.USED or (
            self.status is TicketStatus.ACTIVE and self.registered
        )

    @classmethod
    def from_row(cls, row: Row) -> "Ticket":
        registered = bool(row["registered"])
        return cls(
            id=row["id"],
            wallet=row["wallet"],
            event_id=row["event"],
            name=row["name"],
            email=row["email"],
            registered=registered,
            paid=bool(row["paid"]),
            created_at=from_legacy_time(row["time"]),
            # 1.6.9 fills this column at purchase, so it means something only once registered.
            registered_at=from_legacy_time(row["reg_timestamp"]) if registered else None,
            order_id=row["order_id"],
            payment_hash=row["payment_hash"],
            package_id=row["package_id"],
            kind=row["kind"],
            status=TicketStatus(row["status"]) if row["status"] else _legacy_status(row),
            number=row["number"],
            price_sat=row["price_sat"] or 0,
            retained_sat=row["retained_sat"],
            refund_id=row["refund_id"],
            valid_from=from_ms(row["valid_from"]),
            valid_until=from_ms(row["valid_until"]),
            extra=read_json(row["extra"]),
            left_at=from_ms(row["left_at"]),
        )


def _legacy_status(row: Row) -> TicketStatus:
    """The status of a row that 1.6.9 wrote and no boot has taken over yet."""
    if not row["paid"]:
        return TicketStatus.RESERVED
    return TicketStatus.USED if row["registered"] else TicketStatus.ACTIVE


def organiser_view(ticket: Ticket) -> dict[str, Any]:
    """A ticket for its organiser: 1.6.9's columns and ours."""
    return {
        "id": ticket.id,
        "wallet": ticket.wallet,
        "event": ticket.event_id,
        "name": ticket.name,
        "email": ticket.email,
        "registered": ticket.registered,
        "paid": ticket.paid,
        "time": iso(ticket.created_at),
        "reg_timestamp": iso(ticket.registered_at),
        "extra": ticket.extra,
        "order_id": ticket.order_id,
        "payment_hash": ticket.payment_hash,
        "package_id": ticket.package_id,
        "status": ticket.status.value,
        "number": ticket.number,
        "price_sat": ticket.price_sat,
    }


def public_view(ticket: Ticket, event_name: str, package_name: str) -> dict[str, Any]:
    """A ticket for whoever holds its id; no e-mail, no wallet."""
    return {
        "event": ticket.event_id,
        "event_name": event_name,
        "name": ticket.name,
        "package": package_name,
        "number": ticket.number,
        "status": ticket.status.value,
        "paid": ticket.paid,
        "registered": ticket.registered,
        "time": iso(ticket.created_at),
        "reg_timestamp": iso(ticket.registered_at),
        "valid_from": iso(ticket.valid_from),
        "valid_until": iso(ticket.valid_until),
    }
