"""Where somebody reads messages: the relays in their kind 10050 list (NIP-17)."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from ..outbox.delivery import TryLater, Undeliverable
from .addresses import named_by_buyers
from .models import KIND_DM_RELAYS, KIND_RELAY_LIST, RelayFailed
from .recipients import clean_hints
from .transport import Reach, Relay, SignAuth, open_relay

# NIP-17 has people name one to three. More would have us send to whomever they please.
MAX_INBOXES = 3
_MAX_ASKED_FURTHER = 3
# Two lists that can be replaced: what is beyond these are old versions.
_MAX_EVENTS = 10
# Once one relay has the list, the others have so long to show a newer one.
_GRACE_S = 1.0

_Event = dict[str, Any]


@asynccontextmanager
async def open_for_buyer(
    url: str, reach: Reach, sign_auth: SignAuth | None = None
) -> AsyncIterator[Relay]:
    """As `open_relay`, for a relay that a buyer may have named."""
    async with AsyncExitStack() as stack:
        # The opening alone: what is signed on this connection may need the organiser's signer.
        with named_by_buyers():
            relay = await stack.enter_async_context(open_relay(url, reach, sign_auth))
        yield relay


async def find_inboxes(
    pubkey: str, relays: Sequence[str], ours: Collection[str], reach: Reach
) -> tuple[str, ...]:
    """One to three relays that this person (hex) reads messages on.

    Looked for on `relays`; if it is not there, then on those where this person says to write
    (NIP-65). Raises Undeliverable (`no_inbox`) when all of them answered without it, and TryLater
    when one did not answer, which may be the one that has it: `relays_unreachable` for one of
    `ours`, of the organiser and the instance, else `hints_unreachable`.
    """
    found, silent = await _ask_all(relays, pubkey, reach)
    if not _newest(found, KIND_DM_RELAYS):
        elsewhere = [url for url in _written_to(found) if url not in relays][:_MAX_ASKED_FURTHER]
        found, more = await _ask_all(elsewhere, pubkey, reach)
        silent |= more
    inboxes = _inboxes(_newest(found, KIND_DM_RELAYS))
    if inboxes:
        return inboxes
    if not relays or silent.intersection(ours):
        raise TryLater(
            "relays_unreachable",
            "Not every relay could be asked where the recipient reads messages.",
        )
    if silent:
        raise TryLater(
            "hints_unreachable",
            "A relay that the recipient named could not be asked where they read messages.",
        )
    raise Undeliverable(
        "no_inbox", "The recipient has not said where to receive messages (NIP-17)."
    )


async def _ask_all(
    relays: Sequence[str], pubkey: str, reach: Reach
) -> tuple[list[_Event], set[str]]:
    """What they have, all asked at once; and which of them did not answer."""
    asked = {asyncio.create_task(_ask(url, pubkey, reach)): url for url in relays}
    waiting = set(asked)
    silent = set(relays)
    events: list[_Event] = []
    patience_s: float | None = None
    try:
        while waiting:
            done, waiting = await asyncio.wait(
                waiting, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                break
            for task in done:
                if (answer := task.result()) is not None:
                    silent.discard(asked[task])
                    events += answer
            if _newest(events, KIND_DM_RELAYS):
                patience_s = _GRACE_S
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return events, silent


async def _ask(url: str, pubkey: str, reach: Reach) -> list[_Event] | None:
    wanted = {"kinds": [KIND_DM_RELAYS, KIND_RELAY_LIST], "authors": [pubkey]}
    try:
        async with open_for_buyer(url, reach) as relay:
            found = await relay.query([{**wanted, "limit": _MAX_EVENTS}], limit=_MAX_EVENTS)
    except RelayFailed:
        return None
    return [json.loads(event) for event in found]


def _newest(events: Sequence[_Event], kind: int) -> _Event | None:
    """NIP-01: of two with one time it is the one with the lower id."""
    of_kind = [event for event in events if event["kind"] == kind]
    return min(of_kind, key=lambda event: (-event["created_at"], event["id"]), default=None)


def _inboxes(event: _Event | None) -> tuple[str, ...]:
    tags = event["tags"] if event else []
    return clean_hints([tag[1] for tag in tags if tag[0] == "relay" and tag[1:]], MAX_INBOXES)


def _written_to(events: Sequence[_Event]) -> tuple[str, ...]:
    """Where a person's own events are to be found: `r` tags, unless they are marked `read`."""
    event = _newest(events, KIND_RELAY_LIST)
    tags = event["tags"] if event else []
    return clean_hints(
        [tag[1] for tag in tags if tag[0] == "r" and tag[1:] and tag[2:3] != ["read"]]
    )
