"""Rows of `events.refunds`."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from ..clock import from_ms
from ..crud import Row


class RefundStatus(str, Enum):
    """`due`: to be paid to a destination, or by hand. `offered`: waits to be claimed by its link.
    `paying`: an invoice is being paid. `failed`: automatic attempts have been given up."""

    DUE = "due"
    OFFERED = "offered"
    PAYING = "paying"
    PAID = "paid"
    FAILED = "failed"


# How the money came in. What did not come over Lightning is paid back by hand.
LIGHTNING = "lightning"
BY_HAND_METHODS = frozenset({"fiat", "onchain"})

# Who paid a refund: `refunds.paid_by`.
PAID_BY_LIGHTNING = "lightning"
PAID_BY_HAND = "hand"


@dataclass(frozen=True)
class Refund:
    """One obligation. `cause` is unique: what it is owed for. Once `payment_hash` is set this
    invoice, and no other, is being paid."""

    id: str
    order_id: str
    ticket_id: str | None
    event_id: str | None
    wallet: str
    amount_sat: int
    reason: str
    status: RefundStatus
    method: str
    destination: str | None
    cause: str
    payment_hash: str | None
    bolt11: str | None
    attempts: int
    error_code: str | None
    error: str | None
    fee_msat: int | None
    paid_by: str | None
    note: str | None
    created_at: datetime | None
    attempted_at: datetime | None
    next_attempt_at: datetime | None
    paid_at: datetime | None

    @property
    def is_by_hand(self) -> bool:
        """Whether it waits for the organiser's hand instead of a Lightning payment."""
        return self.method in BY_HAND_METHODS

    @property
    def is_claimable(self) -> bool:
        return not self.is_by_hand and self.status in (
            RefundStatus.DUE,
            RefundStatus.OFFERED,
            RefundStatus.FAILED,
        )

    @classmethod
    def from_row(cls, row: Row) -> "Refund":
        return cls(
            id=row["id"],
            order_id=row["order_id"],
            ticket_id=row["ticket_id"],
            event_id=row["event_id"],
            wallet=row["wallet"],
            amount_sat=row["amount_sat"],
            reason=row["reason"],
            status=RefundStatus(row["status"]),
            method=row["method"],
            destination=row["destination"],
            cause=row["cause"],
            payment_hash=row["payment_hash"],
            bolt11=row["bolt11"],
            attempts=row["attempts"],
            error_code=row["error_code"],
            error=row["error"],
            fee_msat=row["fee_msat"],
            paid_by=row["paid_by"],
            note=row["note"],
            created_at=from_ms(row["created_at"]),
            attempted_at=from_ms(row["attempted_at"]),
            next_attempt_at=from_ms(row["next_attempt_at"]),
            paid_at=from_ms(row["paid_at"]),
        )


@dataclass(frozen=True)
class Problem:
    """Why an attempt failed: a stable code and a sentence for the organiser and the buyer."""

    code: str
    message: str


@dataclass(frozen=True)
class Invoice:
    """A BOLT 11 invoice somebody wants to be paid. `destination`: the address it came from."""

    bolt11: str
    payment_hash: str
    amount_msat: int | None
    expires_at: datetime
    destination: str | None = None

    def has_expired(self, now: datetime) -> bool:
        return now >= self.expires_at
