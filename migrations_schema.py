"""What the fork's migrations share: statements that may be repeated, on both engines."""

from typing import Any

from lnbits.db import SQLITE, Connection


async def add_columns(conn: Connection, table: str, columns: dict[str, str]) -> None:
    """Add what is missing. SQLite knows no `ADD COLUMN IF NOT EXISTS`."""
    if conn.type == SQLITE:
        query = "SELECT name FROM pragma_table_info(:name, 'events')"
    else:
        query = """
            SELECT column_name AS name FROM information_schema.columns
            WHERE table_schema = 'events' AND table_name = :name
        """
    rows: list[Any] = await conn.fetchall(query, {"name": table})
    there = {row["name"] for row in rows}
    for column, kind in columns.items():
        if column not in there:
            await conn.execute(f"ALTER TABLE events.{table} ADD COLUMN {column} {kind}")


async def add_indexes(conn: Connection, kind: str, indexes: dict[str, str]) -> None:
    """`kind` is INDEX or UNIQUE INDEX; `indexes` maps a name to its table and columns."""
    for name, target in indexes.items():
        # The engines want the schema at different places.
        if conn.type == SQLITE:
            await conn.execute(f"CREATE {kind} IF NOT EXISTS events.{name} ON {target}")
        else:
            await conn.execute(f"CREATE {kind} IF NOT EXISTS {name} ON events.{target}")


async def has_table(conn: Connection, table: str) -> bool:
    """Whether a table of the extension is there."""
    if conn.type == SQLITE:
        query = "SELECT 1 AS x FROM events.sqlite_master WHERE type = 'table' AND name = :name"
    else:
        query = """
            SELECT 1 AS x FROM information_schema.tables
            WHERE table_schema = 'events' AND table_name = :name
        """
    return bool(await conn.fetchone(query, {"name": table}))
