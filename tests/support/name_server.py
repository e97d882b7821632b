"""A server of Nostr names (NIP-05) on the loopback, that can be told to answer anything."""

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import trustme

# The names that its certificate is for; `the_names_resolve_to` makes them lead here.
DOMAIN = "names.example.org"
_STREAM = socket.SOCK_STREAM


class Authority:
    """Signs the certificates; `trusted_by` makes this process believe it."""

    def __init__(self, folder: Path) -> None:
        self._made = trustme.CA()
        self._roots = folder / "roots.pem"
        self._made.cert_pem.write_to_path(str(self._roots))

    def trusted_by(self, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("SSL_CERT_FILE", str(self._roots))

    def context(self, *names: str) -> ssl.SSLContext:
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._made.issue_cert(*names).configure_cert(found)
        return found


class NameServer:
    """A fake. `answers` are by name: (status, headers, body); or None: it never answers.

    `requests` are the heads of what was asked, `shown` the host names of the TLS handshakes.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes] | None] = {}
        self.requests: list[str] = []
        self.shown: list[str | None] = []
        self.port = 0
        self._tls = tls
        self._open: set[asyncio.StreamWriter] = set()
        if tls is not None:
            tls.sni_callback = lambda _, name, __: self.shown.append(name)

    def knows(self, name: str, pubkey: str, relays: object = None) -> None:
        """It gives this key for this name, with relays if there are any."""
        body: dict[str, Any] = {"names": {name: pubkey}}
        if relays is not None:
            body["relays"] = {pubkey: relays}
        self.says(name, json.dumps(body).encode())

    def says(self, name: str, body: bytes, status: int = 200, **headers: str) -> None:
        told = {key.replace("_", "-"): value for key, value in headers.items()}
        self.answers[name] = (status, {"Content-Type": "application/json"} | told, body)

    def hangs(self, name: str) -> None:
        self.answers[name] = None

    async def __aenter__(self) -> "NameServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            name = head.split(" ")[1].partition("name=")[2]
            answer = self.answers.get(name, (404, {}, b"nobody"))
            if answer is None:
                await reader.read()
                return
            status, headers, body = answer
            lines = [f"HTTP/1.1 {status} So", *(f"{key}: {headers[key]}" for key in headers)]
            lines += [f"Content-Length: {len(body)}", "Connection: close"]
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return
        finally:
            self._open.discard(writer)
            writer.close()


@contextmanager
def the_names_resolve_to(
    patch: pytest.MonkeyPatch, *answers: list[tuple[str, int]]
) -> Iterator[list[str]]:
    """A stub of the resolver: names of `example.org` lead to these addresses and ports, one list
    per look-up, the last one for all further ones. Yields the names asked for."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def stub(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if not name.endswith("example.org"):
            return resolve(host, port, *more, **options)
        asked.append(name)
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, _STREAM, 6, "", (address, real))
            for address, real in answers[min(len(asked), len(answers)) - 1]
        ]

    with patch.context() as patched:
        patched.setattr(socket, "getaddrinfo", stub)
        yield asked
