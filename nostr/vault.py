"""Secrets of organisers, kept under the host's own key (`AUTH_SECRET_KEY`)."""

import hashlib
import hmac

from lnbits.helpers import decrypt_internal_message, encrypt_internal_message
from lnbits.settings import settings as host_settings

# The host's cipher (AES-CBC) gives back a text whose length is a multiple of this with its
# padding left on.
_BLOCK_BYTES = 16


class VaultFailed(Exception):
    """A secret could not be stored so that it comes back, or was stored under another key."""


def lock(secret: str) -> str:
    """A secret (text without blanks at its ends) as it may be stored. Raises VaultFailed unless
    it was seen to come back."""
    fits = len(secret.encode()) % _BLOCK_BYTES == 0
    text = f"{secret} " if fits else secret
    locked = encrypt_internal_message(text)
    if locked is None or unlock(str(locked)) != secret:
        raise VaultFailed("What was encrypted does not come back.")
    return str(locked)


def unlock(locked: str) -> str:
    """The reverse. Under a changed host key it raises VaultFailed, or (seldom: the cipher has no
    seal) returns junk, so whoever reads it has to know a secret when they see one."""
    try:
        text = decrypt_internal_message(locked)
    except (ValueError, IndexError) as exc:
        # Its words may quote what was decrypted.
        raise VaultFailed("What was encrypted cannot be read.") from exc
    if not text:
        raise VaultFailed("There is nothing to read.")
    return str(text).strip()


def derived(purpose: str) -> str:
    """64 hex digits that follow from the host's key alone, the same each time (HMAC-SHA256)."""
    key = str(host_settings.auth_secret_key).encode()
    return hmac.new(key, f"events:{purpose}".encode(), hashlib.sha256).hexdigest()
