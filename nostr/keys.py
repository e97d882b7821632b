"""Organisers' keys: made, taken, kept under lock, and opened to sign."""

from dataclasses import dataclass, field

from nostr_sdk import Keys, NostrSdkError, NostrSigner, PublicKey, gift_wrap
from pydantic import SecretStr

from .. import clock
from ..crud import short_id, transaction
from ..errors import InvalidInput
from . import bunker, crud_accounts, vault
from .bunker_address import BunkerAddress, Pairing
from .models import Key, KeyMode, Signer, SignerFailed, Tags, Unsigned
from .signed import KIND_AUTH, reader, rumor, sign_with
from .transport import SignAuth

_UNREADABLE = (
    "The stored key cannot be read: this host's AUTH_SECRET_KEY is not the one it was stored under."
    " Put that back, or set a key again."
)
_MOST_CHARS = 200


@dataclass(frozen=True)
class NewKey:
    """A key that is not stored yet. `secret` is encrypted."""

    mode: KeyMode
    pubkey: str
    secret: str = field(repr=False)

    def row(self, wallet: str, at_ms: int) -> dict[str, object]:
        return {
            "id": short_id(),
            "wallet": wallet,
            "pubkey": self.pubkey,
            "mode": self.mode.value,
            "secret": self.secret,
            "created_at": at_ms,
        }


def generate() -> NewKey:
    """A new key of this host's making."""
    return _locked(KeyMode.GENERATED, Keys.generate())


def read_nsec(secret: SecretStr) -> NewKey:
    """The organiser's own key: `nsec1…` (NIP-19) or 64 hex digits.

    Raises InvalidInput, which never quotes it. Nor does its traceback, in which loguru shows the
    values of each line: hence `SecretStr`, and no cause.
    """
    given = secret.get_secret_value().strip()
    if given.lower().startswith(("npub1", "nprofile1")):
        raise InvalidInput("This is a public key. To sign, the secret one (nsec1…) is needed.")
    if given.lower().startswith("ncryptsec1"):
        raise InvalidInput("This key is encrypted. Please decrypt it first (nsec1…).")
    if len(given) > _MOST_CHARS or not given.isascii():
        raise InvalidInput("This is no secret key: it looks like nsec1….")
    try:
        keys = Keys.parse(given)
    except NostrSdkError:
        raise InvalidInput("This is no secret key: it looks like nsec1….") from None
    return _locked(KeyMode.NSEC, keys)


async def meet_bunker(
    wallet: str, address: BunkerAddress, timeout_s: float = bunker.TIMEOUT_S
) -> NewKey:
    """A remote signer's key, after talking to it. Raises SignerFailed, InvalidInput."""
    pubkey, pairing = await bunker.pair(wallet, address, timeout_s)
    return NewKey(KeyMode.BUNKER, pubkey, _lock(pairing.text()))


def _locked(mode: KeyMode, keys: Keys) -> NewKey:
    return NewKey(mode, keys.public_key().to_hex(), _lock(keys.secret_key().to_bech32()))


def _lock(secret: str) -> str:
    try:
        return vault.lock(secret)
    except vault.VaultFailed:
        raise InvalidInput("This host cannot keep the key safe: its encryption failed.") from None


def npub(pubkey: str) -> str:
    """A hex public key as people write it (NIP-19)."""
    return str(PublicKey.parse(pubkey).to_bech32())


class LocalSigner:
    """Signs with a key that this host holds."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.pubkey = keys.public_key().to_hex()

    async def sign(self, event: Unsigned) -> str:
        """See models.Signer."""
        return sign_with(self._keys, event)

    async def wrap(self, recipient: str, text: str, tags: Tags) -> str:
        """See models.Signer."""
        at_s = int(clock.now().timestamp())
        message = rumor(self.pubkey, recipient, text, tags, at_s)
        try:
            wrapped = await gift_wrap(NostrSigner.keys(self._keys), reader(recipient), message, [])
        except NostrSdkError as exc:
            raise SignerFailed("broken", "The message could not be wrapped.") from exc
        return str(wrapped.as_json())


async def open_signer(key: Key) -> Signer:
    """Whoever signs with this key. What fails, now or at any call, is noted with the key, where
    the organiser sees it, until it works again; so never call inside a transaction.

    Raises SignerFailed (`broken`) when the key cannot be read.
    """
    watched = _Watched(key)
    try:
        watched.signer = _signer(key)
    except SignerFailed as exc:
        await watched.note(exc)
        raise
    return watched


def _signer(key: Key) -> Signer:
    try:
        secret = vault.unlock(key.secret)
        if key.mode is KeyMode.BUNKER:
            return bunker.BunkerSigner(Pairing.read(secret), key.pubkey)
        keys = Keys.parse(secret)
    except (vault.VaultFailed, NostrSdkError, ValueError):
        # Without the cause, whose traceback would show what was decrypted.
        raise SignerFailed("broken", _UNREADABLE) from None
    if keys.public_key().to_hex() != key.pubkey:
        raise SignerFailed("broken", _UNREADABLE)
    return LocalSigner(keys)


class _Watched:
    """A signer whose failures are noted with its key."""

    signer: Signer

    def __init__(self, key: Key) -> None:
        self._key_id, self._problem = key.id, key.problem
        self.pubkey = key.pubkey

    async def sign(self, event: Unsigned) -> str:
        try:
            signed = await self.signer.sign(event)
        except SignerFailed as exc:
            await self.note(exc)
            raise
        await self.note(None)
        return signed

    async def wrap(self, recipient: str, text: str, tags: Tags) -> str:
        try:
            wrapped = await self.signer.wrap(recipient, text, tags)
        except SignerFailed as exc:
            await self.note(exc)
            raise
        await self.note(None)
        return wrapped

    async def note(self, failed: SignerFailed | None) -> None:
        if failed is not None and failed.code == "recipient":
            return
        problem = failed.message if failed else None
        if problem == self._problem:
            return
        async with transaction() as tx:
            await crud_accounts.note_problem(tx, self._key_id, problem)
        self._problem = problem


async def sign_auth_of(signer: Signer) -> SignAuth:
    """Answers relays that ask who we are (NIP-42), in this signer's name."""

    async def sign_auth(challenge: str, url: str) -> str:
        at_s = int(clock.now().timestamp())
        return await signer.sign(
            Unsigned(KIND_AUTH, at_s, [["relay", url], ["challenge", challenge]], "")
        )

    return sign_auth
