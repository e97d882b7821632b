"""The event page and its form: from a visitor's wish to an order and its secret address.

The form has a second step where a ticket's package asks something or guests are named. Nothing is
held before the last one, and what stands in the first is sent along and judged again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from . import clock
from .actors import BUYER, act_as
from .catalog.models import Listing, Package
from .catalog.options import Option, listing_options
from .catalog.services import read_listing
from .crud import reading
from .errors import NotFound, OrderInProgress, TicketingError
from .models import EventStatus, clean_id
from .notifications.email import is_configured
from .orders.bodies import AttendeeBody, PurchaseBody
from .orders.checkout import place_order
from .orders.models import PurchaseRequest
from .settings import read_settings
from .views_event_build import Visit, event_page, package_row
from .views_event_models import EventPage
from .views_foreseen import Wish, field_of, foreseen
from .views_form_buy import BuyForm, buy_problems, new_key, read_buy_form, refused
from .views_form_details import Details
from .views_forms import Problem, Sent, sent_fields
from .views_login import visitor
from .views_rates import board
from .views_render import PageRoute, base_url, public_page, see_other
from .web import client_address

router = APIRouter(route_class=PageRoute)

Visitor = Annotated[str | None, Depends(visitor)]


@dataclass(frozen=True)
class _Seen:
    """An event as its page found it, for this visitor."""

    listing: Listing
    options: Mapping[str, Sequence[Option]]
    visit: Visit
    page: EventPage

    @property
    def mails(self) -> bool:
        return bool(self.listing.event.extra.get("email_notifications"))

    @property
    def needs_email(self) -> bool:
        """An event that counts tickets per buyer must know who buys."""
        is_counted = self.visit.max_per_buyer is not None and self.visit.user_id is None
        return is_counted or self.mails

    def wish(self, request: PurchaseRequest) -> Wish:
        return Wish(self.listing, request, self.visit.max_per_buyer, clock.now())

    def package(self, form: BuyForm) -> Package | None:
        """What is to be bought. Without a choice the first on sale, as the purchase has it."""
        on_sale = [package.id for package in self.page.on_sale]
        return self.listing.package(form.package_id or next(iter(on_sale), None))

    def details(self, form: BuyForm, sent: Sent) -> Details:
        package = self.package(form)
        return Details(form, self.options.get(package.id, ()) if package else (), sent)


async def _read(event_id: str, user_id: str | None) -> _Seen:
    """A published event. Raises NotFound, for drafts too."""
    wanted = clean_id(event_id, "This event")
    async with reading() as tx:
        listing = await read_listing(tx, wanted)
        if listing is None or listing.event.status is EventStatus.DRAFT:
            raise NotFound("This event does not exist.")
        options = await listing_options(tx, listing)
        most = (await read_settings(tx)).default_max_per_buyer
    if listing.event.max_per_buyer is not None:
        most = listing.event.max_per_buyer
    rates = await board.look({package.currency for package in listing.packages})
    visit = Visit(clock.now(), rates, base_url(), frozenset(options), most, user_id)
    return _Seen(listing, options, visit, event_page(listing, visit))


def _first_step(request: Request, seen: _Seen, form: BuyForm, status: int) -> Response:
    sends = seen.listing.event.send_messages
    shown = replace(
        form,
        packages=seen.page.on_sale,
        needs_email=seen.needs_email,
        mails=seen.mails,
        sends=sends,
        sends_mail=sends and is_configured(),
    )
    context = {"event": seen.page, "form": shown}
    return public_page(request, "event.html", context, status)


def _second_step(
    request: Request, seen: _Seen, details: Details, problems: Sequence[Problem], status: int
) -> Response:
    package = seen.package(details.form)
    if package is None:
        return _first_step(request, seen, replace(details.form, errors=problems), status)
    row = package_row(seen.listing.event, package, seen.visit)
    page = details.page(seen.page, row, problems)
    return public_page(request, "details.html", {"details": page}, status)


@router.get("/{event_id}", summary="The event's public page", include_in_schema=False)
async def show_event(request: Request, event_id: str, user_id: Visitor) -> Response:
    seen = await _read(event_id, user_id)
    return _first_step(request, seen, BuyForm(new_key()), HTTPStatus.OK)


@router.post("/{event_id}", summary="Place an order from the form", include_in_schema=False)
async def send_form(
    request: Request, event_id: str, user_id: Visitor, sent: Annotated[Sent, Depends(sent_fields)]
) -> Response:
    seen = await _read(event_id, user_id)
    form = read_buy_form(sent)
    if sent.one("back"):
        return _first_step(request, seen, form, HTTPStatus.OK)
    problems = buy_problems(form)
    if problems:
        return _first_step(request, seen, refused(form, problems), HTTPStatus.BAD_REQUEST)
    details = seen.details(form, sent)
    if not details.is_needed:
        return await _order(request, seen, details, [])
    if sent.one("step") != "2":
        return await _ask_details(request, seen, details)
    problems = details.problems()
    if problems:
        return _second_step(request, seen, details, problems, HTTPStatus.BAD_REQUEST)
    return await _order(request, seen, details, details.attendees())


async def _ask_details(request: Request, seen: _Seen, details: Details) -> Response:
    """On to the second step, unless it can be seen already that the order will be refused."""
    form = details.form
    found = await foreseen(seen.wish(_request(request, seen, form, [])))
    if not found:
        return _second_step(request, seen, details, [], HTTPStatus.OK)
    problems = [Problem(name, error.message, error.code) for name, error in found]
    shown = replace(form, errors=problems)
    return _first_step(request, seen, shown, int(found[0][1].status))


async def _order(
    request: Request, seen: _Seen, details: Details, attendees: list[AttendeeBody]
) -> Response:
    """Place the order and lead to it; what is refused is said at the step it belongs to."""
    form = details.form
    wish = _request(request, seen, form, attendees)
    act_as(BUYER)
    try:
        purchase = await place_order(wish, clock.now())
        return see_other(f"/events/o/{purchase.order_secret}")
    except OrderInProgress as error:
        # Its twin is still being made: the same key finds that order at the next try.
        status, problem = int(error.status), Problem("", error.message)
    except TicketingError as error:
        seen = await _read(seen.listing.event.id, seen.visit.user_id)
        name = await field_of(error, seen.wish(wish))
        status, problem = int(error.status), Problem(name, error.message, error.code)
        form = replace(form, key=new_key())
    if attendees and not problem.field:
        return _second_step(request, seen, replace(details, form=form), [problem], status)
    return _first_step(request, seen, replace(form, errors=[problem]), status)


def _request(
    request: Request, seen: _Seen, form: BuyForm, attendees: list[AttendeeBody]
) -> PurchaseRequest:
    body = PurchaseBody(
        name=form.name,
        email=form.email,
        nostr_identifier=form.nostr_identifier or None,
        quantity=form.count,
        package_id=form.package_id or None,
        promo_code=form.promo_code or None,
        attendees=attendees,
    )
    key = form.key or None
    return body.request(
        seen.listing.event.id,
        client_address(request),
        key,
        "page",
        seen.visit.user_id,
        request.headers.get("accept-language"),
    )
