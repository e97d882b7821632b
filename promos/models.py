"""Rows of `events.promo_codes`, and the port to the prices above this room."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from ..catalog.models import Package
from ..clock import from_ms
from ..crud import Row
from ..models import to_major

# What a code takes off: a part of the price, or a sum.
PERCENT = "percent"
FIXED = "fixed"


@dataclass(frozen=True)
class PromoCode:
    """A code of one event, upper case and unique in it.

    `percent_bp` is in basis points (1250 = 12.5 %), `value_minor` in minor units of `currency`;
    which of them counts says `kind`. `uses` are orders that hold or have bought with it now.
    `valid_until` is exclusive. No `package_ids`: good for all packages.
    """

    id: str
    event_id: str
    code: str
    kind: str
    percent_bp: int
    value_minor: int | None
    currency: str | None
    valid_from: datetime | None
    valid_until: datetime | None
    max_uses: int | None
    max_per_buyer: int | None
    package_ids: tuple[str, ...]
    is_active: bool
    uses: int
    version: int
    created_at: datetime | None

    @property
    def value(self) -> float:
        """Percent, or the sum in `currency`, as people write it."""
        if self.kind == FIXED:
            return float(to_major(self.value_minor or 0, self.currency or "sat"))
        return float(Decimal(self.percent_bp) / 100)

    @property
    def is_plain(self) -> bool:
        """Whether 1.6.9 knows such codes: percent off, for everybody, as often as they like."""
        bounds = (self.valid_from, self.valid_until, self.max_uses, self.max_per_buyer)
        return self.kind == PERCENT and not self.package_ids and bounds == (None,) * 4

    @classmethod
    def from_row(cls, row: Row) -> "PromoCode":
        return cls(
            id=row["id"],
            event_id=row["event_id"],
            code=row["code"],
            kind=row["kind"],
            percent_bp=row["percent_bp"],
            value_minor=row["value_minor"],
            currency=row["currency"],
            valid_from=from_ms(row["valid_from"]),
            valid_until=from_ms(row["valid_until"]),
            max_uses=row["max_uses"],
            max_per_buyer=row["max_per_buyer"],
            package_ids=tuple(json.loads(row["package_ids"] or "[]")),
            is_active=bool(row["is_active"]),
            uses=row["uses"],
            version=row["version"],
            created_at=from_ms(row["created_at"]),
        )


@dataclass(frozen=True)
class Priced:
    """What so many tickets cost with a code, in whole sats."""

    discount_sat: int
    total_sat: int


class Prices(Protocol):
    """The port to the orders above this room, which know rates and how a buyer is named."""

    async def price(self, package: Package, quantity: int, promo: PromoCode) -> Priced:
        """Raises RateUnavailable."""

    def buyer_key(self, email: str) -> str | None:
        """As orders name this buyer; None for no address. Raises InvalidInput."""
