"""The order page at its secret address, and the ticket page."""

from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from . import clock
from .crud import reading
from .errors import NotFound
from .models import clean_id
from .orders.services import find_by_secret
from .refunds.services import refunds_of_order
from .tickets import responses
from .tickets.calendar import is_possible
from .tickets.qr import ticket_uri
from .tickets.services import require_ticket
from .views_build import Answers, fiat_text, order_page, shows_code, ticket_page
from .views_rates import board, display_currency
from .views_render import PageRoute, qr, secret_page
from .views_resend import resend_offer

router = APIRouter(route_class=PageRoute)


async def _worth(total_sat: int) -> str | None:
    """A sum of sats in the host's own currency, if the rate is at hand."""
    currency = display_currency()
    rate = (await board.look([currency])).get(currency)
    return fiat_text(Decimal(total_sat) / rate, currency) if rate and total_sat else None


async def _answers(ticket_ids: list[str]) -> Answers:
    """What was answered for these tickets; who may see the tickets may see that."""
    if not ticket_ids:
        return {}
    async with reading() as tx:
        return await responses.of_tickets(tx, ticket_ids)


@router.get("/o/{order_secret}", summary="An order, for who knows its secret")
async def show_order(
    request: Request, order_secret: str, again: Annotated[str, Query()] = ""
) -> Response:
    """`again`: what became of sending the tickets again."""
    secret = clean_id(order_secret, "This order")
    view = await find_by_secret(secret)
    refunds = await refunds_of_order(view.order.id)
    answers = await _answers([ticket.id for ticket in view.shown_tickets])
    page = order_page(view, refunds, answers, clock.now(), f"/events/o/{secret}")
    page = replace(page, resend=resend_offer(view, again))
    if view.order.currency == "sat":
        page = replace(page, fiat=await _worth(view.order.total_sat))
    if page.state == "reserved" and page.bolt11:
        # Upper case makes a smaller code, and BOLT 11 and URIs read the same in it.
        code = f"lightning:{page.bolt11}".upper()
        page = replace(page, qr=await qr(code, "QR code of the invoice"))
    return secret_page(request, "order.html", {"order": page})


@router.get("/ticket/{ticket_id}", summary="A ticket, for who knows its id")
async def show_ticket(request: Request, ticket_id: str) -> Response:
    ticket, listing = await require_ticket(clean_id(ticket_id, "This ticket"))
    if listing is None:
        raise NotFound("This ticket does not exist.")
    page = ticket_page(ticket, listing, await _answers([ticket.id]))
    if shows_code(page.state):
        calendar = f"/events/api/v1/tickets/{ticket.id}/calendar.ics"
        page = replace(
            page,
            qr=await qr(ticket_uri(ticket.id), "QR code of this ticket"),
            calendar=calendar if is_possible(listing.event) else "",
        )
    return secret_page(request, "ticket.html", {"ticket": page})
