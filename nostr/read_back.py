"""What a relay really has: its yes proves nothing, and other clients may write our addresses.

A relay that lost a version, or never kept it, gets it again; a newer version that is not ours is
outdone by our next one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from loguru import logger

from ..crud import Session, Tx
from . import crud_documents, crud_jobs, crud_relays
from .crud_jobs import Job
from .line import Line, NotReadable
from .pace import LanePace

# One REQ: relays serve some hundred events at most, and limit the lists in a filter.
BATCH = 50
# Some relays keep several versions of one address.
_VERSIONS = 4
# A relay that answers yes to deletions and keeps what they are of is not asked for ever.
_MAX_DELETIONS = 5
_NOT_KEPT = "The relay said yes, but does not have it."
_NOT_DELETED = "The relay said yes, but keeps what was to be deleted."
_NO_D = (0, 10002)

Json = dict[str, Any]
Address = tuple[int, str, str]


class Finding(Enum):
    """What came out for one document."""

    FINE = "fine"
    # It has an older version, or none, of what it said yes to.
    LOST = "lost"
    # It has a version of ours that it did not say yes to.
    THERE = "there"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class Seen:
    """The version a relay serves."""

    created_at: int
    id: str


def address_of(job: Job) -> Address:
    """Kind, author and `d` (NIP-01); of a deletion those of what it is of."""
    if job.is_deletion:
        tags = json.loads(job.event_json)["tags"] if job.event_json else []
        named = next((tag[1] for tag in tags if tag[0] == "a"), "0::")
        kind, pubkey, d = named.split(":", 2)
        return int(kind), pubkey, d
    return int(job.row["kind"]), str(job.row["pubkey"]), str(job.row["d"] or "")


def filters_for(jobs: Sequence[Job]) -> list[dict[str, object]]:
    """One filter for what has a `d` and one for what has none. They may match more than the jobs:
    what else comes is left aside."""
    found = []
    for has_d in (True, False):
        addresses = [one for one in map(address_of, jobs) if (one[0] not in _NO_D) is has_d]
        if not addresses:
            continue
        one: dict[str, object] = {
            "kinds": sorted({kind for kind, _, _ in addresses}),
            "authors": sorted({pubkey for _, pubkey, _ in addresses}),
            "limit": _VERSIONS * len(addresses),
        }
        if has_d:
            one["#d"] = sorted({d for _, _, d in addresses})
        found.append(one)
    return found


def newest(events: Sequence[str]) -> dict[Address, Seen]:
    """By address; of one time the lowest id counts (NIP-01)."""
    found: dict[Address, Seen] = {}
    for event in map(json.loads, events):
        address = event["kind"], event["pubkey"], _d_of(event)
        seen, other = Seen(event["created_at"], event["id"]), found.get(address)
        if other is None or (-seen.created_at, seen.id) < (-other.created_at, other.id):
            found[address] = seen
    return found


def _d_of(event: Json) -> str:
    if event["kind"] in _NO_D:
        return ""
    return next((str(tag[1]) for tag in event["tags"] if tag[:1] == ["d"] and tag[1:]), "")


def judge(job: Job, seen: Seen | None) -> Finding:
    """`job` is as the database has it now, `seen` as the relay said before."""
    created_at = seen.created_at if seen else 0
    if job.is_deletion:
        # What is newer than the request was published again.
        is_kept = job.acked > 0 and 0 < created_at <= job.version
        return Finding.LOST if is_kept else Finding.FINE
    is_ours = seen is not None and seen.id == job.row["nostr_id"]
    if created_at > job.row["created_at"] or (created_at == job.version > 0 and not is_ours):
        return Finding.FOREIGN
    if created_at < job.acked:
        return Finding.LOST
    return Finding.THERE if is_ours and created_at > job.acked else Finding.FINE


async def read_back(
    session: Session, line: Line, document_ids: Sequence[str], now: datetime, pace: LanePace
) -> bool:
    """Compare some documents, BATCH at most, and note what came out. False: the relay is not to
    be read, and was taken at its word.

    Raises RelayFailed when the relay cannot be connected to.
    """
    async with session.reading() as tx:
        jobs = await crud_jobs.get_jobs(tx, line.url, document_ids)
    asked = [job for job in jobs if job.is_sendable]
    found: Mapping[Address, Seen] = {}
    if asked:
        filters = filters_for(asked)
        try:
            # One key for all: whether it may read at all, a relay asks rather than whose it is.
            events = await line.query(filters, _VERSIONS * len(asked), asked[0].key_id)
            found = newest(events)
        except NotReadable as exc:
            logger.debug(f"events: {line.url} was not read back: {exc}")
            await take_at_its_word(session, line.url, document_ids, now, exc.is_refusal)
            return False
    async with session.transaction() as tx:
        await crud_documents.lock_these(tx, document_ids)
        fine = list(document_ids)
        jobs = await crud_jobs.get_jobs(tx, line.url, [job.document_id for job in asked])
        for job in jobs:
            if job.is_sendable and not await _note(tx, job, found.get(address_of(job)), now, pace):
                fine.remove(job.document_id)
        await crud_jobs.note_checked(tx, line.url, fine, now, was_read=True)
        if asked:
            await crud_relays.note_back(tx, line.url)
    return True


async def take_at_its_word(
    session: Session, url: str, document_ids: Sequence[str], now: datetime, is_there: bool
) -> None:
    """What it has is not to be found out. `is_there`: it did answer, if only to say no."""
    async with session.transaction() as tx:
        await crud_documents.lock_these(tx, document_ids)
        await crud_jobs.note_checked(tx, url, document_ids, now, was_read=False)
        if is_there:
            await crud_relays.note_back(tx, url)


async def _note(tx: Tx, job: Job, seen: Seen | None, now: datetime, pace: LanePace) -> bool:
    """False: the relay does not have what it should, and that is noted."""
    finding = judge(job, seen)
    if finding is Finding.LOST:
        next_try_at = now + pace.wait_after(job.attempts)
        if job.is_deletion:
            is_last = job.attempts + 1 >= _MAX_DELETIONS
            later = None if is_last else next_try_at
            await crud_jobs.note_lost(tx, job, 0, _NOT_DELETED, later)
        else:
            # The first time at once: most often it was restarted.
            later = next_try_at if job.attempts else now
            found = seen.created_at if seen else 0
            await crud_jobs.note_lost(tx, job, found, _NOT_KEPT, later)
        return False
    if finding is Finding.THERE:
        await crud_jobs.note_ack(tx, job, now)
    if finding is Finding.FOREIGN and seen is not None:
        # Of two with one time the lower id stays, so ours has to be newer than both.
        is_tie = seen.created_at <= job.row["created_at"]
        floor = seen.created_at + is_tie
        if await crud_jobs.note_foreign(tx, job, seen.created_at, floor):
            logger.warning(
                f"events: {job.row['relay']} has a version of {job.document_id} that another"
                f" client wrote, of {seen.created_at}; ours is published again"
            )
    return True
