"""I11, and where a stranger's address may lead: nowhere inside, and to what was judged."""

import asyncio
import socket
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme

from support.host import ext
from support.process import free_port
from support.relays import FakeRelay, Keeping, Redirecting

pytestmark = pytest.mark.asyncio

PUBLIC = "93.184.216.34"
NAME = "relay.example.org"
# What each leads to is private, reserved, or an IPv4 address in disguise that is.
INSIDE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",  # noqa: S104 - refused, not listened on
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::808:808",
    "100::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%1",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = [PUBLIC, "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]

Resolver = Callable[..., None]


@pytest_asyncio.fixture(loop_scope="session")
async def names(app: object, monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """The edge of the internet: `names(first, second, …)` is what the resolver says to each
    question, one after the other; each a list of addresses. A question too many fails."""

    def answer(*answers: list[str]) -> None:
        left = iter(answers)

        def getaddrinfo(host: str, port: int, **how: object) -> list[Any]:
            told = next(left, None)
            assert told is not None, f"{host} is asked for once more"
            if not told:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return [_info(ip, port) for ip in told]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return answer


def _info(ip: str, port: int) -> tuple[object, ...]:
    if ":" in ip:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (ip, port, 0, 0))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))


class Knocked(list[str]):
    """The IPs that were connected to."""


@pytest_asyncio.fixture(loop_scope="session")
async def knocked(app: object, monkeypatch: pytest.MonkeyPatch) -> Knocked:
    """Connections to the public address lead to a server on the loopback, at the same port."""
    loop = asyncio.get_running_loop()
    connect, found = loop.sock_connect, Knocked()

    async def sock_connect(sock: socket.socket, address: tuple[str, int]) -> None:
        found.append(address[0])
        where = ("127.0.0.1", address[1]) if address[0] == PUBLIC else address
        await connect(sock, where)

    monkeypatch.setattr(loop, "sock_connect", sock_connect)
    return found


def _authority(name: str) -> tuple[trustme.CA, ssl.SSLContext]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return authority, context


@pytest_asyncio.fixture(loop_scope="session")
async def secure(
    app: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FakeRelay]:
    """A relay whose certificate, for relay.example.org, is trusted."""
    authority, context = _authority(NAME)
    roots = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(roots))
    monkeypatch.setenv("SSL_CERT_FILE", str(roots))
    async with Keeping(tls=context) as relay:
        yield relay


async def failure(url: str, allow_private: bool = False, timeout_s: float = 2.0) -> Any:
    """What connecting to this address fails with."""
    transport, models = ext("nostr.transport"), ext("nostr.models")
    with pytest.raises(models.RelayFailed) as caught:
        async with transport.open_relay(url, transport.Reach(allow_private, timeout_s)):
            pass
    return caught.value


@pytest.mark.parametrize("ip", INSIDE)
async def test_an_address_inside_is_refused_as_it_is_and_behind_a_name(
    names: Resolver, knocked: Knocked, ip: str
) -> None:
    names([ip], [PUBLIC, ip])
    assert not ext("nostr.addresses").is_public(ip)
    if "%" not in ip:
        shown = f"[{ip}]" if ":" in ip else ip
        assert (await failure(f"wss://{shown}")).code == "not_allowed"
    assert (await failure(f"wss://{NAME}")).code == "not_allowed"
    # One public address beside it does not help: which one is taken would be chance.
    assert (await failure(f"wss://{NAME}")).code == "not_allowed"
    assert knocked == []


@pytest.mark.parametrize("ip", OUTSIDE)
async def test_an_address_outside_is_public(app: object, ip: str) -> None:
    assert ext("nostr.addresses").is_public(ip)


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1", "017700000001"])
async def test_other_spellings_of_the_loopback_are_refused(
    names: Resolver, knocked: Knocked, host: str
) -> None:
    """The C library reads them as addresses; so does `inet_aton`, which is asked here."""
    names(["127.0.0.1"] if host == "localhost" else [socket.inet_ntoa(socket.inet_aton(host))])
    assert (await failure(f"wss://{host}")).code == "not_allowed"
    assert knocked == []


async def test_what_is_judged_is_what_is_connected_to(
    names: Resolver, knocked: Knocked, secure: FakeRelay
) -> None:
    """A name that leads outside when it is judged, and inside when it is asked again (DNS
    rebinding): it is not asked again."""
    transport = ext("nostr.transport")
    names([PUBLIC])
    url = f"wss://{NAME}:{secure.port}"
    async with transport.open_relay(url, transport.Reach()) as relay:
        assert await relay.query([{"kinds": [1]}]) == []
    assert knocked == [PUBLIC]
    names(["127.0.0.1"])
    assert (await failure(url)).code == "not_allowed"
    assert knocked == [PUBLIC]


async def test_the_next_address_is_tried_when_one_does_not_answer(
    names: Resolver, app: object
) -> None:
    transport = ext("nostr.transport")
    async with Keeping() as relay:
        names(["127.9.9.9", "::1", "127.0.0.1"])
        reach = transport.Reach(allow_private=True, timeout_s=2.0)
        async with transport.open_relay(f"ws://{NAME}:{relay.port}", reach) as opened:
            assert await opened.query([{"kinds": [1]}]) == []
    names([])
    assert (await failure(f"wss://{NAME}")).code == "unreachable"


@pytest.mark.parametrize("port", [1, 22, 25, 445, 853])
async def test_ports_of_other_servers_are_not_knocked_at(
    names: Resolver, knocked: Knocked, port: int
) -> None:
    names()
    assert (await failure(f"wss://{NAME}:{port}")).code == "not_allowed"
    assert knocked == []


@pytest.mark.parametrize(
    "url",
    [
        f"ws://{NAME}",
        f"https://{NAME}",
        f"wss://user@{NAME}",
        f"wss://user:password@{NAME}",
        f"wss://{NAME}#part",
        f"wss://{NAME}:99999",
        f"wss://{NAME}:0",
        "wss://",
        "wss:///path",
        "wss://[::1",
        f"wss://{NAME}\r\nHost: other",
        "file:///etc/passwd",
        "",
    ],
)
async def test_other_forms_are_refused_before_anybody_is_asked(
    names: Resolver, knocked: Knocked, url: str
) -> None:
    names()
    assert (await failure(url)).code == "not_allowed"
    assert knocked == []


async def test_a_redirect_is_not_followed(app: object) -> None:
    async with FakeRelay() as inside, Redirecting(inside.url) as outside:
        assert (await failure(outside.url, allow_private=True)).code == "unreachable"
        assert (inside.opened, inside.received) == (0, [])
    async with Redirecting("http://127.0.0.1:1/") as outside:
        assert (await failure(outside.url, allow_private=True)).code == "unreachable"


async def test_a_certificate_must_be_of_this_name_and_of_a_known_root(
    names: Resolver, knocked: Knocked, secure: FakeRelay
) -> None:
    names([PUBLIC])
    # Its name is another.
    assert (await failure(f"wss://other.example.org:{secure.port}")).code == "unreachable"
    _, context = _authority(NAME)
    async with Keeping(tls=context) as stranger:
        names([PUBLIC])
        assert (await failure(f"wss://{NAME}:{stranger.port}")).code == "unreachable"
        assert stranger.opened == 0


async def test_what_is_said_does_not_tell_what_listens_where(
    names: Resolver, knocked: Knocked, secure: FakeRelay
) -> None:
    """Nobody there, another protocol, a web page, a wrong certificate: all the same words."""
    said = []
    async with Redirecting("/elsewhere") as web:
        web_server = await asyncio.start_server(_answer_in_another_tongue, "127.0.0.1", free_port())
        port = web_server.sockets[0].getsockname()[1]
        for url in (web.url, f"ws://127.0.0.1:{port}", f"ws://127.0.0.1:{free_port()}"):
            said.append(await failure(url, allow_private=True))
        web_server.close()
    names([PUBLIC])
    said.append(await failure(f"wss://other.example.org:{secure.port}"))
    assert {(one.code, one.message) for one in said} == {
        ("unreachable", "The relay could not be reached.")
    }


async def _answer_in_another_tongue(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()
    writer.close()


async def _cancelled_as_the_answer_comes(bound: Callable[..., Any]) -> bool:
    """Whether a task that waits within these bounds ends when it is told to."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        return await answer

    task: asyncio.Task[str] = asyncio.create_task(bound(work(), 5))
    for _ in range(5):
        await asyncio.sleep(0)
    answer.set_result("here")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    return task.cancelled()


async def test_a_task_that_is_cancelled_as_its_answer_comes_ends(app: object) -> None:
    """A loop that missed it would go on after the extension was switched off."""
    assert await _cancelled_as_the_answer_comes(ext("nostr.addresses").within)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="mended in Python 3.12")
async def test_control_wait_for_would_miss_it() -> None:
    assert not await _cancelled_as_the_answer_comes(asyncio.wait_for)


async def test_private_relays_are_reached_when_the_operator_says_so(app: object) -> None:
    transport, settings = ext("nostr.transport"), ext("settings")
    assert (await transport.reach()).allow_private is False
    await settings.change_settings(settings.SettingsPatch(allow_private_relays=True))
    try:
        assert (await transport.reach()).allow_private is True
        async with Keeping() as relay, transport.open_relay(relay.url, await transport.reach()):
            pass
    finally:
        await settings.change_settings(settings.SettingsPatch(allow_private_relays=False))
    assert relay.opened == 1


class Stuck:
    """A resolver that has no answer for some names until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self._goes_on = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)

    def _getaddrinfo(self, host: str, port: int, **how: object) -> list[Any]:
        self.asked.append(host)
        if host.endswith("buyer.example.org"):
            self._goes_on.wait(20)
        return [_info("127.0.0.1", port)]

    async def let_go(self) -> None:
        self._goes_on.set()


async def test_i11_buyers_names_keep_no_organisers_relay_waiting(
    app: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that nobody answers for take threads; too many of them fail at once."""
    transport, nip05, stuck = ext("nostr.transport"), ext("nostr.nip05"), Stuck(monkeypatch)
    later = ext("outbox.delivery").TryLater
    bounds = transport.Reach(allow_private=True, timeout_s=3.0)

    async def name(number: int) -> float:
        began = time.monotonic()
        with pytest.raises(later) as waits:
            await nip05.look_up(f"a@n{number}.buyer.example.org", bounds)
        assert waits.value.code == "name_unreachable"
        return time.monotonic() - began

    async def inbox(number: int) -> float:
        began = time.monotonic()
        url = f"wss://i{number}.buyer.example.org"
        with pytest.raises(ext("nostr.models").RelayFailed):
            async with ext("nostr.inboxes").open_for_buyer(url, bounds):
                pass
        return time.monotonic() - began

    async with Keeping() as relay:
        asking = asyncio.gather(*(ask(n) for n in range(8) for ask in (name, inbox)))
        await asyncio.sleep(0.1)
        # An organiser's relay has a name, too.
        async with transport.open_relay(f"ws://relay.example.org:{relay.port}", bounds) as opened:
            assert await opened.query([{"kinds": [1]}]) == []
        assert not asking.done()
        waited = sorted(await asking)
        assert (waited[7] < 1.0, waited[8] > 2.0) == (True, True), waited
        assert len(stuck.asked) == 5, "four threads for buyers, and the organiser's relay"
        await stuck.let_go()
    # Who waited in vain has left no place taken.
    for _ in range(50):
        if await name(99) and "n99.buyer.example.org" in stuck.asked:
            break
        await asyncio.sleep(0.05)
    assert "n99.buyer.example.org" in stuck.asked
