"""The connection to one relay, kept while there is work, and whom we are there (NIP-42)."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeVar

from ..crud import reading
from .accounts import get_key
from .keys import open_signer, sign_auth_of
from .models import Answer, Refusal, RelayFailed, SignerFailed
from .refusals import classify
from .transport import Filters, Reach, ReadRefused, Relay, SignAuth, open_relay

_NOT_TOLD = "The relay wants to know who sends, and could not be told."
T = TypeVar("T")


class Unanswered(RelayFailed):
    """The relay was connected to, and did not answer this one thing."""


class NotReadable(Exception):
    """The relay can be connected to, but a REQ was refused, in these words, or (None) not
    answered."""

    def __init__(self, message: str, words: str | None = None) -> None:
        super().__init__(message)
        self.is_refusal = words is not None
        self.wants_auth = classify(Answer(False, words or "")) is Refusal.AUTH


class Line:
    """Opened on need; one exchange at a time. Not to be used by two tasks."""

    def __init__(self, url: str, reach: Reach) -> None:
        self.url = url
        self._reach = reach
        self._stack = AsyncExitStack()
        self._relay: Relay | None = None
        # The key in whose name the open connection may authenticate.
        self._key_id: str | None = None
        self._asks_who = self._asks_reader = False
        # Whether a kept connection had gone: the relay may have been restarted, without its data.
        self.was_cut = False

    async def publish(self, event_json: str, key_id: str) -> Answer:
        """Send an event; authenticate as its key where the relay wants that, never unasked.

        Raises RelayFailed, Unanswered where it was connected to, and SignerFailed when the relay
        was not told who we are: its no to a stranger is none to us.
        """

        async def send(relay: Relay) -> Answer:
            return await relay.publish(event_json)

        asked = self._asks_who
        answer = await self._use(send, key_id if asked else None)
        if classify(answer) is Refusal.AUTH and not asked:
            self._asks_who = True
            answer = await self._use(send, key_id)
        relay = self._relay
        if (
            classify(answer) is Refusal.AUTH
            and relay is not None
            and not relay.introduction.is_done
        ):
            # The next time with another challenge.
            await self.hang_up()
            raise SignerFailed("offline", relay.introduction.obstacle or _NOT_TOLD)
        return answer

    async def query(self, filters: Filters, limit: int, key_id: str | None = None) -> list[str]:
        """Authenticate as whom it knows already, or as this key, where the relay wants that.

        Raises RelayFailed when it cannot be connected to, NotReadable when it can.
        """
        first = self._key_id or (key_id if self._asks_reader else None)
        try:
            return await self._read(filters, limit, first)
        except NotReadable as failed:
            if not failed.wants_auth or key_id in (None, first):
                raise
        self._asks_reader = True
        return await self._read(filters, limit, key_id)

    async def _read(self, filters: Filters, limit: int, key_id: str | None) -> list[str]:
        async def ask(relay: Relay) -> list[str]:
            return await relay.query(filters, limit)

        try:
            await self._connected(key_id)
            try:
                return await self._use(ask, key_id)
            except ReadRefused as refused:
                raise NotReadable(refused.message, refused.words) from refused
            except RelayFailed as failed:
                raise NotReadable(failed.message) from failed
        except SignerFailed as failed:
            raise NotReadable(failed.message, "") from failed

    async def hang_up(self) -> None:
        self._relay, self._key_id = None, None
        await self._stack.aclose()

    async def _use(self, use: Callable[[Relay], Awaitable[T]], key_id: str | None) -> T:
        """A connection that was kept may be gone: that is no failure of the relay."""
        kept = self._relay
        relay = await self._connected(key_id)
        try:
            return await self._exchange(use, relay)
        except Unanswered as failed:
            if failed.code != "closed" or relay is not kept:
                raise
        self.was_cut = True
        return await self._exchange(use, await self._connected(key_id))

    async def _exchange(self, use: Callable[[Relay], Awaitable[T]], relay: Relay) -> T:
        try:
            return await use(relay)
        except ReadRefused:
            raise
        except RelayFailed as failed:
            await self.hang_up()
            raise Unanswered(failed.code, failed.message) from failed

    async def _connected(self, key_id: str | None) -> Relay:
        if self._relay is not None and key_id in (None, self._key_id):
            return self._relay
        await self.hang_up()
        sign_auth = await _sign_auth(key_id) if key_id else None
        opened = await self._stack.enter_async_context(open_relay(self.url, self._reach, sign_auth))
        self._relay, self._key_id = opened, key_id
        return opened


async def _sign_auth(key_id: str) -> SignAuth:
    async with reading() as tx:
        key = await get_key(tx, key_id)
    if key is None:
        raise SignerFailed("broken", "The key of this document is gone.")
    return await sign_auth_of(await open_signer(key))
