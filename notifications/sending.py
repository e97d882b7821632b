"""Messages on their way: claimed, sent outside any transaction, and their outcome noted.

A message is claimed for a while. Whoever is killed meanwhile leaves it to the next one, which
sends the same once more: the same Message-ID, the same Nostr event. So each arrives at least once,
and at most once where nobody is killed between the server's word and the note of it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from loguru import logger

from ..crud import Tx, reading, transaction
from ..outbox.delivery import TryLater, Undeliverable
from ..tickets import services as tickets
from . import crud, crud_due, hints
from .letters import read_letter
from .models import Channel, Kind, Letter, Message, State
from .recipients import tickets_of

LEASE = timedelta(seconds=60)
_RENEW_S = 20.0
# Until it is noted that a message was sent: a lock or a restart of the database ends earlier.
_NOTE_AGAIN_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
# With these waits about two days.
MOST_ATTEMPTS = 54
# In `ticket.extra`, for clients of 1.6.9.
_SENT_FLAGS = {Channel.MAIL: "email_notification_sent", Channel.DM: "nostr_notification_sent"}
_OUTDATED = ("outdated", "It was not true any more when it could have been sent.")
_BROKEN = ("broken", "It could not be written; the log says why.")

Send = Callable[[Message, Letter], Awaitable[None]]


@dataclass(frozen=True)
class Moving:
    """The time, told once and running on from there: a pass may take long."""

    began: datetime
    _since_s: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=time.monotonic() - self._since_s)


@dataclass(frozen=True)
class Passed:
    """What one pass did, and when the next message is due (None: none waits)."""

    sent: int = 0
    next_at: datetime | None = None


class Waits(Exception):
    """The message waits for something that all messages wait for, and does not count this as a
    try. `code` and `message` as in the TryLater before it."""

    def __init__(self, trouble: TryLater) -> None:
        super().__init__(trouble.message)
        self.code, self.message = trouble.code, trouble.message


class Held(TryLater):
    """However often it was tried, it is not given up for this."""


async def list_due(channel: Channel, now: datetime, limit: int) -> list[str]:
    async with reading() as tx:
        return await crud_due.list_due(tx, channel, now, limit)


async def next_due_at(channel: Channel) -> datetime | None:
    async with reading() as tx:
        return await crud_due.next_due_at(tx, channel)


async def carry(message_id: str, clock: Moving, send: Send) -> bool:
    """Send one message if it is still to be sent; whether it was. Raises Waits.

    Cancelled, it cancels `send`, and ends when the outcome is noted: `send` returns if the message
    has left nevertheless.
    """
    return await _Carrying(message_id, clock, send).to_its_end()


class _Carrying:
    """One message in hand."""

    def __init__(self, message_id: str, clock: Moving, send: Send) -> None:
        self._message_id = message_id
        self._clock = clock
        self._send = send
        self._sending: asyncio.Task[Letter | None] | None = None
        self._is_called_off = False

    async def to_its_end(self) -> bool:
        task = asyncio.ensure_future(self._run())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._is_called_off = True
            if self._sending is not None:
                self._sending.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.exception()
            raise

    async def _run(self) -> bool:
        now = self._clock.now()
        async with transaction() as tx:
            message = await crud.claim(tx, self._message_id, now, now + LEASE)
        if message is None:
            return False
        async with _held(message, self._clock):
            return await self._send_and_note(message)

    async def _send_and_note(self, message: Message) -> bool:
        try:
            letter = await self._hand_over(message)
        except Undeliverable as trouble:
            await _give_up(message, _nowhere(message), (trouble.code, trouble.message))
        except TryLater as trouble:
            told, is_held = (trouble.code, trouble.message), isinstance(trouble, Held)
            await _later(message, self._clock.now(), told, is_held=is_held)
        except Waits as trouble:
            await _wait(message, self._clock.now(), (trouble.code, trouble.message))
            raise
        except asyncio.CancelledError:
            await _release(message, self._clock.now())
        except Exception as exc:  # noqa: BLE001  # one letter that cannot be written stops no other
            logger.opt(exception=exc).error(f"events: message {message.id} could not be sent")
            await _later(message, self._clock.now(), _BROKEN)
        else:
            if letter is not None:
                return await self._note_sent(message, letter, self._clock.now())
            await _give_up(message, State.FAILED, _OUTDATED)
        return False

    async def _hand_over(self, message: Message) -> Letter | None:
        if self._is_called_off:
            raise asyncio.CancelledError
        self._sending = asyncio.ensure_future(self._read_and_send(message))
        return await self._sending

    async def _note_sent(self, message: Message, letter: Letter, at: datetime) -> bool:
        """It has left: what is not noted would be sent once more."""
        for wait_s in _NOTE_AGAIN_S:
            try:
                return await _sent(message, letter, at)
            except Exception as exc:  # noqa: BLE001  # raised below when it does not end
                logger.warning(f"events: message {message.id} was sent, not noted yet: {exc!r}")
            await asyncio.sleep(wait_s)
        return await _sent(message, letter, at)

    async def _read_and_send(self, message: Message) -> Letter | None:
        letter = await read_letter(message)
        if letter is not None:
            await self._send(message, letter)
        return letter


@asynccontextmanager
async def _held(message: Message, clock: Moving) -> AsyncIterator[None]:
    """While it takes long nobody else takes it for abandoned."""
    renewing = asyncio.ensure_future(_renew(message, clock))
    try:
        yield
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing


async def _renew(message: Message, clock: Moving) -> None:
    is_ours = True
    while is_ours:
        await asyncio.sleep(_RENEW_S)
        try:
            async with transaction() as tx:
                is_ours = await crud.renew(tx, message, clock.now() + LEASE)
        except Exception as exc:  # noqa: BLE001  # the next round tries again, the lease lasts
            logger.warning(f"events: message {message.id} is sent without a new lease: {exc!r}")


async def _sent(message: Message, letter: Letter, at: datetime) -> bool:
    async with transaction() as tx:
        is_noted = await crud.mark_sent(tx, message, at)
        if is_noted:
            await _tell_tickets(tx, message, letter)
    hints.tried.beat()
    return is_noted


async def _tell_tickets(tx: Tx, message: Message, letter: Letter) -> None:
    """1.6.9's clients read on a ticket that it was sent."""
    told = list(letter.tickets)
    if message.kind is Kind.ORDER_CONFIRMED and letter.order is not None:
        told = tickets_of(letter.order, told, message.channel, None)
    elif message.kind is not Kind.TICKET:
        return
    for ticket in told:
        await tickets.note_sent(tx, ticket.id, _SENT_FLAGS[message.channel])


def _nowhere(message: Message) -> State:
    return State.UNDELIVERABLE if message.channel is Channel.DM else State.FAILED


async def _give_up(message: Message, state: State, trouble: tuple[str, str]) -> None:
    async with transaction() as tx:
        await crud.give_up(tx, message, state.value, trouble)
    hints.tried.beat()


async def _later(
    message: Message, now: datetime, trouble: tuple[str, str], *, is_held: bool = False
) -> None:
    if message.attempts >= MOST_ATTEMPTS and not is_held:
        await _give_up(message, State.FAILED, trouble)
        return
    async with transaction() as tx:
        at = now + wait_after(message.attempts)
        await crud.put_back(tx, message, at, message.attempts, trouble)
    hints.tried.beat()


def wait_after(attempts: int) -> timedelta:
    """How long a message waits after so many tries."""
    wait: timedelta = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempts - 1, 20))
    return wait


async def _wait(message: Message, now: datetime, trouble: tuple[str, str]) -> None:
    """As before it was claimed, but after all that is due: what it waits for is none of its own
    tries."""
    async with transaction() as tx:
        await crud.put_back(tx, message, now, message.attempts - 1, trouble)
    hints.tried.beat()


async def _release(message: Message, now: datetime) -> None:
    async with transaction() as tx:
        await crud.release(tx, message, now)
