"""How often somebody may ask for what costs others something.

In this process's memory and of bounded size; a restart forgives.
"""

from collections import OrderedDict, deque

from .errors import TooManyRequests

# A name with its times takes some 500 bytes here.
_MOST_NAMES = 10_000


class Limit:
    """So many times in so many seconds, for each name."""

    def __init__(self, times: int, within_s: float, most: int = _MOST_NAMES) -> None:
        self._times = times
        self._within_s = within_s
        self._most = most
        self._taken: OrderedDict[str, deque[float]] = OrderedDict()

    def take(self, name: str, now_s: float) -> None:
        """Counts this time. Raises TooManyRequests, which does not count. `now_s` are monotonic
        seconds."""
        self.check(name, now_s)
        self._taken[name].append(now_s)

    def check(self, name: str, now_s: float) -> None:
        """Raises TooManyRequests where `take` would. Counts nothing."""
        taken = self._taken.pop(name, deque())
        while taken and taken[0] <= now_s - self._within_s:
            taken.popleft()
        self._taken[name] = taken
        if len(self._taken) > self._most:
            self._taken.popitem(last=False)
        if len(taken) >= self._times:
            raise TooManyRequests("That was asked for often enough. Please try again later.")
