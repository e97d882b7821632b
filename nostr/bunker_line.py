"""An open line to a remote signer: requests and their answers over relays (NIP-46, kind 24133)."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from loguru import logger
from nostr_sdk import (
    Event,
    Nip44Version,
    NostrSdkError,
    PublicKey,
    nip44_decrypt,
    nip44_encrypt,
)

from .. import clock
from .bunker_address import Pairing
from .models import KIND_SIGNER, RelayFailed, SignerFailed, Unsigned
from .signed import KIND_AUTH, sign_with
from .transport import Reach, Relay, open_relay

_OFFLINE = "The signer does not answer. Is it switched on, and connected to its relays?"
_NOT_ALLOWED = "The signer's relays stand at addresses that are not allowed here."
_MOST_CHARS = 300
# What is asked for when the two meet. A signer may ask its owner about the rest each time.
_PERMISSIONS = ",".join(
    [
        *(f"sign_event:{kind}" for kind in (0, 5, 13, 10002, 22242, 31922, 31923, 31924)),
        "nip44_encrypt",
    ]
)


class Line:
    """Asks on every relay of the signer's address that can be reached; the first answer counts."""

    def __init__(self, pairing: Pairing, timeout_s: float) -> None:
        self._pairing, self._timeout_s = pairing, timeout_s
        self._signer = PublicKey.parse(pairing.address.signer)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        # What each relay is still to be told, in order, also one that is reached late.
        self._queues: dict[str, asyncio.Queue[str]] = {
            url: asyncio.Queue() for url in pairing.address.relays
        }
        self._open = set(self._queues)
        self._refused: set[str] = set()

    async def connect(self) -> None:
        """Meet the signer. Raises SignerFailed."""
        await self.ask("connect", *self._greeting())

    def greet(self) -> None:
        """Say `connect` and wait for nothing: a signer that knows us may answer or not, one that
        has forgotten us learns who asks."""
        self._tell_all(self._request("connect", self._greeting())[1])

    def _greeting(self) -> list[str]:
        return [self._pairing.address.signer, self._pairing.address.secret, _PERMISSIONS]

    async def ask(self, method: str, *params: str) -> str:
        """The `result` of one request.

        Raises SignerFailed: `offline`, `denied` (for good, or until its owner approves), `broken`.
        """
        request_id, event_json = self._request(method, params)
        answer = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        try:
            if not self._open:
                raise self._unreachable()
            self._tell_all(event_json)
            await asyncio.wait({answer}, timeout=self._timeout_s)
        finally:
            del self._waiting[request_id]
        if not answer.done():
            raise SignerFailed("offline", _OFFLINE)
        return self._result(answer.result())

    def _tell_all(self, event_json: str) -> None:
        for queue in self._queues.values():
            queue.put_nowait(event_json)

    def _request(self, method: str, params: Sequence[str]) -> tuple[str, str]:
        """Its id, and the event that carries it. Raises SignerFailed."""
        request_id = secrets.token_hex(16)
        text = json.dumps({"id": request_id, "method": method, "params": list(params)})
        app, signer = self._pairing.app, self._pairing.address.signer
        try:
            content = nip44_encrypt(app.secret_key(), self._signer, text, Nip44Version.V2)
        except NostrSdkError as exc:
            raise SignerFailed("broken", "This cannot be told to the signer.") from exc
        at_s = int(clock.now().timestamp())
        return request_id, sign_with(app, Unsigned(KIND_SIGNER, at_s, [["p", signer]], content))

    async def keep(self, url: str, reach: Reach) -> None:
        """Tell and hear on one relay, until it fails or this is cancelled."""
        try:
            async with open_relay(url, reach, self._sign_auth) as relay:
                await self._talk(relay, self._queues[url])
        except RelayFailed as exc:
            if exc.code == "not_allowed":
                self._refused.add(url)
            logger.debug(f"events: a signer's relay failed: {exc.code}")
        finally:
            self._open.discard(url)
            if not self._open:
                self._give_up()

    async def _talk(self, relay: Relay, queue: "asyncio.Queue[str]") -> None:
        # The first begins first: the answer must not come before somebody listens.
        tasks = [asyncio.create_task(part) for part in (self._hear(relay), _tell(relay, queue))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _hear(self, relay: Relay) -> None:
        signer, app = self._pairing.address.signer, self._pairing.app.public_key().to_hex()
        wanted = {"kinds": [KIND_SIGNER], "authors": [signer], "#p": [app]}
        async for event_json in relay.listen([wanted]):
            self._take(event_json)

    def _take(self, event_json: str) -> None:
        """Anybody may send anything: only what the signer wrote, to a question that is open,
        is an answer."""
        try:
            event = Event.from_json(event_json)
            if event.author().to_hex() != self._pairing.address.signer:
                return
            secret = self._pairing.app.secret_key()
            told = json.loads(nip44_decrypt(secret, self._signer, event.content()))
        except (NostrSdkError, ValueError, RecursionError):
            return
        waiting = self._waiting.get(str(told.get("id"))) if isinstance(told, dict) else None
        if waiting is not None and not waiting.done():
            waiting.set_result(told)

    def _result(self, told: dict[str, Any]) -> str:
        result, error = told.get("result"), told.get("error")
        if result == "auth_url":
            raise SignerFailed("denied", _approval(error))
        if error:
            raise SignerFailed("denied", f"The signer said no: {self._quoted(error)}")
        if not isinstance(result, str):
            raise SignerFailed("broken", "The signer's answer could not be read.")
        return result

    def _quoted(self, text: object) -> str:
        """Somebody's words, for people, without what is secret between the two."""
        said, secret = str(text), self._pairing.address.secret
        return _printable(said.replace(secret, "…") if secret else said)

    async def _sign_auth(self, challenge: str, url: str) -> str:
        """To a signer's relay we are the app's key; the organiser's is none of its business."""
        at_s = int(clock.now().timestamp())
        tags = [["relay", url], ["challenge", challenge]]
        return sign_with(self._pairing.app, Unsigned(KIND_AUTH, at_s, tags, ""))

    def _give_up(self) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self._unreachable())

    def _unreachable(self) -> SignerFailed:
        all_refused = self._refused == self._queues.keys()
        return SignerFailed("offline", _NOT_ALLOWED if all_refused else _OFFLINE)


async def _tell(relay: Relay, queue: "asyncio.Queue[str]") -> None:
    """Raises RelayFailed when this relay carries nothing to the signer."""
    while True:
        event_json = await queue.get()
        try:
            answer = await relay.publish(event_json)
        except RelayFailed as exc:
            if exc.code != "timeout":
                raise
            # It may have passed it on all the same.
            continue
        if not answer.accepted:
            raise RelayFailed("protocol", "The relay takes no requests to signers.")


def _approval(url: object) -> str:
    text = str(url)
    is_shown = text.startswith("https://") and text.isprintable() and len(text) <= _MOST_CHARS
    where = f" at {text}" if is_shown and " " not in text else ""
    return f"The signer asks for your approval{where}. Give it, then try again."


def _printable(text: str) -> str:
    kept = "".join(char if char.isprintable() else " " for char in text[:_MOST_CHARS])
    return " ".join(kept.split()) or "without a reason"


@asynccontextmanager
async def open_line(pairing: Pairing, reach: Reach, timeout_s: float) -> AsyncIterator[Line]:
    """A line that is closed at the end of the block."""
    line = Line(pairing, timeout_s)
    relays = [asyncio.create_task(line.keep(url, reach)) for url in pairing.address.relays]
    try:
        yield line
    finally:
        for task in relays:
            task.cancel()
        ended = await asyncio.gather(*relays, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                logger.error(f"events: a line to a signer broke: {type(error).__name__}")
