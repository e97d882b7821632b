"""A bound on how often an organiser changes keys, and makes this host talk to a signer."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..errors import TooManyRequests
from ..throttle import Limit


class Tries:
    """So many for each wallet within a time, so many at once for all; counted per process."""

    def __init__(
        self,
        per_wallet: int,
        within_s: float,
        at_once: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = Limit(per_wallet, within_s)
        self._at_once = at_once
        self._clock = clock
        self._running = 0

    @contextmanager
    def one(self, wallet: str) -> Iterator[None]:
        """A try. Raises TooManyRequests."""
        if self._running >= self._at_once:
            raise TooManyRequests("Too many signers are being talked to. Please try again soon.")
        self._limit.take(wallet, self._clock())
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


# A signer may take its time, and a typing error or two must be possible. Each change of the key is
# a row that stays, and a deletion of all that the key before has signed.
key_tries = Tries(per_wallet=10, within_s=600, at_once=10)
