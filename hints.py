"""Hints between tasks of this process: look now. None says what happened: the database does."""

import asyncio


async def set_within(event: asyncio.Event, timeout_s: float) -> bool:
    """Whether an event is set within so many seconds.

    Not `asyncio.wait_for`: before Python 3.12 that one forgets that its task was cancelled when
    both come together, and a loop that was stopped would run on.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=timeout_s)
        return waiting.done()
    finally:
        waiting.cancel()


class Hint:
    """For one task that looks: however often it was given while that was busy, it looks once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def give(self) -> None:
        """There is something to do: look soon."""
        self._event.set()

    async def wait(self, timeout_s: float) -> bool:
        """Whether the next one came within so many seconds."""
        try:
            return await set_within(self._event, timeout_s)
        finally:
            self._event.clear()


class Pulse:
    """For any number of tasks, each of which notes what it has seen."""

    def __init__(self) -> None:
        self._beats = 0
        self._waiting: set[asyncio.Event] = set()

    def beat(self) -> None:
        self._beats += 1
        for event in self._waiting:
            event.set()

    @property
    def beats(self) -> int:
        """How often so far; read it before looking, and wait with it after."""
        return self._beats

    async def wait(self, seen: int, timeout_s: float) -> None:
        """Until the next beat after `seen`, or so many seconds."""
        if self._beats != seen:
            return
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            await set_within(event, timeout_s)
        finally:
            self._waiting.discard(event)
