"""Databases as 1.6.9 and its ancestors left them, beside the one of the host under test.

A `Node` is what a node operator has: the host's own database and the extension's. Its boot runs
the host's real migration runner, then ours as `tasks.py` does, without the rest of the host.
"""

import asyncio
import importlib
import itertools
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType
from typing import Any

from support import postgres
from support.host import ENGINE, REPO, on_postgres

FIXTURE = REPO / "tests" / "fixtures" / "events-1.6.9" / ENGINE
FORK_KEY = "events_fork"
Row = Mapping[str, Any]

_numbers = itertools.count(1)


def part(name: str) -> ModuleType:
    """A self-contained root module, without importing the package around it."""
    package = ModuleType("events_alone")
    package.__path__ = [str(REPO)]
    sys.modules.setdefault(package.__name__, package)
    return importlib.import_module(f"{package.__name__}.{name}")


class Crash(asyncio.CancelledError):
    """The process is gone, as far as the code under test can tell: only clean-up code runs."""


class Crasher:
    """Counts statements on both databases of a node; before the n-th the process is gone.

    Commits need no counting: cut off before one, a database is as before the statement it ends.
    """

    def __init__(self) -> None:
        self.count = 0
        self.at = 0

    def arm(self, at: int) -> None:
        self.count, self.at = 0, at

    def hit(self, *_: object) -> None:
        self.count += 1
        if self.count == self.at:
            self.die()

    def die(self) -> None:
        raise Crash


@dataclass
class Node:
    folder: Path
    url: str | None
    core: Any
    ext: Any
    crasher: Crasher

    async def run(self, statement: str, **values: Any) -> int:
        return await self.script((statement, values))

    async def script(self, *steps: tuple[str, Mapping[str, Any]]) -> int:
        """Statements, texts as they are: the host's `execute` strips tags. Rows of the last one."""
        from sqlalchemy import text

        count = 0
        async with self.ext.connect() as conn:
            for statement, values in steps:
                count = (await conn.conn.execute(text(statement), dict(values))).rowcount
                await conn.conn.commit()
        return count

    async def insert(self, table: str, **values: Any) -> None:
        await self.script(inserting(table, values))

    async def rows(self, statement: str, **values: Any) -> list[Row]:
        async with self.ext.connect() as conn:
            found: list[Row] = await conn.fetchall(statement, values)
            return found

    async def row(self, statement: str, **values: Any) -> Row:
        found = await self.rows(statement, **values)
        assert len(found) == 1, f"{len(found)} rows: {statement} {values}"
        return found[0]

    async def set_versions(self, **versions: int) -> None:
        """What the host remembers: the versions of these keys, and of no others."""
        async with self.core.connect() as conn:
            await conn.execute(
                "CREATE TABLE IF NOT EXISTS dbversions (db TEXT PRIMARY KEY, version INT NOT NULL)"
            )
            await conn.execute("DELETE FROM dbversions")
            for key, version in versions.items():
                values = {"key": key, "version": version}
                await conn.execute("INSERT INTO dbversions VALUES (:key, :version)", values)

    async def version(self, key: str) -> Any:
        from lnbits.core.crud import get_db_version

        async with self.core.connect() as conn:
            return await get_db_version(key, conn)

    async def migrate_upstream(self) -> None:
        """What the host does with `migrations.py`, before `events_start`."""
        from lnbits.core.helpers import run_migration
        from lnbits.core.models import DbVersion

        current = await self.version("events") or DbVersion(db="events", version=0)
        with _versions_in(self.core):
            async with self.ext.connect() as conn:
                await run_migration(conn, part("migrations"), "events", current)

    async def boot(self) -> Any:
        """A boot of the extension up to readiness; returns what was adopted."""
        await self.migrate_upstream()
        return await self.migrate_fork()

    async def migrate_fork(self) -> Any:
        from lnbits.core.helpers import run_migration

        fork = part("migrations_fork")
        current = await self.version(FORK_KEY)
        with _versions_in(self.core):
            async with self.ext.connect() as conn:
                if current and not await fork.has_marker(conn):
                    current = None
                for name in (
                    "migrations_fork",
                    "migrations_refunds",
                    "migrations_catalog",
                    "migrations_door",
                    "migrations_messages",
                    "migrations_nostr",
                    "migrations_sale",
                ):
                    steps = part(name)
                    await run_migration(conn, steps, FORK_KEY, current)
                    current = await self.version(FORK_KEY)
                return await part("adoption").adopt_legacy(conn)

    async def drop_tables(self) -> None:
        """What the host's "delete data" does to the extension's tables."""
        if on_postgres():
            await self.run("DROP SCHEMA events CASCADE")
        else:
            (self.folder / "ext_events.sqlite3").unlink(missing_ok=True)

    async def close(self) -> None:
        await self.core.engine.dispose()
        await self.ext.engine.dispose()
        shutil.rmtree(self.folder, ignore_errors=True)


def inserting(table: str, values: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
    # Names come from the tests, values are bound.
    return f"INSERT INTO events.{table} ({names}) VALUES ({marks})", values  # noqa: S608


@contextmanager
def _versions_in(core: Any) -> Iterator[None]:
    """The host's runner stores versions in its own database: point it to the node's."""
    from lnbits.core import helpers

    real = helpers.core_db
    helpers.core_db = core
    try:
        yield
    finally:
        helpers.core_db = real


def open_node(folder: Path, url: str | None, crasher: Crasher) -> Node:
    """Handles on a node's two databases; LNbits takes their place from its settings."""
    from lnbits.db import Database
    from lnbits.settings import settings
    from sqlalchemy import event

    real = settings.lnbits_data_folder, settings.lnbits_database_url
    settings.lnbits_data_folder, settings.lnbits_database_url = str(folder), url
    try:
        core, ext = Database("database"), Database("ext_events")
    finally:
        settings.lnbits_data_folder, settings.lnbits_database_url = real
    for database in (core, ext):
        event.listen(database.engine.sync_engine, "before_cursor_execute", crasher.hit)
    return Node(folder, url, core, ext, crasher)


def _new_folder() -> Path:
    # In memory where there is such a place: syncing to a disk is most of what a commit costs.
    memory = Path("/dev/shm")  # noqa: S108 - a new folder is made in it, with a name of its own
    return Path(tempfile.mkdtemp(prefix="events-node-", dir=memory if memory.is_dir() else None))


@asynccontextmanager
async def empty_node() -> AsyncIterator[Node]:
    """Databases without any table."""
    url = postgres.new_database(f"node_{next(_numbers)}") if on_postgres() else None
    node = open_node(_new_folder(), url, Crasher())
    try:
        await node.set_versions()
        yield node
    finally:
        await node.close()


@asynccontextmanager
async def node_of_1_6_9() -> AsyncIterator[Node]:
    """The real databases that 1.6.9 left, of this run's engine."""
    folder = _new_folder()
    url = None
    if on_postgres():
        name = f"node_{next(_numbers)}"
        url = postgres.new_database(name)
        postgres.sql(f"\\connect {name}\n" + (FIXTURE / "dump.sql").read_text())
    else:
        for file in FIXTURE.glob("*.sqlite3"):
            shutil.copyfile(file, folder / file.name)
    node = open_node(folder, url, Crasher())
    try:
        yield node
    finally:
        await node.close()


def moment(seconds: float) -> float | datetime:
    """Unix seconds as 1.6.9's TIMESTAMP columns hold them."""
    if on_postgres():
        return datetime.fromtimestamp(seconds, timezone.utc).replace(tzinfo=None)
    return seconds


_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'events'
    ORDER BY table_name, ordinal_position
"""
_COLUMNS_SQLITE = """
    SELECT t.name AS table_name, c.name, c.type, c."notnull", c.dflt_value, c.pk
    FROM events.sqlite_master t, pragma_table_info(t.name, 'events') c
    WHERE t.type = 'table' ORDER BY t.name, c.cid
"""
_INDEXES = "SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'events'"
_INDEXES_SQLITE = "SELECT name FROM events.sqlite_master WHERE type = 'index'"
_TRIGGERS = """
    SELECT t.tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'events' AND NOT t.tgisinternal
"""
_TRIGGERS_SQLITE = "SELECT name FROM events.sqlite_master WHERE type = 'trigger'"


@dataclass(frozen=True)
class Content:
    """Columns (name, type, nullability, default, key) in order, rows, names of indexes and
    triggers."""

    columns: dict[str, list[tuple[Any, ...]]]
    rows: dict[str, list[dict[str, Any]]]
    indexes: set[str]
    triggers: set[str]


async def content(node: Node) -> Content:
    """All there is in the extension's tables, to compare two nodes or two moments."""
    columns: dict[str, list[tuple[Any, ...]]] = {}
    async with node.ext.connect() as conn:
        for table, *column in await _tuples(conn, _COLUMNS if on_postgres() else _COLUMNS_SQLITE):
            columns.setdefault(table, []).append(tuple(column))
        rows = {}
        for table in columns:
            found = await conn.fetchall(f"SELECT * FROM events.{table}")  # noqa: S608 - catalog
            rows[table] = sorted((_lasting(row) for row in found), key=str)
        names = await _tuples(conn, _INDEXES if on_postgres() else _INDEXES_SQLITE)
        triggers = await _tuples(conn, _TRIGGERS if on_postgres() else _TRIGGERS_SQLITE)
    # Keys of tables have names that the engines make up.
    indexes = {name for (name,) in names if name.startswith(("ix_", "ux_"))}
    return Content(columns, rows, indexes, {name for (name,) in triggers})


def _lasting(row: Row) -> dict[str, Any]:
    """Without the moment at which a trigger saw the row, which is another one each time."""
    return {name: value for name, value in row.items() if name != "changed_at"}


async def _tuples(conn: Any, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in await conn.fetchall(query)]
