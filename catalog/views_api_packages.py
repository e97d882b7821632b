"""Routes of packages; mounted with those of the events, together with their parts."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..models import clean_id
from ..settings import allowed_codes, existing_codes
from ..web import Limit, Offset, admin_key, optional_admin_wallet
from . import images, packages
from .answers_packages import CONFLICT, PackageAnswer, PackagesAnswer, answers
from .bodies_packages import PackageBody, PackageOrder, PackagePatch
from .rules import Currencies
from .views_api_images import add_images
from .views_api_options import add_options
from .views_packages import one, page

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
Wallet = Annotated[str | None, Depends(optional_admin_wallet)]

_PATH = "/events/{event_id}/packages"
_ONE = f"{_PATH}/{{package_id}}"


def add_packages(router: APIRouter) -> None:
    """Add all routes of packages, their questions and their pictures."""
    _add_reading(router)
    _add_writing(router)
    _add_changing(router)
    add_options(router)
    add_images(router)


def _ids(event_id: str, package_id: str) -> tuple[str, str]:
    return clean_id(event_id, "This event"), clean_id(package_id, "This ticket type")


def _currencies() -> Currencies:
    return Currencies(allowed_codes(), existing_codes())


def _add_reading(router: APIRouter) -> None:
    @router.get(_PATH, summary="The ticket types of an event", responses=answers(PackagesAnswer))
    async def list_packages(
        event_id: str, wallet: Wallet = None, limit: Limit = 50, offset: Offset = 0
    ) -> dict[str, Any]:
        """Those that are enabled and not hidden; with the event's admin key all, with counters."""
        shown = await packages.read_packages(clean_id(event_id, "This event"), wallet)
        return page(shown, clock.now(), wallet is not None, limit, offset)


def _add_writing(router: APIRouter) -> None:
    @router.post(
        _PATH,
        status_code=201,
        summary="Add a ticket type",
        responses=answers(PackageAnswer, 201),
    )
    async def add_package(event_id: str, body: PackageBody, key: AdminKey) -> dict[str, Any]:
        now, wanted = clock.now(), clean_id(event_id, "This event")
        shown, package_id = await packages.add_package(
            wanted, key.wallet.id, body, _currencies(), now
        )
        return one(shown, package_id, now)

    # Before the packages themselves, one of which it would name.
    @router.put(
        f"{_PATH}/order", summary="Order the ticket types", responses=answers(PackagesAnswer)
    )
    async def order_packages(event_id: str, body: PackageOrder, key: AdminKey) -> dict[str, Any]:
        now, wanted = clock.now(), clean_id(event_id, "This event")
        shown = await packages.order_packages(wanted, key.wallet.id, body.package_ids, now)
        return page(shown, now, True, len(shown.listing.packages), 0)


def _add_changing(router: APIRouter) -> None:
    @router.put(
        _ONE,
        summary="Change any subset of a ticket type",
        responses=answers(PackageAnswer, _409=CONFLICT),
    )
    async def change_package(
        event_id: str, package_id: str, body: PackagePatch, key: AdminKey
    ) -> dict[str, Any]:
        """A new price or currency is that of new orders; those placed before keep theirs."""
        now, (event, package) = clock.now(), _ids(event_id, package_id)
        shown = await packages.change_package(
            event, key.wallet.id, package, body, _currencies(), now
        )
        return one(shown, package, now)

    @router.delete(
        _ONE,
        status_code=204,
        response_class=Response,
        summary="Take a ticket type off sale",
        responses={**answers(PackageAnswer), 204: {"description": "It is gone."}},
    )
    async def remove_package(event_id: str, package_id: str, key: AdminKey) -> Response:
        """Gone when nothing was sold of it (204), else disabled (200, and what it is now)."""
        now, (event, package) = clock.now(), _ids(event_id, package_id)
        removed = await packages.remove_package(event, key.wallet.id, package, now)
        if removed.shown is not None:
            return JSONResponse(one(removed.shown, package, now))
        await images.forget_images([removed.image_id] if removed.image_id else [])
        return Response(status_code=204)
