"""How it went with what was sent again, for whoever asked for it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..crud import reading
from . import crud, hints
from .models import Channel, Message, State
from .resending import NO_ADDRESS, NO_MAIL, Again

_ANSWER_WITHIN_S = 10.0
_LOOK_EVERY_S = 1.0

_ON_ITS_WAY = "It is on its way."
_NOT_SENT = "It could not be sent."
_LATER = "It could not be sent yet, and is tried again."
# By `error_code`: nothing that a server said, which may tell of others and of how it is set up.
WHY = {
    "refused": "The mail server does not take it for this address.",
    "address": "This is not a mail address.",
    "outdated": "It is not true any more.",
    "no_server": NO_MAIL,
    "bad_key": "The Nostr key that was given is not a valid one.",
    "name_unknown": "The Nostr name that was given is not known.",
    "no_inbox": "The recipient has not said where to receive Nostr messages.",
    "inbox_refuses": "The recipient's inbox refuses the message.",
}


@dataclass(frozen=True)
class Told:
    """How it went on one channel, as 1.6.9 answers it."""

    attempted: bool
    sent: bool
    error: str | None


async def outcome(again: Again, timeout_s: float | None = None) -> dict[Channel, Told]:
    """How it went, once all was tried or so many seconds have passed; 10 if none are named."""
    ends_s = time.monotonic() + (_ANSWER_WITHIN_S if timeout_s is None else timeout_s)
    while True:
        seen = hints.tried.beats
        async with reading() as tx:
            found = await crud.list_messages(tx, again.message_ids)
        left_s = ends_s - time.monotonic()
        if left_s <= 0 or all(_was_tried(message) for message in found):
            return {channel: _told(channel, found, again) for channel in Channel}
        # Another process may send it, and beats no pulse here.
        await hints.tried.wait(seen, min(left_s, _LOOK_EVERY_S))


def _was_tried(message: Message) -> bool:
    if message.state is State.QUEUED:
        return message.error_code is not None
    return message.state is not State.SENDING


def _told(channel: Channel, found: Sequence[Message], again: Again) -> Told:
    mine = [message for message in found if message.channel is channel]
    if not mine:
        return Told(False, False, again.why_not.get(channel, NO_ADDRESS[channel]))
    open_ = [message for message in mine if message.state is not State.SENT]
    if not open_:
        return Told(True, True, None)
    return Told(True, False, _why(open_[0], again))


def _why(message: Message, again: Again) -> str:
    """Why it is not sent yet; in our own words for whoever is not its organiser."""
    if message.error_code is None:
        return _ON_ITS_WAY
    if again.is_organisers:
        return message.last_error or _NOT_SENT
    return WHY.get(message.error_code) or (_LATER if message.state is State.QUEUED else _NOT_SENT)
