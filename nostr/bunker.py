"""A signer of the organiser's own, somewhere else: asked over relays (NIP-46)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nostr_sdk import Event, NostrSdkError, PublicKey, gift_wrap_from_seal

from .. import clock
from .bunker_address import BunkerAddress, Pairing
from .bunker_line import Line, open_line
from .models import SignerFailed, Tags, Unsigned
from .signed import checked, reader, rumor, seal, template
from .transport import reach

# How long a signer has for each answer: it may be asking its owner.
TIMEOUT_S = 10.0


class BunkerSigner:
    """Signs by asking. Each call opens a line of its own and closes it; what comes back is
    believed only after it was checked."""

    def __init__(self, pairing: Pairing, pubkey: str, timeout_s: float = TIMEOUT_S) -> None:
        self._pairing, self._timeout_s = pairing, timeout_s
        self.pubkey = pubkey

    async def sign(self, event: Unsigned) -> str:
        """See models.Signer."""
        async with _line(self._pairing, self._timeout_s) as line:
            line.greet()
            return await self._sign_on(line, event)

    async def wrap(self, recipient: str, text: str, tags: Tags) -> str:
        """See models.Signer. The wrap's own key is thrown away, so it is made here."""
        whom = reader(recipient)
        at_s = int(clock.now().timestamp())
        message = rumor(self.pubkey, recipient, text, tags, at_s)
        async with _line(self._pairing, self._timeout_s) as line:
            line.greet()
            sealed = await line.ask("nip44_encrypt", recipient, message.as_json())
            signed = await self._sign_on(line, seal(sealed, at_s))
        try:
            return str(gift_wrap_from_seal(whom, Event.from_json(signed)).as_json())
        except NostrSdkError as exc:
            raise SignerFailed("broken", "The message could not be wrapped.") from exc

    async def _sign_on(self, line: Line, event: Unsigned) -> str:
        asked = json.dumps(template(event, self.pubkey), ensure_ascii=False)
        return checked(await line.ask("sign_event", asked), event, self.pubkey)


@asynccontextmanager
async def _line(pairing: Pairing, timeout_s: float) -> AsyncIterator[Line]:
    async with open_line(pairing, await reach(), timeout_s) as line:
        yield line


async def pair(
    wallet: str, address: BunkerAddress, timeout_s: float = TIMEOUT_S
) -> tuple[str, Pairing]:
    """Meet a signer: the hex key it signs with, and the pairing to keep. Raises SignerFailed."""
    pairing = Pairing.of(wallet, address)
    async with _line(pairing, timeout_s) as line:
        await line.connect()
        pubkey = await line.ask("get_public_key")
    try:
        return PublicKey.parse(pubkey).to_hex(), pairing
    except NostrSdkError as exc:
        raise SignerFailed("broken", "The signer told no public key.") from exc


def read_pairing(text: str) -> Pairing:
    """From what was kept under lock. Raises ValueError."""
    return Pairing.read(text)
