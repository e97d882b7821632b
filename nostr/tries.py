"""A bound on how often an organiser changes keys, and makes this host talk to a signer."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import TooManyTries

_MOST_REMEMBERED = 10_000


class Tries:
    """So many for each wallet within a time, so many at once for all; counted per process."""

    def __init__(
        self,
        per_wallet: int,
        within_s: float,
        at_once: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_wallet, self._within_s, self._at_once = per_wallet, within_s, at_once
        self._clock = clock
        self._made: dict[str, deque[float]] = {}
        self._running = 0

    @contextmanager
    def one(self, wallet: str) -> Iterator[None]:
        """A try. Raises TooManyTries."""
        now = self._clock()
        made = self._made.setdefault(wallet, deque())
        while made and made[0] <= now - self._within_s:
            made.popleft()
        if len(made) >= self._per_wallet or self._running >= self._at_once:
            raise TooManyTries("That was tried too often. Please try again in some minutes.")
        if len(self._made) > _MOST_REMEMBERED:
            self._made = {wallet: made}
        made.append(now)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


# A signer may take its time, and a typing error or two must be possible. Each change of the key is
# a row that stays, and a deletion of all that the key before has signed.
key_tries = Tries(per_wallet=10, within_s=600, at_once=10)
