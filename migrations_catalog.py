"""Steps of the fork's migrations for the catalog; see `migrations_fork.py`."""

from lnbits.db import SQLITE, Connection

from .migrations_schema import add_columns, add_indexes

_EVENT_COLUMNS = {
    "event_type": "TEXT NOT NULL DEFAULT 'other'",
    "location": "TEXT",
    "is_online": "BOOLEAN NOT NULL DEFAULT FALSE",
    "max_per_buyer": "INTEGER",
    "login_required": "BOOLEAN NOT NULL DEFAULT FALSE",
    "entry": "TEXT NOT NULL DEFAULT 'once'",
    # 1.6.9 had no public list, so its events start outside of it.
    "listed": "BOOLEAN NOT NULL DEFAULT FALSE",
    "nostr_publish": "BOOLEAN NOT NULL DEFAULT FALSE",
    "metadata": "TEXT",
}
_PACKAGE_COLUMNS = {
    "valid_from": "BIGINT",
    "valid_until": "BIGINT",
    "image_id": "TEXT",
}
_PROMO_COLUMNS = {
    "kind": "TEXT NOT NULL DEFAULT 'percent'",
    "value_minor": "BIGINT",
    "currency": "TEXT",
    "valid_from": "BIGINT",
    "valid_until": "BIGINT",
    "max_uses": "INTEGER",
    "max_per_buyer": "INTEGER",
    "package_ids": "TEXT",
    "uses": "INTEGER NOT NULL DEFAULT 0",
    "version": "INTEGER NOT NULL DEFAULT 1",
}
# What an add-on is must be known wherever its seats move, without asking its package.
_KIND = {"kind": "TEXT NOT NULL DEFAULT 'admission'"}
_INDEXES = {
    "ix_options_event": "options (event_id)",
    "ix_options_package": "options (package_id)",
    "ix_responses_ticket": "option_responses (ticket_id)",
    "ix_responses_option": "option_responses (option_id)",
    "ix_promo_uses_code": "promo_uses (code_id, buyer_key)",
    "ix_promo_uses_event": "promo_uses (event_id)",
    "ix_audit_event": "audit (event_id, at)",
    "ix_events_listed": "events (listed, status, starts_at)",
}
_UNIQUE_INDEXES = {"ux_promo_uses_order": "promo_uses (order_id)"}


async def m010_catalog_columns(conn: Connection) -> None:
    await add_columns(conn, "events", _EVENT_COLUMNS)
    await add_columns(conn, "packages", _PACKAGE_COLUMNS)
    await add_columns(conn, "promo_codes", _PROMO_COLUMNS)
    await add_columns(conn, "order_lines", _KIND)
    await add_columns(conn, "ticket", _KIND)


async def m011_options(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.options (
            id TEXT PRIMARY KEY,
            event_id TEXT NOT NULL,
            package_id TEXT NOT NULL,
            label TEXT NOT NULL,
            type TEXT NOT NULL,
            choices TEXT NOT NULL DEFAULT '[]',
            is_required BOOLEAN NOT NULL DEFAULT FALSE,
            is_deleted BOOLEAN NOT NULL DEFAULT FALSE,
            display_order INTEGER NOT NULL DEFAULT 0,
            created_at BIGINT NOT NULL,
            CHECK (type IN ('text', 'boolean', 'single', 'multi'))
        )
        """
    )
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.option_responses (
            id TEXT PRIMARY KEY,
            ticket_id TEXT NOT NULL,
            option_id TEXT NOT NULL,
            label TEXT NOT NULL,
            value TEXT NOT NULL,
            UNIQUE (ticket_id, option_id)
        )
        """
    )


async def m012_promo_uses(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.promo_uses (
            id TEXT PRIMARY KEY,
            code_id TEXT NOT NULL,
            event_id TEXT NOT NULL,
            order_id TEXT NOT NULL,
            buyer_key TEXT,
            created_at BIGINT NOT NULL,
            freed_at BIGINT
        )
        """
    )


async def m013_audit(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.audit (
            id TEXT PRIMARY KEY,
            at BIGINT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            entity TEXT NOT NULL,
            entity_id TEXT NOT NULL,
            event_id TEXT,
            field TEXT,
            old TEXT,
            new TEXT
        )
        """
    )
    await add_indexes(conn, "UNIQUE INDEX", _UNIQUE_INDEXES)
    await add_indexes(conn, "INDEX", _INDEXES)
    for statement in _AUDIT_SQLITE if conn.type == SQLITE else _AUDIT_POSTGRES:
        await conn.execute(statement)


# What is written stays. On SQLite `INSERT OR REPLACE` would delete without asking the trigger
# for deletes, hence the third one; the hidden rowid is a key that can be taken over as well.
_AUDIT_SQLITE = (
    "CREATE TRIGGER IF NOT EXISTS events.audit_no_update BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS events.audit_no_delete BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
    "CREATE TRIGGER IF NOT EXISTS events.audit_no_replace BEFORE INSERT ON audit"
    " WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id OR rowid = NEW.rowid)"
    " BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END",
)
_AUDIT_POSTGRES = (
    "CREATE OR REPLACE FUNCTION events.audit_is_append_only() RETURNS trigger AS $$"
    " BEGIN RAISE EXCEPTION 'the audit log is append-only'; END; $$ LANGUAGE plpgsql",
    "CREATE OR REPLACE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON events.audit"
    " FOR EACH ROW EXECUTE FUNCTION events.audit_is_append_only()",
    "CREATE OR REPLACE TRIGGER audit_no_truncate BEFORE TRUNCATE ON events.audit"
    " FOR EACH STATEMENT EXECUTE FUNCTION events.audit_is_append_only()",
)
