"""Organisers' Nostr settings: per wallet, relays and one key that signs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from ..audit.services import differences, record
from ..clock import now, to_ms
from ..crud import Tx, reading, transaction
from ..errors import InvalidInput, SignerUnusable, StaleVersion
from ..settings import InstanceSettings, read_settings
from . import crud_accounts, crud_documents, crud_due, crud_lanes, keys
from .addresses import is_open_port, is_public
from .bodies import KeyBody, NostrSettingsBody
from .bunker_address import BunkerAddress
from .crud_accounts import Stored
from .models import Account, Key, KeyMode, SignerFailed
from .tries import key_tries

# RFC 6761, RFC 6762, RFC 8375, and what ICANN keeps for private networks.
_PRIVATE_NAMES = frozenset({"localhost", "local", "arpa", "internal"})
_CHANGED_MEANWHILE = "The Nostr settings were changed meanwhile. Please load them again."


@dataclass(frozen=True)
class View:
    """An account as its organiser sees it: `account.relays` are those in use."""

    account: Account
    uses_default_relays: bool
    key: Key | None
    version: int


async def find(tx: Tx, wallet: str) -> tuple[Account, Key] | None:
    """A wallet's account, with the relays in use, and its key. None: it publishes nothing."""
    view = await _view(tx, wallet)
    return (view.account, view.key) if view.key and view.account.relays else None


async def get_key(tx: Tx, key_id: str) -> Key | None:
    """Also one that is retired."""
    return await crud_accounts.get_key(tx, key_id)


async def ensure(wallet: str) -> tuple[Account, Key] | None:
    """As `find`, but an organiser with relays and without a key gets a generated one."""
    async with reading() as tx:
        view = await _view(tx, wallet)
    if not view.account.relays:
        return None
    if view.key is None:
        made = keys.generate().row(wallet, to_ms(now()))
        async with transaction() as tx:
            await crud_accounts.insert_key(tx, made)
            return await find(tx, wallet)
    return view.account, view.key


async def follow_defaults(tx: Tx, relays: Sequence[str]) -> None:
    """The host's own relays have changed: so have those of organisers who named none."""
    for wallet in await crud_accounts.list_following_defaults(tx):
        await crud_documents.bump_wallet(tx, wallet)
        await crud_lanes.drop_relays(tx, wallet, relays)


async def read_account(wallet: str) -> View:
    async with reading() as tx:
        return await _view(tx, wallet)


async def _view(tx: Tx, wallet: str) -> View:
    stored = await crud_accounts.get_account(tx, wallet)
    key = await crud_accounts.active_key(tx, wallet)
    return _seen(stored, key, await read_settings(tx))


def _seen(stored: Stored, key: Key | None, settings: InstanceSettings) -> View:
    own = stored.account.relays
    in_use = replace(stored.account, relays=own or tuple(settings.default_relays))
    return View(in_use, not own, key, stored.version)


async def change_account(wallet: str, body: NostrSettingsBody, moment: datetime) -> View:
    """Store what is given; the rest keeps its value. A key is tried first.

    Raises InvalidInput, StaleVersion, SignerUnusable, TooManyRequests.
    """
    async with reading() as tx:
        before = await _view(tx, wallet)
        _refuse_private(body.relays or [], await read_settings(tx))
    _require_version(before.version, body.version)
    new_key = await _try_key(wallet, body.key, before.key) if body.key else None
    async with transaction() as tx:
        stored = await crud_accounts.lock_account(tx, wallet, to_ms(moment))
        _require_version(stored.version, body.version)
        key = await crud_accounts.active_key(tx, wallet)
        settings = await read_settings(tx)
        given = body.dict(include={"profile_name", "has_calendar"}, exclude_unset=True)
        if body.relays is not None:
            given["relays"] = tuple(body.relays)
        changed = Stored(replace(stored.account, **given), stored.version)
        was, will = _seen(stored, key, settings), _seen(changed, key, settings)
        if new_key is None and key is None and will.account.relays:
            new_key = keys.generate()
        if new_key is not None:
            await _take_key(tx, key, new_key, wallet, moment)
        if new_key is not None or changed != stored:
            await _store(tx, changed.account, was, will, moment)
        return await _view(tx, wallet)


async def _store(tx: Tx, account: Account, was: View, will: View, moment: datetime) -> None:
    """A change, and what follows: everything is to be signed again, or sent elsewhere."""
    await crud_accounts.save_account(tx, account, to_ms(moment))
    await crud_documents.bump_wallet(tx, account.wallet)
    if set(was.account.relays) != set(will.account.relays):
        await crud_lanes.drop_relays(tx, account.wallet, will.account.relays)
    key = await crud_accounts.active_key(tx, account.wallet)
    told = differences(
        "update",
        "nostr_settings",
        account.wallet,
        None,
        _told(was, was.key),
        _told(will, key),
    )
    await record(tx, told)


def _told(view: View, key: Key | None) -> dict[str, object]:
    return {
        "relays": [] if view.uses_default_relays else list(view.account.relays),
        "profile_name": view.account.profile_name,
        "has_calendar": view.account.has_calendar,
        "key_mode": key.mode.value if key else None,
        "pubkey": key.pubkey if key else None,
    }


async def _take_key(
    tx: Tx, key: Key | None, new: keys.NewKey, wallet: str, moment: datetime
) -> None:
    """The new key signs from now on, also when `ensure` has made one for another process since
    `key` was read. Raises StaleVersion."""
    if key is not None and key.pubkey == new.pubkey:
        # The same author: what was published stays valid, whoever signs the next version.
        await crud_accounts.replace_secret(tx, key.id, new.mode, new.secret)
        return
    if key is not None:
        await crud_accounts.retire_key(tx, key.id, to_ms(moment))
    row = new.row(wallet, to_ms(moment))
    if not await crud_accounts.insert_key(tx, row):
        made = await crud_accounts.active_key(tx, wallet)
        if made and made.mode is new.mode is KeyMode.GENERATED:
            # By whoever signs: it may be in use, and is as good.
            return
        if made:
            await crud_accounts.retire_key(tx, made.id, to_ms(moment))
        if not await crud_accounts.insert_key(tx, row):
            raise StaleVersion(_CHANGED_MEANWHILE)
    # It may be the author of before: who paired it anew cannot sign by the old pairing.
    await crud_due.hand_over(tx, wallet, new.pubkey, str(row["id"]))


async def _try_key(wallet: str, body: KeyBody, key: Key | None) -> keys.NewKey | None:
    """None: the key that signs already is meant. What has not the form of a key counts as no try.

    Raises InvalidInput, SignerUnusable, TooManyRequests.
    """
    if body.mode is KeyMode.GENERATED:
        if key is not None and key.mode is KeyMode.GENERATED and key.problem is None:
            return None
        with key_tries.one(wallet):
            return keys.generate()
    if body.mode is KeyMode.NSEC:
        given = keys.read_nsec(body.secret)
        with key_tries.one(wallet):
            return given
    address = BunkerAddress.parse(body.secret)
    with key_tries.one(wallet):
        try:
            return await keys.meet_bunker(wallet, address)
        except SignerFailed as exc:
            raise SignerUnusable(exc.code, exc.message) from exc


def _require_version(current: int, wanted: int | None) -> None:
    if wanted is not None and wanted != current:
        raise StaleVersion(_CHANGED_MEANWHILE)


def _refuse_private(relays: Sequence[str], settings: InstanceSettings) -> None:
    """By form: where a name leads to is judged whenever it is connected to. Raises InvalidInput."""
    if settings.allow_private_relays:
        return
    for url in relays:
        parts = urlsplit(url)
        if parts.scheme != "wss":
            raise InvalidInput("A relay's address begins with wss:// here.")
        if _is_private(parts.hostname or "") or not is_open_port(parts.port or 443):
            raise InvalidInput("Relays in private networks are not allowed here.")


def _is_private(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        labels = host.lower().rstrip(".").split(".")
    # No public name ends in a number, but resolvers read some as addresses (127.1, 0x7f.1).
    return len(labels) == 1 or labels[-1] in _PRIVATE_NAMES or labels[-1][:1].isdigit()
