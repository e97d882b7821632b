"""What the pages of buying show of an event: plain values, ready to be printed.

Words stand in the templates, not here. Times are texts that name the event's time zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .views_models import EventHead, RefundRule


@dataclass(frozen=True)
class PackageRow:
    """A ticket type with its price and stock. `state`: open, not_yet, closed, sold_out.

    `image` is an address on this host. `asks`: it has questions that must be seen before buying.
    `validity`: when its tickets may be used, "" for any time. The two of the sale are "" where the
    sale has no such bound.
    """

    id: str
    name: str
    description_html: Markup
    price: str
    currency: str
    price_sat: int | None
    is_free: bool
    is_addon: bool
    image: str | None
    state: str
    left: int | None
    least: int
    most: int
    sale_starts: str
    sale_ends: str
    validity: str
    asks: bool


@dataclass(frozen=True)
class EventPage(EventHead):
    """`state`: open, not_yet, sold_out, closed, cancelled, ended. `kind` is the event's type, ""
    for one without. `wants_login`: it sells to logins only, and nobody is logged in."""

    url: str
    description_html: Markup
    summary: str
    banner: str | None
    state: str
    packages: Sequence[PackageRow]
    rule: RefundRule
    min_tickets: int | None
    kind: str
    location: str
    is_online: bool
    max_per_buyer: int | None
    login_required: bool
    wants_login: bool

    @property
    def is_free(self) -> bool:
        return all(package.is_free for package in self.packages)

    @property
    def is_open(self) -> bool:
        """Whether the form is there."""
        return self.state == "open" and not self.wants_login

    @property
    def on_sale(self) -> list[PackageRow]:
        return [package for package in self.packages if package.state == "open"]
