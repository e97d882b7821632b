"""May this be bought? Pure: the state of things comes in as arguments."""

from datetime import datetime

from ..catalog.models import Event, Listing, Package
from ..catalog.rules import package_sales, seats_left
from ..errors import (
    EventCancelled,
    InvalidInput,
    LoginRequired,
    MaxPerBuyer,
    NotEnoughLeft,
    NotFound,
    NotOnSale,
    SoldOut,
    TooManyOpenOrders,
)
from ..models import MAX_AMOUNT_SAT, EventStatus, Sales
from ..settings import InstanceSettings
from .models import PurchaseRequest


def choose_package(listing: Listing, request: PurchaseRequest, now: datetime) -> Package:
    """The package that is bought. Raises a refusal that says why nothing can be."""
    if listing.event.status is EventStatus.CANCELLED:
        raise EventCancelled
    if listing.event.status is EventStatus.DRAFT:
        raise NotFound("This event does not exist.")
    package = _wanted(listing, request.package_ref, now)
    if package is None:
        raise InvalidInput("This ticket type does not exist.")
    state = package_sales(listing.event, package, now)
    if state is Sales.NOT_YET:
        raise NotOnSale("The sale of this ticket has not started yet.")
    if state is Sales.CLOSED:
        raise NotOnSale("The sale of this ticket is over.")
    if state is Sales.SOLD_OUT:
        raise SoldOut
    _check_quantity(listing, package, request.quantity)
    return package


def _wanted(listing: Listing, reference: str | None, now: datetime) -> Package | None:
    """The named package; without a name the first that is open, as 1.6.9 picks the open wave."""
    if reference:
        return listing.package(reference)
    shown = [package for package in listing.packages if package.is_wave]
    for package in shown:
        if package_sales(listing.event, package, now) is Sales.OPEN:
            return package
    return shown[0] if shown else None


def _check_quantity(listing: Listing, package: Package, quantity: int) -> None:
    if quantity < package.min_per_order:
        raise InvalidInput(f"At least {package.min_per_order} tickets must be bought together.")
    if quantity > package.max_per_order:
        raise InvalidInput(f"At most {package.max_per_order} tickets can be bought together.")
    left = seats_left(listing.event, package)
    if left is not None and quantity > left:
        raise NotEnoughLeft(left)


def check_contact(listing: Listing, request: PurchaseRequest) -> None:
    """Raises InvalidInput when the event sends its tickets by mail and no address is given."""
    if listing.event.extra.get("email_notifications") and not request.buyer.email:
        raise InvalidInput("This event sends tickets by e-mail: please give an address.")


def check_login(event: Event, request: PurchaseRequest) -> None:
    """Raises LoginRequired when the event sells to logins of this host only."""
    if event.login_required and not request.user_id:
        raise LoginRequired("Please log in to buy tickets of this event.")


def check_per_buyer(had: int, request: PurchaseRequest, most: int) -> None:
    """Raises MaxPerBuyer when a buyer would have more tickets than one may; InvalidInput when
    nobody could tell who buys."""
    if request.buyer_key is None:
        raise InvalidInput("Please give an e-mail address: tickets are limited per buyer.")
    if had + request.quantity > most:
        left = max(0, most - had)
        more = f"You have {had} already, so {left} more." if had else ""
        raise MaxPerBuyer(f"At most {most} tickets per buyer. {more}".strip(), remaining=left)


def check_total(total_sat: int) -> None:
    """Raises InvalidInput for a sum no invoice can carry."""
    if total_sat > MAX_AMOUNT_SAT:
        raise InvalidInput(f"An order may cost at most {MAX_AMOUNT_SAT:,} sats.")


def open_order_limits(settings: InstanceSettings) -> tuple[int, int]:
    """Nobody may hold a house empty with orders they do not pay: how many one buyer may have open
    for an event, and one network address for all."""
    return settings.max_open_orders_per_buyer, settings.max_open_orders_per_address


def too_many_free() -> TooManyOpenOrders:
    return TooManyOpenOrders("Too many free tickets go to your network. Try again in an hour.")


def too_many_open(counts: tuple[int, int], limits: tuple[int, int]) -> TooManyOpenOrders:
    """Which of the two limits is reached."""
    if counts[0] >= limits[0]:
        return TooManyOpenOrders("You have unpaid orders for this event: pay or let them lapse.")
    return TooManyOpenOrders("Too many unpaid orders come from your network. Try again later.")
