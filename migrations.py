"""The tables of lnbits/events 1.6.9, versions 1 to 8; the host runs them under the key `events`.

A fresh install and every older database end in exactly that schema, so an operator can go back.
The host commits after each statement and repeats a step that did not finish: every statement here
may find its own work done already. Numbers from 9 on belong to upstream; what this extension adds
stands in `migrations_fork.py`. The host may load this file beside an older package: import nothing
of ours.
"""

from lnbits.db import SQLITE, Connection

# Where m004 builds the new table. It exists only while that step is under way.
_REBUILT = "events_rebuilt"
_UNCHANGED = "id, wallet, name, info, closing_date, event_start_date, event_end_date"


async def m001_initial(db: Connection) -> None:
    """Events, and tickets that are written when they are paid."""
    await _finish_rebuild(db)
    await db.execute(
        f"""
        CREATE TABLE IF NOT EXISTS events.events (
            id TEXT PRIMARY KEY,
            wallet TEXT NOT NULL,
            name TEXT NOT NULL,
            info TEXT NOT NULL,
            closing_date TEXT NOT NULL,
            event_start_date TEXT NOT NULL,
            event_end_date TEXT NOT NULL,
            amount_tickets INTEGER NOT NULL,
            price_per_ticket INTEGER NOT NULL,
            sold INTEGER NOT NULL,
            time TIMESTAMP NOT NULL DEFAULT {db.timestamp_now}
        )
        """
    )
    if not await _has_table(db, "ticket"):
        await _create_tickets(db, "tickets", "registered BOOLEAN NOT NULL")


async def m002_tickets_before_payment(db: Connection) -> None:
    """Tickets are written unpaid, in a new table; those of the old one were all paid."""
    await _create_tickets(db, "ticket", "registered BOOLEAN NOT NULL, paid BOOLEAN NOT NULL")
    if await _has_table(db, "tickets"):
        await db.execute(
            """
            INSERT INTO events.ticket (id, wallet, event, name, email, registered, paid, time)
            SELECT id, wallet, event, name, email, registered, TRUE, time
            FROM events.tickets WHERE TRUE
            ON CONFLICT (id) DO NOTHING
            """
        )
        await db.execute("DROP TABLE events.tickets")


async def m003_registered_when(db: Connection) -> None:
    await _add_column(db, "ticket", "reg_timestamp", "TIMESTAMP")


async def m004_currency(db: Connection) -> None:
    """Prices in a currency, so no longer whole numbers. Old prices are sats.

    SQLite cannot change a column's type, so the table is built anew.
    """
    await _finish_rebuild(db)
    if await _has_column(db, "events", "currency"):
        return
    # What an interrupted run left may be older than the table it was copied from.
    await db.execute(f"DROP TABLE IF EXISTS events.{_REBUILT}")
    await db.execute(
        f"""
        CREATE TABLE events.{_REBUILT} (
            id TEXT PRIMARY KEY,
            wallet TEXT NOT NULL,
            name TEXT NOT NULL,
            info TEXT NOT NULL,
            closing_date TEXT NOT NULL,
            event_start_date TEXT NOT NULL,
            event_end_date TEXT NOT NULL,
            currency TEXT NOT NULL,
            amount_tickets INTEGER NOT NULL,
            price_per_ticket REAL NOT NULL,
            sold INTEGER NOT NULL,
            time TIMESTAMP NOT NULL DEFAULT {db.timestamp_now}
        )
        """
    )
    await db.execute(
        # Only names from this file are put in.
        f"""
        INSERT INTO events.{_REBUILT}
            ({_UNCHANGED}, currency, amount_tickets, price_per_ticket, sold, time)
        SELECT {_UNCHANGED}, 'sat', amount_tickets, price_per_ticket, sold, time
        FROM events.events
        """  # noqa: S608 - names from this file only
    )
    await db.execute("DROP TABLE events.events")
    await _finish_rebuild(db)


async def m005_banner(db: Connection) -> None:
    await _add_column(db, "events", "banner", "TEXT")


async def m006_cancelled_and_extra(db: Connection) -> None:
    """`extra` is JSON: waves, promo codes and settings of an event, details of a ticket."""
    await _add_column(db, "events", "canceled", "BOOLEAN NOT NULL DEFAULT FALSE")
    await _add_column(db, "events", "extra", "TEXT")
    await _add_column(db, "ticket", "extra", "TEXT")


async def m007_allow_fiat(db: Connection) -> None:
    await _add_column(db, "events", "allow_fiat", "BOOLEAN NOT NULL DEFAULT FALSE")


async def m008_fiat_currency(db: Connection) -> None:
    await _add_column(db, "events", "fiat_currency", "TEXT NOT NULL DEFAULT 'GBP'")


async def _create_tickets(db: Connection, table: str, flags: str) -> None:
    await db.execute(
        f"""
        CREATE TABLE IF NOT EXISTS events.{table} (
            id TEXT PRIMARY KEY,
            wallet TEXT NOT NULL,
            event TEXT NOT NULL,
            name TEXT NOT NULL,
            email TEXT NOT NULL,
            {flags},
            time TIMESTAMP NOT NULL DEFAULT {db.timestamp_now}
        )
        """
    )


async def _finish_rebuild(db: Connection) -> None:
    """Without `events`, the rebuilt table is complete: it only lacks its name."""
    if await _has_table(db, _REBUILT) and not await _has_table(db, "events"):
        await db.execute(f"ALTER TABLE events.{_REBUILT} RENAME TO events")


async def _add_column(db: Connection, table: str, column: str, kind: str) -> None:
    # SQLite knows no ADD COLUMN IF NOT EXISTS.
    if not await _has_column(db, table, column):
        await db.execute(f"ALTER TABLE events.{table} ADD COLUMN {column} {kind}")


async def _has_table(db: Connection, table: str) -> bool:
    if db.type == SQLITE:
        # Qualified: the file is attached twice, and a lock on one name keeps out the other.
        query = "SELECT 1 AS x FROM events.sqlite_master WHERE type = 'table' AND name = :name"
    else:
        query = """
            SELECT 1 AS x FROM information_schema.tables
            WHERE table_schema = 'events' AND table_name = :name
        """
    return bool(await db.fetchone(query, {"name": table}))


async def _has_column(db: Connection, table: str, column: str) -> bool:
    if db.type == SQLITE:
        query = "SELECT 1 AS x FROM pragma_table_info(:name, 'events') WHERE name = :column"
    else:
        query = """
            SELECT 1 AS x FROM information_schema.columns
            WHERE table_schema = 'events' AND table_name = :name AND column_name = :column
        """
    return bool(await db.fetchone(query, {"name": table, "column": column}))
