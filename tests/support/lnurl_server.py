"""A wallet service on the loopback: LNURL-pay (LUD-06) and lightning addresses (LUD-16).

It hands out real invoices, and can be told per name to do what such services do wrong. It runs
in a thread, since a test may wait for a host that in turn waits for this server.
"""

import asyncio
import ipaddress
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from support.process import free_port

# Whole sats, seconds until it expires, and the metadata that the invoice commits to (LUD-06).
MakeInvoice = Callable[[int, int, bytes], str]

DOMAIN = "wallet.example.org"
PRIVATE_DOMAIN = "inside.example.org"
_NAMES = {
    DOMAIN: ipaddress.ip_address("93.184.216.34"),
    PRIVATE_DOMAIN: ipaddress.ip_address("10.0.0.7"),
}
_ONE_HOUR_S = 3600
# Longer than any client waits; closing the server ends it at once.
_FOREVER_S = 60.0


class Does(str, Enum):
    """What the service does when somebody wants to pay one of its names."""

    HONEST = "honest"
    # The invoice is over one sat more, or less, than was asked for.
    TOO_MUCH = "too_much"
    TOO_LITTLE = "too_little"
    # LUD-06's `{"status": "ERROR", "reason": ...}`, at the first request or at the callback.
    ERROR = "error"
    ERROR_AT_CALLBACK = "error_at_callback"
    OUT_OF_RANGE = "out_of_range"
    # Never answers; or answers a byte now and then, which a time limit per read does not notice.
    SILENT = "silent"
    DRIPS = "drips"
    HANGS_UP = "hangs_up"
    GARBAGE = "garbage"
    NOT_AN_INVOICE = "not_an_invoice"
    REDIRECTS_INSIDE = "redirects_inside"
    CALLBACK_INSIDE = "callback_inside"
    EXPIRED = "expired"
    SAME_INVOICE = "same_invoice"
    # Honest, and takes a comment (LUD-12): of any length, or of a few letters.
    TAKES_COMMENTS = "takes_comments"
    TAKES_A_WORD = "takes_a_word"


REASON = "This wallet is closed on Sundays."
# Asked for only by somebody who follows a pointer into the private network.
INSIDE = "inside"


class LnurlServer:
    """Every name is there; `behave` says how. Use it as a context manager."""

    def __init__(self, make_invoice: MakeInvoice) -> None:
        self._make_invoice = make_invoice
        self._ways: dict[str, Does] = {}
        self._first: dict[str, str] = {}
        # Requests per name: for the pay request, and for an invoice.
        self.asked: Counter[str] = Counter()
        self.invoiced: Counter[str] = Counter()
        self.comments: dict[str, str] = {}
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self.netloc = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.netloc}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> "LnurlServer":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def behave(self, name: str, way: Does) -> None:
        self._ways[name] = way

    def lnurlp(self, name: str) -> str:
        """LUD-17: the address in plain sight."""
        return f"lnurlp://{self.netloc}/.well-known/lnurlp/{name}"

    def bech32(self, name: str) -> str:
        """LUD-01: the address as `lnurl1...`."""
        from lnurl import encode

        return str(encode(f"{self.url}/.well-known/lnurlp/{name}").bech32)

    def address(self, name: str) -> str:
        """LUD-16: a lightning address; reachable inside `the_internet` only."""
        return f"{name}@{DOMAIN}"

    def pay_request(self, name: str, host: str) -> tuple[int, dict[str, str], bytes]:
        """The first answer: who is paid, and where an invoice is made."""
        self.asked[name] += 1
        way = self._ways.get(name, Does.HONEST)
        if way is Does.REDIRECTS_INSIDE:
            return 302, {"Location": f"{self.url}/.well-known/lnurlp/{INSIDE}"}, b""
        if way in (Does.ERROR, Does.GARBAGE):
            return _wrong(way)
        origin = (
            self.url if host == self.netloc or way is Does.CALLBACK_INSIDE else f"https://{host}"
        )
        called = INSIDE if way is Does.CALLBACK_INSIDE else name
        letters = {Does.TAKES_COMMENTS: 500, Does.TAKES_A_WORD: 5}.get(way, 0)
        highest_msat = 1_000 if way is Does.OUT_OF_RANGE else 100_000_000_000
        return _json(
            {
                "tag": "payRequest",
                "callback": f"{origin}/invoice/{called}",
                "minSendable": 1_000,
                "maxSendable": highest_msat,
                "metadata": _metadata(name).decode(),
                "commentAllowed": letters,
            }
        )

    def invoice(self, name: str, amount_msat: int) -> tuple[int, dict[str, str], bytes]:
        """The second answer: an invoice over that amount."""
        self.invoiced[name] += 1
        way = self._ways.get(name, Does.HONEST)
        if way is Does.ERROR_AT_CALLBACK:
            return _wrong(way)
        if way is Does.NOT_AN_INVOICE:
            return _json({"pr": "lnbc1nothing", "routes": []})
        amount_sat = amount_msat // 1000
        amount_sat += {Does.TOO_MUCH: 1, Does.TOO_LITTLE: -1}.get(way, 0)
        is_expired = way is Does.EXPIRED
        if way is Does.SAME_INVOICE and name in self._first:
            made = self._first[name]
        else:
            made = self._make_invoice(amount_sat, 1 if is_expired else _ONE_HOUR_S, _metadata(name))
            self._first[name] = made
        if is_expired:
            time.sleep(1.2)
        return _json({"pr": made, "routes": []})

    def stalls(self, name: str, send: Callable[[bytes], object]) -> bool:
        """Behave badly on the wire; whether that was all there is to answer."""
        way = self._ways.get(name, Does.HONEST)
        if way is Does.SILENT:
            self._closing.wait(_FOREVER_S)
        elif way is Does.DRIPS:
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not self._closing.wait(0.05):
                send(b" ")
        return way in (Does.SILENT, Does.DRIPS, Does.HANGS_UP)


def _handler_of(service: LnurlServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            name = path.path.rsplit("/", 1)[-1]
            try:
                if service.stalls(name, self.wfile.write):
                    return
                if path.path.startswith("/.well-known/lnurlp/"):
                    answer = service.pay_request(name, self.headers.get("Host", ""))
                elif path.path.startswith("/invoice/"):
                    asked = parse_qs(path.query)
                    service.comments[name] = asked.get("comment", [""])[0]
                    answer = service.invoice(name, int(asked["amount"][0]))
                else:
                    answer = 404, {}, b"not here"
                self._send(*answer)
            except (BrokenPipeError, ConnectionResetError):
                return  # whoever asked has gone

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for header, value in headers.items():
                self.send_header(header, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            """Say nothing: a test's output is not the place for access logs."""

    return Handler


def _metadata(name: str) -> bytes:
    said = [["text/plain", f"To {name}"], ["text/identifier", f"{name}@{DOMAIN}"]]
    return json.dumps(said).encode()


def _json(value: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _wrong(way: Does) -> tuple[int, dict[str, str], bytes]:
    if way is Does.GARBAGE:
        return 200, {"Content-Type": "text/html"}, b"<h1>It works!</h1>"
    return _json({"status": "ERROR", "reason": REASON})


def nowhere() -> str:
    """An LNURL of a port where nobody listens."""
    return f"lnurlp://127.0.0.1:{free_port()}/.well-known/lnurlp/nobody"


def invoices_of_this_host(wallet: str) -> MakeInvoice:
    """Invoices into a wallet of the host under test, whose loop is the one running now."""
    loop = asyncio.get_running_loop()

    def make(amount_sat: int, expiry_s: int, metadata: bytes) -> str:
        from lnbits.core.services import create_invoice

        made = create_invoice(
            wallet_id=wallet,
            amount=amount_sat,
            memo="a payout",
            expiry=expiry_s,
            unhashed_description=metadata,
        )
        return str(asyncio.run_coroutine_threadsafe(made, loop).result(20).bolt11)

    return make


def invoices_of(url: str, adminkey: str) -> MakeInvoice:
    """Invoices into a wallet of another host, over its API."""

    def make(amount_sat: int, expiry_s: int, metadata: bytes) -> str:
        answer = httpx.post(
            f"{url}/api/v1/payments",
            json={
                "out": False,
                "amount": amount_sat,
                "expiry": expiry_s,
                "unhashed_description": metadata.hex(),
            },
            headers={"X-API-KEY": adminkey},
            timeout=20,
        )
        answer.raise_for_status()
        return str(answer.json()["bolt11"])

    return make


@contextmanager
def private_addresses(allowed: bool) -> Iterator[None]:
    """The operator's setting `LNBITS_LNURL_ALLOW_PRIVATE_IPS`."""
    from lnbits.settings import settings

    before = settings.lnbits_lnurl_allow_private_ips
    settings.lnbits_lnurl_allow_private_ips = allowed
    try:
        yield
    finally:
        settings.lnbits_lnurl_allow_private_ips = before


@contextmanager
def the_internet(server: LnurlServer) -> Iterator[None]:
    """The edge of the internet, the one thing that is not real here: name service and TLS.

    `https://wallet.example.org` leads to the server, by way of a public address; another name
    leads into a private network, all others nowhere. All of the host's checks are its own.
    """
    from lnbits.core.services import lnurl as host_client
    from lnurl import LnurlResponseException

    client: Any = host_client
    resolve, send = client._resolve_lnurl_host, client._send_lnurl_request

    async def answer_name(host: str, _port: int | None) -> list[Any]:
        if host not in _NAMES:
            raise LnurlResponseException("LNURL request target could not be resolved.")
        return [_NAMES[host]]

    async def deliver(url: httpx.URL, *, addresses: list[Any], timeout: int, **how: Any) -> Any:
        if addresses != [_NAMES[DOMAIN]]:
            return await send(url, addresses=addresses, timeout=timeout, **how)
        inside = url.copy_with(scheme="http", host="127.0.0.1", port=server.port)
        try:
            async with httpx.AsyncClient(timeout=timeout, trust_env=False) as wire:
                answer = await wire.get(inside, headers={"Host": DOMAIN})
        except httpx.RequestError as exc:
            raise LnurlResponseException("LNURL request failed.") from exc
        return answer.status_code, dict(answer.headers), answer.content

    client._resolve_lnurl_host, client._send_lnurl_request = answer_name, deliver
    try:
        yield
    finally:
        client._resolve_lnurl_host, client._send_lnurl_request = resolve, send
