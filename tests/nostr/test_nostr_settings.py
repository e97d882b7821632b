"""An organiser's Nostr settings over HTTP: relays, the key, the name, the calendar."""

import httpx
import pytest
from nostr_sdk import Keys

from support.builders import execute, row, rows
from support.direct import nostr_settings
from support.host import ext
from support.nostr_settings import ONE, TWO, changed, key_rows, own_key, put, told
from support.people import Person
from support.refusals import nothing_written
from support.trail import entries, together

pytestmark = pytest.mark.asyncio


async def test_before_the_first_change_nothing_is_set_and_reading_makes_nothing(
    client: httpx.AsyncClient, seller: Person
) -> None:
    async with nothing_written():
        found = await told(client, seller)
    assert found == {
        "relays": [],
        "uses_default_relays": True,
        "key": None,
        "npub": None,
        "profile_name": None,
        "has_calendar": False,
        "version": 0,
    }


async def test_who_names_relays_gets_a_key_and_what_is_left_out_stays(
    client: httpx.AsyncClient, seller: Person
) -> None:
    found = await changed(client, seller, relays=[f"{ONE}/", "WSS://TWO.example.com:443", ONE])
    assert found["relays"] == [ONE, TWO]
    assert found["uses_default_relays"] is False
    assert found["key"]["mode"] == "generated"
    assert found["key"]["problem"] is None
    assert found["npub"] == found["key"]["npub"]
    assert found["npub"].startswith("npub1")
    named = await changed(client, seller, profile_name="  Ada's Shows ", has_calendar=True)
    assert named == {**found, "profile_name": "Ada's Shows", "has_calendar": True, "version": 2}
    again = await changed(client, seller, profile_name=None, key={"mode": "generated"})
    assert again["profile_name"] is None
    assert again["key"] == found["key"], "the generated key stays"
    assert again["version"] == 3
    assert await changed(client, seller, has_calendar=True) == again, "nothing changed"
    assert len(await key_rows(seller)) == 1


async def test_who_names_no_relays_has_those_of_the_host(
    client: httpx.AsyncClient, seller: Person
) -> None:
    async with nostr_settings(ONE):
        found = await told(client, seller)
        assert (found["relays"], found["uses_default_relays"], found["key"]) == ([ONE], True, None)
        await changed(client, seller, relays=[TWO])
        found = await changed(client, seller, relays=[])
        assert (found["relays"], found["uses_default_relays"]) == ([ONE], True)


async def test_ones_own_key_takes_over_and_the_old_one_is_kept_for_deletions(
    client: httpx.AsyncClient, seller: Person
) -> None:
    own = Keys.generate()
    before = await changed(client, seller, relays=[ONE])
    document = await a_listing(seller)
    found = await changed(client, seller, key=own_key(own))
    assert found["key"]["mode"] == "nsec"
    assert found["key"]["pubkey"] == own.public_key().to_hex()
    assert found["npub"] == own.public_key().to_bech32()
    old, new = await key_rows(seller)
    assert (old["pubkey"], old["retired_at"] is None) == (before["key"]["pubkey"], False)
    assert (new["pubkey"], new["retired_at"]) == (found["key"]["pubkey"], None)
    assert await rev_of(document) == 2, "to be signed by the new key"
    # The same key again, in other words: it stays, and is stored anew.
    digits = {"mode": "nsec", "nsec": own.secret_key().to_hex() + "\n"}
    again = await changed(client, seller, key=digits)
    assert again["key"] == found["key"]
    assert [key["id"] for key in await key_rows(seller)] == [old["id"], new["id"]]
    other = await changed(client, seller, key={"mode": "generated"})
    assert other["key"]["pubkey"] not in (old["pubkey"], new["pubkey"])


async def test_a_key_that_could_not_be_read_is_mended_by_setting_it_again(
    client: httpx.AsyncClient, seller: Person
) -> None:
    own = Keys.generate()
    await changed(client, seller, relays=[ONE], key=own_key(own))
    await execute(
        "UPDATE events.nostr_keys SET secret = 'lost', problem = 'It is lost.' WHERE wallet = :w",
        w=seller.wallet,
    )
    assert (await told(client, seller))["key"]["problem"] == "It is lost."
    assert (await changed(client, seller, key=own_key(own)))["key"]["problem"] is None
    found = await ext("nostr.accounts").ensure(seller.wallet)
    signer = await ext("nostr.keys").open_signer(found[1])
    assert signer.pubkey == own.public_key().to_hex()


async def a_listing(person: Person) -> str:
    """A document of the organiser's, as it is when an event was published."""
    document = f"listing:{person.wallet}"
    await execute(
        "INSERT INTO events.nostr_documents (id, purpose, wallet) VALUES (:id, 'listing', :w)",
        id=document,
        w=person.wallet,
    )
    return document


async def rev_of(document: str) -> int:
    found = await row("SELECT rev FROM events.nostr_documents WHERE id = :id", id=document)
    return int(found["rev"])


async def test_when_relays_change_their_lanes_do(client: httpx.AsyncClient, seller: Person) -> None:
    await changed(client, seller, relays=[ONE, TWO])
    document = await a_listing(seller)
    for url in (ONE, TWO):
        await execute(
            "INSERT INTO events.nostr_lanes (document_id, relay) VALUES (:id, :url)",
            id=document,
            url=url,
        )
    await changed(client, seller, relays=[TWO, "wss://three.example.com"])
    lanes = await rows("SELECT relay FROM events.nostr_lanes WHERE document_id = :d", d=document)
    assert [lane["relay"] for lane in lanes] == [TWO]
    assert await rev_of(document) == 2
    async with ext("crud").transaction() as tx:
        await ext("nostr.accounts").follow_defaults(tx, [ONE])
    assert await rev_of(document) == 2, "this organiser has relays of their own"
    await changed(client, seller, relays=[])
    async with ext("crud").transaction() as tx:
        await ext("nostr.accounts").follow_defaults(tx, [ONE])
    assert await rev_of(document) == 4


async def test_the_log_says_who_changed_what_and_no_secret(
    client: httpx.AsyncClient, seller: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Keys.generate()
    key = own_key(own)
    await changed(client, seller, relays=[ONE])

    async def send() -> httpx.Response:
        return await put(client, seller, relays=[TWO], profile_name="Ada", key=key)

    done = await together(send, None, monkeypatch)
    before = (await key_rows(seller))[0]["pubkey"]
    log = {entry[4]: entry for entry in done.added}
    common = f"admin_key:{seller.wallet}", "update", "nostr_settings", seller.wallet
    assert log == {
        "relays": (*common, "relays", [ONE], [TWO]),
        "profile_name": (*common, "profile_name", None, "Ada"),
        "key_mode": (*common, "key_mode", "generated", "nsec"),
        "pubkey": (*common, "pubkey", before, own.public_key().to_hex()),
    }
    everything = str(await entries(None)) + done.answer.text
    assert key["nsec"] not in everything
    assert own.secret_key().to_hex() not in everything
    assert (await key_rows(seller))[1]["secret"] not in everything
