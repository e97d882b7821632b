"""The page on which a buyer gives tickets back."""

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel

from . import clock
from .errors import TicketingError
from .models import clean_id
from .orders.bodies import clean_payback
from .orders.services import OrderView, find_by_secret
from .refunds.cancelling import By, cancel_order, cancel_ticket
from .views_build import NO_EVENT, event_head, ticket_rows
from .views_forms import Problem
from .views_refund_build import active_tickets, cancel_page
from .views_refund_models import CancelPage
from .views_render import PageRoute, secret_page, see_other

router = APIRouter(route_class=PageRoute)


class SentCancel(BaseModel):
    """The fields of the form. `ticket`: a ticket's number, "" for all of the order."""

    ticket: str = ""
    refund_address: str = ""


def _number(text: str) -> int | None:
    """The number of the ticket meant, None for all of them. No ticket has the number 0."""
    if not text.strip():
        return None
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else 0


async def _read(order_secret: str, ticket: str) -> tuple[OrderView, CancelPage | None, str]:
    """The order, its page if there is something to cancel, and the address of the order page."""
    secret = clean_id(order_secret, "This order")
    view = await find_by_secret(secret)
    path = f"/events/o/{secret}"
    head = event_head(view.listing.event) if view.listing else NO_EVENT
    page = cancel_page(view, _number(ticket), clock.now(), path, head, ticket_rows(view, True))
    return view, page, path


@router.get("/o/{order_secret}/cancel", summary="Before cancelling", include_in_schema=False)
async def ask(
    request: Request, order_secret: str, ticket: Annotated[str, Query()] = ""
) -> Response:
    """What is not there to be cancelled (any more) is told by the order page."""
    _, page, path = await _read(order_secret, ticket)
    if page is None:
        return see_other(path)
    return secret_page(request, "cancel.html", {"cancel": page})


@router.post("/o/{order_secret}/cancel", summary="Cancel", include_in_schema=False)
async def cancel(
    request: Request, order_secret: str, sent: Annotated[SentCancel, Form()]
) -> Response:
    view, page, path = await _read(order_secret, sent.ticket)
    # Sent twice: the first one has done it.
    if page is None:
        return see_other(path)
    address = sent.refund_address.strip()
    problem = _address_problem(address)
    status: int = HTTPStatus.BAD_REQUEST
    if problem is None:
        try:
            await _cancel(view, page, By(secret=order_secret, refund_address=address or None))
            return see_other(path)
        except TicketingError as error:
            status, problem = error.status, Problem("", error.message, error.code)
            _, page, path = await _read(order_secret, sent.ticket)
            if page is None:
                return see_other(path)
    shown = replace(page, address=address, errors=[problem])
    return secret_page(request, "cancel.html", {"cancel": shown}, status)


async def _cancel(view: OrderView, page: CancelPage, by: By) -> None:
    now = clock.now()
    if page.number is None:
        await cancel_order(view.order.id, by, now)
        return
    for ticket in active_tickets(view):
        if ticket.number == page.number:
            await cancel_ticket(ticket.id, by, now)


def _address_problem(text: str) -> Problem | None:
    try:
        clean_payback(text)
    except TicketingError as error:
        return Problem("refund_address", error.message)
    return None
