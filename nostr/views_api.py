"""An organiser's Nostr settings over HTTP."""

from typing import Annotated, Any

from fastapi import Depends
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..web import admin_key, api_router
from . import answers
from .accounts import change_account, read_account
from .bodies import NostrSettingsBody

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]

router = api_router("nostr")


@router.get("/nostr/settings", summary="Nostr settings of a wallet", responses=answers.READ)
async def read_settings(key: AdminKey) -> dict[str, Any]:
    """Never a secret."""
    return answers.settings_answer(await read_account(key.wallet.id))


@router.put(
    "/nostr/settings", summary="Change Nostr settings of a wallet", responses=answers.CHANGED
)
async def change_settings(body: NostrSettingsBody, key: AdminKey) -> dict[str, Any]:
    """A remote signer is talked to first, for some seconds. What was published under another
    key is asked to be deleted, and published again."""
    view = await change_account(key.wallet.id, body, clock.now())
    return answers.settings_answer(view)
