"""A remote signer of the tests' own (NIP-46), on a relay, and what it can be told to do wrong."""

import asyncio
import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import TypedDict

from nostr_sdk import (
    Event,
    Keys,
    Nip44Version,
    PublicKey,
    UnsignedEvent,
    nip44_decrypt,
    nip44_encrypt,
)
from websockets.asyncio.client import ClientConnection, connect

from support.builders import Json

KIND = 24133
Change = Callable[[Json], Json]


class Request(TypedDict):
    id: str
    method: str
    params: list[str]
    app: str


class RemoteSigner:
    """Entered, it listens; left, it is offline; entered again, it knows whom it met before.

    `keys` answer, `person` is who signs. `denied`: methods it says no to, `said` its words.
    `silent`: methods it never answers. `approval_url`: what it sends everybody to first.
    `alter`: the event before it is signed, `sign_with`: by another key, `spoil`: it afterwards.
    `junk`: it writes nonsense before each answer. `forgets`: it meets everybody anew.
    """

    def __init__(self, relay_url: str, secret: str = "let me in") -> None:  # noqa: S107  # of the tests
        self.relay_url, self.secret = relay_url, secret
        self.keys, self.person = Keys.generate(), Keys.generate()
        self.requests: list[Request] = []
        self.denied: set[str] = set()
        self.silent: set[str] = set()
        self.said = "not today"
        self.approval_url: str | None = None
        self.alter: Change | None = None
        self.spoil: Change | None = None
        self.sign_with: Keys | None = None
        self.junk = self.forgets = False
        self._met: set[str] = set()
        self._secret_used = False
        self._task: asyncio.Task[None] | None = None

    @property
    def uri(self) -> str:
        return self.uri_with(self.secret)

    def uri_with(self, secret: str, *relays: str) -> str:
        """Its address with this secret, on other relays if any are named."""
        asked = "".join(f"&relay={url}" for url in relays or [self.relay_url])
        return (
            f"bunker://{self.keys.public_key().to_hex()}?secret={secret.replace(' ', '%20')}{asked}"
        )

    @property
    def pubkey(self) -> str:
        return str(self.person.public_key().to_hex())

    @property
    def methods(self) -> list[str]:
        return [request["method"] for request in self.requests]

    async def __aenter__(self) -> "RemoteSigner":
        if self.forgets:
            self._met.clear()
            self._secret_used = False
        wire = await connect(self.relay_url, proxy=None, compression=None, close_timeout=1)
        wanted = {"kinds": [KIND], "#p": [self.keys.public_key().to_hex()]}
        await wire.send(json.dumps(["REQ", "signer", wanted]))
        while json.loads(await wire.recv())[0] != "EOSE":
            pass
        self._task = asyncio.create_task(self._run(wire))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if task is not None:
            if task.done():
                task.result()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, wire: ClientConnection) -> None:
        try:
            async for frame in wire:
                message = json.loads(frame)
                if message[0] == "EVENT":
                    await self._hear(wire, Event.from_json(json.dumps(message[2])))
        finally:
            await wire.close()

    async def _hear(self, wire: ClientConnection, event: Event) -> None:
        app = event.author()
        asked = json.loads(nip44_decrypt(self.keys.secret_key(), app, event.content()))
        request = Request(
            id=asked["id"], method=asked["method"], params=asked["params"], app=app.to_hex()
        )
        self.requests.append(request)
        if request["method"] in self.silent:
            return
        if self.junk:
            await self._write_junk(wire, app)
        told = json.dumps({"id": request["id"], **self._answer(request)})
        await self._write(wire, self.keys, app, self._closed(app, told))

    def _answer(self, request: Request) -> Json:
        method, params, app = request["method"], request["params"], request["app"]
        if self.approval_url:
            return {"result": "auth_url", "error": self.approval_url}
        if method in self.denied:
            return {"result": "", "error": self.said}
        if method == "connect":
            return self._meet(app, params)
        if app not in self._met:
            return {"result": "", "error": "who are you?"}
        return {"result": getattr(self, f"_{method}")(*params)}

    def _meet(self, app: str, params: list[str]) -> Json:
        if params[0] != self.keys.public_key().to_hex():
            return {"result": "", "error": "that is not me"}
        # By NIP-46 a secret opens once.
        if app not in self._met and (params[1] != self.secret or self._secret_used):
            return {"result": "", "error": f"the secret {params[1]} is wrong"}
        self._met.add(app)
        self._secret_used = True
        return {"result": "ack", "error": None}

    def _get_public_key(self) -> str:
        return self.pubkey

    def _nip44_encrypt(self, whom: str, text: str) -> str:
        reader = PublicKey.parse(whom)
        return str(nip44_encrypt(self.person.secret_key(), reader, text, Nip44Version.V2))

    def _sign_event(self, text: str) -> str:
        template = json.loads(text)
        if self.alter:
            template = self.alter(template)
        key = self.sign_with or self.person
        template["pubkey"] = key.public_key().to_hex()
        signed = UnsignedEvent.from_json(json.dumps(template)).sign_with_keys(key).as_json()
        return json.dumps(self.spoil(json.loads(signed))) if self.spoil else str(signed)

    def _closed(self, app: PublicKey, text: str) -> str:
        return str(nip44_encrypt(self.keys.secret_key(), app, text, Nip44Version.V2))

    async def _write_junk(self, wire: ClientConnection, app: PublicKey) -> None:
        """By itself, without sense; and by a stranger, who says what an answer would say."""
        for text in ("[]", "null", "{", '{"id": 7}', '{"id": ["x"], "result": {}}', "[" * 20_000):
            await self._write(wire, self.keys, app, self._closed(app, text))
        await self._write(wire, self.keys, app, "not encrypted at all")
        stranger, forged = Keys.generate(), json.dumps({**self.requests[-1], "result": "mine"})
        locked = nip44_encrypt(stranger.secret_key(), app, forged, Nip44Version.V2)
        await self._write(wire, stranger, app, locked)

    async def _write(
        self, wire: ClientConnection, keys: Keys, app: PublicKey, content: str
    ) -> None:
        template: Json = {
            "pubkey": keys.public_key().to_hex(),
            "created_at": int(time.time()),
            "kind": KIND,
            "tags": [["p", app.to_hex()]],
            "content": content,
        }
        event = UnsignedEvent.from_json(json.dumps(template)).sign_with_keys(keys)
        await wire.send(f'["EVENT",{event.as_json()}]')
