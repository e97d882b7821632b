"""What whoever carries messages tells whoever writes them: the port between rooms of one floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Wrapped:
    """A Nostr message ready to be sent: the gift wrap, its id, and the inboxes it goes to."""

    json: str
    id: str
    relays: tuple[str, ...]


class Undeliverable(Exception):
    """There is nowhere to send it: no such name, or no inbox. `code` is a word, the message a
    sentence for the organiser."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class TryLater(Exception):
    """It did not work this time. The same two as above."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class DirectMessages(Protocol):
    """The port to the Nostr room beside this one, handed in by `tasks`."""

    async def wrap(
        self, wallet: str, identifier: str, text: str, subject: str, hints: Sequence[str] = ()
    ) -> Wrapped:
        """Find whom a NIP-05 name, npub or nprofile means, their inboxes (kind 10050), and wrap.

        Raises Undeliverable or TryLater.
        """

    async def deliver(self, wallet: str, wrap_json: str, relay: str) -> None:
        """Give the wrap to one inbox; returns when it was accepted. Raises Undeliverable when this
        relay will never take it, TryLater else."""
