"""Pictures of ticket types, kept by the host as public assets of the organiser."""

import asyncio
from collections.abc import Sequence
from io import BytesIO

from fastapi import UploadFile
from lnbits.core.crud.assets import delete_user_asset, get_public_asset
from lnbits.core.services.assets import create_user_asset
from lnbits.settings import settings
from loguru import logger
from starlette.datastructures import Headers

from ..errors import ImageRefused
from .packages import Shown, read_packages, set_image
from .pictures import Picture, redraw

MAX_UPLOAD = 5 * 1024 * 1024
# Whatever the host would take, its own default is big enough for 1600 pixels.
_MOST_STORED = 2_400_000
# A big picture takes some hundred megabytes while it is drawn.
_drawing = asyncio.Semaphore(1)


async def check_place(event_id: str, wallet: str, package_id: str) -> None:
    """Whether there is such a package, before anything is read or drawn. Raises NotFound,
    Forbidden."""
    (await read_packages(event_id, wallet)).package(package_id)


async def show_image(event_id: str, wallet: str, user: str, package_id: str, raw: bytes) -> Shown:
    """Draw a picture anew, store it at the host and show it with a package (see `check_place`).

    Raises NotFound, Forbidden, InvalidImage, and ImageRefused when the host does not take it;
    then the package shows what it did before.
    """
    most = min(_MOST_STORED, int(settings.lnbits_max_asset_size_mb * 1024 * 1024))
    async with _drawing:
        picture = await asyncio.to_thread(redraw, raw, most)
    # Also when the client has gone: a picture that nobody shows would never be deleted.
    return await asyncio.shield(_replace(event_id, wallet, user, package_id, picture))


async def _replace(
    event_id: str, wallet: str, user: str, package_id: str, picture: Picture
) -> Shown:
    image_id = await _store(user, picture)
    try:
        shown, old = await set_image(event_id, wallet, package_id, image_id)
    except BaseException:
        await forget_images([image_id])
        raise
    await forget_images([old] if old else [])
    return shown


async def hide_image(event_id: str, wallet: str, package_id: str) -> Shown:
    """Show no picture with a package. Raises NotFound, Forbidden."""
    shown, old = await set_image(event_id, wallet, package_id, None)
    await forget_images([old] if old else [])
    return shown


async def forget_images(asset_ids: Sequence[str]) -> None:
    """Delete pictures at the host. Call it after the commit that took them off their packages;
    one that cannot be deleted is told in the log and stays."""
    for asset_id in asset_ids:
        try:
            found = await get_public_asset(asset_id)
            if found is not None:
                await delete_user_asset(found.user_id, asset_id)
        except Exception as exc:  # noqa: BLE001 - the change it belongs to is done
            logger.warning(f"events: picture {asset_id} could not be deleted: {exc!r}")


async def _store(user: str, picture: Picture) -> str:
    """Returns the id of the host's asset. Raises ImageRefused."""
    upload = UploadFile(
        file=BytesIO(picture.data),
        filename=picture.name,
        headers=Headers({"content-type": picture.mime_type}),
    )
    try:
        return str((await create_user_asset(user, upload, is_public=True)).id)
    except ValueError as exc:
        # HOST: it bounds pictures per user, and its admin says which types it takes.
        raise ImageRefused(f"This host does not take the picture: {exc}") from exc
