"""A hint that money is owed, so that nobody waits for the next pass of the worker."""

import asyncio

_hint = asyncio.Event()


def wake() -> None:
    """Money is owed: look soon."""
    _hint.set()


async def wait(timeout_s: float) -> None:
    """Until the next hint, or so many seconds."""
    try:
        await asyncio.wait_for(_hint.wait(), timeout_s)
    except asyncio.TimeoutError:
        return
    finally:
        _hint.clear()
