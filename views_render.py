"""How pages leave the house: one template renderer, headers, versioned files, refusals as pages."""

import asyncio
import functools
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from lnbits.helpers import template_renderer
from lnbits.settings import settings
from markupsafe import Markup
from starlette.templating import Jinja2Templates

from .actors import nobody_yet
from .errors import InvalidInput, NotFound, TicketingError
from .tickets.qr import qr_svg

_HERE = Path(__file__).resolve().parent


def content_policy(*more_scripts: str) -> str:
    """A Content-Security-Policy: no inline script or style, and nothing from any other origin."""
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(("'self'", *more_scripts)),
        "style-src": "'self'",
        "img-src": "'self' data:",  # the empty icon
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{rule} {what}" for rule, what in rules.items())


_PUBLIC_HEADERS = {
    "Content-Security-Policy": content_policy(),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # The event page holds stock and a one-time form key, the others a secret in their address.
    "Cache-Control": "private, no-store",
}


@functools.cache
def _templates() -> Jinja2Templates:
    """One renderer per process: building one takes longer than rendering a page with it.

    Made at the first page, because the host imports this package twice.
    """
    made: Jinja2Templates = template_renderer([str(_HERE / "templates")])
    made.env.globals["asset"] = asset
    return made


@functools.cache
def asset(path: str) -> str:
    """Address of a file under `static/`, with its content's hash: it changes when the file does."""
    digest = hashlib.sha256((_HERE / "static" / path).read_bytes()).hexdigest()
    return f"/events/static/{path}?v={digest[:12]}"


def public_page(
    request: Request, template: str, context: Mapping[str, Any], status: int = HTTPStatus.OK
) -> Response:
    """A light page of our own, complete without JavaScript."""
    templates = _templates()
    templates.env.globals["SITE_TITLE"] = settings.lnbits_site_title
    return templates.TemplateResponse(
        request, f"events/{template}", dict(context), int(status), headers=_PUBLIC_HEADERS
    )


def secret_page(
    request: Request, template: str, context: Mapping[str, Any], status: int = HTTPStatus.OK
) -> Response:
    """The same for an address that is itself a secret: no search engine may list it."""
    answer = public_page(request, template, context, status)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


def host_page(request: Request, template: str, context: Mapping[str, Any]) -> Response:
    """A page inside the host's own shell."""
    templates = _templates()
    templates.env.globals["SITE_TITLE"] = settings.lnbits_site_title
    # The admin may have changed them since the renderer was made.
    templates.env.globals["SETTINGS"] = settings.to_public().dict(by_alias=True)
    return templates.TemplateResponse(request, f"events/{template}", dict(context))


async def qr(text: str, label: str) -> Markup:
    """A code as inline SVG. Drawing takes tens of milliseconds of pure CPU, hence the thread."""
    # Made of digits here, with the label escaped.
    return Markup(await asyncio.to_thread(qr_svg, text, label))  # noqa: S704


def see_other(path: str) -> Response:
    """After a form was sent: go and look there, telling nobody where from."""
    answer = RedirectResponse(path, HTTPStatus.SEE_OTHER)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def base_url() -> str:
    """The address people reach this host at. The request's Host header can be anything."""
    return str(settings.lnbits_baseurl).rstrip("/")


def _gone(request: Request, error: TicketingError) -> Response:
    what = "problem"
    if isinstance(error, NotFound):
        part = request.url.path.removeprefix("/events/").split("/")[0]
        what = {"o": "order", "r": "refund", "ticket": "ticket"}.get(part, "event")
    context = {"gone": {"what": what, "message": error.message}}
    return secret_page(request, "gone.html", context, error.status)


class PageRoute(APIRoute):
    """A route whose refusals are pages in the same look."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                with nobody_yet():
                    return await handler(request)
            except TicketingError as error:
                return _gone(request, error)
            except RequestValidationError:
                # A file where text belongs, or the like: no form of ours sends it.
                return _gone(request, InvalidInput("The form could not be read."))

        return handle
