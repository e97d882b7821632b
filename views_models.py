"""What pages show of orders and tickets: plain values, ready to be printed.

Words stand in the templates, not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from markupsafe import Markup

from .views_text import clock_text

# The states of a refund in which its claim link pays.
CLAIMABLE = ("due", "offered", "failed")


@dataclass(frozen=True)
class EventHead:
    """What every page says of an event. Days are None where an old row holds no date.

    `id` is "" for an event that was deleted. `times`: the time of day with its zone, "" if unknown.
    """

    id: str
    name: str
    starts: date | None
    ends: date | None
    times: str


@dataclass(frozen=True)
class RefundStep:
    """So much of the price comes back until then. `until` names the event's time zone."""

    percent: int
    until: str


@dataclass(frozen=True)
class RefundRule:
    """What an event promises to who cancels; `steps` are those not over yet, soonest first."""

    buyer_can_cancel: bool
    steps: Sequence[RefundStep]


@dataclass(frozen=True)
class OrderLineRow:
    name: str
    quantity: int
    subtotal_sat: int


@dataclass(frozen=True)
class AnswerRow:
    """What somebody answered to a question, as text."""

    label: str
    text: str


@dataclass(frozen=True)
class TicketRow:
    """`validity`: when it may be used, "" for any time."""

    id: str
    number: int | None
    name: str
    package: str
    state: str
    can_cancel: bool = False
    is_addon: bool = False
    validity: str = ""
    answers: Sequence[AnswerRow] = ()


@dataclass(frozen=True)
class CancelOffer:
    """What the buyer may cancel now: `count` tickets, or `why_not` as a sentence. With a used
    ticket in it, the order cannot go as a whole."""

    count: int
    has_used: bool
    is_free: bool
    why_not: str
    rule: RefundRule

    @property
    def can_cancel(self) -> bool:
        return not self.why_not


@dataclass(frozen=True)
class RefundRow:
    """Money that comes or came back. `state` is the refund's status, `error` the last attempt's."""

    amount_sat: int
    state: str
    reason: str
    number: int | None
    destination: str | None
    error: str | None
    attempts: int
    claim_path: str
    is_by_hand: bool
    is_paid_by_hand: bool
    paid_at: str

    @property
    def is_open(self) -> bool:
        return self.state != "paid"

    @property
    def can_claim(self) -> bool:
        return bool(self.claim_path) and not self.is_by_hand and self.state in CLAIMABLE

    @property
    def is_soon(self) -> bool:
        """Whether it is paid without anybody doing anything."""
        return self.state == "paying" or (self.state == "due" and bool(self.destination))


@dataclass(frozen=True)
class Resend:
    """Sending the tickets again. `addresses`: the buyer's, veiled; none where there is nothing to
    send. `outcome` of the last try: `sent`, `often`, `failed`, or "" for none."""

    addresses: Sequence[str] = ()
    outcome: str = ""


@dataclass(frozen=True)
class OrderPage:
    """`state` is the order's status, or `checking` between the end of its time and the sweep.

    `fiat` is the total in the currency of the price, `12.50 EUR`, when that is not sat.
    `is_open`: may still be paid. While `is_payable` the page asks for the payment, while `is_owed`
    for the money that goes back. `owed_sat` is what is owed, or was paid back.
    """

    event: EventHead
    event_id: str
    path: str
    status: str
    state: str
    quantity: int
    lines: Sequence[OrderLineRow]
    discount_sat: int
    promo_code: str | None
    total_sat: int
    owed_sat: int
    fiat: str | None
    payment_hash: str
    bolt11: str
    remaining_s: int
    tickets: Sequence[TicketRow]
    refunds: Sequence[RefundRow]
    offer: CancelOffer | None
    is_event_cancelled: bool
    resend: Resend = Resend()
    qr: Markup = field(default_factory=Markup)

    @property
    def is_open(self) -> bool:
        return self.state in ("reserved", "checking")

    @property
    def valid_count(self) -> int:
        return sum(ticket.state in ("active", "used") for ticket in self.tickets)

    @property
    def is_payable(self) -> bool:
        return bool(self.payment_hash) and (self.is_open or self.state == "expired")

    @property
    def is_to_come(self) -> bool:
        """Whether a refund is still to be booked: those of a cancelled event are, one by one."""
        return self.is_event_cancelled and self.state == "confirmed" and self.total_sat > 0

    @property
    def is_owed(self) -> bool:
        return self.is_to_come or any(refund.is_open for refund in self.refunds)

    @property
    def mark(self) -> str:
        """Another one when the page has changed."""
        return " ".join(
            [self.state, *(f"{refund.state}.{refund.attempts}" for refund in self.refunds)]
        )

    @property
    def pace(self) -> str:
        is_soon = self.is_to_come or any(refund.is_soon for refund in self.refunds)
        return "fast" if is_soon else "slow"

    @property
    def reloads(self) -> bool:
        """Whether it reloads itself where scripts are switched off."""
        is_moving = self.is_to_come or any(refund.state == "paying" for refund in self.refunds)
        return self.is_open or is_moving

    @property
    def reason(self) -> str:
        """Why money is owed: of what is not paid yet, else of the last."""
        reasons = [refund.reason for refund in self.refunds if refund.is_open]
        return next(iter(reasons or [refund.reason for refund in self.refunds][-1:]), "")

    @property
    def remaining(self) -> str:
        return clock_text(self.remaining_s)


@dataclass(frozen=True)
class TicketPage:
    """`state` is the ticket's status. `qr` is empty unless the code may open a door, `calendar`
    is the path of the event's calendar file."""

    id: str
    event: EventHead
    name: str
    package: str
    number: int | None
    state: str
    used_at: datetime | None
    is_addon: bool = False
    validity: str = ""
    answers: Sequence[AnswerRow] = ()
    calendar: str = ""
    qr: Markup = field(default_factory=Markup)
