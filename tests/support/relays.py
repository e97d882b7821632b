"""Relays on the loopback: a real one with a disk, and fakes that do what relays do wrong.

Each is used as `async with LmdbRelay() as relay:`. Its port is chosen when it is made, so its
address is known before it runs and stays over restarts. `publish` and `query` speak to any of
them in raw frames, and not through the code under test.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterable, Sequence

from nostr_sdk import Event, Filter
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from support.relay_base import FakeRelay, Json, LmdbRelay, Running, publish, query

__all__ = [
    "Auth",
    "Closing",
    "Deaf",
    "FakeRelay",
    "Flood",
    "Keeping",
    "Late",
    "Liar",
    "LmdbRelay",
    "NoUpgrade",
    "Redirecting",
    "Refusing",
    "SilentRelay",
    "matching",
    "publish",
    "query",
]


class SilentRelay(FakeRelay):
    """A fake: hears everything and never says a word."""

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        return

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        return


class NoUpgrade(Running):
    """A fake: accepts the connection, and never answers the handshake of RFC 6455."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._listen, "127.0.0.1", self.port)

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await server.wait_closed()

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self._open.add(writer)
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            return
        finally:
            self._open.discard(writer)
            writer.close()


class Deaf(FakeRelay):
    """A fake: never reads, not even that the other side wants to close."""

    async def on_open(self, wire: ServerConnection) -> None:
        wire.transport.pause_reading()
        await wire.wait_closed()


class Closing(FakeRelay):
    """A fake: ends the connection instead of answering an EVENT or a REQ."""

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        wire.transport.abort()

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        wire.transport.abort()


class Refusing(FakeRelay):
    """A fake: answers each EVENT with these words; keeps nothing. They may be changed."""

    def __init__(self, message: str, accepted: bool = False) -> None:
        super().__init__()
        self.message, self.accepted = message, accepted

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        await self.ok(wire, event, self.accepted, self.message)


class Keeping(FakeRelay):
    """A fake: keeps events as NIP-01 says and serves them, and can be told to go wrong.

    `swallow_oks`: it keeps, but never says so. `keeps_nothing`: it says OK and forgets.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self.swallow_oks = False
        self.keeps_nothing = False
        self.kept: list[Json] = []

    def drop_data(self) -> None:
        self.kept.clear()

    def inject(self, event_json: str) -> None:
        """Have what another client published."""
        self._keep(json.loads(event_json))

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        if not self.keeps_nothing:
            self._keep(event)
        if not self.swallow_oks:
            await self.ok(wire, event, True)

    def _keep(self, event: Json) -> None:
        rivals = [other for other in self.kept if _address(other) == _address(event)]
        if all(_is_newer(event, other) for other in rivals):
            self.kept = [other for other in self.kept if other not in rivals] + [event]

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        for event in matching(self.kept, filters):
            await self.say(wire, "EVENT", name, event)
        await self.say(wire, "EOSE", name)


def _address(event: Json) -> tuple[object, ...]:
    """What replaces each other has one address (NIP-01)."""
    kind = event["kind"]
    if kind in (0, 3) or 10_000 <= kind < 20_000:
        return kind, event["pubkey"]
    if 30_000 <= kind < 40_000:
        d = next((tag[1] for tag in event["tags"] if tag[:1] == ["d"]), "")
        return kind, event["pubkey"], d
    return (event["id"],)


def _is_newer(event: Json, other: Json) -> bool:
    """Of two with one `created_at` the lower id stays."""
    newer = (event["created_at"], other["id"]) > (other["created_at"], event["id"])
    return newer and event["id"] != other["id"]


def matching(events: Iterable[Json], filters: Sequence[Json]) -> list[Json]:
    """Newest first, without regard of `limit`."""
    wanted = [Filter.from_json(json.dumps(one)) for one in filters]
    found = []
    for event in events:
        parsed = Event.from_json(json.dumps(event))
        if any(one.match_event(parsed) for one in wanted):
            found.append(event)
    return sorted(found, key=lambda event: (-event["created_at"], event["id"]))


class Late(Keeping):
    """A fake: entering it does not start it; nobody listens until `start()`."""

    async def __aenter__(self) -> "Late":
        return self


class Auth(Keeping):
    """A fake: keeps and serves, but only for who authenticated (NIP-42).

    `authenticated` are the public keys, in order. `asks_at_once`: the challenge comes with the
    connection; else with the first refusal. `allowed`: other keys are `restricted:`.
    """

    def __init__(self, *, asks_at_once: bool = True, allowed: str | None = None) -> None:
        super().__init__()
        self.authenticated: list[str] = []
        self._asks_at_once, self._allowed = asks_at_once, allowed
        self._known: dict[ServerConnection, str] = {}

    def _challenge(self, wire: ServerConnection) -> str:
        return f"challenge of {wire.remote_address[1]}"

    async def on_open(self, wire: ServerConnection) -> None:
        if self._asks_at_once:
            await self.say(wire, "AUTH", self._challenge(wire))

    async def on_auth(self, wire: ServerConnection, event: Json) -> None:
        tags = {tag[0]: tag[1] for tag in event["tags"]}
        problem = ""
        if event["kind"] != 22242 or not Event.from_json(json.dumps(event)).verify():
            problem = "error: this is no signed kind 22242"
        elif tags.get("challenge") != self._challenge(wire):
            problem = "error: this is not the challenge"
        elif tags.get("relay", "").rstrip("/") != self.url:
            problem = "error: this is another relay"
        elif self._allowed not in (None, event["pubkey"]):
            problem = "restricted: not this key"
        if not problem:
            self._known[wire] = event["pubkey"]
            self.authenticated.append(event["pubkey"])
        await self.ok(wire, event, not problem, problem)

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        if wire in self._known:
            await super().on_event(wire, event)
            return
        if not self._asks_at_once:
            await self.say(wire, "AUTH", self._challenge(wire))
        await self.ok(wire, event, False, "auth-required: who are you?")

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        if wire in self._known:
            await super().on_request(wire, name, filters)
            return
        if not self._asks_at_once:
            await self.say(wire, "AUTH", self._challenge(wire))
        await self.say(wire, "CLOSED", name, "auth-required: who are you?")


class Flood(FakeRelay):
    """A fake: answers a REQ with events without end and without EOSE, whatever the `limit`.

    `make(number)` gives the next one as JSON. `sent` counts them.
    """

    def __init__(self, make: Callable[[int], str]) -> None:
        super().__init__()
        self.sent = 0
        self._make = make

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        while True:
            await wire.send(f'["EVENT",{json.dumps(name)},{self._make(self.sent)}]')
            self.sent += 1
            # A send that finds room does not wait, and would keep the loop for itself.
            await asyncio.sleep(0)


class Liar(FakeRelay):
    """A fake: answers each REQ with these events, wanted or not, then with EOSE.

    `junk` are frames (text or bytes) it sends before each answer. Events may be anything JSON.
    """

    def __init__(self, events: Sequence[str] = (), junk: Sequence[str | bytes] = ()) -> None:
        super().__init__()
        self.events, self.junk = list(events), list(junk)

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        for frame in self.junk:
            await wire.send(frame)
        await super().on_event(wire, event)

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        for frame in self.junk:
            await wire.send(frame)
        for event in self.events:
            await wire.send(f'["EVENT",{json.dumps(name)},{event}]')
        await self.say(wire, "EOSE", name)


class Redirecting(FakeRelay):
    """A fake: answers the handshake with a redirect to another address."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target

    async def on_handshake(self, wire: ServerConnection, request: Request) -> Response | None:
        response = wire.respond(302, "elsewhere")
        response.headers["Location"] = self._target
        return response
