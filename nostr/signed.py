"""Events before they are signed, and whether what came back is what was to be signed."""

import json
import secrets
from datetime import timedelta

from nostr_sdk import (
    Event,
    EventBuilder,
    Keys,
    Kind,
    NostrSdkError,
    PublicKey,
    Tag,
    Timestamp,
    UnsignedEvent,
)

from .models import SignerFailed, Tags, Unsigned
from .recipients import is_key

KIND_SEAL = 13
KIND_MESSAGE = 14
# NIP-42.
KIND_AUTH = 22242
# NIP-59: a seal tells nobody when it was written.
_BACK_DATED = timedelta(days=2)
_NO_READER = "The recipient's public key is not valid."


def sign_with(keys: Keys, event: Unsigned) -> str:
    """Signed here and now, as JSON. Raises SignerFailed."""
    pubkey = keys.public_key().to_hex()
    try:
        # The SDK's builder would drop a `p` tag of oneself; this keeps every tag.
        unsigned = UnsignedEvent.from_json(json.dumps(template(event, pubkey)))
        event_json = unsigned.sign_with_keys(keys).as_json()
    except (NostrSdkError, UnicodeError) as exc:
        raise SignerFailed("broken", "This event cannot be signed.") from exc
    return checked(event_json, event, pubkey)


def template(event: Unsigned, pubkey: str) -> dict[str, object]:
    """What a signer is given (NIP-46 `sign_event`, and the SDK)."""
    return {
        "pubkey": pubkey,
        "created_at": event.created_at,
        "kind": event.kind,
        "tags": event.tags,
        "content": event.content,
    }


def checked(event_json: str, asked: Unsigned, pubkey: str) -> str:
    """A signed event as it goes out, after proof that it is what was asked for.

    A remote signer's answer is somebody's word, and the SDK signs with a key that is not the
    author's without a murmur. Raises SignerFailed.
    """
    try:
        event = Event.from_json(event_json)
        proven = event.verify()
    except (NostrSdkError, UnicodeError) as exc:
        raise SignerFailed("broken", "The signer returned no signed event.") from exc
    if not proven:
        raise SignerFailed("broken", "The signer returned an event with a wrong signature.")
    if event.author().to_hex() != pubkey:
        raise SignerFailed("broken", "The signer signed with another key.")
    returned = Unsigned(
        event.kind().as_u16(),
        event.created_at().as_secs(),
        [tag.as_vec() for tag in event.tags().to_vec()],
        event.content(),
    )
    if returned != asked:
        raise SignerFailed("broken", "The signer returned another event than it was given.")
    return str(event.as_json())


def reader(recipient: str) -> PublicKey:
    """Whom a message is encrypted for. Raises SignerFailed with the code `recipient`: that is no
    fault of the signer's."""
    try:
        key = PublicKey.parse(recipient)
    except NostrSdkError as exc:
        raise SignerFailed("recipient", _NO_READER) from exc
    if not is_key(key.to_hex()):
        raise SignerFailed("recipient", _NO_READER)
    return key


def rumor(sender: str, recipient: str, text: str, tags: Tags, at_s: int) -> UnsignedEvent:
    """A kind 14 message (NIP-17), with its id and without a signature. Raises SignerFailed."""
    try:
        parsed = [Tag.parse(tag) for tag in [["p", recipient], *tags]]
        # Whoever tries it out writes to themselves.
        builder = EventBuilder(Kind(KIND_MESSAGE), text).tags(parsed).allow_self_tagging()
        dated = builder.custom_created_at(Timestamp.from_secs(at_s))
        return dated.build(PublicKey.parse(sender))
    except (NostrSdkError, UnicodeError) as exc:
        raise SignerFailed("recipient", "This message cannot be written.") from exc


def seal(encrypted: str, at_s: int) -> Unsigned:
    """A kind 13 seal (NIP-59) around an encrypted rumor, dated back."""
    early_s = secrets.randbelow(int(_BACK_DATED.total_seconds()))
    return Unsigned(KIND_SEAL, at_s - early_s, [], encrypted)
