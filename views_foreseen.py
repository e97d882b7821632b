"""What the purchase will refuse, as far as it can be told without holding a seat, and where on the
form that belongs. The purchase itself has the last word."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from .catalog.models import Listing
from .crud import reading
from .errors import InvalidInput, TicketingError
from .orders import rules
from .orders.models import PurchaseRequest
from .promos.services import require_left, require_valid

# Where on the form a refusal belongs.
_FIELD_OF_CODE = {
    "promo_invalid": "promo_code",
    "not_enough_left": "quantity",
    "max_per_buyer": "quantity",
    "sold_out": "package",
    "not_on_sale": "package",
}
# The words of the purchase itself.
_NEEDS_EMAIL = "Please give an e-mail address: this promo code is limited per buyer."
Refused = tuple[str, TicketingError]


@dataclass(frozen=True)
class Wish:
    """What somebody wants to buy, and what is known of it. `max_per_buyer` is the bound that holds
    for this event."""

    listing: Listing
    request: PurchaseRequest
    max_per_buyer: int | None
    now: datetime


async def foreseen(wish: Wish) -> list[Refused]:
    """Every refusal that can be told now, each with its field."""
    return _at_once(wish) or await _of_the_code(wish)


async def field_of(error: TicketingError, wish: Wish) -> str:
    """The field a refusal of the purchase belongs to, "" for none."""
    if error.code != InvalidInput.code:
        return _FIELD_OF_CODE.get(error.code, "")
    same = [name for name, other in await foreseen(wish) if other.message == error.message]
    return next(iter(same), "")


def _at_once(wish: Wish) -> list[Refused]:
    listing, request = wish.listing, wish.request
    is_known = listing.package(request.package_ref) is not None
    checks: list[tuple[str, Callable[[], object]]] = [
        ("", lambda: rules.check_login(listing.event, request)),
        (
            "quantity" if is_known else "package",
            lambda: rules.choose_package(listing, request, wish.now),
        ),
        ("email", lambda: rules.check_contact(listing, request)),
        ("email", lambda: _check_bound(wish)),
    ]
    found = []
    for name, check in checks:
        try:
            check()
        except TicketingError as error:
            found.append((_FIELD_OF_CODE.get(error.code, name), error))
    return found


def _check_bound(wish: Wish) -> None:
    if wish.max_per_buyer is not None:
        rules.check_per_buyer(0, wish.request, wish.max_per_buyer)


async def _of_the_code(wish: Wish) -> list[Refused]:
    request = wish.request
    package = wish.listing.package(request.package_ref)
    if not request.promo_code or package is None:
        return []
    try:
        async with reading() as tx:
            promo = await require_valid(
                tx, request.event_id, request.promo_code, package.id, wish.now
            )
            if request.buyer_key is not None:
                await require_left(tx, promo, request.buyer_key)
    except TicketingError as error:
        return [("promo_code", error)]
    if promo.max_per_buyer is not None and request.buyer_key is None:
        return [("email", InvalidInput(_NEEDS_EMAIL))]
    return []
