"""Whom a message goes to: a NIP-05 name, an npub or an nprofile (NIP-19), as buyers write them."""

from dataclasses import dataclass

from nostr_sdk import (
    Keys,
    Nip19Profile,
    Nip44Version,
    NostrSdkError,
    PublicKey,
    nip44_encrypt,
)

from ..errors import InvalidInput
from ..models import clean_relay_url
from ..outbox.delivery import Undeliverable

# Of what a name's server or an nprofile says; more would let either send us around.
MAX_HINTS = 5
_MAX_READ = 50


@dataclass(frozen=True)
class Recipient:
    """`pubkey` in hex; `hints`: relays on which this person's own lists may be found."""

    pubkey: str
    hints: tuple[str, ...] = ()


def is_name(identifier: str) -> bool:
    """Whether it is a name to be asked for (NIP-05), and not a key that is written out."""
    return "@" in identifier


def read_key(identifier: str) -> Recipient:
    """The key in an npub or an nprofile (NIP-19), with the latter's relays.

    Raises Undeliverable (`bad_key`).
    """
    text = identifier.strip().lower()
    try:
        if text.startswith("nprofile1"):
            profile = Nip19Profile.from_bech32(text)
            pubkey, told = profile.public_key().to_hex(), [str(url) for url in profile.relays()]
        elif text.startswith("npub1"):
            pubkey, told = PublicKey.parse(text).to_hex(), []
        else:
            raise _no_key()
    # Half a character reaches no library.
    except (NostrSdkError, UnicodeError) as exc:
        raise _no_key() from exc
    if not is_key(pubkey):
        raise _no_key()
    return Recipient(pubkey, clean_hints(told))


def is_key(pubkey: str) -> bool:
    """Whether 64 hex digits are a public key. Parsing takes any; half of them are on no curve, and
    nobody could read what is encrypted to those."""
    try:
        nip44_encrypt(Keys.generate().secret_key(), PublicKey.parse(pubkey), "?", Nip44Version.V2)
    except NostrSdkError:
        return False
    return True


def clean_hints(told: object, most: int = MAX_HINTS) -> tuple[str, ...]:
    """The usable relay addresses of a list from outside, in its order; one bad entry spoils no
    other."""
    found: dict[str, None] = {}
    for url in told[:_MAX_READ] if isinstance(told, (list, tuple)) else ():
        try:
            found[clean_relay_url(url)] = None
        except (InvalidInput, AttributeError, TypeError):
            continue
        if len(found) == most:
            break
    return tuple(found)


def _no_key() -> Undeliverable:
    return Undeliverable("bad_key", "The Nostr key that was given is not a valid one.")
