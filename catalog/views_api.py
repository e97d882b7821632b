"""Event routes. Mounted by the root with the promo codes that belong to them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from lnbits.core.models.wallets import BaseWalletTypeInfo, KeyType

from .. import clock
from ..audit.services import list_changes
from ..errors import Forbidden, NotFound
from ..models import MAX_COUNT, EventStatus, clean_id
from ..settings import allowed_codes, existing_codes
from ..web import admin_key, api_router, invoice_key, wallets_of_user
from . import changes, public, services, views
from .answers import (
    CHANGED,
    ChangesAnswer,
    EventAnswer,
    PublicEventAnswer,
    PublicEventsAnswer,
    told,
)
from .bodies import EventBody, EventPatch
from .models import Listing
from .options import read_options, read_wallet_options
from .packages import read_shown
from .rules import Currencies
from .views_api_packages import add_packages
from .views_api_states import add_states

Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
Offset = Annotated[int, Query(ge=0, le=MAX_COUNT, description="Leave out so many.")]
AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
InvoiceKey = Annotated[BaseWalletTypeInfo, Depends(invoice_key)]

_FROM = "It starts then or later: a day of UTC, or a time (ISO 8601, without an offset UTC)."
_TO = "It starts then or earlier; as a day, the whole day."
_SEARCH = (
    "Stands in its name, location or description, in capitals or not; at most"
    f" {public.MAX_QUERY} characters."
)


def events_router(codes: services.Codes, money: services.Money) -> APIRouter:
    """The routes of `/events`; `codes` stores the promo codes an event's body brings, `money`
    says whether an event may be deleted."""
    router = api_router("events")
    _add_reading(router)
    _add_lists(router)
    _add_writing(router, codes)
    add_states(router, codes, money)
    add_packages(router)
    return router


def _currencies() -> Currencies:
    return Currencies(allowed_codes(), existing_codes())


async def _answer(listing: Listing, now: datetime) -> dict[str, Any]:
    """What an organiser is told of an event."""
    return views.organiser_view(listing, now, await read_options(listing.event.id))


def _add_reading(router: APIRouter) -> None:
    @router.get(
        "/events",
        summary="The organiser's events, newest first",
        responses=told(list[EventAnswer]),
    )
    async def list_events(
        key: InvoiceKey,
        all_wallets: Annotated[
            bool, Query(description="Also the other wallets of the key's user; admin key only.")
        ] = False,
    ) -> list[dict[str, Any]]:
        wallets = [key.wallet.id]
        if all_wallets:
            # An invoice key is handed to shops and helpers: it must not open the other wallets.
            if key.key_type is not KeyType.admin:
                raise Forbidden("All wallets are shown to an admin key only.")
            wallets = await wallets_of_user(key.wallet.user)
        now = clock.now()
        listings = await services.list_listings(wallets)
        asked = await read_wallet_options(wallets)
        return [views.organiser_view(listing, now, asked) for listing in listings]

    @router.get(
        "/events/{event_id}",
        summary="The public view of an event; changes nothing",
        responses=told(PublicEventAnswer, is_public=True),
    )
    async def get_event(event_id: str) -> dict[str, Any]:
        shown = await read_shown(clean_id(event_id, "This event"))
        if shown.listing.event.status is EventStatus.DRAFT:
            raise NotFound("This event does not exist.")
        return views.public_view(shown.listing, clock.now(), shown.options)


def _add_lists(router: APIRouter) -> None:
    @router.get(
        "/public/events",
        summary="Events that everybody may find, soonest first",
        responses=told(PublicEventsAnswer, is_public=True),
    )
    async def list_public_events(
        event_type: Annotated[
            str | None, Query(description="One of the types of an event.")
        ] = None,
        since: Annotated[str | None, Query(alias="from", description=_FROM)] = None,
        until: Annotated[str | None, Query(alias="to", description=_TO)] = None,
        q: Annotated[str | None, Query(description=_SEARCH)] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> dict[str, Any]:
        """Published and listed ones that are not over. One without a time of day counts from
        midnight UTC of its first day. An empty filter is none."""
        now, wanted = clock.now(), public.clean_wanted(event_type, since, until, q)
        listings, total = await public.list_public(wanted, limit, offset, now)
        return {"data": [views.listed_view(listing, now) for listing in listings], "total": total}

    @router.get(
        "/events/{event_id}/audit",
        summary="What was changed, by whom, newest first",
        responses=told(ChangesAnswer),
    )
    async def list_event_changes(
        event_id: str, key: AdminKey, limit: Limit = 50, offset: Offset = 0
    ) -> dict[str, Any]:
        wanted = clean_id(event_id, "This event")
        await services.require_own(wanted, key.wallet.id)
        entries, total = await list_changes(wanted, limit, offset)
        return {"data": entries, "total": total}


def _add_writing(router: APIRouter, codes: services.Codes) -> None:
    @router.post(
        "/events", summary="Make an event in the key's wallet", responses=told(EventAnswer)
    )
    async def create_event(body: EventBody, key: AdminKey) -> dict[str, Any]:
        now = clock.now()
        known = _currencies()
        listing = await services.create_event(key.wallet.id, body, codes, known, now)
        return await _answer(listing, now)

    @router.put(
        "/events/{event_id}",
        summary="Change any subset of an event",
        responses=told(EventAnswer, _409=CHANGED),
    )
    async def update_event(event_id: str, body: EventPatch, key: AdminKey) -> dict[str, Any]:
        now = clock.now()
        wanted = clean_id(event_id, "This event")
        listing = await changes.update_event(wanted, key.wallet.id, body, codes, _currencies(), now)
        return await _answer(listing, now)
