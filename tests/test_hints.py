"""Whoever waits for a hint can be stopped at any moment, also at that of the hint."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest

from support.host import ext

pytestmark = pytest.mark.asyncio(loop_scope="session")

Wait = Callable[[asyncio.Event, float], Awaitable[object]]


async def stopped(wait: Wait, steps: int) -> bool:
    """Whether a loop ends that is cancelled so many steps after the event it waits for."""
    event, rounds = asyncio.Event(), 0

    async def loop() -> None:
        nonlocal rounds
        while rounds < 2:
            await wait(event, 60)
            event.clear()
            rounds += 1

    task = asyncio.ensure_future(loop())
    await asyncio.sleep(0.01)
    event.set()
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=0.2)
    if not done:
        # It runs on: nobody cancels it a second time but us.
        task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return bool(done)


@pytest.mark.parametrize("steps", range(4))
async def test_a_hint_does_not_swallow_the_end(app: object, steps: int) -> None:
    assert await stopped(ext("hints").set_within, steps)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="mended in Python 3.12")
async def test_control_the_standard_library_swallows_it(app: object) -> None:
    async def wait(event: asyncio.Event, timeout_s: float) -> object:
        return await asyncio.wait_for(event.wait(), timeout_s)

    assert not all([await stopped(wait, steps) for steps in range(4)])


async def test_a_hint_given_while_nobody_waits_is_kept_once(app: object) -> None:
    hint = ext("hints").Hint()
    hint.give()
    hint.give()
    assert await hint.wait(5)
    assert not await hint.wait(0.01)


async def test_a_pulse_missed_between_look_and_wait_is_noticed(app: object) -> None:
    pulse = ext("hints").Pulse()
    seen = pulse.beats
    pulse.beat()
    await asyncio.wait_for(pulse.wait(seen, 60), 1)
    waiting = asyncio.ensure_future(pulse.wait(pulse.beats, 60))
    await asyncio.sleep(0)
    assert not waiting.done()
    pulse.beat()
    await asyncio.wait_for(waiting, 1)
