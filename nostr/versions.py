"""The next version of one document: what it is to say, when it says so, and who signs it."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from loguru import logger

from ..catalog import services as catalog
from ..crud import Tx, reading, transaction
from ..settings import base_url
from . import crud_documents, crud_due
from .crud_documents import Version, document_id
from .crud_due import DELETION_FIRST, DENIED, LONGEST_WAIT, LONGEST_WAIT_DENIED
from .deletions import deletion_draft, get_deletion, request_deletion
from .drafts import Draft, Nothing
from .keys import open_signer
from .listing_tags import Site, listing_draft
from .models import Account, Document, Key, KeyMode, Purpose, Signer, SignerFailed, Unsigned
from .profile import (
    MAX_IN_CALENDAR,
    calendar_d,
    calendar_draft,
    profile_draft,
    relay_list_draft,
)

# Words in `nostr_documents.problem`, beside the codes of SignerFailed, NO_DATE and DELETION_FIRST.
CLOCK = "clock"
NO_RELAYS = "no_relays"
INTERNAL = "internal"

# The clock may be set right at any moment.
_LOOK_AGAIN = timedelta(minutes=1)
# After these a try is ten minutes from the next.
_FEW_ATTEMPTS = 7


@dataclass(frozen=True)
class Pace:
    """How often, and how long. `interval`: between two versions of one document; `patience_s`: how
    long a pass waits for slow signers before it leaves them to themselves, None: to their end."""

    interval: timedelta = timedelta(seconds=2)
    # How far a version may be ahead of the clock: relays refuse what comes from the future.
    max_ahead_s: int = 60
    first_retry: timedelta = timedelta(seconds=5)
    patience_s: float | None = 1.0


class Result(Enum):
    SIGNED = "signed"
    # Nothing new to say.
    SETTLED = "settled"
    WAITING = "waiting"


class Pen:
    """A key with its signer, who is asked for when there is something to sign."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self._signer: Signer | None = None

    async def sign(self, event: Unsigned) -> str:
        """See models.Signer."""
        if self._signer is None:
            self._signer = await open_signer(self.key)
        return await self._signer.sign(event)


async def renew(
    document: Document, account: Account | None, pen: Pen, now: datetime, pace: Pace
) -> Result:
    """Bring a document up to what its rows say. `account`: of the wallet; None for a deletion,
    which goes on without. Raises SignerFailed with nothing stored."""
    async with reading() as tx:
        wanted = await _wanted(tx, document, account, pen.key, now)
    if _is_in_the_way(document, wanted, pen.key):
        async with transaction() as tx:
            await request_deletion(tx, document)
        document = replace(document, event_json=None, nostr_id=None)
    if isinstance(wanted, Nothing):
        return await _settle(document, None, wanted.problem)
    if _is_said(document, wanted, pen.key):
        return await _settle(document, wanted.changes_at, None)
    return await _sign(document, wanted, account, pen, now, pace)


async def _wanted(
    tx: Tx, document: Document, account: Account | None, key: Key, now: datetime
) -> Draft | Nothing:
    if document.purpose is Purpose.DELETION:
        return deletion_draft(document)
    if account is None:
        return Nothing(NO_RELAYS)
    if document.purpose is Purpose.LISTING:
        return await _wanted_listing(tx, document, account, key, now)
    if document.purpose is Purpose.CALENDAR:
        found = await crud_documents.list_coordinates(tx, account.wallet, key, MAX_IN_CALENDAR)
        return calendar_draft(account, key.mode, base_url(), found)
    if key.mode is not KeyMode.GENERATED:
        # The organiser's own key has a profile and relays of its own making.
        return Nothing()
    if document.purpose is Purpose.PROFILE:
        return profile_draft(account, base_url())
    return relay_list_draft(account)


async def _wanted_listing(
    tx: Tx, document: Document, account: Account, key: Key, now: datetime
) -> Draft | Nothing:
    if document.is_gone or document.event_id is None:
        return Nothing()
    listing = await catalog.read_listing(tx, document.event_id)
    if listing is None:
        return Nothing()
    calendar = calendar_d(account.wallet, key.mode) if account.has_calendar else None
    site = Site(base_url(), key.pubkey, account.relays, calendar)
    return listing_draft(listing, site, now)


def _is_in_the_way(document: Document, wanted: Draft | Nothing, key: Key) -> bool:
    """Whether what was signed has to go: it would stay under its address (kind, key, `d`)."""
    if not document.is_signed or document.purpose is Purpose.DELETION:
        return False
    if isinstance(wanted, Nothing):
        return wanted.problem != NO_RELAYS
    is_there = (document.pubkey, document.kind, document.d or "")
    return is_there != (key.pubkey, wanted.kind, wanted.d)


def _is_said(document: Document, draft: Draft, key: Key) -> bool:
    """Whether the last version says it. The row's time is ahead of that version's where somebody
    else wrote under the address: then it is said again, and later."""
    return document.pubkey == key.pubkey and draft.is_said_by(
        document.event_json, document.created_at
    )


async def _settle(document: Document, changes_at: datetime | None, problem: str | None) -> Result:
    async with transaction() as tx:
        await crud_documents.settle(tx, document, changes_at, problem)
    return Result.SETTLED


async def _sign(
    document: Document,
    draft: Draft,
    account: Account | None,
    pen: Pen,
    now: datetime,
    pace: Pace,
) -> Result:
    last = max(document.created_at, draft.after)
    if not document.is_signed and document.created_at:
        async with reading() as tx:
            deletion = await get_deletion(tx, document, draft.kind, pen.key.pubkey)
        if deletion is not None and deletion.rev > deletion.signed_rev:
            # Its address was deleted: signed later, that would delete this version as well.
            until = max(deletion.not_before or now, now + pace.interval / 4)
            return await _postpone(document, until, DELETION_FIRST)
        last = max(last, deletion.created_at if deletion else 0)
    at_s = int(now.timestamp())
    if last + 1 > at_s + pace.max_ahead_s:
        logger.error(
            f"events: the clock is {last - at_s} s behind what {document.id} was signed at"
        )
        return await _postpone(document, now + _LOOK_AGAIN, CLOCK)
    unsigned = Unsigned(draft.kind, max(at_s, last + 1), draft.tags, draft.content)
    event_json = await pen.sign(unsigned)
    version = Version(
        rev=document.rev,
        event_json=event_json,
        nostr_id=json.loads(event_json)["id"],
        kind=draft.kind,
        d=draft.d,
        key_id=pen.key.id,
        pubkey=pen.key.pubkey,
        created_at=unsigned.created_at,
        not_before=now + pace.interval,
        changes_at=draft.changes_at,
    )
    return await _save(document, version, account, pen.key)


async def _postpone(document: Document, until: datetime, problem: str) -> Result:
    async with transaction() as tx:
        await crud_documents.postpone(tx, document.id, until, problem)
    return Result.WAITING


async def _save(document: Document, version: Version, account: Account | None, key: Key) -> Result:
    async with transaction() as tx:
        is_saved = await save(tx, document, version, account, key)
    return Result.SIGNED if is_saved else Result.WAITING


async def save(
    tx: Tx, document: Document, version: Version, account: Account | None, key: Key
) -> bool:
    """Store a version, and what it makes wanted. False when another came first."""
    if document.purpose is not Purpose.LISTING or account is None:
        return await crud_documents.save_signed(tx, document, version)
    await crud_documents.lock_these(
        tx, [document.id, document_id(Purpose.CALENDAR, account.wallet)]
    )
    if not await crud_documents.save_signed(tx, document, version):
        return False
    await _accompany(tx, document, account, key)
    return True


async def _accompany(tx: Tx, document: Document, account: Account, key: Key) -> None:
    """What a listing makes wanted: who publishes it, and the calendar it is in."""
    wallet = account.wallet
    if key.mode is KeyMode.GENERATED:
        await crud_documents.make_missing(tx, [Purpose.PROFILE, Purpose.RELAY_LIST], wallet)
    if not account.has_calendar:
        return
    await crud_documents.make_missing(tx, [Purpose.CALENDAR], wallet)
    if not document.is_signed:
        await crud_documents.bump(tx, [document_id(Purpose.CALENDAR, wallet)])


async def give_up_for_now(document: Document, problem: str, now: datetime, pace: Pace) -> None:
    """It could not be signed: once more after twice as long as the last time. Who said no often is
    let alone for a day."""
    longest, attempts = LONGEST_WAIT, document.attempts
    if problem == DENIED:
        longest = LONGEST_WAIT_DENIED
        if document.problem != DENIED:
            # However long it was silent before: that was no answer.
            attempts = min(attempts, _FEW_ATTEMPTS)
    wait = min(longest, pace.first_retry * 2 ** min(attempts, 20))
    async with transaction() as tx:
        if attempts < document.attempts:
            await crud_due.count_anew(tx, document.id, attempts)
        await crud_documents.postpone(tx, document.id, now + wait, problem, failed=True)


def failure(exc: SignerFailed) -> str:
    """The word that is kept for it; the sentence is kept with the key."""
    return exc.code[:40]
