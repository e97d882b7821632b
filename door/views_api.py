"""Scans over HTTP, and the register of 1.6.9."""

from typing import Annotated, Any

from fastapi import Depends

from .. import clock
from ..models import clean_id
from ..web import api_router
from . import services
from .answers_scanners import DOOR, told
from .answers_scans import LookAnswer, OrderAnswer, ScanAnswer, ScansAnswer
from .bodies import CodeBody, ScansBody
from .keys import Presented, presented

Shown = Annotated[Presented, Depends(presented)]

_EVENT = "This event"

router = api_router("door")


@router.put("/tickets/register/{ticket_id}", summary="Admit a ticket, once")
async def register(ticket_id: str, shown: Shown) -> dict[str, Any]:
    """200 with the ticket; 403 unpaid, cancelled or registered already; 404 unknown, or not of
    the scanner's event. A scanner is told no name without the right to it, and no e-mail."""
    return await services.register(clean_id(ticket_id, "Ticket"), shown, clock.now())


@router.post(
    "/door/{event_id}/validate",
    summary="How a check-in would end",
    responses=told(LookAnswer, DOOR),
)
async def validate(event_id: str, body: CodeBody, shown: Shown) -> dict[str, Any]:
    """Changes nothing."""
    return await services.validate(clean_id(event_id, _EVENT), shown, body.code, clock.now())


@router.post(
    "/door/{event_id}/scans",
    summary="Scan one code, or many",
    responses=told(ScanAnswer | OrderAnswer | ScansAnswer, DOOR),
)
async def scan(event_id: str, body: ScansBody, shown: Shown) -> dict[str, Any]:
    """All outcomes are 200; many are answered as `results`, in their order, and each stands for
    itself. A scan that is sent again with its `scan_id` gets its first answer. `force` needs the
    right to work offline."""
    wanted, new = clean_id(event_id, _EVENT), body.checked(clock.now())
    if new[0].whole_order:
        return await services.scan_order(wanted, shown, new[0])
    answers = await services.scan_all(wanted, shown, new)
    return answers[0] if body.scans is None else {"results": answers}


@router.post(
    "/door/{event_id}/scans/{scan_id}/annul",
    summary="Take an admission back",
    responses=told(ScanAnswer, {**DOOR, 400: "`not_an_admission`: it let nobody in."}),
)
async def annul(event_id: str, scan_id: str, shown: Shown) -> dict[str, Any]:
    """A scanner takes back its own, the organiser any. It stays in the log; the ticket is valid
    again unless another scan admitted it too."""
    wanted = clean_id(event_id, _EVENT), clean_id(scan_id, "This scan")
    return await services.annul(*wanted, shown, clock.now())
