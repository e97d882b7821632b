"""Where a stranger's address may lead: judged once, and connected to exactly what was judged.

Relays, inboxes and signers are named by organisers and buyers, so any name may lead into the
operator's own network, or be answered differently a second time (DNS rebinding).
"""

import asyncio
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from threading import BoundedSemaphore
from typing import Any, TypeVar

import httpx

from .models import RelayFailed

T = TypeVar("T")
# One answer of `socket.getaddrinfo`.
_Info = tuple[Any, ...]

# Sentences for people. None tells what listens where: refused, reset, and a certificate of
# another name read the same.
_SENTENCES = {
    "not_allowed": "This address is not a public one, or not one of a relay.",
    "unreachable": "The relay could not be reached.",
    "timeout": "The relay did not answer in time.",
    "closed": "The relay ended the connection.",
    "protocol": "What answers at this address does not speak as a relay does.",
}

# RFC 6052: an IPv4 address in its last 32 bits, as networks without IPv4 are told it.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# RFC 6890: for protocols between neighbours. Not every Python that the host runs on knows.
_ASSIGNED = ipaddress.ip_network("192.0.0.0/24")
# All that is routed lies in it (RFC 4291). What lies outside leads inside, or nowhere.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Those of the web, and those that need no privilege: a server of another kind, which stands
# below them, is not to be knocked at through us.
_WEB_PORTS = frozenset({80, 443})
_FIRST_USER_PORT = 1024
# A name with more addresses would have us try for minutes.
_MAX_ADDRESSES = 4
# Roots are renewed now and then, and a host runs for months.
_ROOTS_KEPT_S = 3600.0


class _Resolvers:
    """Threads that ask. A question that nobody answers keeps its thread for many seconds, also
    when we wait no more: not one of those that the rest of the host draws pictures and writes
    mail in. `waiting`: how many more may wait for a thread; None: all."""

    def __init__(self, name: str, threads: int, waiting: int | None) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"events-{name}")
        self._places = None if waiting is None else BoundedSemaphore(threads + waiting)

    async def ask(self, look: Callable[[], list[_Info]]) -> list[_Info]:
        """Raises RelayFailed (`unreachable`) at once when there is no place to wait."""
        places = self._places
        if places is None:
            return await asyncio.wrap_future(self._pool.submit(look))
        if not places.acquire(blocking=False):
            raise failed("unreachable")
        asked = self._pool.submit(look)
        # Only then: a thread is taken until the answer comes, however long we have waited for it.
        asked.add_done_callback(lambda _: places.release())
        return await asyncio.wrap_future(asked)


# Buyers' names, of which there may be any number, are never to keep an organiser's relays and
# signers waiting.
_organisers = _Resolvers("resolver", threads=4, waiting=None)
_buyers = _Resolvers("buyers-resolver", threads=4, waiting=4)
# A variable of the task: it reaches through whatever opens the connection.
_asking: ContextVar[_Resolvers] = ContextVar("asking", default=_organisers)


@contextmanager
def named_by_buyers() -> Iterator[None]:
    """Names that are looked up within are a buyer's word (NIP-05, inboxes)."""
    before = _asking.set(_buyers)
    try:
        yield
    finally:
        _asking.reset(before)


def failed(code: str) -> RelayFailed:
    return RelayFailed(code, _SENTENCES[code])


@dataclass(frozen=True)
class Address:
    """One answer of the resolver."""

    family: int
    # As `socket.connect` takes it; the first part is the IP.
    where: tuple[Any, ...]


def is_public(ip: str) -> bool:
    """Whether this address is one of the public internet, whatever it is dressed up as."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))
        # 6to4 and Teredo carry an IPv4 address too; nobody runs a relay behind them.
        if address not in _GLOBAL_UNICAST or address.sixtofour or address.teredo:
            return False
    elif address in _ASSIGNED:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def is_open_port(port: int) -> bool:
    """Whether strangers may name this port of a public address."""
    return port in _WEB_PORTS or _FIRST_USER_PORT <= port <= 65535


async def resolve(host: str, port: int, allow_private: bool) -> list[Address]:
    """The addresses of a host. Unless private ones are allowed, a single one among them is enough
    to refuse the name.

    Raises RelayFailed: `not_allowed`, `unreachable`.
    """
    if not allow_private and not is_open_port(port):
        raise failed("not_allowed")
    found = _literal(host, port) or await _look_up(host, port)
    if not allow_private and not all(is_public(address.where[0]) for address in found):
        raise failed("not_allowed")
    return found[:_MAX_ADDRESSES]


def _literal(host: str, port: int) -> list[Address]:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return []
    if ip.version == 4:
        return [Address(socket.AF_INET, (host, port))]
    return [Address(socket.AF_INET6, (host, port, 0, 0))]


async def _look_up(host: str, port: int) -> list[Address]:
    look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        infos = await _asking.get().ask(look)
    # UnicodeError is what a label of more than 63 characters ends in.
    except (OSError, UnicodeError) as exc:
        raise failed("unreachable") from exc
    known = (socket.AF_INET, socket.AF_INET6)
    found = [Address(info[0], info[4]) for info in infos if info[0] in known]
    if not found:
        raise failed("unreachable")
    return list(dict.fromkeys(found))


async def connect_socket(
    host: str, port: int, allow_private: bool, timeout_s: float
) -> socket.socket:
    """A TCP connection to the first address of the host that answers, each getting its share of
    the time. The caller closes it.

    Raises RelayFailed: `not_allowed`, `unreachable`, `timeout`.
    """
    addresses = await within(resolve(host, port, allow_private), timeout_s)
    code = "unreachable"
    for address in addresses:
        try:
            return await within(_connect(address), timeout_s / len(addresses))
        except RelayFailed as failure:
            code = failure.code
        except OSError:
            code = "unreachable"
    raise failed(code)


async def _connect(address: Address) -> socket.socket:
    opened = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, address.where)
    except BaseException:
        opened.close()
        raise
    return opened


async def within(work: Coroutine[Any, Any, T], timeout_s: float) -> T:
    """The result of the work, or RelayFailed `timeout`.

    Not `asyncio.wait_for`: before Python 3.12 that one forgets that its task was cancelled when
    the result comes at the same moment, and then a loop cannot be ended.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=timeout_s)
        if not done:
            raise failed("timeout")
        return task.result()
    except BaseException:
        task.cancel()
        task.add_done_callback(_discard)
        raise


def _discard(task: "asyncio.Task[Any]") -> None:
    """What came too late has no owner."""
    if not task.cancelled() and task.exception() is None:
        result = task.result()
        if isinstance(result, socket.socket):
            result.close()
        elif hasattr(result, "transport"):
            result.transport.abort()


async def tls_context() -> ssl.SSLContext:
    """The roots that the host's own requests trust (httpx's; `SSL_CERT_FILE` names others).

    Reading them takes tens of milliseconds, so it is done in a thread, and rarely.
    """
    global _roots
    named = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
    if _roots is None or _roots[0] != named or time.monotonic() > _roots[1]:
        context = await asyncio.to_thread(httpx.create_ssl_context)
        _roots = (named, time.monotonic() + _ROOTS_KEPT_S, context)
    return _roots[2]


# What the environment said, until when (monotonic seconds), and the roots.
_roots: tuple[tuple[str | None, str | None], float, ssl.SSLContext] | None = None
