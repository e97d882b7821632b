"""Scanners: the organiser makes and revokes them, they say hello."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..audit.services import Change, differences, record
from ..catalog.models import Event, Listing
from ..catalog.services import lock_event, own_event, reread
from ..catalog.times import read_moment, zone_of
from ..clock import iso, to_ms
from ..crud import Tx, reading, short_id, transaction
from ..errors import InvalidInput, NotFound, TooManyScanners
from ..settings import base_url, sha256_hex
from . import crud_scanners
from .bodies_scanners import EXPIRY, HelloBody, ScannerBody
from .keys import DoorKey, Presented, require_key
from .models_scanners import Scanner

MAX_ACTIVE = 200


@dataclass(frozen=True)
class NewScanner:
    """A scanner with its token, which nobody is told a second time."""

    scanner: Scanner
    token: str

    @property
    def door_url(self) -> str:
        """The door page's address. A browser keeps what follows the `#` to itself."""
        return f"{base_url()}/events/door/{self.scanner.event_id}#{self.token}"


async def list_scanners(
    event_id: str, wallet: str, limit: int, offset: int
) -> tuple[list[Scanner], int]:
    """A page of an event's scanners, newest first, and how many there are.

    Raises NotFound, Forbidden.
    """
    async with reading() as tx:
        await own_event(tx, event_id, wallet)
        return await crud_scanners.list_scanners(tx, event_id, limit, offset)


async def create_scanner(
    event_id: str, wallet: str, body: ScannerBody, now: datetime
) -> NewScanner:
    """Raises NotFound, Forbidden, InvalidInput, TooManyScanners."""
    token = secrets.token_urlsafe(32)
    async with transaction() as tx:
        # Locked, so that two at once cannot both be the last of MAX_ACTIVE.
        event = await lock_event(tx, event_id, wallet)
        expires_at = _expiry(event, body.expires_at, now)
        if await crud_scanners.count_active(tx, event_id, now) >= MAX_ACTIVE:
            raise TooManyScanners(f"An event can have at most {MAX_ACTIVE} active scanners.")
        scanner = Scanner(
            id=short_id(),
            event_id=event_id,
            name=body.name,
            may_work_offline=body.may_work_offline,
            sees_names=body.sees_names,
            created_at=now,
            expires_at=expires_at,
            revoked_at=None,
            last_seen_at=None,
            page_version=None,
            pending=None,
        )
        await crud_scanners.insert_scanner(tx, _row(scanner, token, now))
        await record(tx, _made(scanner))
    return NewScanner(scanner, token)


def _expiry(event: Event, text: str | None, now: datetime) -> datetime | None:
    if text is None:
        return None
    expires_at = read_moment(text, zone_of(event), EXPIRY)
    if expires_at <= now:
        raise InvalidInput(f"{EXPIRY} must lie in the future.")
    return expires_at


def _row(scanner: Scanner, token: str, now: datetime) -> dict[str, object]:
    return {
        "id": scanner.id,
        "event_id": scanner.event_id,
        "name": scanner.name,
        "token_hash": sha256_hex(token),
        "may_work_offline": scanner.may_work_offline,
        "sees_names": scanner.sees_names,
        "created_at": to_ms(now),
        "expires_at": to_ms(scanner.expires_at) if scanner.expires_at else None,
    }


def _made(scanner: Scanner) -> list[Change]:
    told = {
        "name": scanner.name,
        "expires_at": iso(scanner.expires_at),
        "may_work_offline": scanner.may_work_offline,
        "sees_names": scanner.sees_names,
    }
    return differences("create", "scanner", scanner.id, scanner.event_id, {}, told)


async def revoke_scanner(event_id: str, wallet: str, scanner_id: str, now: datetime) -> None:
    """From the commit on its token opens nothing. Repeating changes nothing.

    Raises NotFound, Forbidden.
    """
    async with transaction() as tx:
        await own_event(tx, event_id, wallet)
        if await crud_scanners.revoke(tx, event_id, scanner_id, now):
            change = Change("revoke", "scanner", scanner_id, event_id, "revoked_at", None, iso(now))
            await record(tx, [change])
        elif await crud_scanners.get_scanner(tx, event_id, scanner_id) is None:
            raise NotFound("This scanner does not exist.")


@dataclass(frozen=True)
class Greeting:
    """What a door page starts with."""

    key: DoorKey
    listing: Listing


async def hello(event_id: str, shown: Presented, body: HelloBody, now: datetime) -> Greeting:
    """Note that the scanner is there, and what it says of itself; tell it its event.

    Raises Forbidden, ScannerRevoked, ScannerExpired.
    """
    async with transaction() as tx:
        key = await require_key(tx, event_id, shown, now)
        listing = await reread(tx, event_id)
        await note_seen(tx, key, now, body)
    return Greeting(key, listing)


_SEEN_EVERY = timedelta(minutes=1)
# When each scanner was last written down, and what it had said. Per process: another one writes
# once more, and a restart does too.
_seen: dict[str, tuple[datetime, HelloBody]] = {}
_MOST_REMEMBERED = 10_000


async def note_seen(tx: Tx, key: DoorKey, now: datetime, said: HelloBody | None = None) -> None:
    """Write down that a scanner is there: at once what it newly says, else once a minute.

    Called by what a page asks at rest, never by a scan.
    """
    if key.scanner_id is None:
        return
    before = _seen.get(key.scanner_id)
    said = _with(before[1] if before else HelloBody(), said)
    if before is not None and said == before[1] and now - before[0] < _SEEN_EVERY:
        return
    await crud_scanners.note_seen(tx, key.scanner_id, now, said.page_version, said.pending)
    if len(_seen) >= _MOST_REMEMBERED:
        _seen.clear()
    _seen[key.scanner_id] = (now, said)


def _with(before: HelloBody, said: HelloBody | None) -> HelloBody:
    new = said.dict(exclude_none=True) if said else {}
    return before.copy(update=new)
