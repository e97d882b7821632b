"""Mounts the rooms' JSON routes, and those of the instance settings."""

from fastapi import APIRouter, Depends

from .audit import services as audit
from .catalog.views_api import events_router
from .crud import Tx
from .door.views_api import router as door_router
from .door.views_api_offline import router as offline_router
from .door.views_api_scanners import router as scanners_router
from .nostr import accounts as nostr_accounts
from .nostr.views_api import router as nostr_router
from .nostr.views_api_state import router as nostr_state_router
from .notifications.views_api import router as messages_router
from .orders.quoting import Prices
from .orders.views_api import router as orders_router
from .orders.views_api_legacy import router as legacy_router
from .promos.services import EventCodes
from .promos.views_api import promos_router
from .refunds.services import EventMoney
from .refunds.views_api import router as refunds_router
from .settings import InstanceSettings, SettingsPatch, change_settings, get_settings
from .tickets.views_api import router as tickets_router
from .web import api_router, instance_admin

settings_router = api_router("settings")


@settings_router.get(
    "/settings", dependencies=[Depends(instance_admin)], summary="Instance settings"
)
async def read() -> InstanceSettings:
    return await get_settings()


@settings_router.put(
    "/settings", dependencies=[Depends(instance_admin)], summary="Change instance settings"
)
async def change(patch: SettingsPatch) -> InstanceSettings:
    return await change_settings(patch, _follow)


async def _follow(tx: Tx, before: InstanceSettings, after: InstanceSettings) -> None:
    """Here, because the settings stand below the log and all others."""
    if before.default_relays != after.default_relays:
        await nostr_accounts.follow_defaults(tx, after.default_relays)
    differences = audit.differences(
        "update", "settings", "instance", None, before.dict(), after.dict()
    )
    await audit.record(tx, differences)


def all_routes() -> APIRouter:
    """Every JSON route. Fixed paths come before those with a parameter in the same place."""
    router = APIRouter()
    # Before the poll route, whose path has the shape of theirs.
    router.include_router(legacy_router)
    router.include_router(messages_router)
    router.include_router(refunds_router)
    router.include_router(events_router(EventCodes(), EventMoney()))
    router.include_router(promos_router(Prices()))
    router.include_router(door_router)
    router.include_router(scanners_router)
    router.include_router(offline_router)
    router.include_router(tickets_router)
    router.include_router(orders_router)
    router.include_router(nostr_router)
    router.include_router(nostr_state_router)
    router.include_router(settings_router)
    return router
