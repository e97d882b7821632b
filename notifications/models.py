"""Rows of `events.messages`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from ..catalog.models import Listing
from ..clock import from_ms
from ..crud import Row
from ..orders.models import Order
from ..refunds.models import Refund
from ..tickets.models import Ticket


class Kind(str, Enum):
    """What a message says."""

    ORDER_CONFIRMED = "order_confirmed"
    TICKET = "ticket"
    EVENT_CHANGED = "event_changed"
    EVENT_CANCELLED = "event_cancelled"
    TICKETS_CANCELLED = "tickets_cancelled"
    REFUND_DUE = "refund_due"
    REFUND_PAID = "refund_paid"
    LATE_PAYMENT = "late_payment"
    REMINDER = "reminder"
    ANNOUNCEMENT = "announcement"


class Channel(str, Enum):
    MAIL = "mail"
    DM = "dm"


class State(str, Enum):
    """`failed`: given up after many tries or a final refusal; the organiser may send it again.
    `undeliverable`: there is nowhere to send it to."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True)
class Message:
    """One message to one recipient over one channel. `cause` is unique with both of these, so a
    fact looked at twice is told once. `message_id` (RFC 5322) and `wrap` stay over retries."""

    id: str
    wallet: str
    event_id: str | None
    order_id: str | None
    ticket_id: str | None
    refund_id: str | None
    kind: Kind
    channel: Channel
    recipient: str
    language: str
    cause: str
    message_id: str | None
    state: State
    attempts: int
    next_try_at: datetime | None
    error_code: str | None
    last_error: str | None
    created_at: datetime | None
    sent_at: datetime | None
    wrap: str | None
    wrap_id: str | None
    relays: tuple[str, ...]
    acked: tuple[str, ...]
    payload: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_row(cls, row: Row) -> "Message":
        return cls(
            id=row["id"],
            wallet=row["wallet"],
            event_id=row["event_id"],
            order_id=row["order_id"],
            ticket_id=row["ticket_id"],
            refund_id=row["refund_id"],
            kind=Kind(row["kind"]),
            channel=Channel(row["channel"]),
            recipient=row["recipient"],
            language=row["language"],
            cause=row["cause"],
            message_id=row["message_id"],
            state=State(row["state"]),
            attempts=row["attempts"],
            next_try_at=from_ms(row["next_try_at"]),
            error_code=row["error_code"],
            last_error=row["last_error"],
            created_at=from_ms(row["created_at"]),
            sent_at=from_ms(row["sent_at"]),
            wrap=row["wrap"],
            wrap_id=row["wrap_id"],
            relays=tuple(json.loads(row["relays"])) if row["relays"] else (),
            acked=tuple(json.loads(row["acked"])) if row["acked"] else (),
            payload=json.loads(row["payload"]) if row["payload"] else {},
        )


@dataclass(frozen=True)
class Announcement:
    """The organiser's own words (Markdown). `package_ids`: only to holders of these; None: all."""

    id: str
    event_id: str
    subject: str
    text: str
    package_ids: frozenset[str] | None


@dataclass(frozen=True)
class Links:
    """Addresses of pages, all under the configured base URL; None where there is no such page."""

    event: str | None
    # The order's page, by its secret. None for orders of 1.6.9, which have none.
    order: str | None
    # The refund's claim page.
    claim: str | None
    # By ticket id.
    tickets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Letter:
    """A message with all it tells, read when it is written: what it is about may have changed
    since it was queued. `tickets` are those of its recipient."""

    message: Message
    listing: Listing | None
    order: Order | None
    tickets: Sequence[Ticket]
    refund: Refund | None
    links: Links


@dataclass(frozen=True)
class Written:
    """A letter in its recipient's language: as plain text and HTML for mail, and short as a Nostr
    message. The subject is one line."""

    subject: str
    text: str
    html: str
    short: str
