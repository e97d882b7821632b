"""Kill a process at a chosen await of a coroutine.

Counted are the moments at which an awaited thing has happened and the coroutine is about to go
on: between two of them nothing else changes the database, so they are all the states there are.
"""

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Stepped(Generic[T]):
    """Await it in place of the coroutine; `steps` says how often that had to wait.

    At `kill_at` the process is killed; at `cancel_at` the task is cancelled while it waits, as a
    server does with the request of a client that has gone.
    """

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, T],
        kill_at: int | None = None,
        cancel_at: int | None = None,
    ) -> None:
        self.steps = 0
        self._coroutine = coroutine
        self._kill_at = kill_at
        self._cancel_at = cancel_at

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            waits_for = self._coroutine.send(None)
            while True:
                self._cancel()
                try:
                    got = yield waits_for
                except BaseException as error:  # noqa: BLE001 - thrown on
                    self._step()
                    waits_for = self._coroutine.throw(error)
                else:
                    self._step()
                    waits_for = self._coroutine.send(got)
        except StopIteration as done:
            result: T = done.value
            return result

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _cancel(self) -> None:
        task = asyncio.current_task()
        if task is not None and self.steps + 1 == self._cancel_at:
            task.cancel()


def leave_out_what_is_here() -> None:
    """Collecting garbage, as often as `cut_off_at` does, is quick if it looks only at what is new:
    a booted host is a million things that stay."""
    gc.collect()
    gc.freeze()


async def cut_off_at(step: int, work: Coroutine[Any, Any, object]) -> bool:
    """Run `work`, cancelled at its n-th await, as by a host that stops or a client that has gone;
    False when it was over before that."""

    async def run() -> None:
        await Stepped(work, cancel_at=step)

    task = asyncio.ensure_future(run())
    await asyncio.wait((task,))
    was_cut = task.cancelled() or task.exception() is not None
    del task
    # A cancelled statement of SQLite is over, and its lock gone, once nothing refers to it.
    gc.collect()
    return was_cut
