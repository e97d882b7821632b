"""Prices and rounding as properties: every price, rate, quantity and discount, not some of them."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.host import ext

CURRENCIES = ("sat", "EUR", "USD", "JPY", "KWD", "CLF", "HUF")

minor_prices = st.integers(min_value=0, max_value=10**9)
positive_prices = st.integers(min_value=1, max_value=10**9)
quantities = st.integers(min_value=1, max_value=10)
discounts = st.integers(min_value=0, max_value=10_000)
currencies = st.sampled_from(CURRENCIES)
rates = st.decimals("0.00000001", "100000000", places=8)


@pytest.fixture(scope="module", autouse=True)
def _booted(app: object) -> None:
    """The modules exist once the host has loaded them."""


@given(minor_prices, currencies, quantities, rates, discounts)
@example(1, "CLF", 1, Decimal("0.00000001"), 9_999)
def test_a_total_lies_between_nothing_and_the_subtotal(
    price: int, currency: str, quantity: int, rate: Decimal, percent_bp: int
) -> None:
    quote = ext("orders.pricing").quote(price, currency, quantity, rate, percent_bp)
    assert 0 <= quote.discount_sat <= quote.subtotal_sat
    assert quote.total_sat == quote.subtotal_sat - quote.discount_sat
    assert {type(quote.subtotal_sat), type(quote.discount_sat)} == {int}


@given(positive_prices, currencies, quantities, rates, st.integers(0, 9_999))
@example(1, "sat", 1, Decimal(1), 9_999)
def test_a_positive_price_never_becomes_free_below_a_full_discount(
    price: int, currency: str, quantity: int, rate: Decimal, percent_bp: int
) -> None:
    assert ext("orders.pricing").quote(price, currency, quantity, rate, percent_bp).total_sat >= 1


@given(minor_prices, currencies, quantities, rates)
def test_only_a_full_discount_or_a_zero_price_is_free(
    price: int, currency: str, quantity: int, rate: Decimal
) -> None:
    quote = ext("orders.pricing").quote
    assert quote(price, currency, quantity, rate, 10_000).total_sat == 0
    assert (quote(price, currency, quantity, rate, 0).total_sat == 0) == (price == 0)


@given(positive_prices, currencies, quantities, rates)
def test_the_subtotal_is_rounded_once_half_up(
    price: int, currency: str, quantity: int, rate: Decimal
) -> None:
    pricing, models = ext("orders.pricing"), ext("models")
    digits = models.minor_digits(currency)
    exact = Fraction(price * quantity, 10**digits) * Fraction(rate)
    subtotal = pricing.quote(price, currency, quantity, rate, 0).subtotal_sat
    assert subtotal == max(1, int(exact + Fraction(1, 2)))


@given(positive_prices, quantities, discounts)
def test_a_price_in_sat_is_charged_exactly(price: int, quantity: int, percent_bp: int) -> None:
    quote = ext("orders.pricing").quote(price, "sat", quantity, Decimal(1), percent_bp)
    assert quote.subtotal_sat == price * quantity
    assert quote.discount_sat == price * quantity * percent_bp // 10_000


@given(positive_prices, currencies, quantities, quantities, rates)
def test_splitting_a_purchase_moves_the_price_by_rounding_only(
    price: int, currency: str, first: int, second: int, rate: Decimal
) -> None:
    quote = ext("orders.pricing").quote
    parts = [quote(price, currency, n, rate, 0).subtotal_sat for n in (first, second)]
    whole = quote(price, currency, first + second, rate, 0).subtotal_sat
    assert abs(whole - sum(parts)) <= 1


@given(positive_prices, currencies, st.integers(1, 9), rates, st.integers(0, 9_999))
def test_more_tickets_never_cost_less_and_more_discount_never_more(
    price: int, currency: str, quantity: int, rate: Decimal, percent_bp: int
) -> None:
    quote = ext("orders.pricing").quote
    here = quote(price, currency, quantity, rate, percent_bp).total_sat
    assert quote(price, currency, quantity + 1, rate, percent_bp).total_sat >= here
    assert quote(price, currency, quantity, rate, percent_bp + 1).total_sat <= here


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
def test_a_percentage_is_never_rounded_up(percent: Decimal) -> None:
    """99.999 % off must leave something to pay."""
    points = ext("promos.services").percent_to_bp(percent)
    assert Fraction(points, 100) <= Fraction(percent) < Fraction(points + 1, 100)
