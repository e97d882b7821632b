"""Several processes on one database, as far as it can tell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from support.host import ext


class _Open:
    """In place of the lock that lets one statement of a process after the other."""

    async def acquire(self) -> bool:
        return True

    def release(self) -> None:
        """There is nothing to open."""

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.release()


def open_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on only the database stands between two requests, as if each had a process of its
    own."""
    monkeypatch.setattr(ext("crud").db, "lock", _Open())


@asynccontextmanager
async def another_process() -> AsyncIterator[Any]:
    """A connection beside the one that this process allows itself; it commits at the end."""
    session = ext("crud").Session()
    raw = await session._connect()
    try:
        yield raw
        await raw.commit()
    finally:
        await session._close()
