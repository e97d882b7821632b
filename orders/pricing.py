"""Prices, in whole sats. Pure: rates come in as arguments. `docs/pricing.md` tells the rules.

Everything is rounded once. All tickets of one package become sats in one step (half up), a
discount is taken once from what it is good for, so the total never depends on the order of steps
or on how a purchase is split, and a positive price becomes 0 sat by a full discount only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Context, Decimal

from ..models import to_major

FULL_DISCOUNT_BP = 10_000
# Amounts have 17 digits, rates some 20: with so many more nothing is rounded before its time.
_EXACT = Context(prec=100)


@dataclass(frozen=True)
class Discount:
    """Percent off in basis points (10,000 = free), or a sum off, once.

    `fixed_minor` is in minor units of `fixed_currency`; `fixed_rate` is sats per unit of it, the
    order's own rate where that is the currency of the package.
    """

    percent_bp: int = 0
    fixed_minor: int = 0
    fixed_currency: str = "sat"
    fixed_rate: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if self.percent_bp and self.fixed_minor:
            raise ValueError("A discount is a percentage or a sum, not both.")


@dataclass(frozen=True)
class Line:
    """So many tickets of one package. `rate` is sats per unit of `currency` (1 for sat)."""

    package_id: str
    unit_price_minor: int
    currency: str
    quantity: int
    rate: Decimal
    # Whether the discount is good for it.
    is_eligible: bool = True


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


def _exact_sat(amount_minor: int, currency: str, rate: Decimal) -> Decimal:
    return _EXACT.multiply(to_major(amount_minor, currency), rate)


def _half_up(exact: Decimal) -> int:
    return int(exact.to_integral_value(rounding=ROUND_HALF_UP))


def to_sat(amount_minor: int, currency: str, rate: Decimal) -> int:
    """Minor units to whole sats at a rate, half up; at least 1 sat unless it is 0."""
    if amount_minor == 0:
        return 0
    return max(1, _half_up(_exact_sat(amount_minor, currency, rate)))


def quote(
    unit_price_minor: int, currency: str, quantity: int, rate: Decimal, discount: Discount
) -> Quote:
    """Price so many tickets of one package."""
    [priced] = quote_lines([Line("", unit_price_minor, currency, quantity, rate)], discount)
    return priced


def quote_lines(lines: Sequence[Line], discount: Discount) -> list[Quote]:
    """Price an order: one quote per package, in the order of their first lines.

    The discount is taken once from all lines it is good for and shared among them by their
    subtotals; the shares add up to it exactly.
    """
    packages = _per_package(lines)
    subtotals = [to_sat(_amount_minor(line), line.currency, line.rate) for line in packages]
    pairs = list(zip(packages, subtotals, strict=True))
    eligible = [subtotal if line.is_eligible else 0 for line, subtotal in pairs]
    taken = _discount_sat(discount, sum(eligible), [line for line in packages if line.is_eligible])
    return [
        Quote(line.unit_price_minor, line.currency, line.quantity, line.rate, subtotal, share)
        for (line, subtotal), share in zip(pairs, _shares(taken, eligible), strict=True)
    ]


def _per_package(lines: Iterable[Line]) -> list[Line]:
    """Lines of one package at one price are one line."""
    found: dict[Line, Line] = {}
    for line in lines:
        key = replace(line, quantity=0)
        quantity = line.quantity + (found[key].quantity if key in found else 0)
        found[key] = replace(line, quantity=quantity)
    return list(found.values())


def _amount_minor(line: Line) -> int:
    return line.unit_price_minor * line.quantity


def _discount_sat(discount: Discount, subtotal_sat: int, lines: Sequence[Line]) -> int:
    """What is taken off these lines: a percentage rounded down, a sum half up.

    A sum that is less than their price, but rounds up to all of it, leaves 1 sat to pay.
    """
    if not discount.fixed_minor:
        return subtotal_sat * discount.percent_bp // FULL_DISCOUNT_BP
    fixed = _exact_sat(discount.fixed_minor, discount.fixed_currency, discount.fixed_rate)
    exact = Decimal(0)
    for line in lines:
        exact = _EXACT.add(exact, _exact_sat(_amount_minor(line), line.currency, line.rate))
    if fixed >= min(exact, Decimal(subtotal_sat)):
        return subtotal_sat
    return min(_half_up(fixed), max(0, subtotal_sat - 1))


def _shares(total: int, weights: Sequence[int]) -> list[int]:
    """Cut a whole into parts in proportion; none exceeds its weight, and they add up."""
    whole = sum(weights)
    parts: list[int] = []
    reached = 0
    for weight in weights:
        reached += weight
        parts.append((total * reached // whole if whole else 0) - sum(parts))
    return parts


def split_evenly(total_sat: int, parts: int) -> list[int]:
    """Share a total among tickets: parts differ by at most 1 sat and add up exactly."""
    share, rest = divmod(total_sat, parts)
    return [share + 1 if index < rest else share for index in range(parts)]
