"""Scanners over HTTP: the organiser's list, a page that says hello, and the log of scans."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query, Response
from lnbits.core.models.wallets import BaseWalletTypeInfo

from .. import clock
from ..models import clean_id
from ..tickets.qr import fresh_qr_svg
from ..web import Limit, Offset, admin_key, api_router
from . import answers_scanners as answers
from . import scan_log, scanners
from .bodies_scanners import HelloBody, ScannerBody
from .keys import Presented, presented
from .models import Outcome
from .models_scanners import Scanner

AdminKey = Annotated[BaseWalletTypeInfo, Depends(admin_key)]
Shown = Annotated[Presented, Depends(presented)]

_EVENT, _SCANNER = "This event", "This scanner"

router = api_router("door")


def _view(scanner: Scanner) -> dict[str, Any]:
    return {
        "id": scanner.id,
        "name": scanner.name,
        "may_work_offline": scanner.may_work_offline,
        "sees_names": scanner.sees_names,
        "created_at": clock.iso(scanner.created_at),
        "expires_at": clock.iso(scanner.expires_at),
        "revoked_at": clock.iso(scanner.revoked_at),
        "last_seen_at": clock.iso(scanner.last_seen_at),
        "page_version": scanner.page_version,
        "pending": scanner.pending,
        "is_active": scanner.is_active(clock.now()),
    }


@router.get(
    "/events/{event_id}/scanners",
    summary="The scanners of an event, newest first",
    responses=answers.told(answers.ScannerList, answers.OWN_EVENT),
)
async def list_scanners(
    event_id: str, key: AdminKey, limit: Limit = 50, offset: Offset = 0
) -> dict[str, Any]:
    """Expired and revoked ones included; never a token."""
    wanted = clean_id(event_id, _EVENT)
    found, total = await scanners.list_scanners(wanted, key.wallet.id, limit, offset)
    return {"data": [_view(scanner) for scanner in found], "total": total}


@router.post(
    "/events/{event_id}/scanners",
    status_code=HTTPStatus.CREATED,
    summary="Make a scanner",
    responses=answers.told(answers.NewScannerAnswer, answers.OWN_EVENT, 201),
)
async def create_scanner(event_id: str, body: ScannerBody, key: AdminKey) -> dict[str, Any]:
    """The token is in this answer only; whoever opens `door_url` holds it."""
    wanted = clean_id(event_id, _EVENT)
    made = await scanners.create_scanner(wanted, key.wallet.id, body, clock.now())
    code = await asyncio.to_thread(fresh_qr_svg, made.door_url, "QR code to join")
    told = {"token": made.token, "door_url": made.door_url, "join_qr_svg": code}
    return _view(made.scanner) | told


@router.delete(
    "/events/{event_id}/scanners/{scanner_id}",
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    summary="Revoke a scanner, at once",
    responses=answers.refused(answers.OWN_EVENT),
)
async def revoke_scanner(event_id: str, scanner_id: str, key: AdminKey) -> None:
    """Its scans stay in the log. Repeating changes nothing."""
    wanted = clean_id(event_id, _EVENT), key.wallet.id, clean_id(scanner_id, _SCANNER)
    await scanners.revoke_scanner(*wanted, clock.now())


@router.post(
    "/door/{event_id}/hello",
    summary="What a door page starts with",
    responses=answers.told(answers.HelloAnswer, answers.DOOR),
)
async def hello(event_id: str, shown: Shown, body: HelloBody | None = None) -> dict[str, Any]:
    """Notes when the scanner was seen, and what its page says of itself."""
    now = clock.now()
    wanted = clean_id(event_id, _EVENT)
    told = await scanners.hello(wanted, shown, body or HelloBody(), now)
    event, key = told.listing.event, told.key
    return {
        "event": {
            "id": event.id,
            "name": event.name,
            "starts_at": clock.iso(event.starts_at),
            "timezone": event.timezone,
            "entry": event.entry,
            "status": event.status,
        },
        "scanner": {
            "id": key.scanner_id,
            "name": key.name,
            "may_work_offline": key.may_work_offline,
            "sees_names": key.sees_names,
            "expires_at": clock.iso(key.expires_at),
        },
        "server_time": clock.iso(now),
        "packages": [
            {"id": package.id, "name": package.name, "kind": package.kind}
            for package in told.listing.packages
        ],
    }


def _wanted(
    ticket_id: Annotated[str | None, Query(description="Of one ticket.")] = None,
    scanner_id: Annotated[str | None, Query(description="By one scanner.")] = None,
    outcome: Annotated[Outcome | None, Query(description="With this outcome.")] = None,
    conflict: Annotated[
        bool | None, Query(description="True: only those that show a conflict.")
    ] = None,
) -> dict[str, object]:
    """The columns a page of the log is picked by."""
    columns = {
        "ticket_id": clean_id(ticket_id, "Ticket") if ticket_id is not None else None,
        "scanner_id": clean_id(scanner_id, _SCANNER) if scanner_id is not None else None,
        "outcome": outcome.value if outcome else None,
        "is_conflict": conflict,
    }
    return {name: value for name, value in columns.items() if value is not None}


@router.get(
    "/events/{event_id}/scans",
    summary="All scans of an event, newest first",
    responses=answers.told(answers.ScanLog, answers.OWN_EVENT),
)
async def list_scans(
    event_id: str,
    key: AdminKey,
    wanted: Annotated[dict[str, object], Depends(_wanted)],
    limit: Limit = 50,
    offset: Offset = 0,
) -> dict[str, Any]:
    """Refused and annulled ones included."""
    event = clean_id(event_id, _EVENT)
    found, total = await scan_log.list_scans(event, key.wallet.id, wanted, limit, offset)
    return {"data": found, "total": total}
