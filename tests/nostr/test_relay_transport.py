"""I8 and I11 for one relay: whatever it does, each wait ends, and only what holds is believed."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from functools import cache
from typing import Any

import pytest
from nostr_sdk import EventBuilder, Keys, RelayBuilderNip42, RelayBuilderNip42Mode, RelayUrl
from nostr_sdk import UnsignedEvent as Draft
from websockets.asyncio.server import ServerConnection

from support.host import ext
from support.process import free_port
from support.relays import (
    Auth,
    Closing,
    Deaf,
    FakeRelay,
    Flood,
    Keeping,
    Liar,
    LmdbRelay,
    NoUpgrade,
    Refusing,
    SilentRelay,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("app")]

ADA, EVE = "11" * 32, "22" * 32
ADAS_PUBKEY = str(Keys.parse(ADA).public_key().to_hex())
TIMEOUT_S = 0.4
LISTING = {"kinds": [31923], "authors": [ADAS_PUBKEY], "#d": ["evening"]}
Json = dict[str, Any]


@cache
def signed(number: int = 0, secret: str = ADA, kind: int = 31923, d: str = "evening") -> str:
    """An event; a higher number is newer by a second."""
    keys = Keys.parse(secret)
    draft = {
        "pubkey": keys.public_key().to_hex(),
        "created_at": 1_700_000_000 + number,
        "kind": kind,
        "tags": [["d", d]],
        "content": f"Number {number}",
    }
    return str(Draft.from_json(json.dumps(draft)).sign_with_keys(keys).as_json())


@asynccontextmanager
async def opened(
    url: str, sign_auth: Any = None, timeout_s: float = TIMEOUT_S
) -> AsyncIterator[Any]:
    transport = ext("nostr.transport")
    reach = transport.Reach(True, timeout_s, timeout_s)
    async with transport.open_relay(url, reach, sign_auth) as relay:
        yield relay


class Introducing:
    """`sign_auth` in somebody's name; `asked` are the challenges and relays."""

    def __init__(self, secret: str = ADA) -> None:
        self.asked: list[tuple[str, str]] = []
        self._keys = Keys.parse(secret)

    async def __call__(self, challenge: str, url: str) -> str:
        self.asked.append((challenge, url))
        builder = EventBuilder.auth(challenge, RelayUrl.parse(url))
        return str(builder.sign_with_keys(self._keys).as_json())


async def code_of(exchange: Any) -> str:
    with pytest.raises(ext("nostr.models").RelayFailed) as caught:
        await exchange
    return str(caught.value.code)


async def publishing(url: str, event_json: str = "") -> Any:
    async with opened(url) as relay:
        return await relay.publish(event_json or signed())


async def querying(url: str, limit: int = 100) -> Any:
    async with opened(url) as relay:
        return await relay.query([LISTING], limit)


async def test_a_real_relay_takes_events_and_serves_the_newest() -> None:
    first, second, other = signed(0), signed(1), signed(0, d="morning")
    async with LmdbRelay() as real, opened(real.url) as relay:
        for event_json in (second, other):
            answer = await relay.publish(event_json)
            assert (answer.accepted, answer.message) == (True, "")
        assert not (await relay.publish(first)).accepted
        assert await relay.query([LISTING]) == [second]
        assert set(await relay.query([{"kinds": [31923]}])) == {second, other}
        assert len(await relay.query([{"kinds": [31923]}], limit=1)) == 1
        assert set(await relay.query([LISTING, {"#d": ["morning"]}])) == {second, other}
        assert await relay.query([{"kinds": [1]}]) == []


@pytest.mark.parametrize("make", [SilentRelay, NoUpgrade, Deaf])
@pytest.mark.parametrize("exchange", [publishing, querying])
async def test_i11_a_relay_that_hangs_costs_the_timeout_and_no_more(
    make: Callable[[], FakeRelay], exchange: Callable[[str], Any]
) -> None:
    async with make() as relay:
        started = time.monotonic()
        assert await code_of(exchange(relay.url)) == "timeout"
        assert TIMEOUT_S <= time.monotonic() - started < TIMEOUT_S + 1


async def test_i11_a_connection_that_nobody_accepts_costs_the_timeout() -> None:
    """The queue of those who wait to be accepted is full, so a SYN is not answered."""
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        started = time.monotonic()
        url = f"ws://127.0.0.1:{full.getsockname()[1]}"
        assert await code_of(publishing(url)) == "timeout"
        assert time.monotonic() - started < TIMEOUT_S + 1
        for one in waiting:
            one.close()


async def test_a_deaf_relay_is_left_within_a_second_of_being_closed() -> None:
    async with Deaf() as deaf:
        async with opened(deaf.url):
            started = time.monotonic()
        assert time.monotonic() - started < 1.5


async def test_nobody_there_and_a_relay_that_hangs_up_are_told_at_once() -> None:
    assert await code_of(publishing(f"ws://127.0.0.1:{free_port()}")) == "unreachable"
    async with Closing() as relay:
        assert await code_of(publishing(relay.url)) == "closed"
        assert await code_of(querying(relay.url)) == "closed"
    async with Keeping() as fake, opened(fake.url) as relay:
        assert (await relay.publish(signed())).accepted
        await fake.stop()
        assert await code_of(relay.publish(signed(1))) == "closed"
        assert await code_of(relay.query([LISTING])) == "closed"


async def test_after_a_timeout_the_connection_is_used_on() -> None:
    async with Keeping() as fake, opened(fake.url) as relay:
        fake.swallow_oks = True
        assert await code_of(relay.publish(signed())) == "timeout"
        fake.swallow_oks = False
        assert (await relay.publish(signed(1))).accepted
        assert await relay.query([LISTING]) == [signed(1)]
        assert fake.opened == 1


@pytest.mark.parametrize("accepted", [True, False])
async def test_a_relays_words_are_passed_on_fit_to_be_shown(accepted: bool) -> None:
    said = "blocked:\n no\x00 \x1b[31m" + "x" * 1000
    async with Refusing(said, accepted) as relay:
        answer = await publishing(relay.url)
    assert answer.accepted is accepted
    assert answer.message.startswith("blocked: no [31mxxx")
    assert len(answer.message) <= 300


JUNK: list[str | bytes] = [
    "",
    "hello",
    "null",
    "{}",
    "[]",
    "[1,2,3]",
    "[" * 100_000,
    '["OK"]',
    '["OK",null,true,""]',
    '["OK","' + "0" * 64 + '",true,""]',
    '["OK",{"id":1},"yes"]',
    '["EVENT"]',
    '["EVENT","s1"]',
    '["EVENT","s1",null]',
    '["EVENT","s1",{"id":"00"}]',
    '["EVENT","never asked",' + signed(9) + "]",
    '["EOSE"]',
    '["EOSE","s99"]',
    '["CLOSED","s99","bye"]',
    '["AUTH",5]',
    '["AUTH"]',
    '["NOTICE","😀"]',
    '["COUNT","s1",{"count":-1}]',
    '["\\ud800","\\u0000"]',
    '["EVENT","s1",' + "9" * 5000 + "]",
    b"\x00\xff\xfe",
    b'["EOSE","s1"]',
]


async def test_junk_is_passed_over() -> None:
    async with Liar([signed()], JUNK) as relay:
        assert (await publishing(relay.url)).accepted
        assert await querying(relay.url) == [signed()]


async def test_a_frame_beyond_all_measure_ends_the_connection() -> None:
    huge = '["NOTICE","' + "x" * 2**18 + '"]'
    async with Liar(junk=[huge]) as relay:
        assert await code_of(publishing(relay.url)) == "protocol"
        assert await code_of(querying(relay.url)) == "protocol"
    async with Liar(junk=[b"\xff" * 2**20]) as relay:
        assert await code_of(querying(relay.url)) == "protocol"


def _changed(event_json: str, **values: object) -> str:
    return json.dumps(json.loads(event_json) | values)


async def test_only_what_matches_and_was_signed_is_believed() -> None:
    good = signed(3)
    lies = [
        signed(4, secret=EVE),
        signed(4, kind=1),
        signed(4, d="morning"),
        _changed(good, content="Tickets for free"),
        _changed(good, created_at=1_800_000_000),
        _changed(good, sig="0" * 128),
        _changed(good, id="0" * 64),
        _changed(signed(4, secret=EVE), pubkey=ADAS_PUBKEY),
        _changed(good, tags=[]),
        _changed(good, created_at=-1),
        _changed(good, tags=[[]]),
    ]
    async with Liar([*lies, good, good]) as fake:
        assert await querying(fake.url) == [good]
        async with opened(fake.url) as relay:
            heard = relay.listen([LISTING], timeout_s=TIMEOUT_S)
            assert [event_json async for event_json in heard] == [good, good]


async def test_i11_a_flood_ends_at_the_limit_and_others_get_their_turn() -> None:
    """Between any two events others run: a flood's own answer is no reason to make buyers wait."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    async with Flood(lambda number: signed(number, d="evening")) as relay:
        found = await querying(relay.url, limit=50)
        assert len(found) == len(set(found)) == 50
        assert turns >= 50
        async with opened(relay.url, timeout_s=10) as flooded:
            assert await code_of(flooded.query([{"kinds": [1]}])) == "protocol"
    beside.cancel()


class Forgetful(FakeRelay):
    """A fake: sends one event, and no EOSE."""

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        await wire.send(f'["EVENT",{json.dumps(name)},{signed()}]')


async def test_without_an_eose_what_came_until_the_timeout_counts() -> None:
    async with Forgetful() as relay:
        assert await querying(relay.url) == [signed()]
    async with SilentRelay() as relay:
        assert await code_of(querying(relay.url)) == "timeout"


@pytest.mark.parametrize("asks_at_once", [True, False])
async def test_we_say_who_we_are_where_it_is_asked_for(asks_at_once: bool) -> None:
    """NIP-42: the challenge is answered once a request was refused for it."""
    ada = Introducing()
    async with Auth(asks_at_once=asks_at_once) as fake:
        async with opened(fake.url, ada) as relay:
            assert (await relay.publish(signed())).accepted
            assert (await relay.publish(signed(1))).accepted
            assert len(await relay.query([LISTING])) == 1
        assert fake.authenticated == [ADAS_PUBKEY]
        assert [url for _, url in ada.asked] == [fake.url]
        async with opened(fake.url, ada) as relay:
            assert len(await relay.query([LISTING])) == 1
        async with opened(fake.url, ada) as relay:
            heard = relay.listen([LISTING], timeout_s=TIMEOUT_S)
            assert len([one async for one in heard]) == 1
    assert len(ada.asked) == 3


async def test_nobody_is_told_who_we_are_unasked() -> None:
    class Curious(Keeping):
        """A fake: wants to know who comes, but does not need to."""

        async def on_open(self, wire: ServerConnection) -> None:
            await self.say(wire, "AUTH", "who are you?")

    ada = Introducing()
    async with Curious() as fake, opened(fake.url, ada) as relay:
        assert (await relay.publish(signed())).accepted
        assert len(await relay.query([LISTING])) == 1
    assert ada.asked == []


async def test_a_relay_that_we_cannot_or_may_not_satisfy_says_no() -> None:
    models, refused = ext("nostr.models"), "auth-required: who are you?"

    async def cannot_sign(challenge: str, url: str) -> str:
        raise models.SignerFailed("offline", "The signer sleeps.")

    async def does_not_sign(challenge: str, url: str) -> str:
        await asyncio.sleep(60)
        return ""

    for sign_auth in (None, cannot_sign, does_not_sign, Introducing(EVE)):
        async with Auth(allowed=ADAS_PUBKEY) as fake:
            async with opened(fake.url, sign_auth) as relay:
                answer = await relay.publish(signed())
                assert (answer.accepted, answer.message) == (False, refused)
                assert await code_of(relay.query([LISTING])) == "refused"
            assert (fake.authenticated, fake.kept) == ([], [])
    async with Refusing("auth-required: to whom?") as vague:
        async with opened(vague.url, Introducing()) as relay:
            assert not (await relay.publish(signed())).accepted


async def test_a_real_relay_that_wants_authentication_gets_it() -> None:
    nip42 = RelayBuilderNip42(mode=RelayBuilderNip42Mode.BOTH)
    async with LmdbRelay(nip42=nip42) as real:
        async with opened(real.url) as relay:
            assert (await relay.publish(signed())).message.startswith("auth-required:")
            assert await code_of(relay.query([LISTING])) == "refused"
        async with opened(real.url, Introducing()) as relay:
            assert (await relay.publish(signed())).accepted
            assert len(await relay.query([LISTING])) == 1


async def test_what_comes_is_heard_while_something_is_published() -> None:
    """As a remote signer is asked (NIP-46): the REQ goes before what is published after it."""
    question = signed(kind=24133)
    wanted = [{"kinds": [24133], "authors": [ADAS_PUBKEY]}]
    async with LmdbRelay() as real, opened(real.url) as relay:
        heard = relay.listen(wanted)
        assert (await relay.publish(question)).accepted
        assert await asyncio.wait_for(heard.__anext__(), 5) == question
        real.halt()
        assert await code_of(heard.__anext__()) == "closed"


async def test_connections_end_with_their_block_however_it_ends() -> None:
    async with Keeping() as fake:
        for _ in range(3):
            await publishing(fake.url)
        hanging = asyncio.create_task(_listening(fake.url))
        await _soon(lambda: fake.opened == 4 and bool(fake.requests))
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        await _soon(lambda: fake.open_now == 0)


async def _soon(holds: Callable[[], bool]) -> None:
    for _ in range(300):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("That never came.")


async def _listening(url: str) -> None:
    async with opened(url) as relay:
        async for _ in relay.listen([LISTING]):
            pass
