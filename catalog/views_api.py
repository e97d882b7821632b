"""Event routes. Mounted by the root with the promo codes that belong to them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from lnbits.core.models.wallets import BaseWalletTypeInfo, KeyType

from .. import clock
from ..errors import Forbidden, NotFound
from ..models import EventStatus, clean_id
from ..settings import allowed_codes, existing_codes
from ..web import admin_key, api_router, invoice_key, wallets_of_user
from . import changes, services, views
from .bodies import EventBody, EventPatch
from .rules import Currencies

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
InvoiceKey = Annotated[BaseWalletTypeInfo, Depends(invoice_key)]


def events_router(codes: services.Codes, money: services.Money) -> APIRouter:
    """The routes of `/events`; `codes` stores the promo codes an event's body brings, `money`
    says whether an event may be deleted."""
    router = api_router("events")
    _add_reading(router)
    _add_writing(router, codes, money)
    return router


def _currencies() -> Currencies:
    return Currencies(allowed_codes(), existing_codes())


def _add_reading(router: APIRouter) -> None:
    @router.get("/events", summary="The organiser's events, newest first")
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
        return [views.organiser_view(listing, now) for listing in listings]

    @router.get("/events/{event_id}", summary="The public view of an event; changes nothing")
    async def get_event(event_id: str) -> dict[str, Any]:
        listing = await services.require_listing(clean_id(event_id, "This event"))
        if listing.event.status is EventStatus.DRAFT:
            raise NotFound("This event does not exist.")
        return views.public_view(listing, clock.now())


def _add_writing(router: APIRouter, codes: services.Codes, money: services.Money) -> None:
    @router.post("/events", summary="Make an event in the key's wallet")
    async def create_event(body: EventBody, key: AdminKey) -> dict[str, Any]:
        now = clock.now()
        known = _currencies()
        listing = await services.create_event(key.wallet.id, body, codes, known, now)
        return views.organiser_view(listing, now)

    @router.put("/events/{event_id}", summary="Change any subset of an event")
    async def update_event(event_id: str, body: EventPatch, key: AdminKey) -> dict[str, Any]:
        now = clock.now()
        wanted = clean_id(event_id, "This event")
        listing = await changes.update_event(wanted, key.wallet.id, body, codes, _currencies(), now)
        return views.organiser_view(listing, now)

    @router.put("/events/{event_id}/publish", summary="Put a draft on sale")
    async def publish_event(event_id: str, key: AdminKey) -> dict[str, Any]:
        listing = await services.publish_event(clean_id(event_id, "This event"), key.wallet.id)
        return views.organiser_view(listing, clock.now())

    @router.put("/events/{event_id}/cancel", summary="Cancel an event; everybody is refunded")
    async def cancel_event(event_id: str, key: AdminKey) -> dict[str, Any]:
        now = clock.now()
        wanted = clean_id(event_id, "This event")
        listing = await services.cancel_event(wanted, key.wallet.id, money, now)
        return views.organiser_view(listing, now)

    @router.delete("/events/{event_id}", summary="Delete an event nothing was sold of")
    async def delete_event(event_id: str, key: AdminKey) -> None:
        wanted = clean_id(event_id, "This event")
        await services.delete_event(wanted, key.wallet.id, codes, money)
