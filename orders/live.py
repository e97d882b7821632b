"""Who waits in this process for an order to be settled. Hints only: the database has the truth."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

_waiting: dict[str, set[asyncio.Event]] = {}


@contextmanager
def waiting_for(payment_hash: str) -> Iterator[asyncio.Event]:
    """An event that is set when the payment settles in this process."""
    event = asyncio.Event()
    _waiting.setdefault(payment_hash, set()).add(event)
    try:
        yield event
    finally:
        waiters = _waiting.get(payment_hash, set())
        waiters.discard(event)
        if not waiters:
            _waiting.pop(payment_hash, None)


def announce(payment_hash: str) -> None:
    """Wake all who wait for this payment."""
    for event in _waiting.get(payment_hash, ()):
        event.set()


_AT_ONCE = 100


class Nudges:
    """Orders somebody is waiting for: the next look at the funding source takes them first.

    A payment whose announcement was lost would otherwise wait for the next full sweep.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._ids: set[str] = set()
        self._limit = limit
        self._wake = asyncio.Event()

    def add(self, order_id: str) -> None:
        if len(self._ids) < self._limit:
            self._ids.add(order_id)
            self._wake.set()

    def take(self) -> list[str]:
        """Some of them: each is one question to the funding source, asked one after another."""
        taken = [self._ids.pop() for _ in range(min(_AT_ONCE, len(self._ids)))]
        if not self._ids:
            self._wake.clear()
        return taken

    async def wait(self) -> None:
        await self._wake.wait()


nudges = Nudges()
