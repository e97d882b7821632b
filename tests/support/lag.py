"""How long the event loop stands still while something goes on in it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

# What nobody at a page notices (I11).
LAG_S = 0.05
_TICK_S, _ROUNDS = 0.005, 3


async def lag_of(work: Callable[[], Awaitable[Any]]) -> float:
    """The longest stop of the loop in seconds, in the best of three rounds of this work.

    The machine has other things to do, now and then; what blocks, blocks in each round.
    """
    return min([await _longest_stop(work()) for _ in range(_ROUNDS)])


async def _longest_stop(work: Awaitable[Any]) -> float:
    task, longest = asyncio.ensure_future(work), 0.0
    while not task.done():
        before = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        longest = max(longest, time.perf_counter() - before - _TICK_S)
    await task
    return longest
