"""Routes of what becomes of an event: on sale, over, cancelled, copied, deleted."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..models import clean_id
from ..web import admin_key
from . import duplicate, services, states, views
from .answers import CANCELLED, HAS_SALES, NOT_ON_SALE, EventAnswer, told
from .images import forget_images
from .models import Listing
from .options import read_options

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]

_PATH = "/events/{event_id}"


def add_states(router: APIRouter, codes: services.Codes, money: services.Money) -> None:
    """Add all routes of this file."""
    _add_selling(router)
    _add_cancelling(router, money)
    _add_copying(router, codes, money)


async def _answer(listing: Listing) -> dict[str, Any]:
    return views.organiser_view(listing, clock.now(), await read_options(listing.event.id))


def _add_selling(router: APIRouter) -> None:
    @router.put(
        f"{_PATH}/publish",
        summary="Put a draft on sale",
        responses=told(EventAnswer, _410=f"{CANCELLED} {NOT_ON_SALE} it is completed."),
    )
    async def publish_event(event_id: str, key: AdminKey) -> dict[str, Any]:
        """A published event stays as it is."""
        wanted = clean_id(event_id, "This event")
        return await _answer(await states.publish_event(wanted, key.wallet.id))

    @router.put(
        f"{_PATH}/complete",
        summary="The event is over: nothing more is sold",
        responses=told(EventAnswer, _410=f"{CANCELLED} {NOT_ON_SALE} it is a draft."),
    )
    async def complete_event(event_id: str, key: AdminKey) -> dict[str, Any]:
        """From `published` to `completed`; tickets stay valid at the door, and an order that is
        open may still be paid. An event whose end has passed becomes `completed` by itself."""
        wanted = clean_id(event_id, "This event")
        return await _answer(await states.complete_event(wanted, key.wallet.id))


def _add_cancelling(router: APIRouter, money: services.Money) -> None:
    @router.put(
        f"{_PATH}/cancel",
        summary="Cancel an event; everybody is refunded",
        responses=told(EventAnswer),
    )
    async def cancel_event(event_id: str, key: AdminKey) -> dict[str, Any]:
        """Each confirmed order gets back its whole price, in the background. Asked again it looks
        for orders left over."""
        wanted = clean_id(event_id, "This event")
        return await _answer(await services.cancel_event(wanted, key.wallet.id, money, clock.now()))


def _add_copying(router: APIRouter, codes: services.Codes, money: services.Money) -> None:
    @router.post(
        f"{_PATH}/duplicate",
        status_code=201,
        summary="A draft like this event, without sales",
        responses=told(EventAnswer, success=201),
    )
    async def duplicate_event(event_id: str, key: AdminKey) -> dict[str, Any]:
        """With the same dates, packages, options and promo codes; without pictures, counters and
        uses. Its name is `Copy of …`."""
        wanted = clean_id(event_id, "This event")
        return await _answer(
            await duplicate.duplicate_event(wanted, key.wallet.id, codes, clock.now())
        )

    @router.delete(
        _PATH,
        summary="Delete an event nothing was sold of",
        responses=told(None, _409=HAS_SALES),
    )
    async def delete_event(event_id: str, key: AdminKey) -> None:
        """With its packages, their options and pictures, and its promo codes."""
        wanted = clean_id(event_id, "This event")
        images = await services.delete_event(wanted, key.wallet.id, codes, money)
        await forget_images(images)
