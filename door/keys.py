"""Who stands at the door: a scanner's token, or the admin key of the event's wallet.

The two steps are apart so that a scan can read its credential with the statement that reads
the ticket.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import APIKeyHeader

from ..actors import act_as
from ..clock import from_ms, to_ms
from ..crud import Row, Tx
from ..errors import Forbidden, ScannerExpired, ScannerRevoked, Unauthorized
from ..settings import sha256_hex
from ..web import optional_admin_wallet
from . import crud_scanners
from .models import ORGANISER

_token_header = APIKeyHeader(
    name="X-Scanner-Token",
    scheme_name="ScannerToken",
    auto_error=False,
    description="Token of a scanner of the event; instead of it the admin key of its wallet.",
)
# The host's own scheme: the two have one name in OpenAPI.
_key_header = APIKeyHeader(name="X-API-KEY", auto_error=False)


@dataclass(frozen=True)
class Presented:
    """What a request showed; nothing was looked up in our tables yet.

    `token_hash`: SHA-256 hex of the scanner token. `wallet`: that of the admin key shown.
    """

    token_hash: str | None
    wallet: str | None


@dataclass(frozen=True)
class DoorKey:
    """A credential that fits the event. `scanner_id` is None for the organiser, whose key never
    expires."""

    event_id: str
    scanner_id: str | None
    name: str
    may_work_offline: bool
    sees_names: bool
    is_organiser: bool
    expires_at: datetime | None = None


async def presented(
    request: Request,
    token: Annotated[str | None, Security(_token_header)] = None,
    header_key: Annotated[str | None, Security(_key_header)] = None,
) -> Presented:
    """The token or admin key of a request; with both the token counts.

    Raises Unauthorized without either, and what `web.admin_key` raises for a wrong key.
    """
    if token:
        return Presented(sha256_hex(token), None)
    wallet = await optional_admin_wallet(request, header_key)
    if wallet is None:
        raise Unauthorized("Show a scanner's token, or the admin key of the event's wallet.")
    return Presented(None, wallet)


async def require_key(tx: Tx, event_id: str, shown: Presented, now: datetime) -> DoorKey:
    """What the credential may do at this event's door: one statement.

    Raises Forbidden, ScannerRevoked or ScannerExpired.
    """
    return checked(await crud_scanners.get_key(tx, event_id, shown.token_hash), shown, now)


def checked(row: Row | None, shown: Presented, now: datetime) -> DoorKey:
    """The same decision from a row that has `crud_scanners.KEY_COLUMNS`; None: no such event.

    From here on the request acts as that scanner in the log.
    """
    if row is None:
        # Alike for an event that does not exist and one of somebody else.
        raise Forbidden("This is no key to the door of this event.")
    if shown.token_hash is None:
        return _organiser(row, shown.wallet)
    if row["scanner_id"] is None:
        raise Forbidden("This is no key to the door of this event.")
    if row["scanner_revoked_at"] is not None:
        raise ScannerRevoked("This scanner was revoked.")
    if row["scanner_expires_at"] is not None and row["scanner_expires_at"] <= to_ms(now):
        raise ScannerExpired("This scanner's time is over.")
    act_as(f"scanner:{row['scanner_id']}")
    return DoorKey(
        event_id=row["event_id"],
        scanner_id=row["scanner_id"],
        name=row["scanner_name"],
        may_work_offline=bool(row["scanner_may_work_offline"]),
        sees_names=bool(row["scanner_sees_names"]),
        is_organiser=False,
        expires_at=from_ms(row["scanner_expires_at"]),
    )


def _organiser(row: Row, wallet: str | None) -> DoorKey:
    if wallet is None or row["event_wallet"] != wallet:
        raise Forbidden("This is no key to the door of this event.")
    return DoorKey(
        event_id=row["event_id"],
        scanner_id=None,
        name=ORGANISER,
        may_work_offline=True,
        sees_names=True,
        is_organiser=True,
    )
