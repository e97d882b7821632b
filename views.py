"""Pages: the organiser's, inside the host's shell, and the public ones."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from lnbits.core.models import User
from lnbits.decorators import check_user_exists

from .models import clean_id
from .views_cancel import router as cancel_router
from .views_door import router as door_router
from .views_event import router as event_router
from .views_order import router as order_router
from .views_refund import router as refund_router
from .views_render import PageRoute, host_page
from .views_resend import router as resend_router

organiser_router = APIRouter(route_class=PageRoute)


@organiser_router.get("/", summary="The organiser's page", include_in_schema=False)
async def show_organiser(
    request: Request, user: Annotated[User, Depends(check_user_exists)]
) -> Response:
    return host_page(request, "index.html", {"user": user.json()})


@organiser_router.get("/register/{event_id}", include_in_schema=False)
async def to_the_door(event_id: str) -> Response:
    """The door page of 1.6.9. It let in anybody; ours asks for a scanner's token."""
    wanted = clean_id(event_id, "This event")
    return RedirectResponse(f"/events/door/{wanted}", HTTPStatus.SEE_OTHER)


pages_router = APIRouter()
pages_router.include_router(organiser_router)
pages_router.include_router(order_router)
pages_router.include_router(cancel_router)
pages_router.include_router(resend_router)
pages_router.include_router(refund_router)
pages_router.include_router(door_router)
# Last: its path matches any single word.
pages_router.include_router(event_router)
