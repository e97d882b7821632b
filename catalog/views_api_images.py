"""Routes of the pictures of ticket types."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from lnbits.core.models.wallets import BaseWalletTypeInfo
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.types import Message

from .. import clock
from ..errors import InvalidImage
from ..models import clean_id
from ..web import admin_key
from . import images
from .answers_packages import BAD_PICTURE, PackageAnswer, answers
from .views_packages import one

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]

_PATH = "/events/{event_id}/packages/{package_id}/image"
# Beside the picture a form has its borders and names.
_FORM_EXTRA = 16 * 1024
_TOO_BIG = "The picture may have at most 5 MB."


def _ids(event_id: str, package_id: str) -> tuple[str, str]:
    return clean_id(event_id, "This event"), clean_id(package_id, "This ticket type")


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "JPEG, PNG or WebP by content, at most 5 MB and 40"
                            " megapixels. It is drawn anew, 1600 pixels wide or high at most.",
                        }
                    },
                }
            }
        },
    }
}


def add_images(router: APIRouter) -> None:
    @router.put(
        _PATH,
        summary="Show a picture with a ticket type",
        responses=answers(PackageAnswer, _400=BAD_PICTURE),
        openapi_extra=_FORM,
    )
    async def show_image(
        event_id: str, package_id: str, request: Request, key: AdminKey
    ) -> dict[str, Any]:
        """It replaces the one shown before. Nothing but its pixels is kept."""
        event, package = _ids(event_id, package_id)
        wallet = key.wallet
        await images.check_place(event, wallet.id, package)
        raw = await _uploaded(request)
        shown = await images.show_image(event, wallet.id, wallet.user, package, raw)
        return one(shown, package, clock.now())

    @router.delete(
        _PATH,
        status_code=204,
        response_class=Response,
        summary="Show no picture with a ticket type",
    )
    async def hide_image(event_id: str, package_id: str, key: AdminKey) -> Response:
        event, package = _ids(event_id, package_id)
        await images.hide_image(event, key.wallet.id, package)
        return Response(status_code=204)


async def _uploaded(request: Request) -> bytes:
    """The form's `file`, at most 5 MB of it. Raises InvalidImage.

    It is read here and not as an argument: that would put all that is sent on the disk before
    anybody looked at the key.
    """
    try:
        async with _bounded(request).form(max_files=1, max_fields=8) as form:
            raw = await _file_of(form)
    except HTTPException as exc:
        raise InvalidImage(str(exc.detail)) from exc
    if len(raw) > images.MAX_UPLOAD:
        raise InvalidImage(_TOO_BIG)
    return raw


async def _file_of(form: FormData) -> bytes:
    upload = form.get("file")
    if not isinstance(upload, UploadFile):
        raise InvalidImage("Send the picture as the file of a multipart form.")
    return await upload.read(images.MAX_UPLOAD + 1)


def _bounded(request: Request) -> Request:
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > images.MAX_UPLOAD + _FORM_EXTRA:
            # The one exception on which the form's reader closes what it has written so far.
            raise MultiPartException(_TOO_BIG)
        return message

    return Request(request.scope, receive)
