"""The frames of one connection to a relay (NIP-01): each answer finds who waits for it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, TypeVar

from nostr_sdk import Event, NostrSdkError, RelayMessage, RelayMessageEnum
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from .addresses import failed, within
from .models import Answer, RelayFailed

T = TypeVar("T")

# Closing is politeness; a relay that does not take part is left.
CLOSE_S = 1.0
# A relay that sends faster than it is read has this many events waiting, of 256 kB at most.
_MAX_WAITING = 64
# Its words are stored and shown.
_MAX_CHARS = 300
# RFC 6455, 7.4.1: with these we end a connection whose other side does not keep to the protocol.
_JUNK_CODES = frozenset({1002, 1003, 1007, 1009})


@dataclass(frozen=True)
class Arrived:
    """An event, as the relay sent it: nothing of it is checked yet."""

    event: Event


@dataclass(frozen=True)
class Eose:
    """The relay has sent all that it has stored."""


@dataclass(frozen=True)
class Refused:
    """The relay ended a subscription (CLOSED)."""

    message: str


Heard = Arrived | Eose | Refused | RelayFailed


@dataclass
class Subscription:
    """An open REQ. `heard` is what the relay said about it, in order."""

    name: str
    request: str
    heard: "asyncio.Queue[Heard]" = field(default_factory=asyncio.Queue)
    has_overrun: bool = False

    def tell(self, heard: Heard) -> None:
        if self.has_overrun:
            return
        if self.heard.qsize() >= _MAX_WAITING and not isinstance(heard, RelayFailed):
            self.has_overrun = True
            heard = failed("protocol")
        self.heard.put_nowait(heard)


class Wire:
    """Sends, and sorts what comes; `hear` runs beside as long as it is open."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._unsent: list[str] = []
        self._count = 0
        # Why it ended.
        self._end: str | None = None
        # It has let us wait in vain, and has not said anything since.
        self._is_silent = False
        self._challenge: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def hear(self) -> None:
        """Until the connection ends."""
        code = "closed"
        try:
            async for frame in self._connection:
                self._hear(frame)
                # Also when many are here already: others have work on this loop, too.
                await asyncio.sleep(0)
        except ConnectionClosed as exc:
            if exc.sent is not None and exc.sent.code in _JUNK_CODES and not exc.rcvd_then_sent:
                code = "protocol"
        finally:
            self._finish(code)

    def _finish(self, code: str) -> None:
        self._end = code
        unanswered: list[asyncio.Future[Any]] = [*self._answers.values(), self._challenge]
        for waiting in unanswered:
            if not waiting.done():
                waiting.set_exception(failed(code))
                # Looked at here, since perhaps nobody waits.
                waiting.exception()
        for subscription in self._subscriptions.values():
            subscription.tell(failed(code))

    def _hear(self, frame: str | bytes) -> None:
        """Anything may come: what is no message of NIP-01 is passed over."""
        self._is_silent = False
        if not isinstance(frame, str):
            return
        try:
            message = RelayMessage.from_json(frame).as_enum()
        except NostrSdkError:
            return
        if isinstance(message, RelayMessageEnum.OK):
            waiting = self._answers.get(message.event_id.to_hex())
            if waiting is not None and not waiting.done():
                waiting.set_result(Answer(bool(message.status), _printable(message.message)))
        elif isinstance(message, RelayMessageEnum.AUTH):
            # NIP-42: a challenge holds until the next one.
            if self._challenge.done():
                self._challenge = asyncio.get_running_loop().create_future()
            self._challenge.set_result(message.challenge)
        else:
            self._hear_of_a_subscription(message)

    def _hear_of_a_subscription(self, message: RelayMessageEnum) -> None:
        heard: Heard
        if isinstance(message, RelayMessageEnum.EVENT_MSG):
            heard = Arrived(message.event)
        elif isinstance(message, RelayMessageEnum.END_OF_STORED_EVENTS):
            heard = Eose()
        elif isinstance(message, RelayMessageEnum.CLOSED):
            heard = Refused(_printable(message.message))
        else:
            return
        subscription = self._subscriptions.get(message.subscription_id)
        if subscription is not None:
            subscription.tell(heard)

    async def ask(self, event_id: str, text: str, timeout_s: float) -> Answer:
        """Send an EVENT or AUTH, and wait for its OK. Raises RelayFailed."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout_s
        answer = self._answers[event_id] = loop.create_future()
        try:
            await self.send(text, timeout_s)
            return await self._wait(answer, until - loop.time())
        finally:
            self._answers.pop(event_id, None)

    async def challenge(self, timeout_s: float) -> str:
        """What the relay wants signed (NIP-42). Raises RelayFailed when it does not say."""
        return await self._wait(self._challenge, timeout_s)

    async def _wait(self, answer: "asyncio.Future[T]", timeout_s: float) -> T:
        done, _ = await asyncio.wait({answer}, timeout=max(0.0, timeout_s))
        if not done:
            raise self.silence()
        return answer.result()

    def silence(self) -> RelayFailed:
        self._is_silent = True
        return failed("timeout")

    async def send(self, text: str, timeout_s: float) -> None:
        """What `subscribe` left to be sent goes first. Raises RelayFailed; after a timeout the
        connection is of no use: nobody knows how much of the frame has gone."""
        self._unsent.append(text)
        await self.flush(timeout_s)

    async def flush(self, timeout_s: float) -> None:
        if self._end is not None:
            raise failed(self._end)
        try:
            while self._unsent:
                await within(self._connection.send(self._unsent.pop(0)), timeout_s)
        except ConnectionClosed as exc:
            raise failed("closed") from exc
        except RelayFailed:
            self._is_silent = True
            self._connection.transport.abort()
            raise

    def subscribe(self, filters_json: str) -> Subscription:
        """A REQ that goes before whatever is sent next, so that nothing is missed meanwhile."""
        self._count += 1
        name = f"s{self._count}"
        subscription = Subscription(name, f'["REQ","{name}",{filters_json}]')
        self._subscriptions[name] = subscription
        if self._end is not None:
            subscription.tell(failed(self._end))
        self._unsent.append(subscription.request)
        return subscription

    async def next_of(
        self, subscription: Subscription, until: float | None
    ) -> Arrived | Eose | Refused:
        """What comes next; `until` is a time of the loop. Raises RelayFailed."""
        loop = asyncio.get_running_loop()
        if until is not None and loop.time() >= until:
            raise self.silence()
        if until is None or not subscription.heard.empty():
            heard = await subscription.heard.get()
        else:
            try:
                heard = await within(subscription.heard.get(), until - loop.time())
            except RelayFailed as exc:
                raise self.silence() from exc
        if isinstance(heard, RelayFailed):
            raise heard
        return heard

    def unsubscribe(self, subscription: Subscription) -> None:
        """What the relay goes on sending is passed over; it is told with the next sending."""
        self._subscriptions.pop(subscription.name, None)
        if subscription.request in self._unsent:
            self._unsent.remove(subscription.request)
        else:
            self._unsent.append(f'["CLOSE","{subscription.name}"]')

    async def close(self) -> None:
        """Takes a second at most."""
        try:
            if self._end is None and not self._is_silent:
                await within(self._connection.close(), CLOSE_S)
        except RelayFailed:
            return
        finally:
            self._connection.transport.abort()


def _printable(text: str) -> str:
    kept = "".join(char if char.isprintable() else " " for char in text[:_MAX_CHARS])
    return " ".join(kept.split())
