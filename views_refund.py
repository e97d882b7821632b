"""The claim page: whoever has its link gets the money, once."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from .errors import InvalidInput, TicketingError
from .models import clean_id
from .refunds.bodies import clean_destination
from .refunds.claims import claim_by_text, find_claim, lud03_first
from .views_forms import Problem
from .views_refund_build import claim_page
from .views_refund_models import ClaimPage
from .views_render import PageRoute, qr, secret_page, see_other

router = APIRouter(route_class=PageRoute)

_MAX_SHOWN = 7000
# Refusals that what was pasted is not to blame for.
_NOT_OF_THE_FIELD = frozenset(
    {
        "balance_too_low",
        "outgoing_disabled",
        "limit_reached",
        "wallet_unavailable",
        "no_route",
        "payment_failed",
    }
)


class SentClaim(BaseModel):
    """What was pasted: an invoice, a lightning address or an LNURL."""

    destination: str = ""


def _is_for_people(request: Request) -> bool:
    """Browsers ask for HTML; a wallet that was given this page's address does not (LUD-03)."""
    return "text/html" in request.headers.get("accept", "")


@router.get("/r/{claim_secret}", summary="Claim a refund; for wallets LUD-03 (LNURL-withdraw)")
async def show_claim(request: Request, claim_secret: str) -> Response:
    if _is_for_people(request):
        return await _answer(request, await _read(claim_secret))
    headers = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Vary": "Accept"}
    try:
        claim = await find_claim(clean_id(claim_secret, "This refund"))
        return JSONResponse(lud03_first(claim), headers=headers)
    except TicketingError as error:
        # LUD-03: wallets show the reason, whatever the status.
        return JSONResponse({"status": "ERROR", "reason": error.message}, headers=headers)


@router.post("/r/{claim_secret}", summary="Claim a refund by form", include_in_schema=False)
async def send_claim(
    request: Request, claim_secret: str, sent: Annotated[SentClaim, Form()]
) -> Response:
    page = await _read(claim_secret)
    text = sent.destination.strip()
    try:
        wanted = clean_destination(text)
        if wanted is None:
            raise InvalidInput("Please paste an invoice or a lightning address.")
        await claim_by_text(claim_secret, wanted)
    except TicketingError as error:
        page = await _read(claim_secret)
        if page.state in ("paying", "paid"):
            # Sent twice, or a wallet was faster: the page says how far it is.
            return see_other(page.path)
        field = "" if error.code in _NOT_OF_THE_FIELD else "destination"
        problem = Problem(field, error.message, error.code)
        page = replace(page, typed=text[:_MAX_SHOWN], errors=[problem])
        return await _answer(request, page, error.status)
    return see_other(page.path)


async def _read(claim_secret: str) -> ClaimPage:
    secret = clean_id(claim_secret, "This refund")
    return claim_page(await find_claim(secret), f"/events/r/{secret}")


async def _answer(request: Request, page: ClaimPage, status: int = HTTPStatus.OK) -> Response:
    if page.lnurl:
        # Upper case makes a smaller code, and LNURL and URIs read the same in it.
        code = f"lightning:{page.lnurl}".upper()
        page = replace(page, qr=await qr(code, "QR code to claim the money"))
    answer = secret_page(request, "claim.html", {"claim": page}, status)
    answer.headers["Vary"] = "Accept"
    return answer
