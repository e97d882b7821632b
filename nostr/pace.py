"""How fast the lanes go, and how long they wait after failures."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

# Clocks of two hosts differ a little. What is noted for later than that is of the future.
APART = timedelta(seconds=5)


@dataclass(frozen=True)
class LanePace:
    """In seconds. Tests use shorter ones."""

    # A burst of commits means at most one look in so long; without any there is one all the same,
    # because another process on the same database may have signed something.
    look_pause_s: float = 0.25
    look_every_s: float = 2.0
    # A connection without work is kept so long.
    idle_s: float = 5.0
    # Read back when a relay has taken nothing new of a document for so long, and everything often.
    settle_s: float = 3.0
    check_every_s: float = 600.0
    # Renewed when a sixth of it is over. The rest is more than one exchange with a relay takes, a
    # slow signer's part in it included; else another process would take over in between.
    lease_s: float = 60.0
    first_wait_s: float = 2.0
    longest_wait_s: float = 600.0
    # None: as the transport has it.
    timeout_s: float | None = None
    # Sockets that may be open at once.
    relays_at_once: int = 100

    def furthest(self, now: datetime) -> datetime:
        """No wait ends later: what seems to was written before the clock was set back."""
        return now + timedelta(seconds=max(self.longest_wait_s, self.lease_s)) + APART

    def wait_after(self, failures: int) -> timedelta:
        """Before the next try, after so many failures before this one; spread, so that what
        failed together does not come back together."""
        longest = min(self.longest_wait_s, self.first_wait_s * 2 ** min(failures, 20))
        return timedelta(seconds=longest * random.uniform(0.5, 1))  # noqa: S311 - no secret
