"""How a value is written down: as JSON, short, and never a secret."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from ..clock import iso

# Of each value so many bytes are kept.
MAX_BYTES = 2048
HIDDEN = "(hidden)"

# A log that nobody can change must not keep what opens something, or what a buyer may ask to be
# forgotten. That such a thing changed is told, its value is not.
_PRIVATE = frozenset(
    {
        "address",
        "bolt11",
        "buyer_email",
        "buyer_key",
        "claim_hash",
        "email",
        "idempotency_hash",
        "key",
        "nsec",
        "password",
        "secret",
        "secret_hash",
        "token",
        "token_hash",
    }
)
_PRIVATE_ENDS = ("_secret", "_token", "_password", "_email")


def is_private(field: str) -> bool:
    """Whether the log keeps only that this field changed."""
    return field in _PRIVATE or field.endswith(_PRIVATE_ENDS)


def known_as(actor: str) -> str:
    """An actor as the log names it. A login is told by its first letters: hosts may let in
    whoever knows the whole id."""
    kind, colon, name = actor.partition(":")
    return f"{kind}:{name[:8]}" if colon and kind == "login" else actor


def written(field: str | None, value: object) -> str | None:
    """A value as JSON text of at most MAX_BYTES; None stays None.

    What is longer becomes a JSON string of its beginning, its length and a digest, so that two
    values that differ only at the end are told apart.
    """
    if value is None:
        return None
    text = _json(HIDDEN if field and is_private(field) else _without_secrets(value))
    return text if len(text.encode()) <= MAX_BYTES else _cut(text)


def _without_secrets(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            str(name): HIDDEN if is_private(str(name)) and inner else _without_secrets(inner)
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_without_secrets(inner) for inner in value]
    return value


def _json(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        # Not a number, infinite: no reader of JSON could take it back.
        text = json.dumps(str(value), ensure_ascii=False)
    # Half a surrogate pair can be in a string, but in no database.
    return text.encode("utf-8", "replace").decode()


def _plain(value: object) -> str | None:
    return iso(value) if isinstance(value, datetime) else str(value)


def _cut(text: str) -> str:
    whole = text.encode()
    mark = f"… ({len(whole)} bytes, sha256 {hashlib.sha256(whole).hexdigest()[:12]})"
    kept = whole[:MAX_BYTES].decode("utf-8", "ignore")
    while len(_json(kept + mark).encode()) > MAX_BYTES:
        # Quotes and line ends take more room inside a JSON string: shorten until it fits.
        kept = kept[: len(kept) * 9 // 10]
    return _json(kept + mark)
