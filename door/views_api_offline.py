"""The door's list for devices that work offline, its search and its figures."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, Query, Response

from .. import clock
from ..models import clean_id
from ..web import api_router
from . import answers_offline as answers
from . import search as searching
from . import snapshot, stats
from .answers_scanners import DOOR, told
from .keys import Presented, presented

Shown = Annotated[Presented, Depends(presented)]

_EVENT = "This event"
_PAGE, _LARGEST_PAGE = 2000, 5000

router = api_router("door")


@router.get(
    "/door/{event_id}/snapshot",
    summary="The list of tickets for a device, or what changed in it",
    response_class=Response,
    responses=told(answers.SnapshotAnswer, DOOR),
)
async def read_snapshot(
    event_id: str,
    shown: Shown,
    cursor: Annotated[str | None, Query(max_length=300, description="Of the last answer.")] = None,
    limit: Annotated[int, Query(ge=1, le=_LARGEST_PAGE, description="How many at most.")] = _PAGE,
) -> Response:
    """Takes a scanner that may work offline. docs/door.md tells how to keep it up to date."""
    wanted, place = clean_id(event_id, _EVENT), snapshot.read_cursor(cursor)
    page = await snapshot.read_page(wanted, shown, place, limit, clock.now())
    return Response(page, media_type="application/json")


@router.get(
    "/door/{event_id}/search",
    summary="Find a guest by name, ticket number or e-mail address",
    responses=told(answers.SearchAnswer, DOOR),
)
async def search(
    event_id: str,
    shown: Shown,
    q: Annotated[str, Query(max_length=400, description="Two characters at least, or a number.")],
) -> dict[str, Any]:
    """Takes a scanner that sees names."""
    wanted = clean_id(event_id, _EVENT)
    found, total = await searching.search(wanted, shown, q, clock.now())
    return {"data": found, "total": total}


@router.get(
    "/door/{event_id}/stats",
    summary="How many were sold, are admitted, are inside",
    responses=told(answers.StatsAnswer, DOOR),
)
async def read_stats(event_id: str, shown: Shown) -> dict[str, Any]:
    """May be a second old, for very large events ten."""
    figures = await stats.figures(clean_id(event_id, _EVENT), shown, clock.now())
    return {
        "sold": figures.sold,
        "admitted": figures.admitted,
        "inside": figures.inside,
        "per_package": [asdict(package) for package in figures.per_package],
        "last_minute": figures.last_minute,
    }
