"""Routes of 1.6.9 whose feature is not here yet: they say so, in the shapes old clients read."""

from typing import Annotated, Any

from fastapi import Depends
from lnbits.core.models.wallets import BaseWalletTypeInfo

from ..crud import reading
from ..errors import MethodUnsupported
from ..models import clean_id
from ..tickets import services as tickets
from ..tickets.models import organiser_view
from ..web import admin_key, api_router

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]

router = api_router("legacy")

_NO_ONCHAIN = "On-chain payments are not possible here; tickets are paid over Lightning."
_NO_MAIL = "This version sends no messages; give the buyer the link of the order or ticket."


@router.get("/events/onchain/status", summary="On-chain checkout: not available")
async def onchain_status(key: AdminKey) -> dict[str, Any]:
    return {
        "available": False,
        "message": _NO_ONCHAIN,
        "network": None,
        "wallets": [],
        "mempool_endpoint": None,
    }


@router.post("/tickets/{ticket_id}/satspay-webhook", summary="On-chain checkout: refused")
async def satspay_webhook(ticket_id: str) -> None:
    raise MethodUnsupported(_NO_ONCHAIN)


@router.put("/tickets/{payment_hash}/onchain-confirm", summary="On-chain checkout: refused")
async def onchain_confirm(payment_hash: str, key: AdminKey) -> None:
    raise MethodUnsupported(_NO_ONCHAIN)


@router.post("/tickets/{ticket_id}/resend-email", summary="Says that nothing is sent yet")
async def resend(ticket_id: str, key: AdminKey) -> dict[str, Any]:
    """1.6.9's answer: `{ticket, email: {attempted, sent, error}, nostr: {…}}`."""
    async with reading() as tx:
        ticket = await tickets.find_ticket(tx, clean_id(ticket_id, "Ticket"), key.wallet.id)
    nothing = {"attempted": False, "sent": False, "error": _NO_MAIL}
    return {"ticket": organiser_view(ticket), "email": nothing, "nostr": nothing}
