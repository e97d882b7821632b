"""Instance settings (one row, validated) and the instance key that secrets are derived from."""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable

from lnbits.settings import settings as host_settings
from lnbits.utils.exchange_rates import allowed_currencies, currencies

from .crud import Tx, reading, transaction
from .settings_fields import InstanceSettings as InstanceSettings
from .settings_fields import MailSecurity as MailSecurity
from .settings_fields import SettingsPatch as SettingsPatch


async def read_settings(tx: Tx) -> InstanceSettings:
    """The settings, read again after some seconds: each purchase needs them, few change them."""
    if _known is not None and time.monotonic() < _known[0]:
        return _known[1]
    return _remember(await _read_stored(tx))


async def _read_stored(tx: Tx) -> InstanceSettings:
    row = await tx.fetch_one("SELECT value FROM events.settings WHERE id = 'instance'")
    return InstanceSettings(**json.loads(row["value"])) if row else InstanceSettings()


async def _lock_stored(tx: Tx) -> InstanceSettings:
    """The same for who changes them: nobody else does until this transaction ends, not even
    another process, so no change is lost and each is told as it was."""
    row = await tx.fetch_one(
        "INSERT INTO events.settings AS kept (id, value) VALUES ('instance', '{}')"
        " ON CONFLICT (id) DO UPDATE SET value = kept.value RETURNING value"
    )
    return InstanceSettings(**json.loads(row["value"])) if row else InstanceSettings()


# Until when (monotonic seconds) which settings hold. Another process's change shows that late.
_KEPT_S = 5.0
_known: tuple[float, InstanceSettings] | None = None


def _remember(settings: InstanceSettings) -> InstanceSettings:
    global _known
    _known = (time.monotonic() + _KEPT_S, settings)
    return settings


async def get_settings() -> InstanceSettings:
    async with reading() as tx:
        return _remember(await _read_stored(tx))


# Told in the transaction of a change what it changes: before and after.
Note = Callable[[Tx, InstanceSettings, InstanceSettings], Awaitable[None]]


async def change_settings(patch: SettingsPatch, note: Note | None = None) -> InstanceSettings:
    """Store the given subset; the rest keeps its value."""
    async with transaction() as tx:
        current = await _lock_stored(tx)
        changed = current.copy(update=patch.dict(exclude_unset=True))
        await tx.execute(
            "UPDATE events.settings SET value = :value WHERE id = 'instance'",
            {"value": changed.json()},
        )
        if note is not None:
            await note(tx, current, changed)
    return _remember(changed)


class SecretKey:
    """The instance key: 32 random bytes, made once, kept in the database.

    Order secrets are HMACs under it, so a secret can be told again (a repeated request, a mail
    with the order's link) without being stored, and follows from nothing public.
    """

    def __init__(self) -> None:
        self._key: bytes | None = None

    async def load(self) -> None:
        """Read the key, making it first if there is none. Two processes agree on one."""
        async with transaction() as tx:
            await tx.execute(
                "INSERT INTO events.keyring (name, value) VALUES ('instance', :value)"
                " ON CONFLICT (name) DO NOTHING",
                {"value": secrets.token_hex(32)},
            )
            row = await tx.fetch_one("SELECT value FROM events.keyring WHERE name = 'instance'")
            if row is None:
                raise RuntimeError("The instance key could not be stored.")
            self._key = bytes.fromhex(row["value"])

    def derive(self, purpose: str, subject: str) -> str:
        """43 URL-safe characters (HMAC-SHA256) for one subject and purpose."""
        if self._key is None:
            raise RuntimeError("The instance key is not loaded yet.")
        digest = hmac.new(self._key, f"{purpose}:{subject}".encode(), hashlib.sha256).digest()
        return _base62(digest)


_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _base62(digest: bytes) -> str:
    """Letters and digits only, so the secret survives every mail client's idea of a link."""
    number = int.from_bytes(digest, "big")
    out = []
    for _ in range(43):
        number, rest = divmod(number, 62)
        out.append(_ALPHABET[rest])
    return "".join(reversed(out))


secret_key = SecretKey()


def sha256_hex(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def allowed_codes() -> list[str]:
    """ISO 4217 codes prices may be in, as the host's admin allows them."""
    return [str(code) for code in allowed_currencies()]


def existing_codes() -> list[str]:
    """All ISO 4217 codes the host has heard of."""
    return list(currencies)


def base_url() -> str:
    """The configured address of this host, without a slash at the end.

    Links are never built from the request: its Host header is the caller's word.
    """
    return str(host_settings.lnbits_baseurl).rstrip("/")
