"""Read and decide what an order will be: package, people, answers, price. Nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..catalog.models import Event, Listing, Package
from ..catalog.option_rules import Answer, check_responses
from ..catalog.options import Option, listing_options
from ..catalog.services import read_listing
from ..crud import Session, Tx, short_id
from ..errors import NotFound
from ..promos.models import PromoCode
from ..promos.services import require_valid
from ..settings import InstanceSettings, read_settings
from . import crud, replay, rules
from .models import Attendee, Order, PurchaseRequest
from .pricing import Quote
from .quoting import quote_of


@dataclass(frozen=True)
class Plan:
    """What will be written if the seats can be held. `answers` has one list per ticket."""

    order_id: str
    request: PurchaseRequest
    event: Event
    package: Package
    quote: Quote
    promo: PromoCode | None
    answers: Sequence[Sequence[Answer]]
    settings: InstanceSettings
    now: datetime

    @property
    def is_free(self) -> bool:
        return self.quote.total_sat == 0

    @property
    def hold_expires_at(self) -> datetime:
        return self.now + timedelta(seconds=self.settings.hold_seconds)

    @property
    def people(self) -> list[Attendee]:
        """One attendee per ticket: the named ones, then the buyer."""
        return everybody(self.request)

    @property
    def max_per_buyer(self) -> int | None:
        """The event's own bound, else the instance's; None: as many as there are."""
        if self.event.max_per_buyer is not None:
            return self.event.max_per_buyer
        return self.settings.default_max_per_buyer


@dataclass(frozen=True)
class Found:
    """What is known of the wish before anything is decided."""

    listing: Listing
    package: Package
    options: Sequence[Option]
    promo: PromoCode | None
    settings: InstanceSettings


def everybody(request: PurchaseRequest) -> list[Attendee]:
    named = list(request.attendees)[: request.quantity]
    return named + [request.buyer] * (request.quantity - len(named))


async def read(session: Session, request: PurchaseRequest, now: datetime) -> Order | Found:
    """What the wish needs, or the order an earlier request with its key has made.

    Raises a refusal when nothing can be bought.
    """
    async with session.reading() as tx:
        if request.idempotency_key:
            known = await crud.get_by_idempotency(tx, replay.idempotency_hash(request))
            if known is not None:
                return known
        listing = await read_listing(tx, request.event_id)
        if listing is None:
            raise NotFound("This event does not exist.")
        rules.check_login(listing.event, request)
        package = rules.choose_package(listing, request, now)
        promo = await _promo(tx, request, package, now)
        options = await listing_options(tx, listing)
        return Found(listing, package, options.get(package.id, ()), promo, await read_settings(tx))


async def _promo(
    tx: Tx, request: PurchaseRequest, package: Package, now: datetime
) -> PromoCode | None:
    if not request.promo_code:
        return None
    return await require_valid(tx, request.event_id, request.promo_code, package.id, now)


async def decide(request: PurchaseRequest, found: Found, now: datetime) -> Plan:
    """Prices and answers. Asks the host for rates, so no transaction is open. Raises a refusal."""
    package = found.package
    rules.check_contact(found.listing, request)
    answers = _answers(request, found.options)
    price = await quote_of(package, request.quantity, found.promo)
    rules.check_total(price.total_sat)
    return Plan(
        order_id=short_id(),
        request=request,
        event=found.listing.event,
        package=package,
        quote=price,
        promo=found.promo,
        answers=answers,
        settings=found.settings,
        now=now,
    )


def _answers(request: PurchaseRequest, options: Sequence[Option]) -> list[list[Answer]]:
    """Each attendee's own answers on top of those given for all. Raises InvalidInput."""
    found = []
    for attendee in everybody(request):
        own: Mapping[str, object] = attendee.responses or {}
        found.append(list(check_responses(options, {**request.responses, **own})))
    return found
