"""Whom an npub, an nprofile or a NIP-05 name means, and what a name's server may not make us do."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from nostr_sdk import Keys, Nip19Profile, PublicKey, RelayUrl

from support.host import ext
from support.name_server import DOMAIN, Authority, NameServer, the_names_resolve_to

pytestmark = pytest.mark.asyncio

BOBS_KEY = Keys.generate().public_key().to_hex()


def npub(pubkey: str) -> str:
    return str(PublicKey.parse(pubkey).to_bech32())


# Parsed without complaint, and on no curve.
NO_POINT = "f" * 64


def bounds(allow_private: bool, timeout_s: float = 2.0) -> Any:
    return ext("nostr.transport").Reach(allow_private=allow_private, timeout_s=timeout_s)


async def look_up(name: str, allow_private: bool = True, timeout_s: float = 2.0) -> Any:
    return await ext("nostr.nip05").look_up(name, bounds(allow_private, timeout_s))


async def trouble(name: str, allow_private: bool = True, timeout_s: float = 2.0) -> tuple[str, str]:
    """How looking a name up ends: the exception's class, and its code."""
    delivery = ext("outbox.delivery")
    try:
        found = await look_up(name, allow_private, timeout_s)
    except (delivery.Undeliverable, delivery.TryLater) as error:
        assert error.message.endswith(".")
        return type(error).__name__, error.code
    raise AssertionError(f"{name} is {found}")


UNKNOWN = ("Undeliverable", "name_unknown")
UNREACHABLE = ("TryLater", "name_unreachable")


@pytest.fixture(autouse=True)
def asked_anew(app: object) -> Iterator[None]:
    ext("nostr.nip05").forget()
    yield
    ext("nostr.nip05").forget()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusting(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.trusted_by(monkeypatch)


@pytest_asyncio.fixture(loop_scope="session")
async def names(authority: Authority) -> AsyncIterator[NameServer]:
    async with NameServer(authority.context(DOMAIN, "127.0.0.1", "localhost")) as running:
        running.knows("bob", BOBS_KEY)
        yield running


async def test_keys_are_read_as_people_paste_them(app: object) -> None:
    read = ext("nostr.recipients").read_key
    bob = npub(BOBS_KEY)
    for text in (bob, bob.upper(), f" {bob}\n"):
        assert (read(text).pubkey, read(text).hints) == (BOBS_KEY, ())
    told = ["wss://A.example", "wss://a.example/", "wss://b.example:443/in?x=1", "ws://127.0.0.1:7"]
    profile = Nip19Profile(
        PublicKey.parse(BOBS_KEY), [RelayUrl.parse(url) for url in told]
    ).to_bech32()
    found = read(profile)
    assert found.pubkey == BOBS_KEY
    assert found.hints == ("wss://a.example", "wss://b.example/in?x=1", "ws://127.0.0.1:7")
    many = [RelayUrl.parse(f"wss://r{n}.example") for n in range(20)]
    assert len(read(Nip19Profile(PublicKey.parse(BOBS_KEY), many).to_bech32()).hints) == 5


async def test_what_is_no_key_is_refused(app: object) -> None:
    read, delivery = ext("nostr.recipients").read_key, ext("outbox.delivery")
    bob = npub(BOBS_KEY)
    no_point = Nip19Profile(PublicKey.parse(NO_POINT), []).to_bech32()
    bad = [
        "",
        "npub1",
        bob[:-1],
        bob[:-1] + "b",
        "nprofile1" + bob[5:],
        Keys.generate().secret_key().to_bech32(),
        BOBS_KEY,
        NO_POINT,
        no_point,
        npub(NO_POINT),
        "npub1\ud800",
        "x" * 10_000,
    ]
    for text in bad:
        with pytest.raises(delivery.Undeliverable) as refused:
            read(text)
        assert refused.value.code == "bad_key", text
        assert "nsec" not in refused.value.message


NO_NAMES = [
    "bob@127.0.0.1",
    "bob@localhost:8080",
    "bob@localhost",
    "bob@evil.com/x?y=",
    "bob@evil.com?y=",
    "bob@evil.com#x",
    "a@b@c.com",
    "@example.com",
    "bob@",
    "@",
    "",
    "bob@example.com:8443",
    "bob@[::1]",
    "bob@::1",
    "bob@2130706433",
    "bob@0x7f.1",
    "bob@example..com",
    "bob@-example.com",
    "bob@example.com.",
    "b ob@example.com",
    "bob@exam ple.com",
    "bob\r\nHost: x@example.com",
    "bob%00@example.com",
    "b\u00f6b@example.com",
    "bob@ex\u00e4mple.com",
    "bob@" + "a" * 64 + ".com",
    "b" * 65 + "@example.com",
    "bob@" + "a.b" * 100 + ".com",
    "user:pw@example.com",
    "bob&name=eve@example.com",
]


async def test_what_is_no_public_name_is_refused_without_asking_anybody(
    app: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with the_names_resolve_to(monkeypatch, [("127.0.0.1", 1)]) as asked:
        for name in NO_NAMES:
            assert await trouble(name, allow_private=False) == UNKNOWN, name
    assert asked == []


async def test_a_name_is_asked_of_its_domain_over_tls_at_the_address_that_was_judged(
    names: NameServer, trusting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.knows("a-b.c_d", BOBS_KEY, ["not a url", 7, None, "wss://x.example", "wss://\ud800"])
    with the_names_resolve_to(monkeypatch, [("127.0.0.1", names.port)]) as asked:
        for name in (f"bob@{DOMAIN}", f" BoB@{DOMAIN.upper()} "):
            assert (await look_up(name)).pubkey == BOBS_KEY
        assert (await look_up(f"a-b.c_d@{DOMAIN}")).hints == ("wss://x.example",)
    # The second was known from the first.
    assert asked == [DOMAIN, DOMAIN]
    assert names.shown == [DOMAIN, DOMAIN]
    assert [head.split("\r\n")[0] for head in names.requests] == [
        "GET /.well-known/nostr.json?name=bob HTTP/1.1",
        "GET /.well-known/nostr.json?name=a-b.c_d HTTP/1.1",
    ]
    assert all(f"\r\nHost: {DOMAIN}\r\n" in head for head in names.requests)


async def test_a_certificate_of_another_name_or_of_nobody_known_is_not_believed(
    authority: Authority, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with the_names_resolve_to(monkeypatch, [("127.0.0.1", names.port)]):
        assert await trouble(f"bob@{DOMAIN}") == UNREACHABLE
    authority.trusted_by(monkeypatch)
    async with NameServer(authority.context("other.example.org")) as other:
        other.knows("bob", BOBS_KEY)
        with the_names_resolve_to(monkeypatch, [("127.0.0.1", other.port)]):
            assert await trouble(f"bob@{DOMAIN}") == UNREACHABLE
        assert other.requests == []


PRIVATE = [
    "127.0.0.1",
    "10.0.0.7",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "::1",
    "fc00::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
]


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_into_a_private_network_is_not_followed(
    names: NameServer, trusting: None, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    # Whatever else it leads to, one private address spoils it.
    for found in ([(address, names.port)], [("93.184.216.34", 443), (address, names.port)]):
        with the_names_resolve_to(monkeypatch, found) as asked:
            assert await trouble(f"bob@{DOMAIN}", allow_private=False) == UNKNOWN
        assert asked == [DOMAIN]
    assert names.requests == names.shown == []


async def test_a_name_that_resolves_anew_to_a_private_address_finds_no_second_look_up(
    names: NameServer, trusting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: judged once, and connected to what was judged."""
    patched = ext("nostr.nip05")
    went: list[Any] = []

    async def connect(*args: Any, **_: Any) -> Any:
        went.append(args)
        raise httpx.ConnectError("stopped here")

    answers = [[("93.184.216.34", 443)], [("127.0.0.1", names.port)]]
    with the_names_resolve_to(monkeypatch, *answers) as asked:
        with monkeypatch.context() as stopped:
            stopped.setattr(patched, "_get", connect)
            assert await trouble(f"bob@{DOMAIN}", allow_private=False) == UNREACHABLE
        assert asked == [DOMAIN]
    assert "93.184.216.34" in str(went)
    assert names.requests == names.shown == []


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


WRONG = {
    "html": b"<!doctype html><h1>It works!</h1>",
    "empty": b"",
    "junk": b"{" * 100,
    "deep": b"[" * 60_000,
    "list": b"[]",
    "number": b"1" * 5_000,
    "no_names": _json({"relays": {}}),
    "odd_names": _json({"names": ["bob"]}),
    "somebody_else": _json({"names": {"eve": BOBS_KEY}}),
    "no_text": _json({"names": {"no_text": [BOBS_KEY]}}),
    "npub": _json({"names": {"npub": npub(BOBS_KEY)}}),
    "short": _json({"names": {"short": BOBS_KEY[:-1]}}),
    "newline": _json({"names": {"newline": BOBS_KEY + "\n"}}),
    "no_point": _json({"names": {"no_point": NO_POINT}}),
    "utf16": "\ud83d".encode("utf-16", "surrogatepass"),
    "oversize": _json({"names": {"oversize": BOBS_KEY}, "x": "x" * 65_536}),
}


@pytest.mark.parametrize("name", WRONG)
async def test_an_answer_that_is_not_one_means_nobody(
    names: NameServer, trusting: None, name: str
) -> None:
    names.says(name, WRONG[name])
    assert await trouble(f"{name}@127.0.0.1:{names.port}") == UNKNOWN
    assert len(names.requests) == 1


async def test_redirects_are_not_followed_and_packed_answers_not_unpacked(
    names: NameServer, trusting: None
) -> None:
    elsewhere = f"https://127.0.0.1:{names.port}/.well-known/nostr.json?name=bob"
    body = _json({"names": {"moved": BOBS_KEY, "packed": BOBS_KEY}})
    for status in (301, 302, 303, 307, 308):
        names.says("moved", body, status, Location=elsewhere)
        assert await trouble(f"moved@127.0.0.1:{names.port}") == UNKNOWN
    names.says("packed", body, Content_Encoding="gzip")
    assert await trouble(f"packed@127.0.0.1:{names.port}") == UNKNOWN
    assert len(names.requests) == 6


async def test_a_server_in_trouble_is_asked_again_later_and_nobody_waits_long(
    names: NameServer, trusting: None
) -> None:
    where = f"127.0.0.1:{names.port}"
    for status in (429, 500, 503):
        names.says("busy", b"", status)
        assert await trouble(f"busy@{where}") == UNREACHABLE
    for status in (400, 403, 404):
        names.says("gone", b"", status)
        assert await trouble(f"gone@{where}") == UNKNOWN
    for odd in ("127.0.0.1:0", "127.0.0.1:99999", "localhost:65536"):
        assert await trouble(f"bob@{odd}") == UNKNOWN, odd
    assert await trouble("bob@127.0.0.1:1") == UNREACHABLE
    names.hangs("silent")
    assert await trouble(f"silent@{where}", timeout_s=0.2) == UNREACHABLE
    # What went wrong is not remembered.
    names.knows("silent", BOBS_KEY)
    assert (await look_up(f"silent@{where}")).pubkey == BOBS_KEY


async def test_closed_networks_may_do_without_tls_only_where_private_relays_are_allowed(
    app: object,
) -> None:
    async with NameServer(None) as plain:
        plain.knows("bob", BOBS_KEY, [f"wss://r{n}.example" for n in range(9)])
        found = await look_up(f"bob@localhost:{plain.port}")
        assert (found.pubkey, len(found.hints)) == (BOBS_KEY, 5)
        asked = len(plain.requests)
        assert await trouble(f"bob@localhost:{plain.port}", allow_private=False) == UNKNOWN
        assert len(plain.requests) == asked == 1


async def test_known_names_are_few_and_for_minutes_only(
    names: NameServer, trusting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    nip05 = ext("nostr.nip05")
    monkeypatch.setattr(nip05, "_MAX_KEPT", 2)
    for name in ("bob", "n1", "n2", "bob"):
        names.knows(name, BOBS_KEY)
        await look_up(f"{name}@127.0.0.1:{names.port}")
    assert len(names.requests) == 4
    monkeypatch.setattr(nip05, "_KEPT_S", 0.0)
    names.knows("n3", BOBS_KEY)
    for _ in range(2):
        await look_up(f"n3@127.0.0.1:{names.port}")
    assert len(names.requests) == 6
