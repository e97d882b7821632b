"""How often an address may ask whether a code is valid: guessing must not pay.

Not a `throttle.Limit`: who checks a basket gets a try back every few seconds, all within one
network share theirs, and an answer, not a refusal, tells of it. In this process's memory and of
bounded size; a restart forgives.
"""

import ipaddress
from collections import OrderedDict

TRIES_PER_MINUTE = 30
# An address takes some 200 bytes here.
MAX_ADDRESSES = 10_000


class Tries:
    """A token bucket per address: full at first, one token back every few seconds."""

    def __init__(self, per_minute: int = TRIES_PER_MINUTE, most: int = MAX_ADDRESSES) -> None:
        self._size = float(per_minute)
        self._per_s = per_minute / 60
        self._most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def take(self, address: str, now_s: float) -> bool:
        """Whether this try is allowed. `now_s` are monotonic seconds."""
        key = _network(address)
        left, then_s = self._left.pop(key, (self._size, now_s))
        left = min(self._size, left + max(0.0, now_s - then_s) * self._per_s)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now_s)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return allowed


def _network(address: str) -> str:
    """Who has one IPv6 address has 2^64 of them."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped or ipaddress.ip_network((found.packed[:8] + bytes(8), 64)))
    return str(found)
