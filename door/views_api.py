"""Register of 1.6.9: admit a ticket. Here it takes the admin key of the event's wallet."""

from typing import Annotated, Any

from fastapi import Depends
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..models import clean_id
from ..tickets import services as tickets
from ..tickets.models import organiser_view
from ..web import admin_key, api_router

router = api_router("door")


@router.put("/tickets/register/{ticket_id}", summary="Admit a ticket, once")
async def register(
    ticket_id: str, key: Annotated[BaseWalletTypeInfo, Depends(admin_key)]
) -> dict[str, Any]:
    """200 with the ticket; 403 unpaid, cancelled or registered already; 404 unknown."""
    wanted = clean_id(ticket_id, "Ticket")
    return organiser_view(await tickets.register(wanted, key.wallet.id, clock.now()))
