"""Prices and rounding as properties: every price, rate, quantity and discount, not some of them."""

import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.host import REPO, ext

CURRENCIES = ("sat", "EUR", "USD", "JPY", "KWD", "CLF", "HUF")

minor_prices = st.integers(min_value=0, max_value=10**9)
positive_prices = st.integers(min_value=1, max_value=10**9)
quantities = st.integers(min_value=1, max_value=10)
discounts = st.integers(min_value=0, max_value=10_000)
currencies = st.sampled_from(CURRENCIES)
rates = st.decimals("0.00000001", "100000000", places=8)
sums = st.tuples(st.integers(min_value=1, max_value=10**9), currencies, rates)


@pytest.fixture(scope="module", autouse=True)
def _booted(app: object) -> None:
    """The modules exist once the host has loaded them."""


def percent(points: int) -> Any:
    return ext("orders.pricing").Discount(percent_bp=points)


def fixed(off: tuple[int, str, Decimal]) -> Any:
    minor, currency, rate = off
    return ext("orders.pricing").Discount(
        fixed_minor=minor,
        fixed_currency=currency,
        fixed_rate=Decimal(1) if currency == "sat" else rate,
    )


def exact(minor: int, currency: str, rate: Decimal) -> Fraction:
    return Fraction(minor, 10 ** ext("models").minor_digits(currency)) * Fraction(rate)


@given(minor_prices, currencies, quantities, rates, discounts)
@example(1, "CLF", 1, Decimal("0.00000001"), 9_999)
def test_a_total_lies_between_nothing_and_the_subtotal(
    price: int, currency: str, quantity: int, rate: Decimal, percent_bp: int
) -> None:
    quote = ext("orders.pricing").quote(price, currency, quantity, rate, percent(percent_bp))
    assert 0 <= quote.discount_sat <= quote.subtotal_sat
    assert quote.total_sat == quote.subtotal_sat - quote.discount_sat
    assert {type(quote.subtotal_sat), type(quote.discount_sat)} == {int}


@given(positive_prices, currencies, quantities, rates, st.integers(0, 9_999))
@example(1, "sat", 1, Decimal(1), 9_999)
def test_a_positive_price_never_becomes_free_below_a_full_discount(
    price: int, currency: str, quantity: int, rate: Decimal, percent_bp: int
) -> None:
    discount = percent(percent_bp)
    assert ext("orders.pricing").quote(price, currency, quantity, rate, discount).total_sat >= 1


@given(minor_prices, currencies, quantities, rates)
def test_only_a_full_discount_or_a_zero_price_is_free(
    price: int, currency: str, quantity: int, rate: Decimal
) -> None:
    quote = ext("orders.pricing").quote
    assert quote(price, currency, quantity, rate, percent(10_000)).total_sat == 0
    assert (quote(price, currency, quantity, rate, percent(0)).total_sat == 0) == (price == 0)


@given(positive_prices, currencies, quantities, rates)
def test_the_subtotal_is_rounded_once_half_up(
    price: int, currency: str, quantity: int, rate: Decimal
) -> None:
    pricing, models = ext("orders.pricing"), ext("models")
    digits = models.minor_digits(currency)
    exact = Fraction(price * quantity, 10**digits) * Fraction(rate)
    subtotal = pricing.quote(price, currency, quantity, rate, percent(0)).subtotal_sat
    assert subtotal == max(1, int(exact + Fraction(1, 2)))


@given(positive_prices, quantities, discounts)
def test_a_price_in_sat_is_charged_exactly(price: int, quantity: int, percent_bp: int) -> None:
    quote = ext("orders.pricing").quote(price, "sat", quantity, Decimal(1), percent(percent_bp))
    assert quote.subtotal_sat == price * quantity
    assert quote.discount_sat == price * quantity * percent_bp // 10_000


@given(positive_prices, currencies, quantities, quantities, rates)
def test_splitting_a_purchase_moves_the_price_by_rounding_only(
    price: int, currency: str, first: int, second: int, rate: Decimal
) -> None:
    quote = ext("orders.pricing").quote
    parts = [quote(price, currency, n, rate, percent(0)).subtotal_sat for n in (first, second)]
    whole = quote(price, currency, first + second, rate, percent(0)).subtotal_sat
    assert abs(whole - sum(parts)) <= 1


@given(positive_prices, currencies, st.integers(1, 9), rates, st.integers(0, 9_999))
def test_more_tickets_never_cost_less_and_more_discount_never_more(
    price: int, currency: str, quantity: int, rate: Decimal, percent_bp: int
) -> None:
    quote = ext("orders.pricing").quote
    here = quote(price, currency, quantity, rate, percent(percent_bp)).total_sat
    assert quote(price, currency, quantity + 1, rate, percent(percent_bp)).total_sat >= here
    assert quote(price, currency, quantity, rate, percent(percent_bp + 1)).total_sat <= here


@given(st.integers(0, 10**12), quantities)
def test_tickets_share_a_total_evenly_and_completely(total_sat: int, parts: int) -> None:
    shares = ext("orders.pricing").split_evenly(total_sat, parts)
    assert (len(shares), sum(shares)) == (parts, total_sat)
    assert max(shares) - min(shares) <= 1


@given(minor_prices, currencies)
def test_minor_units_survive_a_round_trip(price: int, currency: str) -> None:
    written = ext("models").to_major(price, currency)
    assert ext("catalog.rules").price_to_minor(written, currency) == price


@given(st.decimals("0", "1000000", places=6), currencies)
def test_a_price_finer_than_the_minor_unit_is_refused(price: Decimal, currency: str) -> None:
    exact = Fraction(price) * 10 ** ext("models").minor_digits(currency)
    rules, refused = ext("catalog.rules"), ext("errors").InvalidInput
    if exact.denominator == 1:
        assert rules.price_to_minor(price, currency) == exact
    else:
        with pytest.raises(refused):
            rules.price_to_minor(price, currency)


@pytest.mark.parametrize(
    ("currency", "minor", "major"),
    [
        ("sat", 1999, "1999"),
        ("EUR", 1999, "19.99"),
        ("JPY", 1999, "1999"),
        ("KWD", 1999, "1.999"),
        ("CLF", 1999, "0.1999"),
    ],
)
def test_minor_units_follow_iso_4217(currency: str, minor: int, major: str) -> None:
    assert ext("models").to_major(minor, currency) == Decimal(major)


@given(st.decimals("0", "100", places=5))
@example(Decimal("99.999"))
def test_a_percentage_is_never_rounded_up(written: Decimal) -> None:
    """99.999 % off must leave something to pay."""
    points = ext("promos.services").percent_to_bp(written)
    assert Fraction(points, 100) <= Fraction(written) < Fraction(points + 1, 100)


@given(minor_prices, currencies, quantities, rates, sums)
def test_a_sum_off_is_taken_once_and_leaves_a_total_between_nothing_and_the_subtotal(
    price: int, currency: str, quantity: int, rate: Decimal, off: tuple[int, str, Decimal]
) -> None:
    discount = fixed(off)
    quote = ext("orders.pricing").quote(price, currency, quantity, rate, discount)
    assert 0 <= quote.discount_sat <= quote.subtotal_sat
    worth = exact(off[0], off[1], discount.fixed_rate)
    assert quote.discount_sat <= int(worth + 1)
    assert quote.subtotal_sat - quote.discount_sat in (
        0,
        1,
        quote.subtotal_sat - int(worth + Fraction(1, 2)),
    )


@given(positive_prices, currencies, quantities, rates, sums)
@example(2000, "EUR", 1, Decimal("0.0101"), (1999, "EUR", Decimal("0.0101")))
@example(
    10**9, "EUR", 10, Decimal("99999999.99999999"), (10**10, "EUR", Decimal("99999999.99999999"))
)
def test_a_sum_off_makes_free_only_what_it_covers(
    price: int, currency: str, quantity: int, rate: Decimal, off: tuple[int, str, Decimal]
) -> None:
    discount = fixed(off)
    quote = ext("orders.pricing").quote(price, currency, quantity, rate, discount)
    worth = exact(off[0], off[1], discount.fixed_rate)
    cost = min(exact(price * quantity, currency, rate), Fraction(quote.subtotal_sat))
    assert (quote.total_sat == 0) == (worth >= cost)


@given(
    positive_prices,
    currencies,
    rates,
    st.lists(quantities, min_size=1, max_size=6),
    discounts,
    sums,
)
def test_the_price_of_a_package_does_not_depend_on_how_an_order_is_split(
    price: int,
    currency: str,
    rate: Decimal,
    quantities: list[int],
    percent_bp: int,
    off: tuple[int, str, Decimal],
) -> None:
    pricing = ext("orders.pricing")
    lines = [pricing.Line("p", price, currency, quantity, rate) for quantity in quantities]
    for discount in (percent(percent_bp), fixed(off)):
        whole = pricing.quote(price, currency, sum(quantities), rate, discount)
        assert pricing.quote_lines(lines, discount) == [whole]


packages = st.lists(
    st.tuples(minor_prices, currencies, quantities, rates, st.booleans()), min_size=1, max_size=5
)


@given(packages, discounts, sums)
def test_the_parts_of_an_order_add_up(
    wanted: list[tuple[int, str, int, Decimal, bool]],
    percent_bp: int,
    off: tuple[int, str, Decimal],
) -> None:
    pricing = ext("orders.pricing")
    lines = [pricing.Line(str(number), *line) for number, line in enumerate(wanted)]
    for discount in (percent(percent_bp), fixed(off)):
        quotes = pricing.quote_lines(lines, discount)
        eligible = sum(
            q.subtotal_sat for q, line in zip(quotes, lines, strict=True) if line.is_eligible
        )
        taken = sum(quote.discount_sat for quote in quotes)
        for quote, line in zip(quotes, lines, strict=True):
            alone = pricing.quote(*wanted[int(line.package_id)][:4], percent(0))
            assert quote.subtotal_sat == alone.subtotal_sat
            assert 0 <= quote.discount_sat <= (quote.subtotal_sat if line.is_eligible else 0)
        assert sum(q.total_sat for q in quotes) == sum(q.subtotal_sat for q in quotes) - taken
        if discount.percent_bp:
            assert taken == eligible * percent_bp // 10_000


def test_a_discount_is_a_percentage_or_a_sum() -> None:
    with pytest.raises(ValueError, match="not both"):
        ext("orders.pricing").Discount(percent_bp=1, fixed_minor=1)


def table(heading: str) -> Iterator[list[str]]:
    """The rows of a table of docs/pricing.md, without its head."""
    text = (REPO / "docs" / "pricing.md").read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    for row in rows[2:]:
        yield [cell.strip() for cell in row.strip("|").split("|")]


def written_discount(text: str, currency: str, rate: Decimal) -> Any:
    """`none`, `12.5 %`, `50 sat`, or `5 USD @ 900.5`."""
    found = re.fullmatch(r"(?P<much>[0-9.]+) (?P<unit>%|\w+)( @ (?P<rate>[0-9.]+))?", text)
    if found is None:
        assert text == "none"
        return percent(0)
    if found["unit"] == "%":
        return percent(ext("promos.services").percent_to_bp(Decimal(found["much"])))
    own = found["unit"]
    minor = ext("catalog.rules").price_to_minor(Decimal(found["much"]), own)
    at = Decimal(found["rate"]) if found["rate"] else rate
    assert own in ("sat", currency) or found["rate"]
    return fixed((minor, own, at))


def test_the_examples_of_the_pricing_page_are_true() -> None:
    rows = list(table("Examples"))
    assert len(rows) > 20
    for price, currency, written, quantity, off, *expected in rows:
        rate = Decimal(written)
        minor = ext("catalog.rules").price_to_minor(Decimal(price), currency)
        discount = written_discount(off, currency, rate)
        quote = ext("orders.pricing").quote(minor, currency, int(quantity), rate, discount)
        found = [str(n) for n in (quote.subtotal_sat, quote.discount_sat, quote.total_sat)]
        assert found == expected[:3], (price, currency, written, quantity, off)


def test_the_examples_of_several_packages_are_true() -> None:
    pricing = ext("orders.pricing")
    rows = list(table("Several packages"))
    assert len(rows) > 5
    for wanted, off, parts, total, _ in rows:
        lines = []
        for number, text in enumerate(wanted.split()):
            price, quantity = text.rstrip("*").split("×")  # noqa: RUF001 - as a person writes it
            line = (int(price), "sat", int(quantity), Decimal(1), text.endswith("*"))
            lines.append(pricing.Line(str(number), *line))
        quotes = pricing.quote_lines(lines, written_discount(off, "sat", Decimal(1)))
        assert [str(quote.discount_sat) for quote in quotes] == parts.split(), wanted
        assert sum(quote.total_sat for quote in quotes) == int(total), wanted
