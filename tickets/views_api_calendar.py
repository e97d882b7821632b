"""The calendar file of a ticket."""

import asyncio

from fastapi import APIRouter, Response

from .. import clock
from ..errors import CalendarUnavailable, NotFound
from ..models import TicketStatus, clean_id
from ..settings import base_url
from . import services
from .calendar import FILE_NAME, MEDIA_TYPE, calendar_file

_VALID = (TicketStatus.ACTIVE, TicketStatus.USED)


def add_calendar(router: APIRouter) -> None:
    """The route, on the room's router."""
    router.get(
        "/tickets/{ticket_id}/calendar.ics",
        response_class=Response,
        summary="The event of a valid ticket, as a calendar file",
        responses={
            200: {"content": {MEDIA_TYPE: {}}, "description": "RFC 5545, one VEVENT."},
            404: {"description": "`not_found`: no valid ticket; `calendar_unavailable`: no date."},
        },
    )(get_calendar)


async def get_calendar(ticket_id: str) -> Response:
    ticket, listing = await services.require_ticket(clean_id(ticket_id, "Ticket"))
    if listing is None or ticket.status not in _VALID:
        raise NotFound(services.UNKNOWN)
    link = f"{base_url()}/events/ticket/{ticket.id}"
    file = await asyncio.to_thread(calendar_file, listing.event, base_url(), link, clock.now())
    if file is None:
        raise CalendarUnavailable("There is no calendar file of this event.")
    headers = {
        "Content-Disposition": f'attachment; filename="{FILE_NAME}"',
        # Its address is the ticket.
        "Cache-Control": "private, no-store",
        "X-Robots-Tag": "noindex",
    }
    return Response(file, media_type=f"{MEDIA_TYPE}; charset=utf-8", headers=headers)
