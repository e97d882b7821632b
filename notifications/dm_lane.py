"""Nostr messages, a few at once: each has relays of its own, and one that hangs keeps few back."""

import asyncio
from collections import deque
from datetime import datetime, timedelta

from ..crud import transaction
from ..outbox.delivery import DirectMessages, TryLater
from . import crud_due, hints, rendering, sending
from .dms import send_dm
from .models import Channel, Letter, Message
from .sending import Moving, Passed

AT_ONCE = 4
_BATCH = 50
# What every message of a wallet would meet, unlike the relays that one buyer named
# (`hints_unreachable`); and how long its others let other wallets go first.
_OF_THE_WALLET = frozenset({"relays_unreachable", "signer"})
_BEHIND = timedelta(minutes=1)


class DmLane:
    """Workers on one list. `messages` is the port to whoever speaks with relays."""

    def __init__(self, messages: DirectMessages) -> None:
        self._messages = messages
        self._waiting: deque[str] = deque()
        self._turn = asyncio.Lock()
        self._seen = -1

    async def send_due(self, now: datetime) -> Passed:
        """Send all that is due, by several workers."""
        sent = 0
        # None of them is left behind when another one fails.
        workers = (self.work(now) for _ in range(AT_ONCE))
        for outcome in await asyncio.gather(*workers, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            sent += outcome.sent
        return Passed(sent, await sending.next_due_at(Channel.DM))

    async def work(self, now: datetime) -> Passed:
        """One worker's pass: until nothing is left for it."""
        clock, sent = Moving(now), 0

        async def send(message: Message, letter: Letter) -> None:
            await self._send(message, letter, clock)

        while message_id := await self._next(clock):
            sent += await sending.carry(message_id, clock, send)
        return Passed(sent, await sending.next_due_at(Channel.DM))

    async def _next(self, clock: Moving) -> str | None:
        """The first on the list, which is read anew when it is empty or there is something new.
        Another worker may have it by the time it is claimed."""
        async with self._turn:
            beats = hints.queued.of(Channel.DM).beats
            if not self._waiting or beats != self._seen:
                self._seen = beats
                self._waiting = deque(await sending.list_due(Channel.DM, clock.now(), _BATCH))
            return self._waiting.popleft() if self._waiting else None

    async def _send(self, message: Message, letter: Letter, clock: Moving) -> None:
        written = await asyncio.to_thread(rendering.write, letter)
        try:
            await send_dm(message, written, self._messages)
        except TryLater as trouble:
            if trouble.code in _OF_THE_WALLET:
                await self._put_behind(message.wallet, clock.now())
            raise

    async def _put_behind(self, wallet: str, now: datetime) -> None:
        async with transaction() as tx:
            await crud_due.put_behind(tx, Channel.DM, wallet, now, now + _BEHIND)
