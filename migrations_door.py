"""The door: scanners, scans, who went out, and when a ticket last changed.

Each step may be cut off and repeated; see `migrations_schema` for what they share.
"""

from lnbits.db import SQLITE, Connection

from .migrations_schema import add_columns, add_indexes

# 0: not since the door was built.
_TICKET_COLUMNS = {"left_at": "BIGINT", "changed_at": "BIGINT NOT NULL DEFAULT 0"}
_UNIQUE_INDEXES = {
    "ux_scanners_token": "scanners (token_hash)",
    "ux_scans_nonce": "scans (event_id, scan_id)",
}
_INDEXES = {
    "ix_scanners_event": "scanners (event_id, created_at)",
    "ix_scans_ticket": "scans (ticket_id)",
    "ix_scans_received": "scans (event_id, received_at, id)",
    "ix_scans_scanner": "scans (scanner_id)",
    "ix_ticket_changed": "ticket (event, changed_at, id)",
}


async def m014_scanners(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.scanners (
            id TEXT PRIMARY KEY,
            event_id TEXT NOT NULL,
            name TEXT NOT NULL,
            token_hash TEXT NOT NULL,
            may_work_offline BOOLEAN NOT NULL DEFAULT FALSE,
            sees_names BOOLEAN NOT NULL DEFAULT FALSE,
            created_at BIGINT NOT NULL,
            expires_at BIGINT,
            revoked_at BIGINT,
            last_seen_at BIGINT,
            page_version TEXT,
            pending INTEGER
        )
        """
    )


async def m015_scans(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.scans (
            id TEXT PRIMARY KEY,
            event_id TEXT NOT NULL,
            scan_id TEXT NOT NULL,
            ticket_id TEXT,
            code_hash TEXT,
            scanner_id TEXT,
            type TEXT NOT NULL,
            outcome TEXT NOT NULL,
            is_forced BOOLEAN NOT NULL DEFAULT FALSE,
            is_conflict BOOLEAN NOT NULL DEFAULT FALSE,
            location TEXT,
            answer TEXT,
            scanned_at BIGINT NOT NULL,
            received_at BIGINT NOT NULL,
            annulled_at BIGINT,
            annulled_by TEXT,
            CHECK (type IN ('check_in', 'check_out', 'access'))
        )
        """
    )


async def m016_ticket_columns_and_indexes(conn: Connection) -> None:
    await add_columns(conn, "ticket", _TICKET_COLUMNS)
    await add_indexes(conn, "UNIQUE INDEX", _UNIQUE_INDEXES)
    await add_indexes(conn, "INDEX", _INDEXES)
    for statement in _CHANGED_SQLITE if conn.type == SQLITE else _CHANGED_POSTGRES:
        await conn.execute(statement)


# A door's list is kept up to date by what changed since. A trigger forgets no statement, not even
# one of 1.6.9 after a roll back. Unix milliseconds of the database's own clock.
_WATCHED = "status, name, package_id, valid_from, valid_until, left_at, registered, paid"
_NOW_SQLITE = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
_CHANGED_SQLITE = tuple(
    # Only words of this file are put in.
    f"CREATE TRIGGER IF NOT EXISTS events.ticket_{name} AFTER {what} ON ticket"  # noqa: S608
    f" BEGIN UPDATE ticket SET changed_at = {_NOW_SQLITE} WHERE rowid = NEW.rowid; END"
    for name, what in (("added", "INSERT"), ("changed", f"UPDATE OF {_WATCHED}"))
)
_CHANGED_POSTGRES = (
    "CREATE OR REPLACE FUNCTION events.ticket_has_changed() RETURNS trigger AS $$"
    " BEGIN NEW.changed_at := (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT;"
    " RETURN NEW; END; $$ LANGUAGE plpgsql",
    "CREATE OR REPLACE TRIGGER ticket_added BEFORE INSERT ON events.ticket"
    " FOR EACH ROW EXECUTE FUNCTION events.ticket_has_changed()",
    f"CREATE OR REPLACE TRIGGER ticket_changed BEFORE UPDATE OF {_WATCHED} ON events.ticket"
    " FOR EACH ROW EXECUTE FUNCTION events.ticket_has_changed()",
)
