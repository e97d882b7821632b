"""What this extension adds to the tables of 1.6.9, under the version key `events_fork`.

`tasks.py` runs these steps after `migrations.py`, with the host's own runner: names `mNNN_` in the
order they stand here, then those of `migrations_refunds.py`, `migrations_catalog.py` and
`migrations_door.py`. The host commits after each statement and repeats a step that did not finish,
so each statement may find its own work done already. Released steps never change; new ones go to
the end. 1.6.9 ignores all of it: every added column is nullable or has a default. What the tables
mean is told in `docs/schema.md`.
"""

from lnbits.db import Connection

from .migrations_schema import add_columns, add_indexes, has_table

_EVENT_COLUMNS = {
    "status": "TEXT NOT NULL DEFAULT 'published'",
    "capacity": "INTEGER",
    "held": "INTEGER NOT NULL DEFAULT 0",
    "ticket_seq": "INTEGER NOT NULL DEFAULT 0",
    "version": "INTEGER NOT NULL DEFAULT 1",
    "is_adopted": "BOOLEAN NOT NULL DEFAULT FALSE",
}
_TICKET_COLUMNS = {
    "payment_hash": "TEXT",
    "order_id": "TEXT",
    "package_id": "TEXT",
    "status": "TEXT",
    "number": "INTEGER",
    "price_sat": "BIGINT",
    "valid_from": "BIGINT",
    "valid_until": "BIGINT",
}
_INDEXES = {
    "ix_events_wallet": "events (wallet)",
    "ix_ticket_event": "ticket (event)",
    "ix_ticket_wallet": "ticket (wallet)",
    "ix_ticket_payment_hash": "ticket (payment_hash)",
    "ix_ticket_order": "ticket (order_id)",
    "ix_ticket_package": "ticket (package_id)",
    "ix_packages_event": "packages (event_id)",
    "ix_orders_hold": "orders (status, hold_expires_at)",
    "ix_orders_created": "orders (status, created_at)",
    "ix_orders_buyer": "orders (buyer_key, status)",
    "ix_orders_address": "orders (address, status)",
    "ix_orders_wallet": "orders (wallet)",
    "ix_order_lines_order": "order_lines (order_id)",
    "ix_order_lines_event": "order_lines (event_id)",
    "ix_order_lines_package": "order_lines (package_id)",
    "ix_refunds_order": "refunds (order_id)",
    "ix_refunds_event": "refunds (event_id)",
    "ix_refunds_status": "refunds (status)",
}
# NULLs do not collide on either engine: orders without a hash or a secret may be many.
_UNIQUE_INDEXES = {
    "ux_orders_payment_hash": "orders (payment_hash)",
    "ux_orders_secret": "orders (secret_hash)",
    "ux_orders_idempotency": "orders (idempotency_hash)",
    "ux_refunds_cause": "refunds (cause)",
}


async def has_marker(conn: Connection) -> bool:
    """Whether our tables are there. The stored version alone does not say so.

    The host's "delete data" removes the tables but knows only the key `events`.
    """
    return await has_table(conn, "orders")


async def m001_columns(conn: Connection) -> None:
    # First, and without the marker table: a version that outlived its tables is overwritten
    # with 1 before the marker can vouch for it.
    await add_columns(conn, "events", _EVENT_COLUMNS)
    await add_columns(conn, "ticket", _TICKET_COLUMNS)


async def m002_packages(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.packages (
            id TEXT PRIMARY KEY,
            event_id TEXT NOT NULL,
            wave_id TEXT NOT NULL,
            kind TEXT NOT NULL DEFAULT 'admission',
            name TEXT NOT NULL,
            description TEXT NOT NULL DEFAULT '',
            price_minor BIGINT NOT NULL,
            currency TEXT NOT NULL,
            quantity_limit INTEGER,
            held INTEGER NOT NULL DEFAULT 0,
            sold INTEGER NOT NULL DEFAULT 0,
            display_order INTEGER NOT NULL DEFAULT 0,
            sale_starts_at BIGINT,
            sale_ends_at BIGINT,
            min_per_order INTEGER NOT NULL DEFAULT 1,
            max_per_order INTEGER NOT NULL DEFAULT 10,
            is_enabled BOOLEAN NOT NULL DEFAULT TRUE,
            is_hidden BOOLEAN NOT NULL DEFAULT FALSE,
            version INTEGER NOT NULL DEFAULT 1,
            legacy TEXT NOT NULL DEFAULT '{}',
            created_at BIGINT NOT NULL,
            CHECK (held >= 0),
            CHECK (sold >= 0),
            CHECK (quantity_limit IS NULL OR held + sold <= quantity_limit),
            UNIQUE (event_id, wave_id)
        )
        """
    )


async def m003_promo_codes(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.promo_codes (
            id TEXT PRIMARY KEY,
            event_id TEXT NOT NULL,
            code TEXT NOT NULL,
            percent_bp INTEGER NOT NULL,
            is_active BOOLEAN NOT NULL,
            created_at BIGINT,
            UNIQUE (event_id, code)
        )
        """
    )


async def m004_orders(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.orders (
            id TEXT PRIMARY KEY,
            payment_hash TEXT,
            wallet TEXT NOT NULL,
            status TEXT NOT NULL,
            buyer_name TEXT NOT NULL DEFAULT '',
            buyer_email TEXT NOT NULL DEFAULT '',
            buyer_key TEXT,
            user_id TEXT,
            address TEXT,
            secret_hash TEXT,
            idempotency_hash TEXT,
            request_hash TEXT,
            promo_code TEXT,
            quantity INTEGER NOT NULL,
            subtotal_sat BIGINT NOT NULL,
            discount_sat BIGINT NOT NULL,
            total_sat BIGINT NOT NULL,
            currency TEXT,
            rate TEXT,
            method TEXT NOT NULL DEFAULT 'lightning',
            payment_request TEXT,
            refund_address TEXT,
            nostr_identifier TEXT,
            hold_expires_at BIGINT,
            created_at BIGINT NOT NULL,
            confirmed_at BIGINT,
            settled_msat BIGINT,
            origin TEXT NOT NULL DEFAULT 'api'
        )
        """
    )


async def m005_order_lines(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.order_lines (
            id TEXT PRIMARY KEY,
            order_id TEXT NOT NULL,
            event_id TEXT NOT NULL,
            package_id TEXT,
            quantity INTEGER NOT NULL,
            unit_price_minor BIGINT NOT NULL,
            currency TEXT NOT NULL,
            subtotal_sat BIGINT NOT NULL,
            discount_sat BIGINT NOT NULL,
            total_sat BIGINT NOT NULL
        )
        """
    )


async def m006_refunds(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.refunds (
            id TEXT PRIMARY KEY,
            order_id TEXT NOT NULL,
            ticket_id TEXT,
            event_id TEXT,
            wallet TEXT NOT NULL,
            amount_sat BIGINT NOT NULL,
            reason TEXT NOT NULL,
            status TEXT NOT NULL,
            destination TEXT,
            cause TEXT NOT NULL,
            payment_hash TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            created_at BIGINT NOT NULL
        )
        """
    )


async def m007_settings_and_keyring(conn: Connection) -> None:
    for table, key in (("settings", "id"), ("keyring", "name")):
        columns = f"{key} TEXT PRIMARY KEY, value TEXT NOT NULL"
        await conn.execute(f"CREATE TABLE IF NOT EXISTS events.{table} ({columns})")


async def m008_indexes(conn: Connection) -> None:
    await add_indexes(conn, "UNIQUE INDEX", _UNIQUE_INDEXES)
    await add_indexes(conn, "INDEX", _INDEXES)
