"""Routes of the questions of a ticket type."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..models import clean_id
from ..web import admin_key
from . import options
from .answers_packages import OptionAnswer, answers
from .bodies_packages import OptionBody, OptionPatch
from .views_packages import option_view

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]

_PATH = "/events/{event_id}/packages/{package_id}/options"
_ONE = f"{_PATH}/{{option_id}}"


def add_options(router: APIRouter) -> None:
    """Add all routes of this file."""
    _add_asking(router)
    _add_removing(router)


def _ids(event_id: str, package_id: str) -> tuple[str, str]:
    return clean_id(event_id, "This event"), clean_id(package_id, "This ticket type")


def _add_asking(router: APIRouter) -> None:
    @router.post(
        _PATH,
        status_code=201,
        summary="Ask each attendee one more thing",
        responses=answers(OptionAnswer, 201),
    )
    async def add_option(
        event_id: str, package_id: str, body: OptionBody, key: AdminKey
    ) -> dict[str, Any]:
        """At most four per ticket type; a fifth is refused with 400."""
        event, package = _ids(event_id, package_id)
        added = await options.add_option(event, key.wallet.id, package, body, clock.now())
        return option_view(added)

    @router.put(
        _ONE,
        summary="Change any subset of a question",
        responses=answers(OptionAnswer),
    )
    async def change_option(
        event_id: str, package_id: str, option_id: str, body: OptionPatch, key: AdminKey
    ) -> dict[str, Any]:
        """What was answered before stays as it was asked and answered."""
        (event, package), wanted = _ids(event_id, package_id), clean_id(option_id, "This question")
        return option_view(await options.change_option(event, key.wallet.id, package, wanted, body))


def _add_removing(router: APIRouter) -> None:
    @router.delete(
        _ONE,
        status_code=204,
        response_class=Response,
        summary="Ask a question no more",
    )
    async def remove_option(
        event_id: str, package_id: str, option_id: str, key: AdminKey
    ) -> Response:
        """What was answered stays readable."""
        (event, package), wanted = _ids(event_id, package_id), clean_id(option_id, "This question")
        await options.remove_option(event, key.wallet.id, package, wanted)
        return Response(status_code=204)
