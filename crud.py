"""The database handle and the two ways to use it. Owns no table.

The host commits after every statement and strips `<...>` from bound strings, so rooms go
through `Tx`, which speaks to the raw connection: statements commit together or not at all,
and text is stored as it was written.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from lnbits.db import SQLITE, Database
from lnbits.helpers import urlsafe_short_hash
from sqlalchemy import text
from sqlalchemy.engine import CursorResult
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import TextClause

from .hints import Pulse

db = Database("ext_events")

Row = Mapping[str, Any]


@lru_cache(maxsize=512)
def _text(sql: str) -> TextClause:
    """Parsing a statement costs as much as running it; there are few, and they are all our own.

    On SQLite the extension's file is what is opened, so its tables need no schema, and attaching
    it a second time under that name, as the host does, is left out.
    """
    return text(sql.replace("events.", "") if is_sqlite() else sql)


class Tx:
    """Statements on one connection. Values bind by `:name`; tables are `events.<table>`."""

    def __init__(self, raw: AsyncConnection) -> None:
        self.raw = raw

    async def fetch_all(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Row]:
        return list((await self._read(sql, values)).mappings().all())

    async def fetch_one(self, sql: str, values: Mapping[str, Any] | None = None) -> Row | None:
        row: Row | None = (await self._read(sql, values)).mappings().first()
        return row

    async def execute(self, sql: str, values: Mapping[str, Any] | None = None) -> int:
        """Run a change and return the number of rows it touched: that number decides races."""
        result = await self.raw.execute(_text(sql), dict(values or {}))
        return int(result.rowcount)

    async def insert(
        self, table: str, rows: Sequence[Mapping[str, Any]], unless_there: str = ""
    ) -> None:
        """Insert rows in one go; they have the columns of the first. `unless_there`: the columns
        of a unique index; a row whose values are there already is left out."""
        names = ", ".join(rows[0])
        marks = ", ".join(f":{name}" for name in rows[0])
        rest = f" ON CONFLICT ({unless_there}) DO NOTHING" if unless_there else ""
        # Table and column names come from this package, values are bound.
        statement = _text(f"INSERT INTO events.{table} ({names}) VALUES ({marks}){rest}")  # noqa: S608
        await self.raw.execute(statement, [dict(row) for row in rows])

    async def _read(self, sql: str, values: Mapping[str, Any] | None) -> CursorResult:
        """A statement with rows, read to its end even when its task is cancelled.

        SQLite's driver would leave it half read until the garbage collector finds it, and as
        long every commit ends in "database is locked".
        """
        running = asyncio.ensure_future(self.raw.execute(_text(sql), dict(values or {})))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.gather(running, return_exceptions=True)
            raise


# This process has committed something.
pulse = Pulse()


class Session:
    """Connections for one piece of work that waits between its steps (a purchase: for the node).

    Each step holds the extension's one lock; between steps nothing is locked. On SQLite the
    file stays open, since opening it costs more than a step; on PostgreSQL the
    connection goes back to the host's pool of five, or a slow node would empty it.
    """

    def __init__(self) -> None:
        self._open: AsyncConnection | None = None

    async def __aenter__(self) -> "Session":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Tx]:
        """A step of SELECTs. Never nest it, never wait inside."""
        async with self._step() as raw:
            yield Tx(raw)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A step whose statements commit together or not at all, also when it is cancelled.

        Never nest it, never wait for the network inside. On SQLite the driver begins before the
        first write; what is read before it cannot change, because the lock is held.
        """
        async with self._step() as raw:
            try:
                yield Tx(raw)
            except BaseException:
                await raw.rollback()
                raise
            await raw.commit()
        pulse.beat()

    @asynccontextmanager
    async def _step(self) -> AsyncIterator[AsyncConnection]:
        # Not `db.connect()`: it creates the schema and commits each time. Boot has done that.
        async with db.lock:
            try:
                yield self._open or await self._connect()
            finally:
                if not is_sqlite():
                    await self._close()

    async def _connect(self) -> AsyncConnection:
        self._open = await db.engine.connect()
        return self._open

    async def _close(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            # A second cancellation must not leave a file open with a lock on it.
            await asyncio.shield(opened.close())


@asynccontextmanager
async def reading() -> AsyncIterator[Tx]:
    """One step of SELECTs on a connection of its own (see Session)."""
    async with Session() as session, session.reading() as tx:
        yield tx


@asynccontextmanager
async def transaction() -> AsyncIterator[Tx]:
    """One transaction on a connection of its own (see Session)."""
    async with Session() as session, session.transaction() as tx:
        yield tx


def is_sqlite() -> bool:
    return bool(db.type == SQLITE)


def legacy_time(moment: datetime) -> float | datetime:
    """A moment as 1.6.9's TIMESTAMP columns take it: unix seconds on SQLite, naive UTC else."""
    if is_sqlite():
        return moment.timestamp()
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


def from_legacy_time(value: float | int | str | datetime | None) -> datetime | None:
    """The reverse of `legacy_time`. SQLite's own column default stores seconds as text."""
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=timezone.utc)
    return datetime.fromtimestamp(float(value), timezone.utc)


def short_id() -> str:
    """A random id of 22 characters (the host's): follows from nothing."""
    return str(urlsafe_short_hash())


def looks_like(field: str, pattern: str) -> str:
    """A condition: a column fits the pattern bound as `:pattern`, in capitals or not."""
    return f"{field} GLOB :{pattern}" if is_sqlite() else f"{field} ILIKE :{pattern} ESCAPE '!'"


def containing(text: str) -> str:
    """The pattern for `looks_like` of whatever holds this text; its own signs mean themselves."""
    return f"*{_glob(text)}*" if is_sqlite() else f"%{_like(text)}%"


def beginning_with(text: str) -> str:
    """The same for whatever begins with it."""
    return f"{_glob(text)}*" if is_sqlite() else f"{_like(text)}%"


def _like(text: str) -> str:
    return re.sub("([!%_])", r"!\1", text)


def _glob(text: str) -> str:
    """For SQLite, whose LIKE knows the capitals of English letters only."""
    return "".join(_both_cases(char) for char in text)


def _both_cases(char: str) -> str:
    cases = {char, *(form for form in (char.lower(), char.upper()) if len(form) == 1)}
    # Of the signs with a meaning, each stands for itself in a class of its own.
    return f"[{''.join(sorted(cases))}]" if len(cases) > 1 or char in "*?[" else char
