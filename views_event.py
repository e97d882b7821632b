"""The event page and its form: from a visitor's wish to an order and its secret address."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel

from . import clock
from .catalog.models import Listing
from .catalog.services import require_listing
from .errors import NotFound, OrderInProgress, TicketingError
from .models import EventStatus, clean_id, clean_text
from .orders.bodies import PurchaseBody, clean_email, clean_name
from .orders.checkout import place_order
from .views_build import event_page
from .views_forms import Problem, message_of
from .views_models import EventPage, PackageRow
from .views_rates import board
from .views_render import PageRoute, base_url, public_page, see_other
from .web import client_address

router = APIRouter(route_class=PageRoute)

# Where on the form a refusal belongs.
_FIELD_OF_CODE = {
    "promo_invalid": "promo_code",
    "not_enough_left": "quantity",
    "sold_out": "package",
    "not_on_sale": "package",
}


class SentForm(BaseModel):
    """The fields of the form, as text: what is wrong with them is said on the page."""

    key: str = ""
    package_id: str = ""
    quantity: str = ""
    name: str = ""
    email: str = ""
    promo_code: str = ""


@dataclass(frozen=True)
class BuyForm:
    """What stands in the form. `key` makes a form that is sent twice one order."""

    key: str
    package_id: str = ""
    quantity: str = "1"
    name: str = ""
    email: str = ""
    promo_code: str = ""
    errors: list[Problem] = field(default_factory=list)
    needs_email: bool = False
    packages: list[PackageRow] = field(default_factory=list)

    def error(self, name: str) -> str | None:
        return message_of(self.errors, name)

    @property
    def chosen(self) -> PackageRow | None:
        """The ticked package: the one asked for, else the first on sale."""
        wanted = [package for package in self.packages if package.id == self.package_id]
        return next(iter(wanted + self.packages), None)

    @property
    def is_single(self) -> bool:
        return len(self.packages) == 1

    @property
    def is_free(self) -> bool:
        return all(package.is_free for package in self.packages)


def _new_key() -> str:
    return secrets.token_urlsafe(18)


async def _read(event_id: str) -> tuple[Listing, EventPage]:
    """A published event. Raises NotFound, for drafts too."""
    listing = await require_listing(clean_id(event_id, "This event"))
    if listing.event.status is EventStatus.DRAFT:
        raise NotFound("This event does not exist.")
    rates = await board.look({package.currency for package in listing.packages})
    return listing, event_page(listing, clock.now(), rates, base_url())


def _answer(
    request: Request, listing: Listing, page: EventPage, form: BuyForm, status: int
) -> Response:
    needs_email = bool(listing.event.extra.get("email_notifications"))
    shown = replace(form, packages=page.on_sale, needs_email=needs_email)
    return public_page(request, "event.html", {"event": page, "form": shown}, status)


@router.get("/{event_id}", summary="The event's public page", include_in_schema=False)
async def show_event(request: Request, event_id: str) -> Response:
    listing, page = await _read(event_id)
    return _answer(request, listing, page, BuyForm(_new_key()), HTTPStatus.OK)


@router.post("/{event_id}", summary="Place an order from the form", include_in_schema=False)
async def send_form(request: Request, event_id: str, sent: Annotated[SentForm, Form()]) -> Response:
    listing, page = await _read(event_id)
    form = BuyForm(**{name: text.strip() for name, text in sent.dict().items()})
    problems = _problems(form)
    status: int = HTTPStatus.BAD_REQUEST
    if not problems:
        try:
            secret = await _place(request, listing.event.id, form)
            return see_other(f"/events/o/{secret}")
        except OrderInProgress as error:
            # Its twin is still being made: the same key finds that order at the next try.
            status, problems = error.status, [Problem("", error.message)]
        except TicketingError as error:
            status = error.status
            problems = [Problem(_FIELD_OF_CODE.get(error.code, ""), error.message, error.code)]
            form = replace(form, key=_new_key())
            listing, page = await _read(event_id)
    return _answer(request, listing, page, replace(form, errors=problems), int(status))


async def _place(request: Request, event_id: str, form: BuyForm) -> str:
    """Place the order; returns its secret."""
    body = PurchaseBody(
        name=form.name,
        email=form.email,
        quantity=_whole_number(form.quantity),
        package_id=form.package_id or None,
        promo_code=form.promo_code or None,
    )
    wish = body.request(event_id, client_address(request), form.key or None, "page")
    purchase = await place_order(wish, clock.now())
    return purchase.order_secret


def _whole_number(text: str) -> int:
    """0 for everything that is none; the purchase's own check refuses that with its sentence."""
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0


def _problems(form: BuyForm) -> list[Problem]:
    """Everything wrong with the fields themselves, so that people can mend it in one go."""
    checks: dict[str, Callable[[], object]] = {
        "package": lambda: clean_text(form.package_id, "The ticket type", 128),
        "quantity": lambda: PurchaseBody(name="-", quantity=_whole_number(form.quantity)),
        "name": lambda: clean_name(form.name),
        "email": lambda: clean_email(form.email),
        "promo_code": lambda: clean_text(form.promo_code, "The promo code", 64),
    }
    found = []
    for name, check in checks.items():
        try:
            check()
        except TicketingError as error:
            found.append(Problem(name, error.message))
    return found
