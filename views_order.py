"""The order page at its secret address, and the ticket page."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from . import clock
from .errors import NotFound
from .models import clean_id
from .orders.services import find_by_secret
from .tickets.qr import qr_svg, ticket_uri
from .tickets.services import require_ticket
from .views_build import fiat_text, order_page, shows_code, ticket_page
from .views_rates import board, display_currency
from .views_render import PageRoute, secret_page

router = APIRouter(route_class=PageRoute)


async def _qr(text: str, label: str) -> Markup:
    """A code as inline SVG. Drawing takes tens of milliseconds of pure CPU, hence the thread."""
    # Made of digits here, with the label escaped.
    return Markup(await asyncio.to_thread(qr_svg, text, label))  # noqa: S704


async def _worth(total_sat: int) -> str | None:
    """A sum of sats in the host's own currency, if the rate is at hand."""
    currency = display_currency()
    rate = (await board.look([currency])).get(currency)
    return fiat_text(Decimal(total_sat) / rate, currency) if rate and total_sat else None


@router.get("/o/{order_secret}", summary="An order, for who knows its secret")
async def show_order(request: Request, order_secret: str) -> Response:
    view = await find_by_secret(clean_id(order_secret, "This order"))
    if view.listing is None:
        raise NotFound("This order does not exist.")
    worth = await _worth(view.order.total_sat) if view.order.currency == "sat" else None
    page = order_page(view, view.listing, clock.now(), worth)
    if page.state == "reserved" and page.bolt11:
        # Upper case makes a smaller code, and BOLT 11 and URIs read the same in it.
        code = f"lightning:{page.bolt11}".upper()
        page = replace(page, qr=await _qr(code, "QR code of the invoice"))
    return secret_page(request, "order.html", {"order": page})


@router.get("/ticket/{ticket_id}", summary="A ticket, for who knows its id")
async def show_ticket(request: Request, ticket_id: str) -> Response:
    ticket, listing = await require_ticket(clean_id(ticket_id, "This ticket"))
    if listing is None:
        raise NotFound("This ticket does not exist.")
    page = ticket_page(ticket, listing)
    if shows_code(page.state):
        page = replace(page, qr=await _qr(ticket_uri(ticket.id), "QR code of this ticket"))
    return secret_page(request, "ticket.html", {"ticket": page})
