"""The door page: installable, and booting without network after one visit.

Nothing on it belongs to an event but the id in its address, so it is the same for everybody. What
it shows it asks the API for, with the scanner's token.
"""

import hashlib
import json
import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from markupsafe import Markup

from .catalog.services import read_listing
from .crud import reading
from .models import EventStatus, clean_id
from .views_render import PageRoute, asset, content_policy, secret_page

router = APIRouter(route_class=PageRoute)

_STATIC = Path(__file__).resolve().parent / "static"
_WORKER = "js/door/sw.js"
# Filled by dev/vendor.py; a source tree may lack it.
_DECODER = "vendor/zxing-wasm/reader/zxing_reader.wasm"
_ASSET = re.compile(r"/events/static/[\w./-]+\?v=[0-9a-f]+")
_ICON_SIZES = (192, 512)


@dataclass(frozen=True)
class DoorPage:
    """What the template needs; an import map is JSON of our own making."""

    event_id: str
    version: str
    decoder: str
    import_map: Markup


def _import_map() -> Markup:
    """Modules name each other without hashes; this maps them to addresses with their hashes.

    Otherwise a browser could mix files of two releases, because it keeps some for days.
    """
    modules = sorted({*_STATIC.glob("js/door/*.js"), *_STATIC.glob("vendor/zxing-wasm/**/*.js")})
    paths = [path.relative_to(_STATIC).as_posix() for path in modules]
    imports = {f"/events/static/{path}": asset(path) for path in paths if path != _WORKER}
    return Markup(json.dumps({"imports": imports}))  # noqa: S704 - names and hashes of our files


def _render(request: Request, event_id: str, version: str) -> Response:
    decoder = asset(_DECODER) if (_STATIC / _DECODER).is_file() else ""
    page = DoorPage(event_id, version, decoder, _import_map())
    answer = secret_page(request, "door.html", {"door": page})
    digest = b64encode(hashlib.sha256(page.import_map.encode()).digest()).decode()
    policy = content_policy("'wasm-unsafe-eval'", f"'sha256-{digest}'")
    answer.headers["Content-Security-Policy"] = policy
    return answer


def _release(request: Request) -> tuple[str, list[str]]:
    """The page's version, and the addresses of all its files: what its text names."""
    text = bytes(_render(request, "", "").body)
    return hashlib.sha256(text).hexdigest()[:12], sorted(set(_ASSET.findall(text.decode())))


@router.get("/door/{event_id}", summary="The door page, for who holds a scanner's token")
async def show_door(request: Request, event_id: str) -> Response:
    version, _ = _release(request)
    return _render(request, clean_id(event_id, "This event"), version)


@router.get("/sw.js", summary="The worker that keeps door pages on the device")
async def show_worker(request: Request) -> Response:
    version, files = _release(request)
    release = json.dumps({"version": version, "files": files})
    source = (_STATIC / _WORKER).read_text(encoding="utf-8")
    headers = {
        "Content-Security-Policy": content_policy(),
        "X-Content-Type-Options": "nosniff",
        # Asked for at each visit: it is how a device learns of a new release.
        "Cache-Control": "no-cache",
        "Service-Worker-Allowed": "/events/door/",
    }
    return Response(
        f"const RELEASE = {release}\n{source}", media_type="text/javascript", headers=headers
    )


@router.get("/door/{event_id}/manifest.webmanifest", summary="Makes the door page installable")
async def show_manifest(event_id: str) -> Response:
    page = f"/events/door/{clean_id(event_id, 'This event')}"
    name = await _public_name(event_id)
    icons = [_icon(size) for size in _ICON_SIZES]
    content = {
        "id": page,
        "name": f"Door: {name}" if name else "Door",
        "short_name": "Door",
        "start_url": page,
        "scope": page,
        "display": "standalone",
        "background_color": "#37474f",
        "theme_color": "#37474f",
        "icons": icons,
    }
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return JSONResponse(content, media_type="application/manifest+json", headers=headers)


def _icon(size: int) -> dict[str, str]:
    """Its picture keeps clear of the rim, so that a device may cut it to any shape."""
    return {
        "src": asset(f"image/door-{size}.png"),
        "sizes": f"{size}x{size}",
        "type": "image/png",
        "purpose": "any maskable",
    }


async def _public_name(event_id: str) -> str | None:
    """Of an event that has a public page."""
    async with reading() as tx:
        listing = await read_listing(tx, event_id)
    if listing is None or listing.event.status is EventStatus.DRAFT:
        return None
    return listing.event.name
