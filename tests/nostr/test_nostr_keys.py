"""Organisers' keys: what is stored comes back, signs, and is told to nobody."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from loguru import logger
from nostr_sdk import Event, Keys, NostrSigner, UnwrappedGift
from pydantic import SecretStr

from support.builders import Json, execute, row, rows
from support.direct import nostr_settings
from support.host import ext

pytestmark = pytest.mark.asyncio

RELAY = "ws://127.0.0.1:1"
OFF_CURVE = f"{5:064x}"


def a_wallet() -> str:
    return uuid4().hex


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lines.append, level=0, backtrace=True, diagnose=True)
    try:
        yield lines
    finally:
        logger.remove(sink)


async def stored(wallet: str, new: Any) -> Any:
    """The key of a wallet, after its row was written."""
    crud = ext("nostr.crud_accounts")
    async with ext("crud").transaction() as tx:
        assert await crud.insert_key(tx, new.row(wallet, 1))
    return await active(wallet)


async def active(wallet: str) -> Any:
    async with ext("crud").reading() as tx:
        return await ext("nostr.crud_accounts").active_key(tx, wallet)


def read_nsec(text: str) -> Any:
    return ext("nostr.keys").read_nsec(SecretStr(text))


def unsigned(*tags: list[str], content: str = "words", kind: int = 31923) -> Any:
    return ext("nostr.models").Unsigned(kind, int(time.time()), list(tags), content)


async def failure(wanted: Any) -> Any:
    with pytest.raises(ext("nostr.models").SignerFailed) as failed:
        await wanted
    return failed.value


@pytest.mark.parametrize(
    "form", ["nsec", "hex", "line end", "capitals", "capital hex", "mixed hex"]
)
async def test_a_key_is_the_same_after_it_was_stored_however_it_was_written(
    app: FastAPI, form: str
) -> None:
    own = Keys.generate()
    nsec, digits = own.secret_key().to_bech32(), own.secret_key().to_hex()
    given = {
        "nsec": nsec,
        "hex": digits,
        "line end": f"  {nsec}\r\n",
        "capitals": nsec.upper(),
        "capital hex": digits.upper(),
        "mixed hex": digits[:20].upper() + digits[20:],
    }[form]
    key = await stored(a_wallet(), read_nsec(given))
    assert key.pubkey == own.public_key().to_hex()
    assert digits not in key.secret
    assert nsec not in key.secret
    signer = await ext("nostr.keys").open_signer(key)
    event = Event.from_json(await signer.sign(unsigned(["d", "x"])))
    assert event.verify()
    assert event.author().to_hex() == key.pubkey


NO_KEYS = [
    "",
    "nsec1",
    "0" * 64,
    "f" * 64,
    "1" * 63,
    "nsec1ü",
    "x" * 100_000,
    "\ud800",
    "bunker://x",
    "npub1xtscya34g58tk0z605fvr788k263gsu6cy9x0mhnm87echrgufzsevkk5s",
    "nprofile1qqs",
    "ncryptsec1qqs",
    "nsec1" + "q" * 58,
]


@pytest.mark.parametrize("given", NO_KEYS, ids=range(len(NO_KEYS)))
async def test_what_is_no_secret_key_is_refused_in_words_that_do_not_quote_it(
    app: FastAPI, given: str
) -> None:
    with pytest.raises(ext("errors").InvalidInput) as refused:
        read_nsec(given)
    assert len(given) < 6 or given not in refused.value.message


async def test_the_hosts_cipher_spoils_64_digits_and_the_vault_does_not(app: FastAPI) -> None:
    from lnbits.helpers import decrypt_internal_message, encrypt_internal_message

    digits = "a" * 64
    assert decrypt_internal_message(encrypt_internal_message(digits)) != digits
    vault = ext("nostr.vault")
    for length in range(1, 100):
        assert vault.unlock(vault.lock("x" * length)) == "x" * length
    assert vault.unlock(vault.lock("ü" * 8)) == "ü" * 8


async def test_a_key_that_would_not_come_back_is_not_stored(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The round trip is made before anything is stored, and not believed."""
    nsec = Keys.generate().secret_key().to_bech32()
    monkeypatch.setattr(ext("nostr.vault"), "encrypt_internal_message", lambda _: "U2FsdGVkX18=")
    with pytest.raises(ext("errors").InvalidInput) as refused:
        read_nsec(nsec)
    assert "encryption failed" in refused.value.message
    assert nsec not in refused.value.message


async def test_under_another_auth_secret_the_organiser_is_told_and_nothing_is_signed(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lnbits.settings import settings

    keys = ext("nostr.keys")
    key = await stored(a_wallet(), keys.generate())
    before = settings.auth_secret_key
    # Of many wrong secrets some give readable junk: the cipher has no seal.
    for number in range(100):
        monkeypatch.setattr(settings, "auth_secret_key", f"another {number}")
        failed = await failure(keys.open_signer(key))
        assert failed.code == "broken"
        assert "AUTH_SECRET_KEY" in failed.message
    told = await active(key.wallet)
    assert told.problem == failed.message
    monkeypatch.setattr(settings, "auth_secret_key", before)
    signer = await keys.open_signer(told)
    await signer.sign(unsigned(["d", "x"]))
    assert (await active(key.wallet)).problem is None, "it works again"


async def test_the_secret_of_another_row_does_not_sign_for_this_one(app: FastAPI) -> None:
    keys = ext("nostr.keys")
    key, other = [await stored(a_wallet(), keys.generate()) for _ in range(2)]
    await execute(
        "UPDATE events.nostr_keys SET secret = :secret WHERE id = :id",
        secret=other.secret,
        id=key.id,
    )
    failed = await failure(keys.open_signer(await active(key.wallet)))
    assert failed.code == "broken"


async def test_no_secret_is_in_a_log_an_exception_or_a_repr(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lnbits.settings import settings

    own, keys = Keys.generate(), ext("nostr.keys")
    nsec, digits = own.secret_key().to_bech32(), own.secret_key().to_hex()
    given, wrong = SecretStr(nsec), SecretStr(nsec[:-1] + "qq")
    with everything_logged() as lines:
        new = keys.read_nsec(given)
        key = await stored(a_wallet(), new)
        signer = await keys.open_signer(key)
        body = ext("nostr.bodies").NostrSettingsBody(key={"mode": "nsec", "nsec": nsec})
        lines += [repr(new), repr(key), repr(signer), repr(vars(signer)), repr(body), str(body)]
        with pytest.raises(ext("errors").InvalidInput) as refused:
            keys.read_nsec(wrong)
        monkeypatch.setattr(settings, "auth_secret_key", "another one")
        failed = await failure(keys.open_signer(key))
        for error in (refused.value, failed):
            logger.opt(exception=error).error("failed")
            lines.append(repr(error))
    told = "\n".join(lines)
    assert nsec[5:-8] not in told
    assert digits[:40] not in told
    assert key.secret not in told


async def test_signing_keeps_every_tag_also_one_that_names_oneself(app: FastAPI) -> None:
    signer = await ext("nostr.keys").open_signer(
        await stored(a_wallet(), ext("nostr.keys").generate())
    )
    tags = [["d", "x"], ["p", signer.pubkey, "", "host"], ["t", "ü"], ["t", "ü"], ["r", ""]]
    asked = unsigned(*tags, content="line\nline 🎫")
    event: Json = json.loads(await signer.sign(asked))
    assert event["tags"] == tags
    assert (event["kind"], event["created_at"], event["content"]) == (
        31923,
        asked.created_at,
        asked.content,
    )
    failed = await failure(signer.sign(unsigned(["d"], [])))
    assert failed.code == "broken"


async def test_a_message_is_opened_by_its_recipient_alone_who_may_be_oneself(app: FastAPI) -> None:
    own, bob, keys = Keys.generate(), Keys.generate(), ext("nostr.keys")
    key = await stored(a_wallet(), read_nsec(own.secret_key().to_hex()))
    signer = await keys.open_signer(key)
    for reader in (bob, own):
        tags = [["subject", "Ticket"]]
        wrap = Event.from_json(await signer.wrap(reader.public_key().to_hex(), "Hello 🎫", tags))
        assert wrap.verify()
        assert wrap.kind().as_u16() == 1059
        assert wrap.author().to_hex() not in (key.pubkey, bob.public_key().to_hex())
        gift = await UnwrappedGift.from_gift_wrap(NostrSigner.keys(reader), wrap)
        message = json.loads(gift.rumor().as_json())
        assert gift.sender().to_hex() == message["pubkey"] == key.pubkey
        assert (message["kind"], message["content"]) == (14, "Hello 🎫")
        assert message["tags"] == [["p", reader.public_key().to_hex()], ["subject", "Ticket"]]
        assert len(message["id"]) == 64


async def test_a_recipient_nobody_could_be_is_no_fault_of_the_key(app: FastAPI) -> None:
    key = await stored(a_wallet(), ext("nostr.keys").generate())
    signer = await ext("nostr.keys").open_signer(key)
    for whom in (OFF_CURVE, "0" * 64, "zz", ""):
        failed = await failure(signer.wrap(whom, "Hello", []))
        assert failed.code == "recipient"
    assert (await active(key.wallet)).problem is None


async def test_a_relay_that_asks_who_we_are_is_told_by_a_signed_event(app: FastAPI) -> None:
    keys = ext("nostr.keys")
    signer = await keys.open_signer(await stored(a_wallet(), keys.generate()))
    sign_auth = await keys.sign_auth_of(signer)
    event = json.loads(await sign_auth("a challenge", "wss://relay.example.com"))
    assert event["kind"] == 22242
    assert event["tags"] == [["relay", "wss://relay.example.com"], ["challenge", "a challenge"]]
    assert event["pubkey"] == signer.pubkey


async def test_an_organiser_with_relays_gets_one_key_and_one_without_gets_none(
    app: FastAPI,
) -> None:
    accounts, wallet = ext("nostr.accounts"), a_wallet()
    assert await accounts.ensure(wallet) is None
    async with nostr_settings(RELAY):
        found = await asyncio.gather(*(accounts.ensure(wallet) for _ in range(5)))
        assert len({key.id for _, key in found}) == 1
        assert {account.relays for account, _ in found} == {(RELAY,)}
        assert found[0][1].mode == "generated"
        async with ext("crud").reading() as tx:
            assert await accounts.find(tx, wallet) == found[0]
            assert await accounts.get_key(tx, found[0][1].id) == found[0][1]
            assert await accounts.get_key(tx, "none") is None
    assert await accounts.ensure(wallet) is None, "nowhere to publish to any more"
    assert len(await rows("SELECT id FROM events.nostr_keys WHERE wallet = :w", w=wallet)) == 1


async def test_a_wallet_never_has_two_active_keys(app: FastAPI) -> None:
    """Two processes that make one at once: the database takes one."""
    wallet, crud, keys = a_wallet(), ext("nostr.crud_accounts"), ext("nostr.keys")
    await stored(wallet, keys.generate())
    async with ext("crud").transaction() as tx:
        assert not await crud.insert_key(tx, keys.generate().row(wallet, 1))
    kept = await row("SELECT COUNT(*) AS n FROM events.nostr_keys WHERE wallet = :w", w=wallet)
    assert kept["n"] == 1
