"""Prices, in whole sats. Pure: rates come in as arguments.

Everything is rounded once. A fiat subtotal becomes sats in one step (half up), a discount is
taken once from the subtotal (rounded down), so the total never depends on the order of steps,
and a positive price never becomes 0 sat.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from ..models import to_major

FULL_DISCOUNT_BP = 10_000


@dataclass(frozen=True)
class Quote:
    """What a line costs. `rate` is sats per unit of `currency` (1 for sat)."""

    unit_price_minor: int
    currency: str
    quantity: int
    rate: Decimal
    subtotal_sat: int
    discount_sat: int

    @property
    def total_sat(self) -> int:
        return self.subtotal_sat - self.discount_sat


def to_sat(amount_minor: int, currency: str, rate: Decimal) -> int:
    """Minor units to whole sats at a rate, half up; at least 1 sat unless it is 0."""
    if amount_minor == 0:
        return 0
    exact = to_major(amount_minor, currency) * rate
    return max(1, int(exact.to_integral_value(rounding=ROUND_HALF_UP)))


def quote(
    unit_price_minor: int, currency: str, quantity: int, rate: Decimal, percent_bp: int
) -> Quote:
    """Price one line. `percent_bp` is the discount in basis points (10,000 = free)."""
    subtotal_sat = to_sat(unit_price_minor * quantity, currency, rate)
    return Quote(
        unit_price_minor=unit_price_minor,
        currency=currency,
        quantity=quantity,
        rate=rate,
        subtotal_sat=subtotal_sat,
        discount_sat=subtotal_sat * percent_bp // FULL_DISCOUNT_BP,
    )


def split_evenly(total_sat: int, parts: int) -> list[int]:
    """Share a total among tickets: parts differ by at most 1 sat and add up exactly."""
    share, rest = divmod(total_sat, parts)
    return [share + 1 if index < rest else share for index in range(parts)]
