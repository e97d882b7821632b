"""What an organiser sees of an event's listing: where it is, and what each relay has of it."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nostr_sdk import (
    Coordinate,
    EventId,
    Kind,
    Nip19Coordinate,
    Nip19Event,
    NostrSdkError,
    PublicKey,
    RelayUrl,
)

from ..catalog import services as catalog
from ..clock import from_ms, iso
from ..crud import Row, Tx, reading, transaction
from ..errors import InvalidInput
from ..throttle import Limit
from . import accounts, crud_documents, crud_due, crud_lanes, crud_relays
from .crud_documents import document_id, get_document
from .deletions import Deleted
from .drafts import coordinate
from .models import Document, Lane, Purpose, Refusal

ACKNOWLEDGED, PENDING, REFUSED, FAILING = "acknowledged", "pending", "refused", "failing"
# NIP-19: hints make an address longer, and few are enough to find it.
_MAX_HINTS = 3
_NOT_PUBLISHED = "This event is not published to Nostr."
# For each wallet: signers and relays are asked at once, and relays serve other organisers, too.
republish_limit = Limit(10, 60)


@dataclass(frozen=True)
class _Known:
    """What the rows say. `relays` are those in use, and others that still have a lane."""

    document: Document | None
    pubkey: str | None
    relays: Sequence[str]
    lanes: Mapping[str, Lane]
    states: Mapping[str, Row]
    unsigned_deletions: Sequence[Document]


async def read_state(event_id: str, wallet: str) -> dict[str, Any]:
    """Raises NotFound, and Forbidden for another wallet's event."""
    event = await catalog.require_own(event_id, wallet)
    async with reading() as tx:
        known = await _read(tx, event_id, wallet)
    return _view(known, event.nostr_publish)


async def republish(event_id: str, wallet: str, moment: datetime) -> dict[str, Any]:
    """Sign the listing again, forget refusals and waiting times of its lanes and signer, and look
    what each relay really has.

    Raises NotFound, Forbidden, TooManyRequests, and InvalidInput when it is not published.
    """
    event = await catalog.require_own(event_id, wallet)
    listing = document_id(Purpose.LISTING, event_id)
    async with transaction() as tx:
        document = await get_document(tx, listing)
        if document is None or not event.nostr_publish:
            raise InvalidInput(_NOT_PUBLISHED)
        republish_limit.take(wallet, time.monotonic())
        await crud_documents.bump_listing(tx, event_id)
        # Another client may have deleted it: a relay then takes what is newer alone (NIP-09).
        await crud_documents.outdate(tx, listing, int(moment.timestamp()))
        await crud_lanes.try_again(tx, listing)
        await crud_relays.try_again(tx, listing)
        known = await _read(tx, event_id, wallet)
    return _view(known, event.nostr_publish)


async def _read(tx: Tx, event_id: str, wallet: str) -> _Known:
    document = await get_document(tx, document_id(Purpose.LISTING, event_id))
    found = await accounts.find(tx, wallet)
    lanes = {
        lane.relay: lane
        for lane in await crud_lanes.list_of_document(tx, document.id if document else "")
    }
    relays = list(dict.fromkeys([*(found[0].relays if found else ()), *lanes]))
    states = await crud_relays.get_relays(tx, relays)
    pubkey = document.pubkey if document and document.pubkey else found[1].pubkey if found else None
    deletions = await crud_due.list_unsigned_deletions(tx, event_id)
    return _Known(document, pubkey, relays, lanes, states, deletions)


def _view(known: _Known, is_published: bool) -> dict[str, Any]:
    document = known.document
    naddr = _naddr(document, known.relays)
    return {
        "published": is_published,
        "naddr": naddr,
        "nevent": _nevent(document, known.relays),
        "pubkey": known.pubkey,
        "npub": PublicKey.parse(known.pubkey).to_bech32() if known.pubkey else None,
        "kind": document.kind if document else None,
        "revision": document.rev if document else 0,
        "signed_revision": document.signed_rev if document else 0,
        "created_at": _signed_at(document),
        "problem": document.problem if document else None,
        "deletions_pending": [_deletion(one) for one in known.unsigned_deletions],
        "links": _links(naddr),
        "relays": [_relay(known, url) for url in known.relays] if document else [],
    }


def _signed_at(document: Document | None) -> int | None:
    """The row's own time is ahead of it where the next version has to be later."""
    if document is None or document.event_json is None:
        return None
    return int(json.loads(document.event_json)["created_at"])


def _deletion(request: Document) -> dict[str, str | None]:
    of = Deleted.from_json(request.content)
    return {"address": coordinate(of.kind, of.pubkey, of.d), "problem": request.problem}


def _relay(known: _Known, url: str) -> dict[str, Any]:
    lane, state = known.lanes.get(url), known.states.get(url)
    relay_fails = bool(state and state["failures"])
    error = lane.last_error if lane else None
    if relay_fails and state is not None:
        error = state["last_error"]
    return {
        "url": url,
        "state": _state(known.document, lane, relay_fails),
        "refusal": lane.refusal.value if lane and lane.refusal else None,
        "acked_created_at": lane.acked_created_at or None if lane else None,
        # One try in vain may count in both.
        "attempts": max(lane.attempts if lane else 0, state["failures"] if state else 0),
        "last_error": error,
        "next_try_at": iso(_next_try_at(known.document, lane, state)),
        "foreign_created_at": lane.foreign_created_at if lane else None,
    }


def _is_current(document: Document | None, lane: Lane) -> bool:
    """Whether the relay has all that is signed; what is not signed yet is nobody's fault."""
    if document is None or not document.is_signed:
        return False
    return lane.acked_created_at >= lane.wanted_created_at and lane.acked_created_at > 0


def _state(document: Document | None, lane: Lane | None, relay_fails: bool) -> str:
    if lane is not None and _is_current(document, lane):
        return ACKNOWLEDGED
    if lane is not None and lane.parked_rev is not None:
        return REFUSED
    has_failed = lane is not None and lane.refusal in (Refusal.RETRY, Refusal.CLOCK, Refusal.AUTH)
    return FAILING if relay_fails or has_failed else PENDING


def _next_try_at(
    document: Document | None, lane: Lane | None, state: Row | None
) -> datetime | None:
    """None: nothing is to be sent, or this version is not tried again, or it is tried now."""
    if lane is None or _is_current(document, lane) or lane.parked_rev is not None:
        return None
    pause_until = from_ms(state["retry_at"]) if state and state["retry_at"] else None
    times = [at for at in (lane.next_try_at, pause_until) if at and at.timestamp() > 0]
    return max(times, default=None)


def _hints(relays: Sequence[str]) -> list[RelayUrl]:
    found = []
    for url in relays[:_MAX_HINTS]:
        try:
            found.append(RelayUrl.parse(url))
        except NostrSdkError:
            continue
    return found


def _naddr(document: Document | None, relays: Sequence[str]) -> str | None:
    """NIP-19; None before the first version."""
    if document is None or not document.is_signed or not document.kind or not document.pubkey:
        return None
    author = PublicKey.parse(document.pubkey)
    address = Coordinate(Kind(document.kind), author, document.d or "")
    return str(Nip19Coordinate(address, _hints(relays)).to_bech32())


def _nevent(document: Document | None, relays: Sequence[str]) -> str | None:
    """Of the newest version alone."""
    if document is None or not document.nostr_id or not document.kind or not document.pubkey:
        return None
    author = PublicKey.parse(document.pubkey)
    event = Nip19Event(
        EventId.parse(document.nostr_id), author, Kind(document.kind), _hints(relays)
    )
    return str(event.to_bech32())


def _links(naddr: str | None) -> list[dict[str, str]]:
    if naddr is None:
        return []
    return [
        {"name": "nostr", "url": f"nostr:{naddr}"},
        {"name": "njump.me", "url": f"https://njump.me/{naddr}"},
    ]
