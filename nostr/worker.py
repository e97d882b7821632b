"""The two tasks of this room: sign what has changed, send what is signed. They return only by
being cancelled, and leave nothing running."""

import asyncio
import time

from loguru import logger

from .. import clock
from ..crud import pulse
from .lanes import Lanes
from .pace import LanePace
from .signing import Signing

# A burst of commits means four looks a second at most; without any there is one all the same,
# because another process on this database may have committed something.
_PAUSE_S = 0.25
_LONGEST_WAIT_S = 30.0
_SHORTEST_WAIT_S = 0.05
# After an error of ours, such as a database that is down.
_RETRY_S = 5.0


async def keep_signing() -> None:
    """Sign whatever has changed: at once, and a burst of changes once per interval."""
    async with Signing() as signing:
        while True:
            seen, started = pulse.beats, time.monotonic()
            wait_s = _LONGEST_WAIT_S
            try:
                done = await signing.sign_due(clock.now())
                if done.next_at is not None:
                    until_s = (done.next_at - clock.now()).total_seconds()
                    wait_s = min(_LONGEST_WAIT_S, max(_SHORTEST_WAIT_S, until_s))
            except Exception as exc:  # noqa: BLE001  # logged; the next pass tries again
                logger.error(f"events: pass over what is to be signed failed: {exc!r}")
                await asyncio.sleep(_RETRY_S)
            await pulse.wait(seen, wait_s)
            await asyncio.sleep(max(0.0, started + _PAUSE_S - time.monotonic()))


async def keep_sending(pace: LanePace | None = None) -> None:
    """Send what is signed to the relays of its organiser, a lane for each."""
    chosen = pace or LanePace()
    lanes = Lanes(chosen)
    try:
        while True:
            seen, started = pulse.beats, time.monotonic()
            wait_s = chosen.look_every_s
            try:
                wait_s = min(wait_s, max(_SHORTEST_WAIT_S, await lanes.look()))
            except Exception as exc:  # noqa: BLE001  # logged; the next look tries again
                logger.error(f"events: look for what is to be sent failed: {exc!r}")
                await asyncio.sleep(_RETRY_S)
            await pulse.wait(seen, wait_s)
            await asyncio.sleep(max(0.0, started + chosen.look_pause_s - time.monotonic()))
    finally:
        await lanes.close()
