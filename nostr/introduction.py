"""Telling a relay who we are (NIP-42), but only one that asks for it."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from .addresses import within
from .models import Answer, RelayFailed, SignerFailed
from .wire import Wire

_AUTH_REQUIRED = "auth-required:"
_NO_CHALLENGE = "The relay wants to know who we are, and does not say how to tell."
_NO_SIGNATURE = "The relay wants to know who we are, and the signer does not answer."
_NO_WELCOME = "The relay wants to know who we are, and does not answer when it is told."

# (challenge, relay url) -> a signed event of kind 22242 as JSON (NIP-42). May raise SignerFailed.
SignAuth = Callable[[str, str], Awaitable[str]]


class Introduction:
    """On one connection, once, whatever comes of it. `sign_auth` None: never."""

    def __init__(
        self, url: str, wire: Wire, timeout_s: float, signer_s: float, sign_auth: SignAuth | None
    ) -> None:
        self._url, self._wire = url, wire
        self._timeout_s, self._signer_s = timeout_s, signer_s
        self._sign_auth = sign_auth
        self._is_told: bool | None = None
        self._telling = asyncio.Lock()
        # Why a relay that asked was not told.
        self.obstacle: str | None = None

    @property
    def is_done(self) -> bool:
        """Whether the relay has a signature of ours. What it makes of it, the next try tells."""
        return bool(self._is_told)

    async def helps(self, refusal: str) -> bool:
        """Whether something that was refused in these words may be tried once more."""
        if self._sign_auth is None or not refusal.startswith(_AUTH_REQUIRED):
            return False
        async with self._telling:
            if self._is_told is None:
                self._is_told = await self._tell(self._sign_auth)
        return self._is_told

    async def _tell(self, sign_auth: SignAuth) -> bool:
        try:
            self.obstacle = _NO_CHALLENGE
            challenge = await self._wire.challenge(self._timeout_s)
            self.obstacle = _NO_SIGNATURE
            signed = await within(_sign(sign_auth, challenge, self._url), self._signer_s)
            self.obstacle = _NO_WELCOME
            await told(self._wire, "AUTH", signed, self._timeout_s)
        except SignerFailed as failure:
            self.obstacle = failure.message
            return False
        except RelayFailed as failure:
            if failure.code != "timeout":
                raise
            return False
        self.obstacle = None
        return True


async def _sign(sign_auth: SignAuth, challenge: str, url: str) -> str:
    return await sign_auth(challenge, url)


async def told(wire: Wire, word: str, event_json: str, timeout_s: float) -> Answer:
    """The relay's OK to an EVENT or AUTH. Raises RelayFailed."""
    event_id = str(json.loads(event_json)["id"])
    return await wire.ask(event_id, f'["{word}",{event_json}]', timeout_s)
