"""One asyncio lock per event: within a process, payments of an event settle one after another.

The lock gives order; truth across processes comes from the conditional UPDATEs.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


@asynccontextmanager
async def event_locks(event_ids: Iterable[str]) -> AsyncIterator[None]:
    """Hold the locks of some events, taken in id order so two orders never wait crosswise."""
    async with AsyncExitStack() as stack:
        for event_id in sorted(set(event_ids)):
            lock = _locks.get(event_id)
            if lock is None:
                lock = _locks.setdefault(event_id, asyncio.Lock())
            await stack.enter_async_context(lock)
        yield
