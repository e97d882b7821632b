"""A remote signer (NIP-46): believed only as far as it can be checked, and waited for so long."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from fastapi import FastAPI
from loguru import logger
from nostr_sdk import Event, Keys, NostrSigner, UnwrappedGift
from pydantic import SecretStr

from support.builders import Json
from support.bunker import Change, RemoteSigner
from support.direct import nostr_settings
from support.host import ext
from support.relays import (
    Auth,
    Closing,
    LmdbRelay,
    NoUpgrade,
    Refusing,
    SilentRelay,
)

pytestmark = pytest.mark.asyncio

# Of the tests: a signer on this machine answers in some 10 ms.
SOON_S, LONG_S = 0.6, 5.0


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def loopback_is_allowed(app: FastAPI) -> AsyncIterator[None]:
    async with nostr_settings():
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def relay(app: FastAPI) -> AsyncIterator[LmdbRelay]:
    async with LmdbRelay() as running:
        yield running


def address(uri: str) -> Any:
    return ext("nostr.bunker_address").BunkerAddress.parse(SecretStr(uri))


async def pair(uri: str, timeout_s: float = LONG_S, wallet: str = "wallet") -> Any:
    return await ext("nostr.bunker").pair(wallet, address(uri), timeout_s)


async def paired(signer: RemoteSigner, timeout_s: float = LONG_S) -> Any:
    """Whoever asks it, after they met."""
    pubkey, pairing = await pair(signer.uri)
    assert pubkey == signer.pubkey
    return ext("nostr.bunker").BunkerSigner(pairing, pubkey, timeout_s)


def unsigned(content: str = "words") -> Any:
    tags = [["d", "x"], ["title", "Größe 🎫"], ["t", "a"]]
    return ext("nostr.models").Unsigned(31923, int(time.time()), tags, content)


async def refused(wanted: Any, code: str) -> str:
    with pytest.raises(ext("nostr.models").SignerFailed) as failed:
        await wanted
    assert failed.value.code == code, failed.value.message
    return str(failed.value.message)


async def test_it_signs_what_it_is_asked_to(relay: LmdbRelay) -> None:
    async with RemoteSigner(relay.url) as signer:
        asked, there = unsigned(), await paired(signer)
        event: Json = json.loads(await there.sign(asked))
        assert Event.from_json(json.dumps(event)).verify()
        assert event["pubkey"] == signer.pubkey
        assert event["tags"] == asked.tags
        assert (event["created_at"], event["content"]) == (asked.created_at, asked.content)
        assert signer.methods == ["connect", "get_public_key", "connect", "sign_event"]
        assert len({request["app"] for request in signer.requests}) == 1
        assert "sign_event:31923" in signer.requests[0]["params"][2]


async def test_a_message_is_sealed_there_and_wrapped_here(relay: LmdbRelay) -> None:
    bob = Keys.generate()
    async with RemoteSigner(relay.url) as signer:
        there = await paired(signer)
        tags = [["subject", "Ticket"]]
        wrap = Event.from_json(await there.wrap(bob.public_key().to_hex(), "Hello 🎫", tags))
    assert wrap.verify()
    gift = await UnwrappedGift.from_gift_wrap(NostrSigner.keys(bob), wrap)
    message = json.loads(gift.rumor().as_json())
    assert gift.sender().to_hex() == message["pubkey"] == signer.pubkey
    assert (message["kind"], message["content"]) == (14, "Hello 🎫")
    assert message["tags"] == [["p", bob.public_key().to_hex()], *tags]
    sealed = json.loads(signer.requests[-1]["params"][0])
    assert sealed["kind"] == 13
    assert sealed["created_at"] <= time.time()


async def test_who_says_no_is_quoted_without_the_secret(relay: LmdbRelay) -> None:
    async with RemoteSigner(relay.url) as signer:
        there = await paired(signer)
        signer.denied, signer.said = {"sign_event"}, f"no\n\x1b[31m {signer.secret} never"
        message = await refused(there.sign(unsigned()), "denied")
    assert message == "The signer said no: no [31m … never"


async def test_a_wrong_secret_opens_nothing_and_is_not_told(relay: LmdbRelay) -> None:
    async with RemoteSigner(relay.url) as signer:
        message = await refused(pair(signer.uri_with("wrong-one")), "denied")
        assert signer.methods == ["connect"]
    assert "wrong-one" not in message


async def test_one_that_is_offline_or_silent_is_waited_for_only_so_long(relay: LmdbRelay) -> None:
    signer = RemoteSigner(relay.url)
    started = time.monotonic()
    await refused(pair(signer.uri, SOON_S), "offline")
    async with signer:
        there = await paired(signer, SOON_S)
        signer.silent = {"sign_event"}
        await refused(there.sign(unsigned()), "offline")
    await refused(there.sign(unsigned()), "offline")
    assert time.monotonic() - started < 3 * SOON_S + 3
    async with signer:
        signer.silent = set()
        assert await there.sign(unsigned()), "it is back"


async def test_junk_is_no_answer(relay: LmdbRelay) -> None:
    """Neither the signer's own, nor a stranger's who knows the id."""
    async with RemoteSigner(relay.url) as signer:
        signer.junk = True
        there = await paired(signer)
        assert json.loads(await there.sign(unsigned()))["pubkey"] == signer.pubkey


def with_(**changed: object) -> Change:
    return lambda event: {**event, **changed}


@pytest.mark.parametrize(
    "alter",
    [
        with_(content="other words"),
        with_(kind=1),
        with_(created_at=1),
        with_(tags=[["d", "x"]]),
        with_(tags=[["d", "y"], ["title", "Größe 🎫"], ["t", "a"]]),
    ],
)
async def test_another_event_than_it_was_given_is_not_taken(
    relay: LmdbRelay, alter: Change
) -> None:
    async with RemoteSigner(relay.url) as signer:
        there = await paired(signer)
        signer.alter = alter
        message = await refused(there.sign(unsigned()), "broken")
    assert "another event" in message


@pytest.mark.parametrize(
    "spoil",
    [
        with_(sig="0" * 128),
        with_(sig="zz"),
        with_(id="0" * 64),
        with_(pubkey=Keys.generate().public_key().to_hex()),
        with_(content="changed after it was signed"),
        lambda event: {},
    ],
)
async def test_a_signature_that_does_not_hold_is_not_taken(relay: LmdbRelay, spoil: Change) -> None:
    async with RemoteSigner(relay.url) as signer:
        there = await paired(signer)
        signer.spoil = spoil
        await refused(there.sign(unsigned()), "broken")


async def test_another_key_than_the_one_it_told_is_not_taken(relay: LmdbRelay) -> None:
    async with RemoteSigner(relay.url) as signer:
        there = await paired(signer)
        signer.sign_with = Keys.generate()
        message = await refused(there.sign(unsigned()), "broken")
        assert "another key" in message
        await refused(there.wrap(Keys.generate().public_key().to_hex(), "Hello", []), "broken")


async def test_after_a_restart_the_same_app_key_comes_back(relay: LmdbRelay) -> None:
    """Of this host, from what is stored; and of the signer, that forgot whom it met."""
    async with RemoteSigner(relay.url) as signer:
        _, pairing = await pair(signer.uri)
        read = ext("nostr.bunker_address").Pairing.read(pairing.text())
        there = ext("nostr.bunker").BunkerSigner(read, signer.pubkey, LONG_S)
        await there.sign(unsigned())
    signer.forgets = True
    async with signer:
        await there.sign(unsigned())
    assert len({request["app"] for request in signer.requests}) == 1


async def test_who_asks_its_owner_first_meets_the_same_app_again(relay: LmdbRelay) -> None:
    async with RemoteSigner(relay.url) as signer:
        signer.approval_url = "https://signer.example.com/approve?x=1"
        message = await refused(pair(signer.uri), "denied")
        assert signer.approval_url in message
        signer.approval_url = "javascript:alert(1)"
        assert "javascript" not in await refused(pair(signer.uri), "denied")
        signer.approval_url = None
        assert (await pair(signer.uri))[0] == signer.pubkey
        assert len({request["app"] for request in signer.requests}) == 1
        # Another organiser, or another address of the same signer, is somebody else.
        signer.forgets = True
    async with signer:
        await pair(signer.uri, wallet="another")
        assert len({request["app"] for request in signer.requests}) == 2


async def test_one_good_relay_of_three_is_enough(relay: LmdbRelay) -> None:
    async with SilentRelay() as silent, NoUpgrade() as mute, RemoteSigner(relay.url) as signer:
        uri = signer.uri_with(signer.secret, silent.url, mute.url, relay.url)
        pubkey, _ = await pair(uri)
        assert pubkey == signer.pubkey


async def test_a_relay_that_wants_to_know_who_asks_is_told_the_apps_key(app: FastAPI) -> None:
    """Never the organiser's: that it signs here is nobody's business but the signer's."""
    async with Auth() as relay:
        await refused(pair(RemoteSigner(relay.url).uri, SOON_S), "offline")
        assert len(set(relay.authenticated)) == 1
        assert [event["pubkey"] for event in relay.received] == [
            relay.authenticated[0] for _ in relay.received
        ]
        assert relay.received


async def test_relays_that_carry_nothing_are_not_waited_for(app: FastAPI) -> None:
    async with Refusing("blocked: not here") as refusing, Closing() as closing:
        started = time.monotonic()
        for relay in (refusing, closing):
            await refused(pair(RemoteSigner(relay.url).uri, 4.0), "offline")
        assert time.monotonic() - started < 4.0


async def test_a_signer_in_a_private_network_is_asked_only_where_that_is_allowed(
    relay: LmdbRelay,
) -> None:
    async with RemoteSigner(relay.url) as signer, nostr_settings(allow_private=False):
        message = await refused(pair(signer.uri, SOON_S), "offline")
        assert signer.requests == []
    assert "not allowed" in message


HEX = "ab" * 32


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "bunker://",
        f"bunker://{HEX}",
        f"bunker://{HEX}?secret=x",
        f"bunker://{HEX[:-2]}?relay=wss://a.example",
        f"bunker://{HEX}zz?relay=wss://a.example",
        f"bunker://user@{HEX}?relay=wss://a.example",
        f"bunker://{HEX}:80?relay=wss://a.example",
        f"bunker://{HEX}/path?relay=wss://a.example",
        f"bunker://{HEX}?relay=https://a.example",
        f"bunker://{HEX}?relay=wss://u:p@a.example",
        f"bunker://{HEX}?relay=wss://a.example&secret=" + "x" * 201,
        f"bunker://{HEX}?relay=wss://a.example&secret=%00",
        f"bunker://{HEX}?" + "&".join(["relay=wss://a.example"] * 60),
        f"nostrconnect://{HEX}?relay=wss://a.example&secret=x",
        f"https://{HEX}?relay=wss://a.example",
        "bunker://[::1?relay=wss://a.example",
        "x" * 5000,
    ],
)
async def test_what_is_no_signers_address_is_refused(app: FastAPI, uri: str) -> None:
    with pytest.raises(ext("errors").InvalidInput):
        address(uri)


async def test_of_many_relays_the_first_three_are_asked(app: FastAPI) -> None:
    names = "&".join(f"relay=wss%3A%2F%2F{n}.example%2F" for n in "aabcde")
    found = address(f" BUNKER://{HEX.upper()}?{names}&secret=a%2Bb\n")
    assert found.signer == HEX
    assert found.relays == ("wss://a.example", "wss://b.example", "wss://c.example")
    assert found.secret == "a+b"


async def test_nothing_of_a_pairing_is_logged_or_printed(relay: LmdbRelay) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, level=0)
    async with RemoteSigner(relay.url, secret=f"secret{uuid4().hex}") as signer:
        _, pairing = await pair(signer.uri)
        there = ext("nostr.bunker").BunkerSigner(pairing, signer.pubkey, SOON_S)
        await there.sign(unsigned())
    await refused(there.sign(unsigned()), "offline")
    logger.remove(sink)
    told = "\n".join([*lines, repr(pairing), repr(there), repr(vars(there))])
    assert signer.secret not in told
    assert pairing.app.secret_key().to_bech32() not in told
    assert pairing.app.secret_key().to_hex() not in told
