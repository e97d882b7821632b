"""Ratios that hold on a busy machine: runs take turns, and each is compared with its neighbour.

Whatever slows the machine down for a while slows both sides of a pair; what hits one side alone
is an outlier, which the median leaves out.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.counting import Action

WARM_UP = 20


@dataclass(frozen=True)
class Ratio:
    """The median of the pairwise ratios with their quartiles, and both sides' medians in ms."""

    median: float
    low: float
    high: float
    action_ms: float
    base_ms: float


async def take_turns(actions: Mapping[str, Action], rounds: int) -> dict[str, list[float]]:
    """Seconds of each action in each round. Every round begins with another action, so that none
    always follows the same one."""
    names = list(actions)
    took: dict[str, list[float]] = {name: [] for name in names}
    for number in range(WARM_UP + rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            seconds = await _timed(actions[name])
            if number >= WARM_UP:
                took[name].append(seconds)
    return took


async def _timed(action: Action) -> float:
    started = time.perf_counter()
    await action()
    return time.perf_counter() - started


def ratio(action: Sequence[float], base: Sequence[float]) -> Ratio:
    """Compare two lists of seconds, round by round."""
    low, median, high = statistics.quantiles(
        [one / other for one, other in zip(action, base, strict=True)], n=4
    )
    return Ratio(
        median=round(median, 3),
        low=round(low, 3),
        high=round(high, 3),
        action_ms=round(statistics.median(action) * 1000, 2),
        base_ms=round(statistics.median(base) * 1000, 2),
    )
