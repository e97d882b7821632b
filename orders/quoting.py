"""What a purchase costs at the rates of now; asks the host, so no transaction may be open."""

from decimal import Decimal

from ..catalog.models import Package
from ..promos.models import FIXED, Priced, PromoCode
from . import invoicing
from .bodies import clean_email
from .pricing import Discount, Quote, quote


async def quote_of(package: Package, quantity: int, promo: PromoCode | None) -> Quote:
    """The price of so many tickets with a code. Raises RateUnavailable."""
    rate = await invoicing.sats_per_unit(package.currency)
    discount = await _discount(promo, package.currency, rate) if promo else Discount()
    return quote(package.price_minor, package.currency, quantity, rate, discount)


async def _discount(promo: PromoCode, currency: str, rate: Decimal) -> Discount:
    """In the package's own currency the discount has the order's rate."""
    if promo.kind != FIXED:
        return Discount(percent_bp=promo.percent_bp)
    own = promo.currency or "sat"
    fixed_rate = rate if own == currency else await invoicing.sats_per_unit(own)
    return Discount(fixed_minor=promo.value_minor or 0, fixed_currency=own, fixed_rate=fixed_rate)


class Prices:
    """The port the promo codes' routes need (`promos.models.Prices`)."""

    async def price(self, package: Package, quantity: int, promo: PromoCode) -> Priced:
        priced = await quote_of(package, quantity, promo)
        return Priced(priced.discount_sat, priced.total_sat)

    def buyer_key(self, email: str) -> str | None:
        """Who only asks is not logged in: the address it is (`PurchaseRequest.buyer_key`)."""
        address = clean_email(email).lower()
        return f"email:{address}" if address else None
