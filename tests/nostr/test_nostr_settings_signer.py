"""A remote signer as an organiser's key: met first, and not tried without end."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from nostr_sdk import Keys

from support.bunker import RemoteSigner
from support.direct import nostr_settings
from support.host import ENGINE, ext
from support.nostr_settings import ONE, changed, key_rows, own_key, put, told
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.relays import LmdbRelay

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(loop_scope="session")
async def relay(app: FastAPI) -> AsyncIterator[LmdbRelay]:
    async with LmdbRelay() as running, nostr_settings():
        yield running


async def test_a_signer_is_met_before_anything_is_stored(
    client: httpx.AsyncClient, seller: Person, relay: LmdbRelay
) -> None:
    async with RemoteSigner(relay.url) as signer:
        for uri, code in (
            (signer.uri_with("a wrong one"), "signer_denied"),
            (signer.uri_with(signer.secret, "ws://127.0.0.1:1"), "signer_offline"),
        ):
            async with nothing_written():
                answer = await put(client, seller, key={"mode": "bunker", "uri": uri})
                assert assert_refused(answer, 400) == code
                assert "wrong one" not in answer.text
        found = await changed(client, seller, key={"mode": "bunker", "uri": signer.uri})
        assert (found["key"]["mode"], found["key"]["pubkey"]) == ("bunker", signer.pubkey)
        [key] = await key_rows(seller)
        await changed(client, seller, key={"mode": "bunker", "uri": signer.uri})
        # The same identity, signed with here from now on: what was published stays valid.
        found = await changed(client, seller, key=own_key(signer.person))
    assert found["key"]["mode"] == "nsec"
    assert [other["id"] for other in await key_rows(seller)] == [key["id"]]


async def test_what_a_signer_fails_at_is_shown_until_it_works(
    client: httpx.AsyncClient, seller: Person, relay: LmdbRelay
) -> None:
    unsigned = ext("nostr.models").Unsigned(31923, 1, [["d", "x"]], "")
    async with RemoteSigner(relay.url) as signer:
        await changed(client, seller, relays=[relay.url], key={"mode": "bunker", "uri": signer.uri})
        _, key = await ext("nostr.accounts").ensure(seller.wallet)
        opened = await ext("nostr.keys").open_signer(key)
        signer.denied = {"sign_event"}
        with pytest.raises(ext("nostr.models").SignerFailed):
            await opened.sign(unsigned)
        assert "not today" in (await told(client, seller))["key"]["problem"]
        signer.denied = set()
        await opened.sign(unsigned)
        assert (await told(client, seller))["key"]["problem"] is None


async def test_a_signer_is_not_tried_without_end(
    client: httpx.AsyncClient, seller: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, now = ext("nostr.tries"), [0.0]
    bound = tries.Tries(per_wallet=2, within_s=60, at_once=5, clock=lambda: now[0])
    monkeypatch.setattr(ext("nostr.accounts"), "key_tries", bound)
    body = {"mode": "bunker", "uri": f"bunker://{'ab' * 32}?relay=wss://127.0.0.1:1"}
    for expected in ("signer_offline", "signer_offline", "too_many_requests"):
        answer = await put(client, seller, key=body)
        assert assert_refused(answer, 400, 429) == expected
    now[0] = 61.0
    assert assert_refused(await put(client, seller, key=body), 400) == "signer_offline"


async def test_only_so_many_signers_are_talked_to_at_once(app: FastAPI) -> None:
    tries, refused = ext("nostr.tries"), ext("errors").TooManyRequests
    bound = tries.Tries(per_wallet=9, within_s=60, at_once=2)
    with bound.one("a"), bound.one("b"):
        with pytest.raises(refused), bound.one("c"):
            pass
    with bound.one("c"):
        pass


async def test_a_key_is_not_changed_without_end(
    client: httpx.AsyncClient, seller: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each change stays in a row, and deletes whatever was published under the key before."""
    tries, now = ext("nostr.tries"), [0.0]
    bound = tries.Tries(per_wallet=2, within_s=60, at_once=5, clock=lambda: now[0])
    monkeypatch.setattr(ext("nostr.accounts"), "key_tries", bound)
    for _ in range(3):
        answer = await put(client, seller, key={"mode": "nsec", "nsec": "no key"})
        assert assert_refused(answer, 400) == "invalid_input"
    await changed(client, seller, key=own_key())
    await changed(client, seller, key={"mode": "generated"})
    # The one that signs already: nothing changes.
    await changed(client, seller, key={"mode": "generated"})
    async with nothing_written():
        answer = await put(client, seller, key=own_key())
        assert assert_refused(answer, 429) == "too_many_requests"
    assert len(await key_rows(seller)) == 2
    now[0] = 61.0
    await changed(client, seller, key=own_key())


def made_meanwhile(monkeypatch: pytest.MonkeyPatch, seller: Person) -> list[str]:
    """Another process makes this organiser's first key just before one is stored here. SQLite has
    one writer at a time, so there it is made in the same transaction. Returns its public key."""
    crud, accounts = ext("crud"), ext("nostr.crud_accounts")
    insert = accounts.insert_key
    made: list[str] = []

    async def late(tx: Any, values: Any) -> bool:
        if not made:
            other = ext("nostr.keys").generate()
            made.append(other.pubkey)
            row = other.row(seller.wallet, 0)
            if ENGINE == "sqlite":
                assert await insert(tx, row)
            else:
                async with crud.db.engine.begin() as raw:
                    assert await insert(crud.Tx(raw), row)
        stored: bool = await insert(tx, values)
        return stored

    monkeypatch.setattr(accounts, "insert_key", late)
    return made


async def test_a_key_that_was_given_takes_over_from_one_that_was_made_meanwhile(
    client: httpx.AsyncClient, seller: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Keys.generate()
    made = made_meanwhile(monkeypatch, seller)
    found = await changed(client, seller, relays=[ONE], key=own_key(own))
    assert (found["key"]["mode"], found["key"]["pubkey"]) == ("nsec", own.public_key().to_hex())
    old, new = await key_rows(seller)
    assert ([old["pubkey"]], old["retired_at"] is None) == (made, False)
    assert (new["pubkey"], new["retired_at"]) == (own.public_key().to_hex(), None)


async def test_of_two_keys_made_by_the_host_at_once_the_first_stays(
    client: httpx.AsyncClient, seller: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = made_meanwhile(monkeypatch, seller)
    found = await changed(client, seller, relays=[ONE])
    assert [found["key"]["pubkey"]] == [key["pubkey"] for key in await key_rows(seller)] == made
