"""A fact to deliver: something that was committed, and that somebody is to be told of."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from ..clock import from_ms
from ..crud import Row, Tx

# `subject_id` is the order's, the refund's or the event's id.
ORDER_CONFIRMED = "order_confirmed"
REFUND_DUE = "refund_due"
REFUND_PAID = "refund_paid"
EVENT_CHANGED = "event_changed"
EVENT_CANCELLED = "event_cancelled"
EVENT_REMINDER = "event_reminder"
# Of an order, whose event takes place all the same: `subject_id` is the order's.
TICKETS_CANCELLED = "tickets_cancelled"
# The organiser's own words to holders: `subject_id` is the message's id.
ANNOUNCEMENT = "announcement"


@dataclass(frozen=True)
class Fact:
    """`payload`: what is stored nowhere else, and where a long delivery goes on."""

    id: str
    topic: str
    subject_id: str
    event_id: str | None
    created_at: datetime
    attempts: int
    payload: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_row(cls, row: Row) -> "Fact":
        return cls(
            id=row["id"],
            topic=row["topic"],
            subject_id=row["subject_id"],
            event_id=row["event_id"],
            created_at=from_ms(row["created_at"]) or datetime.fromtimestamp(0, timezone.utc),
            attempts=row["attempts"],
            payload=json.loads(row["payload"]) if row["payload"] else {},
        )


# Carries a fact out in the transaction that forgets it. None: done; else the payload to go on with
# in the next one, so that no transaction grows with the number of tickets.
Handler = Callable[[Tx, Fact, datetime], Awaitable[Mapping[str, Any] | None]]
