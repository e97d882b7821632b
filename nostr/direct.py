"""Messages to people over Nostr (NIP-17): the port that the messages' room is handed."""

import json
from collections.abc import Sequence

from ..crud import reading
from ..outbox.delivery import TryLater, Undeliverable, Wrapped
from ..settings import read_settings
from . import accounts, keys, nip05
from .inboxes import find_inboxes, open_for_buyer
from .models import Account, Answer, Key, Refusal, RelayFailed, SignerFailed
from .recipients import Recipient, clean_hints, is_name, read_key
from .refusals import classify
from .transport import Reach, reach

# A wrap of this is 54 kB; of more it is 65 kB, and relays take 64 kB (NOSTR: strictness).
_MAX_BYTES = 27_500
# So that strangers' words cannot keep us from asking the organiser's own relays.
_MAX_HINTS_ASKED = 2
_MAX_ASKED = 5
# Where most people's lists are to be found, however many relays an organiser has.
_MAX_DEFAULTS_MORE = 2


class NostrMessages:
    """`outbox.delivery.DirectMessages`. Keeps nothing; may be used by many at once."""

    async def wrap(
        self, wallet: str, identifier: str, text: str, subject: str, hints: Sequence[str] = ()
    ) -> Wrapped:
        """A kind 14 message in a gift wrap of the wallet's key, and where its recipient reads.

        Undeliverable: `no_key`, `too_long`, `bad_key`, `name_unknown`, `no_inbox`. TryLater:
        `name_unreachable`, `relays_unreachable`, `hints_unreachable`, `signer`.
        """
        if len(json.dumps([subject, text], ensure_ascii=False).encode()) > _MAX_BYTES:
            raise Undeliverable("too_long", "The message is too long for Nostr.")
        account, key = await _sender(wallet)
        bounds = await reach()
        recipient = await _recipient(identifier, bounds)
        async with reading() as tx:
            defaults = (await read_settings(tx)).default_relays
        relays = _relays_to_ask([*hints, *recipient.hints], account, defaults)
        ours = {*account.relays, *defaults}
        inboxes = await find_inboxes(recipient.pubkey, relays, ours, bounds)
        try:
            signer = await keys.open_signer(key)
            wrap = await signer.wrap(recipient.pubkey, text, [["subject", subject]])
        except SignerFailed as exc:
            raise TryLater("signer", exc.message) from exc
        return Wrapped(wrap, json.loads(wrap)["id"], inboxes)

    async def deliver(self, wallet: str, wrap_json: str, relay: str) -> None:
        """Give it to one inbox, which may ask who is there (NIP-42): the wallet's key.

        Undeliverable: `inbox_not_allowed`, `inbox_refuses`. TryLater: `inbox_unreachable`,
        `inbox_busy`, `signer`.
        """
        introduction = _Introduction(wallet)
        try:
            async with open_for_buyer(relay, await reach(), introduction) as inbox:
                answer = await inbox.publish(wrap_json)
        except RelayFailed as exc:
            if exc.code == "not_allowed":
                raise Undeliverable(
                    "inbox_not_allowed", "The recipient's inbox is at no public address."
                ) from exc
            raise TryLater("inbox_unreachable", "The recipient's inbox cannot be reached.") from exc
        _judge(answer, introduction)


async def _sender(wallet: str) -> tuple[Account, Key]:
    try:
        sender = await accounts.ensure(wallet)
    except SignerFailed as exc:
        raise TryLater("signer", exc.message) from exc
    if sender is None:
        raise Undeliverable("no_key", "No Nostr relays are set, so there is no key to write with.")
    return sender


async def _recipient(identifier: str, bounds: Reach) -> Recipient:
    if is_name(identifier):
        return await nip05.look_up(identifier, bounds)
    return read_key(identifier)


def _relays_to_ask(
    hints: Sequence[str], account: Account, defaults: Sequence[str]
) -> tuple[str, ...]:
    """Hints, the organiser's relays, the instance's, then the rest of the hints: each once, and
    five of them; and two of the instance's that these leave no room for."""
    cleaned = clean_hints(list(hints))
    first, rest = cleaned[:_MAX_HINTS_ASKED], cleaned[_MAX_HINTS_ASKED:]
    known = list(dict.fromkeys([*first, *account.relays, *defaults, *rest]))
    asked, left = known[:_MAX_ASKED], known[_MAX_ASKED:]
    return (*asked, *[url for url in defaults if url in left][:_MAX_DEFAULTS_MORE])


class _Introduction:
    """Says to an inbox who sends (NIP-42), if it asks: most never do, and a signer may be far
    away."""

    def __init__(self, wallet: str) -> None:
        self._wallet = wallet
        # It was asked for, and could not be had.
        self.failed = False

    async def __call__(self, challenge: str, url: str) -> str:
        self.failed = True
        _, key = await _sender(self._wallet)
        sign_auth = await keys.sign_auth_of(await keys.open_signer(key))
        signed = await sign_auth(challenge, url)
        self.failed = False
        return signed


def _judge(answer: Answer, introduction: _Introduction) -> None:
    """Returns when the inbox has the message: nothing ever replaces a wrap, so a relay that says
    so means this very one."""
    refusal = classify(answer)
    if refusal in (None, Refusal.SUPERSEDED):
        return
    if refusal is Refusal.AUTH and introduction.failed:
        raise TryLater("signer", "The recipient's inbox wants a signature that was not to be had.")
    if refusal is Refusal.RETRY:
        raise TryLater("inbox_busy", "The recipient's inbox did not take the message this time.")
    raise Undeliverable("inbox_refuses", "The recipient's inbox refuses the message.")
