"""Routes of 1.6.9 whose feature is not here yet: they say so, in the shapes old clients read."""

from typing import Annotated, Any

from fastapi import Depends
from lnbits.core.models.wallets import BaseWalletTypeInfo

from ..errors import MethodUnsupported
from ..web import admin_key, api_router

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]

router = api_router("legacy")

_NO_ONCHAIN = "On-chain payments are not possible here; tickets are paid over Lightning."


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
