"""The address of a remote signer: `bunker://<its key>?relay=…&secret=…` (NIP-46)."""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

from nostr_sdk import Keys, NostrSdkError
from pydantic import SecretStr

from ..errors import InvalidInput
from ..models import clean_relay_url, clean_text
from . import vault
from .models import relays_of

MOST_RELAYS = 3
_MOST_CHARS = 2000
_MOST_SECRET_CHARS = 200
_MOST_FIELDS = 50
_KEY = re.compile(r"[0-9a-fA-F]{64}")
_NO_ADDRESS = (
    "A signer's address looks like bunker://<64 characters>?relay=wss://relay.example.com&secret=…"
)
_NOT_TAKEN = "Please copy the bunker:// address that the signer shows; nostrconnect:// is not used."


@dataclass(frozen=True)
class BunkerAddress:
    """`signer` is the hex key that answers, not the one it signs with; `secret` may be empty."""

    signer: str
    relays: tuple[str, ...]
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, uri: SecretStr) -> "BunkerAddress":
        """Of its relays the first three. Raises InvalidInput, which never quotes the address."""
        text = clean_text(uri.get_secret_value(), "The signer's address", _MOST_CHARS)
        try:
            parts = urlsplit(text)
            asked = parse_qs(parts.query, max_num_fields=_MOST_FIELDS)
        except ValueError:
            raise InvalidInput(_NO_ADDRESS) from None
        if parts.scheme.lower() == "nostrconnect":
            raise InvalidInput(_NOT_TAKEN)
        is_bunker = parts.scheme.lower() == "bunker" and _KEY.fullmatch(parts.netloc)
        if not is_bunker or parts.path not in ("", "/") or parts.fragment:
            raise InvalidInput(_NO_ADDRESS)
        relays = relays_of([clean_relay_url(url) for url in asked.get("relay", [])])[:MOST_RELAYS]
        if not relays:
            raise InvalidInput("The signer's address names no relay.")
        secret = clean_text(asked.get("secret", [""])[0], "The signer's secret", _MOST_SECRET_CHARS)
        return cls(parts.netloc.lower(), relays, secret)


@dataclass(frozen=True)
class Pairing:
    """A signer's address, and the key by which this instance talks to it. Never printed."""

    address: BunkerAddress
    app: Keys = field(repr=False)

    @classmethod
    def of(cls, wallet: str, address: BunkerAddress) -> "Pairing":
        """With a key that the same address always gets: a signer that asks its owner for approval
        first is to know who comes back."""
        told = json.dumps([wallet, address.signer, address.secret])
        return cls(address, Keys.parse(vault.derived(f"bunker:{told}")))

    def text(self) -> str:
        """As it is kept under lock."""
        told = {
            "signer": self.address.signer,
            "relays": self.address.relays,
            "secret": self.address.secret,
            "app": self.app.secret_key().to_bech32(),
        }
        return json.dumps(told)

    @classmethod
    def read(cls, text: str) -> "Pairing":
        """The reverse. Raises ValueError when it is none."""
        try:
            told = json.loads(text)
            address = BunkerAddress(told["signer"], tuple(told["relays"]), told["secret"])
            return cls(address, Keys.parse(told["app"]))
        except (KeyError, TypeError, NostrSdkError):
            raise ValueError("This is no pairing with a signer.") from None
