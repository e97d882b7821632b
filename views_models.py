"""What pages show of events, orders and tickets: plain values, ready to be printed.

Words stand in the templates, not here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from markupsafe import Markup

from .views_text import clock_text


@dataclass(frozen=True)
class EventHead:
    """What every page says of an event. Days are None where an old row holds no date."""

    id: str
    name: str
    starts: date | None
    ends: date | None


@dataclass(frozen=True)
class PackageRow:
    """A ticket type with its price and stock. `state`: open, not_yet, closed, sold_out."""

    id: str
    name: str
    description: str
    price: str
    currency: str
    price_sat: int | None
    is_free: bool
    state: str
    left: int | None
    least: int
    most: int
    sale_starts_at: datetime | None
    sale_ended_at: datetime | None


@dataclass(frozen=True)
class EventPage(EventHead):
    """`state`: open, not_yet, sold_out, closed, cancelled, ended."""

    url: str
    description_html: Markup
    summary: str
    banner: str | None
    state: str
    packages: Sequence[PackageRow]

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    @property
    def on_sale(self) -> list[PackageRow]:
        return [package for package in self.packages if package.state == "open"]


@dataclass(frozen=True)
class OrderLineRow:
    name: str
    quantity: int
    subtotal_sat: int


@dataclass(frozen=True)
class TicketRow:
    id: str
    number: int | None
    name: str
    package: str
    state: str


@dataclass(frozen=True)
class OrderPage:
    """`state` is the order's status, or `checking` between the end of its time and the sweep.

    `fiat` is the total in the currency of the price, `12.50 EUR`, when that is not sat.
    `is_open`: may still be paid; `is_watched`: may still change, so the page keeps asking.
    """

    event: EventHead
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
    qr: Markup = field(default_factory=Markup)

    @property
    def is_open(self) -> bool:
        return self.state in ("reserved", "checking")

    @property
    def is_watched(self) -> bool:
        return bool(self.payment_hash) and (self.is_open or self.state == "expired")

    @property
    def remaining(self) -> str:
        return clock_text(self.remaining_s)


@dataclass(frozen=True)
class TicketPage:
    """`state` is the ticket's status. `qr` is empty unless the code may open a door."""

    id: str
    event: EventHead
    name: str
    package: str
    number: int | None
    state: str
    used_at: datetime | None
    qr: Markup = field(default_factory=Markup)
