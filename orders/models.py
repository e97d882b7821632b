"""Rows of `events.orders` and `events.order_lines`, and what is asked for when buying."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ..catalog.seats import Seats
from ..clock import from_ms
from ..crud import Row, Tx
from ..models import OrderStatus

# How an order is paid: `orders.method`.
FREE = "free"
LIGHTNING = "lightning"


@dataclass(frozen=True)
class Order:
    """One purchase. Money in whole sats; `settled_msat` is what really arrived."""

    id: str
    payment_hash: str | None
    wallet: str
    status: OrderStatus
    buyer_name: str
    buyer_email: str
    secret_hash: str | None
    request_hash: str | None
    promo_code: str | None
    quantity: int
    subtotal_sat: int
    discount_sat: int
    total_sat: int
    currency: str | None
    rate: str | None
    method: str
    payment_request: str | None
    refund_address: str | None
    hold_expires_at: datetime | None
    created_at: datetime | None
    confirmed_at: datetime | None
    settled_msat: int | None
    # Of the messages about it; None: nobody said, as in orders of 1.6.9.
    language: str | None = None
    nostr_identifier: str | None = None

    @classmethod
    def from_row(cls, row: Row) -> "Order":
        return cls(
            id=row["id"],
            payment_hash=row["payment_hash"],
            wallet=row["wallet"],
            status=OrderStatus(row["status"]),
            buyer_name=row["buyer_name"],
            buyer_email=row["buyer_email"],
            secret_hash=row["secret_hash"],
            request_hash=row["request_hash"],
            promo_code=row["promo_code"],
            quantity=row["quantity"],
            subtotal_sat=row["subtotal_sat"],
            discount_sat=row["discount_sat"],
            total_sat=row["total_sat"],
            currency=row["currency"],
            rate=row["rate"],
            method=row["method"],
            payment_request=row["payment_request"],
            refund_address=row["refund_address"],
            hold_expires_at=from_ms(row["hold_expires_at"]),
            created_at=from_ms(row["created_at"]),
            confirmed_at=from_ms(row["confirmed_at"]),
            settled_msat=row["settled_msat"],
            language=row.get("language"),
            nostr_identifier=row.get("nostr_identifier"),
        )


@dataclass(frozen=True)
class OrderLine:
    """So many tickets of one package, priced."""

    id: str
    order_id: str
    event_id: str
    package_id: str
    kind: str
    quantity: int
    unit_price_minor: int
    currency: str
    subtotal_sat: int
    discount_sat: int
    total_sat: int

    @property
    def seats(self) -> Seats:
        return Seats(self.event_id, self.package_id, self.quantity, self.kind)

    @classmethod
    def from_row(cls, row: Row) -> "OrderLine":
        return cls(
            id=row["id"],
            order_id=row["order_id"],
            event_id=row["event_id"],
            package_id=row["package_id"] or "",
            kind=row["kind"],
            quantity=row["quantity"],
            unit_price_minor=row["unit_price_minor"],
            currency=row["currency"],
            subtotal_sat=row["subtotal_sat"],
            discount_sat=row["discount_sat"],
            total_sat=row["total_sat"],
        )


@dataclass(frozen=True)
class OrderWithLines:
    order: Order
    lines: list[OrderLine]


@dataclass(frozen=True)
class Attendee:
    """Whom one ticket is for."""

    name: str
    email: str
    nostr_identifier: str | None = None
    # Answers to the package's questions, by option id.
    responses: Mapping[str, object] | None = None


@dataclass(frozen=True)
class PurchaseRequest:
    """A checked wish to buy. `package_ref` is a package id or 1.6.9's wave id."""

    event_id: str
    quantity: int
    buyer: Attendee
    attendees: Sequence[Attendee]
    package_ref: str | None
    promo_code: str | None
    refund_address: str | None
    address: str
    idempotency_key: str | None
    origin: str
    # The host's login, when there is one.
    user_id: str | None = None
    language: str | None = None
    # Answers for all tickets; an attendee's own come on top.
    responses: Mapping[str, object] = field(default_factory=dict)

    @property
    def buyer_key(self) -> str | None:
        """Who this is, as far as they said: orders and tickets are bounded per buyer by it."""
        if self.user_id:
            return f"user:{self.user_id}"
        if self.buyer.email:
            return f"email:{self.buyer.email.lower()}"
        if self.buyer.nostr_identifier:
            return f"nostr:{self.buyer.nostr_identifier.lower()}"
        return None


@dataclass(frozen=True)
class Purchase:
    """What a buyer gets back. `payment_request` is None when nothing is to be paid."""

    order: Order
    order_secret: str
    ticket_ids: list[str]


@dataclass(frozen=True)
class PaidInvoice:
    """An incoming payment of the host that has succeeded."""

    payment_hash: str
    wallet_id: str
    amount_msat: int
    # From the invoice's own `extra`; only believed together with wallet and amount.
    order_id: str | None


@dataclass(frozen=True)
class Debt:
    """Money received that no ticket stands for. `cause` is unique: one payment, one debt."""

    order_id: str
    event_id: str | None
    wallet: str
    amount_sat: int
    reason: str
    cause: str
    destination: str | None
    # The one ticket it is owed for; None: the order as a whole.
    ticket_id: str | None = None
    # How the money came in (`orders.method`).
    method: str = LIGHTNING


class Debts(Protocol):
    """The port to the refund ledger above this room. Called inside the settlement transaction."""

    async def owe(self, tx: Tx, debt: Debt, now: datetime) -> None: ...
