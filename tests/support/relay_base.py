"""What `relays` is made of: the real relay, the base of the fakes, and how both are spoken to."""

import asyncio
import json
import shutil
import ssl
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar

from nostr_sdk import (
    LocalRelay,
    NostrDatabase,
    NostrSdkError,
    RateLimit,
    RelayBuilder,
    RelayBuilderNip42,
)
from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from support.host import fast_folder
from support.process import free_port

Json = dict[str, Any]
_PATIENCE_S = 10.0


async def publish(url: str, event_json: str) -> tuple[bool, str]:
    """Give a relay an event. Returns its OK: accepted, and its words."""

    async def ask() -> tuple[bool, str]:
        async with connect(url, proxy=None, compression=None, close_timeout=1) as wire:
            await wire.send('["EVENT",' + event_json + "]")
            async for frame in wire:
                answer = json.loads(frame)
                if answer[0] == "OK":
                    return bool(answer[2]), str(answer[3])
        raise AssertionError(f"{url} ended the connection.")

    return await asyncio.wait_for(ask(), _PATIENCE_S)


async def query(url: str, *filters: Mapping[str, object]) -> list[Json]:
    """What a relay has, up to its EOSE, in its order."""

    async def ask() -> list[Json]:
        found: list[Json] = []
        async with connect(url, proxy=None, compression=None, close_timeout=1) as wire:
            await wire.send(json.dumps(["REQ", "test", *filters]))
            async for frame in wire:
                answer = json.loads(frame)
                if answer[0] == "EOSE":
                    return found
                if answer[0] == "CLOSED":
                    raise AssertionError(f"{url} answers: {answer}")
                if answer[0] == "EVENT":
                    found.append(answer[2])
        raise AssertionError(f"{url} ended the connection.")

    return await asyncio.wait_for(ask(), _PATIENCE_S)


RelayT = TypeVar("RelayT", bound="Running")


class Running:
    """What has a port of its own, and is started and stopped."""

    scheme = "ws"

    def __init__(self) -> None:
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        raise NotImplementedError

    async def stop(self) -> None:
        """Connections that are open end, too."""
        raise NotImplementedError

    async def __aenter__(self: RelayT) -> RelayT:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


class LmdbRelay(Running):
    """A real relay: nostr-sdk's, with LMDB, because the one in memory keeps the last of two
    versions with one `created_at`, not the one that NIP-01 names.

    `auth_dm`: only who authenticated as the recipient may read gift wraps (NIP-42, NIP-17).
    `nip42`: for what authentication is needed.
    """

    def __init__(
        self,
        *,
        auth_dm: bool = False,
        nip42: RelayBuilderNip42 | None = None,
        notes_per_minute: int = 10**6,
    ) -> None:
        super().__init__()
        self._auth_dm, self._nip42, self._notes = auth_dm, nip42, notes_per_minute
        self._folders: list[str] = []
        self._relay: LocalRelay | None = None

    async def start(self) -> None:
        if not self._folders:
            self.drop_data()
        builder = RelayBuilder().addr("127.0.0.1").port(self.port)
        builder = builder.database(NostrDatabase.lmdb(self._folders[-1]))
        builder = builder.rate_limit(RateLimit(max_reqs=500, notes_per_minute=self._notes))
        if self._auth_dm:
            builder = builder.auth_dm(True)
        if self._nip42 is not None:
            builder = builder.nip42(self._nip42)
        self._relay = LocalRelay(builder)
        # One that was halted lets go of its port a moment later.
        for _ in range(40):
            try:
                await self._relay.run()
                return
            except NostrSdkError as error:
                if "in use" not in str(error):
                    raise
                await asyncio.sleep(0.05)
        raise AssertionError(f"port {self.port} stays in use")

    def drop_data(self) -> None:
        """From the next start on it has nothing. (A new folder: LMDB keeps opened ones open.)"""
        self._folders.append(tempfile.mkdtemp(prefix="events-relay-", dir=fast_folder()))

    def halt(self) -> None:
        """With its data kept. Nobody can connect from now on; who is connected is cut off soon."""
        if self._relay is not None:
            self._relay.shutdown()
            self._relay = None

    async def restart(self, *, keep_data: bool = True) -> None:
        """On the same port."""
        self.halt()
        if not keep_data:
            self.drop_data()
        await self.start()

    async def stop(self) -> None:
        """For good: the data is removed."""
        self.halt()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()

    async def events(self, *filters: Mapping[str, object]) -> list[Json]:
        """What it serves for these filters, read over a websocket."""
        return await query(self.url, *(filters or ({},)))


class FakeRelay(Running):
    """A fake: base of those below, and by itself one that takes everything and keeps nothing.

    `received` are the EVENTs in their order, `requests` the filters of each REQ, `opened` counts
    connections. With `tls` it is a `wss://localhost` one.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.received: list[Json] = []
        self.requests: list[list[Json]] = []
        self.opened = 0
        self._tls = tls
        self._server: Server | None = None
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}" if self._tls else super().url

    @property
    def open_now(self) -> int:
        """Connections that have not ended."""
        return len(self._server.connections) if self._server is not None else 0

    async def start(self) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            ssl=self._tls,
            compression=None,
            close_timeout=0.1,
            process_request=self.on_handshake,
        )

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            for connection in list(server.connections):
                connection.transport.abort()
            server.close()
            await server.wait_closed()

    async def got(self, count: int, timeout_s: float = _PATIENCE_S) -> list[Json]:
        """Wait until that many EVENTs have come. Returns all of them."""
        async with self._changed:
            enough = self._changed.wait_for(lambda: len(self.received) >= count)
            await asyncio.wait_for(enough, timeout_s)
        return self.received

    async def _serve(self, wire: ServerConnection) -> None:
        self.opened += 1
        try:
            await self.on_open(wire)
            async for frame in wire:
                await self._hear(wire, json.loads(frame))
        except ConnectionClosed:
            return

    async def _hear(self, wire: ServerConnection, message: list[Any]) -> None:
        if message[0] == "EVENT":
            async with self._changed:
                self.received.append(message[1])
                self._changed.notify_all()
            await self.on_event(wire, message[1])
        elif message[0] == "REQ":
            self.requests.append(message[2:])
            await self.on_request(wire, message[1], message[2:])
        elif message[0] == "AUTH":
            await self.on_auth(wire, message[1])

    async def on_handshake(self, wire: ServerConnection, request: Request) -> Response | None:
        return None

    async def on_open(self, wire: ServerConnection) -> None:
        """A client has connected."""

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        await self.ok(wire, event, True)

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        await self.say(wire, "EOSE", name)

    async def on_auth(self, wire: ServerConnection, event: Json) -> None:
        await self.ok(wire, event, False, "error: no challenge was given")

    async def ok(
        self, wire: ServerConnection, event: Json, accepted: bool, message: str = ""
    ) -> None:
        await self.say(wire, "OK", event["id"], accepted, message)

    async def say(self, wire: ServerConnection, *message: object) -> None:
        await wire.send(json.dumps(message))
