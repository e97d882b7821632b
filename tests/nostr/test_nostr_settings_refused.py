"""Changes of Nostr settings that are refused, and those that come at the same time."""

import asyncio
import json

import httpx
import pytest
from nostr_sdk import Keys

from support.builders import Json
from support.direct import nostr_settings
from support.host import ext
from support.nostr_settings import ONE, TWO, URL, changed, key_rows, own_key, put, told
from support.people import Person
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    "body",
    [
        {"relays": None},
        {"relays": ONE},
        {"relays": [7]},
        {"relays": [None]},
        {"relays": [""]},
        {"relays": [f"wss://{n}.example.com" for n in range(6)]},
        {"relays": ["https://one.example.com"]},
        {"relays": ["wss://user:pass@one.example.com"]},
        {"relays": ["wss://one.example.com/#x"]},
        {"relays": ["wss://one.example.com:99999"]},
        {"relays": ["wss://" + "x" * 300 + ".example.com"]},
        {"relays": ["wss://one.example.com/\u0000"]},
        {"profile_name": "x" * 101},
        {"profile_name": "a\nb"},
        {"profile_name": 7},
        {"profile_name": "\ud800"},
        {"has_calendar": "yes"},
        {"has_calendar": None},
        {"version": "1"},
        {"version": None},
        {"unknown": 1},
        {"key": None},
        {"key": "nsec1"},
        {"key": []},
        {"key": {}},
        {"key": {"mode": "other"}},
        {"key": {"mode": "generated", "nsec": "x"}},
        {"key": {"mode": "generated", "uri": "x"}},
        {"key": {"mode": "nsec"}},
        {"key": {"mode": "nsec", "nsec": None}},
        {"key": {"mode": "nsec", "nsec": 7}},
        {"key": {"mode": "nsec", "nsec": ["x"]}},
        {"key": {"mode": "nsec", "nsec": ""}},
        {"key": {"mode": "nsec", "nsec": "x" * 3000}},
        {"key": {"mode": "nsec", "nsec": "0" * 64}},
        {"key": {"mode": "nsec", "nsec": "nsec1\u0000"}},
        {"key": {"mode": "nsec", "nsec": Keys.generate().public_key().to_bech32()}},
        {"key": {"mode": "bunker"}},
        {"key": {"mode": "bunker", "uri": "bunker://x?relay=wss://a.example"}},
        {"key": {"mode": "bunker", "uri": "nostrconnect://" + "ab" * 32 + "?relay=wss://a.b"}},
        {"key": {"mode": "bunker", "uri": "x", "nsec": "y"}},
    ],
)
async def test_bad_input_is_refused_and_nothing_is_stored(
    client: httpx.AsyncClient, seller: Person, body: Json
) -> None:
    sent = json.dumps({"has_calendar": True, **body})
    async with nothing_written():
        answer = await client.put(URL, content=sent, headers=seller.admin)
        assert assert_refused(answer, 400, about=sent) == "invalid_input"


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"7", b'"x"', b"{", b"\xff"])
async def test_what_is_no_object_is_refused(
    client: httpx.AsyncClient, seller: Person, content: bytes
) -> None:
    async with nothing_written():
        answer = await client.put(URL, content=content, headers=seller.admin)
        assert assert_refused(answer, 400) == "invalid_input"


PRIVATE = [
    "ws://one.example.com",
    "wss://localhost",
    "wss://relay.localhost",
    "wss://127.0.0.1",
    "wss://127.1",
    "wss://2130706433",
    "wss://0x7f.0.0.1",
    "wss://10.0.0.1",
    "wss://192.168.1.1",
    "wss://169.254.169.254",
    "wss://100.64.0.1",
    "wss://0.0.0.0",
    "wss://[::1]",
    "wss://[fc00::1]",
    "wss://[::ffff:127.0.0.1]",
    "wss://[64:ff9b::7f00:1]",
    "wss://relay",
    "wss://relay.local",
    "wss://relay.internal",
    "wss://one.example.com:22",
]


async def test_relays_in_private_networks_are_refused_unless_the_operator_allows_them(
    client: httpx.AsyncClient, seller: Person
) -> None:
    for url in PRIVATE:
        async with nothing_written():
            answer = await put(client, seller, relays=[ONE, url])
            assert assert_refused(answer, 400, about=url) == "invalid_input"
    async with nostr_settings():
        for url in PRIVATE:
            assert (await changed(client, seller, relays=[url]))["relays"] == [url]


async def test_a_stale_version_is_refused(client: httpx.AsyncClient, seller: Person) -> None:
    first = await changed(client, seller, relays=[ONE], version=0)
    async with nothing_written():
        answer = await put(client, seller, relays=[TWO], version=0)
        assert assert_refused(answer, 409) == "stale_version"
        answer = await put(client, seller, key=own_key(), version=7)
        assert assert_refused(answer, 409) == "stale_version"
    assert (await changed(client, seller, relays=[TWO], version=first["version"]))["version"] == 2


async def test_of_two_changes_with_one_version_one_is_made(
    client: httpx.AsyncClient, seller: Person
) -> None:
    await changed(client, seller, relays=[ONE])
    answers = await asyncio.gather(
        *(put(client, seller, key=own_key(), version=1) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    found = await key_rows(seller)
    assert [key["retired_at"] is None for key in found] == [False, True]


async def test_control_without_the_version_all_of_them_are_made(
    client: httpx.AsyncClient, seller: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await changed(client, seller, relays=[ONE])
    monkeypatch.setattr(ext("nostr.accounts"), "_require_version", lambda *_: None)
    answers = await asyncio.gather(
        *(put(client, seller, key=own_key(), version=1) for _ in range(4))
    )
    assert {answer.status_code for answer in answers} == {200}


async def test_changes_at_once_leave_one_key(client: httpx.AsyncClient, seller: Person) -> None:
    answers = await asyncio.gather(*(put(client, seller, key=own_key()) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(key["retired_at"] is None for key in await key_rows(seller)) == 1


async def test_i6_only_the_wallets_own_admin_key_reads_and_changes_them(
    client: httpx.AsyncClient, seller: Person, organiser: Person
) -> None:
    found = await changed(client, seller, relays=[ONE])
    for headers, status in (
        ({}, 401),
        ({"X-API-KEY": "0" * 32}, 404),
        (seller.invoice, 403),
        (seller.login, 401),
    ):
        async with nothing_written():
            for answer in (
                await client.get(URL, headers=headers),
                await client.put(URL, headers=headers, json={"relays": [TWO]}),
            ):
                assert_refused(answer, status)
                assert found["key"]["pubkey"] not in answer.text
    assert (await told(client, organiser)).get("npub") != found["npub"]
    assert await told(client, seller) == found
