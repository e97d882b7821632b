"""What a buyer is told of a code before buying: what it takes off, or that it is not valid."""

from dataclasses import dataclass
from datetime import datetime

from ..catalog.models import Listing, Package
from ..catalog.rules import package_sales
from ..catalog.services import read_listing
from ..crud import reading
from ..errors import InvalidInput, NotFound, PromoInvalid
from ..models import MAX_PER_PURCHASE, EventStatus, Sales
from .models import Priced, Prices
from .services import require_left, require_valid


@dataclass(frozen=True)
class Wish:
    """What somebody would like to buy. Without a package the first that is on sale."""

    event_id: str
    code: str
    package_ref: str | None
    quantity: int
    email: str


async def validate(wish: Wish, prices: Prices, now: datetime) -> Priced:
    """What the code takes off. Raises NotFound for an event that is not public, InvalidInput for
    what nobody can buy, PromoInvalid for a code that is not valid, whatever the reason."""
    if not 1 <= wish.quantity <= MAX_PER_PURCHASE:
        raise InvalidInput(f"The quantity must be a whole number from 1 to {MAX_PER_PURCHASE}.")
    buyer_key = prices.buyer_key(wish.email)
    async with reading() as tx:
        listing = await read_listing(tx, wish.event_id)
        if listing is None or listing.event.status is EventStatus.DRAFT:
            raise NotFound("This event does not exist.")
        package = _package(listing, wish.package_ref, now)
        if package is None:
            raise PromoInvalid
        promo = await require_valid(tx, wish.event_id, wish.code, package.id, now)
        if buyer_key:
            await require_left(tx, promo, buyer_key)
    return await prices.price(package, wish.quantity, promo)


def _package(listing: Listing, reference: str | None, now: datetime) -> Package | None:
    """The package a purchase would take."""
    if reference:
        return listing.package(reference)
    shown = [package for package in listing.packages if package.is_wave]
    on_sale = (p for p in shown if package_sales(listing.event, p, now) is Sales.OPEN)
    return next(on_sale, shown[0] if shown else None)
