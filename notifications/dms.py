"""A letter as a Nostr message (NIP-17): wrapped once, then given to each inbox until it has it.

The wrap is stored before it is sent for the first time, so that a second try, also after a crash
or by another process, sends the same one: a relay keeps an id once, and nobody reads it twice.
"""

import asyncio

from loguru import logger

from ..crud import reading, transaction
from ..outbox.delivery import DirectMessages, TryLater, Undeliverable
from . import crud_dms
from .models import Message, Written

_Trouble = TryLater | Undeliverable


async def send_dm(message: Message, written: Written, messages: DirectMessages) -> None:
    """Returns when it counts as sent: all inboxes that may take it have it; or one of them has,
    and the others were tried a second time.

    Raises TryLater, and Undeliverable when there is no inbox or all refuse it.
    """
    kept = message if message.wrap is not None else await _wrap(message, written, messages)
    waiting = [relay for relay in kept.relays if relay not in kept.acked]
    outcomes = await asyncio.gather(*(_deliver(kept, relay, messages) for relay in waiting))
    troubles = [outcome for outcome in outcomes if outcome is not None]
    has_arrived = len(troubles) < len(kept.relays)
    later = next((trouble for trouble in troubles if isinstance(trouble, TryLater)), None)
    if later is not None and not (has_arrived and kept.acked):
        raise later
    if troubles and not has_arrived:
        raise troubles[0]


async def _wrap(message: Message, written: Written, messages: DirectMessages) -> Message:
    """Wrap and keep it. If another worker was quicker, its wrap is the one that is sent."""
    wrapped = await messages.wrap(message.wallet, message.recipient, written.short, written.subject)
    async with transaction() as tx:
        if not await crud_dms.keep_wrap(tx, message.id, wrapped):
            logger.info(f"events: message {message.id} was wrapped before")
    async with reading() as tx:
        kept = await crud_dms.get_message(tx, message.id)
    if kept is None or kept.wrap is None:
        raise Undeliverable("gone", "The message was deleted.")
    return kept


async def _deliver(message: Message, relay: str, messages: DirectMessages) -> _Trouble | None:
    """Give it to one inbox, and note at once that it arrived; None then, else what was wrong."""
    try:
        await messages.deliver(message.wallet, message.wrap or "", relay)
    except (TryLater, Undeliverable) as trouble:
        return trouble
    async with transaction() as tx:
        await crud_dms.note_ack(tx, message.id, relay)
    return None
