"""Lightning ticketing for LNbits: the names the host looks up (HOST: extension loading)."""

from fastapi import APIRouter, Depends

from .crud import db
from .tasks import require_ready, start, stop
from .views import pages_router
from .views_api import all_routes

events_static_files = [{"path": "/events/static", "name": "events_static"}]

events_ext: APIRouter = APIRouter(
    prefix="/events", tags=["Events"], dependencies=[Depends(require_ready)]
)
events_ext.include_router(all_routes())
events_ext.include_router(pages_router)


def events_start() -> None:
    """The host calls this once the routes are mounted; it does not await."""
    start()


def events_stop() -> None:
    """The host calls this before it unloads the extension."""
    stop()


__all__ = ["db", "events_ext", "events_start", "events_static_files", "events_stop"]
