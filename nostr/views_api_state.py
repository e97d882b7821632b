"""An event's listing over HTTP: where it is, and what each relay has of it."""

from typing import Annotated, Any

from fastapi import Depends
from lnbits.core.models.wallets import BaseWalletTypeInfo

from ..clock import now
from ..models import clean_id
from ..web import admin_key, api_router, invoice_key
from . import state
from .answers_state import told

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
InvoiceKey = Annotated[BaseWalletTypeInfo, Depends(invoice_key)]

router = api_router("nostr")


@router.get(
    "/events/{event_id}/nostr",
    summary="The listing of an event on Nostr, and what each relay has of it",
    responses=told(),
)
async def read_state(event_id: str, key: InvoiceKey) -> dict[str, Any]:
    return await state.read_state(clean_id(event_id, "This event"), key.wallet.id)


@router.post(
    "/events/{event_id}/nostr/republish",
    summary="Sign the listing again, and send it to relays that refused it or failed, too",
    responses=told(
        status_400="`invalid_input`: the event is not published to Nostr.",
        status_403="`forbidden`: an invoice key, or of another wallet.",
        status_429="`too_many_requests`: it was asked for ten times within a minute.",
    ),
)
async def republish(event_id: str, key: AdminKey) -> dict[str, Any]:
    """It is signed again with a later time, so that it also comes back where another client has
    deleted it. What a relay really has is read back."""
    return await state.republish(clean_id(event_id, "This event"), key.wallet.id, now())
