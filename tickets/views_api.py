"""Ticket routes of 1.6.9 that need no order: lists, one ticket, its QR."""

import asyncio
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from lnbits.core.models.wallets import BaseWalletTypeInfo
from lnbits.db import Filters, Page
from lnbits.decorators import parse_filters
from lnbits.helpers import generate_filter_params_openapi

from .. import clock
from ..models import clean_id
from ..web import admin_key, api_router, wallets_of_user
from . import crud, services
from .crud_pages import TicketFilters, TicketRow, check_page
from .models import organiser_view, public_view
from .qr import ticket_qr_png
from .views_api_calendar import add_calendar

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
AllWallets = Annotated[bool, Query(description="Also the other wallets of the key's user.")]

router = api_router("tickets")
add_calendar(router)


async def _wallets(key: BaseWalletTypeInfo, all_wallets: bool) -> list[str]:
    return await wallets_of_user(key.wallet.user) if all_wallets else [key.wallet.id]


@router.get("/tickets", summary="Tickets of the wallet, newest first")
async def list_tickets(key: AdminKey, all_wallets: AllWallets = False) -> list[dict[str, Any]]:
    tickets = await services.list_tickets(await _wallets(key, all_wallets), clock.now())
    return [organiser_view(ticket) for ticket in tickets]


@router.get(
    "/tickets/paginated",
    summary="Paid tickets of the wallet, a page at a time",
    openapi_extra=generate_filter_params_openapi(TicketFilters),
)
async def page_tickets(
    key: AdminKey,
    filters: Annotated[Filters[TicketFilters], Depends(parse_filters(TicketFilters))],
    all_wallets: AllWallets = False,
) -> Page[TicketRow]:
    check_page(filters)
    if not filters.sortby:
        filters.sortby, filters.direction = "time", "desc"
    return await crud.page_tickets(await _wallets(key, all_wallets), filters)


@router.get("/tickets/{ticket_id}", summary="A ticket for whoever holds its id")
async def get_ticket(ticket_id: str) -> dict[str, Any]:
    ticket, listing = await services.require_ticket(clean_id(ticket_id, "Ticket"))
    package = listing.package(ticket.package_id) if listing else None
    event_name = listing.event.name if listing else ""
    return public_view(ticket, event_name, package.name if package else "")


@router.get(
    "/qr/{ticket_id}",
    response_class=Response,
    summary="PNG of the ticket's QR code",
    responses={200: {"content": {"image/png": {}}, "description": "`ticket://{id}`, level M."}},
)
async def get_qr(ticket_id: str) -> Response:
    # Drawing takes some ten milliseconds of pure CPU: it must not stop the event loop.
    png = await asyncio.to_thread(ticket_qr_png, clean_id(ticket_id, "Ticket"))
    return Response(png, media_type="image/png", headers={"Cache-Control": "public, max-age=86400"})
