"""One relay, spoken to over a websocket (NIP-01, NIP-42).

Every wait is bounded, addresses are judged before they are connected to (see `addresses`), and
what a relay says is believed only as far as it can be checked.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from nostr_sdk import Event, Filter
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from ..crud import reading
from ..errors import InvalidInput
from ..models import clean_relay_url
from ..settings import read_settings
from .addresses import connect_socket, failed, tls_context, within
from .introduction import Introduction, told
from .introduction import SignAuth as SignAuth
from .models import Answer, RelayFailed
from .wire import CLOSE_S, Eose, Refused, Subscription, Wire

# Relays take events of 64 kB; a frame of more than this ends the connection.
_MAX_FRAME_BYTES = 2**18
_MAX_ANSWER_CHARS = 2**22
# Events that nobody asked for, until a query is given up.
_MAX_UNWANTED = 500
Filters = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Reach:
    """How far out we go: whether private addresses and `ws://` will do, and how long each wait
    may take. `signer_s`: until a signature to authenticate with is there. A remote signer bounds
    itself, and its own sentence is to come first."""

    allow_private: bool = False
    timeout_s: float = 5.0
    signer_s: float = 11.0


async def reach() -> Reach:
    """As the operator has set it."""
    async with reading() as tx:
        settings = await read_settings(tx)
    return Reach(allow_private=settings.allow_private_relays)


class ReadRefused(RelayFailed):
    """The relay ended a REQ. `words` are its own."""

    def __init__(self, words: str) -> None:
        super().__init__("refused", f"The relay says no: {words}")
        self.words = words


class Relay:
    """An open connection. `publish` and `query` one at a time; `listen` may run beside them.

    Each raises RelayFailed: `timeout`, `closed`, `protocol`, and when reading ReadRefused. After a
    `timeout` the connection may be used on.
    """

    def __init__(self, url: str, wire: Wire, reach: Reach, sign_auth: SignAuth | None) -> None:
        self.url = url
        self._wire = wire
        self._timeout_s = reach.timeout_s
        self._introduction = Introduction(url, wire, reach.timeout_s, reach.signer_s, sign_auth)

    @property
    def introduction(self) -> Introduction:
        """Whether the relay knows who we are."""
        return self._introduction

    async def publish(self, event_json: str) -> Answer:
        """The relay's OK. Where it wants to know who sends, it is told, if there is a `sign_auth`,
        and the event is sent once more."""
        answer = await told(self._wire, "EVENT", event_json, self._timeout_s)
        if not answer.accepted and await self._introduction.helps(answer.message):
            answer = await told(self._wire, "EVENT", event_json, self._timeout_s)
        return answer

    async def query(self, filters: Filters, limit: int = 100) -> list[str]:
        """Stored events, verified and matching, each once; up to EOSE or `limit`.

        A relay that is slow, or forgets its EOSE, is waited for until the timeout. Then what has
        come counts; when nothing has, RelayFailed `timeout` is raised.
        """
        bounded = [{"limit": limit, **one} for one in filters]
        subscription = self._wire.subscribe(_listed(bounded))
        until = asyncio.get_running_loop().time() + self._timeout_s
        found: dict[str, None] = {}
        size = 0
        try:
            async with aclosing(self._events(subscription, filters, until)) as events:
                async for event_json in events:
                    found[event_json] = None
                    size += len(event_json)
                    if len(found) >= limit or size > _MAX_ANSWER_CHARS:
                        break
        except RelayFailed as failure:
            if failure.code != "timeout" or not found:
                raise
        return list(found)

    def listen(self, filters: Filters, timeout_s: float | None = None) -> AsyncIterator[str]:
        """Stored events and those that come, verified and matching, until RelayFailed is raised,
        or until the time given is over.

        From the call on: what is published on this connection afterwards is sent after the REQ.
        """
        subscription = self._wire.subscribe(_listed(filters))
        return self._listen(subscription, filters, timeout_s)

    async def _listen(
        self, subscription: Subscription, filters: Filters, timeout_s: float | None
    ) -> AsyncIterator[str]:
        until = None if timeout_s is None else asyncio.get_running_loop().time() + timeout_s
        events = self._events(subscription, filters, until, is_stored_only=False)
        try:
            async with aclosing(events):
                async for event_json in events:
                    yield event_json
        except RelayFailed as failure:
            if failure.code != "timeout":
                raise

    async def _events(
        self,
        subscription: Subscription,
        filters: Filters,
        until: float | None,
        is_stored_only: bool = True,
    ) -> AsyncGenerator[str, None]:
        wanted = [Filter.from_json(json.dumps(one)) for one in filters]
        unwanted, has_asked_again = 0, False
        try:
            await self._wire.flush(self._timeout_s)
            while True:
                heard = await self._wire.next_of(subscription, until)
                if isinstance(heard, Refused):
                    began = asyncio.get_running_loop().time()
                    if has_asked_again or not await self._introduction.helps(heard.message):
                        raise ReadRefused(heard.message)
                    has_asked_again = True
                    if until is not None:
                        # What the signer took is not the relay's fault.
                        until += asyncio.get_running_loop().time() - began
                    await self._wire.send(subscription.request, self._timeout_s)
                elif isinstance(heard, Eose):
                    if is_stored_only:
                        return
                elif _is_wanted(heard.event, wanted):
                    yield str(heard.event.as_json())
                else:
                    unwanted += 1
                    if is_stored_only and unwanted > _MAX_UNWANTED:
                        raise failed("protocol")
        finally:
            self._wire.unsubscribe(subscription)


def _listed(filters: Filters) -> str:
    return ",".join(json.dumps(dict(one)) for one in filters)


def _is_wanted(event: Event, wanted: Sequence[Filter]) -> bool:
    """A relay may send what does not match, or what nobody has signed."""
    return any(one.match_event(event) for one in wanted) and bool(event.verify())


@asynccontextmanager
async def open_relay(
    url: str, reach: Reach, sign_auth: SignAuth | None = None
) -> AsyncIterator[Relay]:
    """A connection of its own, closed within a second at the end of the block.

    Raises RelayFailed: `not_allowed`, `unreachable`, `timeout`.
    """
    try:
        url = clean_relay_url(url)
    except InvalidInput as exc:
        raise failed("not_allowed") from exc
    wire = Wire(await _connect(url, reach))
    hearing = asyncio.create_task(wire.hear())
    try:
        yield Relay(url, wire, reach, sign_auth)
    finally:
        hearing.cancel()
        await wire.close()


async def _connect(url: str, reach: Reach) -> ClientConnection:
    try:
        return await within(_shake_hands(url, reach), reach.timeout_s)
    # A redirect is a ValueError, because the socket is given.
    except (OSError, ValueError, WebSocketException) as exc:
        raise failed("unreachable") from exc


async def _shake_hands(url: str, reach: Reach) -> ClientConnection:
    parts = urlsplit(url)
    is_secure = parts.scheme == "wss"
    if not is_secure and not reach.allow_private:
        raise failed("not_allowed")
    tls = await tls_context() if is_secure else None
    port = (443 if is_secure else 80) if parts.port is None else parts.port
    opened = await connect_socket(parts.hostname or "", port, reach.allow_private, reach.timeout_s)
    # No proxy, and no redirects with a socket given: both would choose another address.
    return await connect(
        url,
        sock=opened,
        ssl=tls,
        proxy=None,
        compression=None,
        max_size=_MAX_FRAME_BYTES,
        open_timeout=None,
        close_timeout=CLOSE_S,
        user_agent_header=None,
    )
