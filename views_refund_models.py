"""What the pages of cancelling and claiming show: plain values, ready to be printed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from .views_forms import Problem, message_of
from .views_models import EventHead, TicketRow


@dataclass(frozen=True)
class CancelPage:
    """Before cancelling: what is lost and what comes back. `number`: of the one ticket that goes.

    `kept`: how many valid tickets stay. `until`: when this percentage ends, "" when it does not.
    """

    event: EventHead
    order_path: str
    number: int | None
    tickets: Sequence[TicketRow]
    kept: int
    paid_sat: int
    refund_sat: int
    percent: int
    until: str
    why_not: str
    address: str
    is_by_hand: bool
    errors: Sequence[Problem] = ()

    @property
    def is_free(self) -> bool:
        return self.paid_sat == 0

    @property
    def title(self) -> str:
        if self.number:
            return f"Cancel ticket no. {self.number}?"
        return "Cancel your ticket?" if len(self.tickets) == 1 else "Cancel all tickets?"

    def error(self, name: str) -> str | None:
        return message_of(self.errors, name)


@dataclass(frozen=True)
class ClaimPage:
    """Money that waits for its owner. `state` is the refund's status.

    `lnurl` is "" where wallets would refuse this host's address. `typed`: what was sent before.
    """

    path: str
    event_name: str
    amount_sat: int
    state: str
    reason: str
    destination: str
    error_text: str
    attempts: int
    is_by_hand: bool
    is_paid_by_hand: bool
    paid_at: str
    note: str
    lnurl: str
    typed: str = ""
    errors: Sequence[Problem] = ()
    qr: Markup = field(default_factory=Markup)

    @property
    def is_watched(self) -> bool:
        return self.state != "paid"

    @property
    def mark(self) -> str:
        """Another one when the page has changed."""
        return f"{self.state}.{self.attempts}"

    @property
    def pace(self) -> str:
        return "slow" if self.is_by_hand else "fast"

    def error(self, name: str) -> str | None:
        return message_of(self.errors, name)
