"""Facts to deliver after a commit, the messages made of them, and what decides about those.

Each step may be cut off and repeated; see `migrations_schema` for what they share.
"""

from lnbits.db import Connection

from .migrations_schema import add_columns, add_indexes

_ORDER_COLUMNS = {"language": "TEXT"}
_EVENT_COLUMNS = {
    "send_messages": "BOOLEAN NOT NULL DEFAULT TRUE",
    "send_reminder": "BOOLEAN NOT NULL DEFAULT FALSE",
    "reminded_at": "BIGINT",
    "nostr_hide_counts": "BOOLEAN NOT NULL DEFAULT FALSE",
}
# A fact makes one message for each of its recipients, however often it is looked at.
_UNIQUE_INDEXES = {"ux_messages_cause": "messages (cause, channel, recipient)"}
_INDEXES = {
    "ix_outbox_due": "outbox (next_try_at, id)",
    "ix_messages_due": "messages (channel, rank, next_try_at, id)"
    " WHERE state IN ('queued', 'sending')",
    "ix_messages_event": "messages (event_id, created_at, id)",
    "ix_messages_order": "messages (order_id)",
    "ix_messages_ticket": "messages (ticket_id)",
    "ix_messages_waiting": "messages (channel, recipient, event_id, created_at)"
    " WHERE state IN ('queued', 'sending')",
    "ix_messages_ended": "messages (created_at) WHERE state NOT IN ('queued', 'sending')",
    "ix_announcements_event": "announcements (event_id, created_at)",
    # Pages of an event's orders.
    "ix_order_lines_event_order": "order_lines (event_id, order_id)",
    "ix_events_reminder": "events (id) WHERE send_reminder AND reminded_at IS NULL",
}


# The organiser's own words, kept once for all of their recipients.
_ANNOUNCEMENTS = """
    CREATE TABLE IF NOT EXISTS events.announcements (
        id TEXT PRIMARY KEY,
        event_id TEXT NOT NULL,
        subject TEXT NOT NULL,
        text TEXT NOT NULL,
        package_ids TEXT,
        is_test BOOLEAN NOT NULL DEFAULT FALSE,
        created_at BIGINT NOT NULL
    )
"""


async def m017_outbox(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.outbox (
            id TEXT PRIMARY KEY,
            topic TEXT NOT NULL,
            subject_id TEXT NOT NULL,
            event_id TEXT,
            payload TEXT,
            created_at BIGINT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_try_at BIGINT NOT NULL,
            last_error TEXT
        )
        """
    )


async def m018_messages(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.messages (
            id TEXT PRIMARY KEY,
            wallet TEXT NOT NULL,
            event_id TEXT,
            order_id TEXT,
            ticket_id TEXT,
            refund_id TEXT,
            kind TEXT NOT NULL,
            rank INTEGER NOT NULL DEFAULT 0,
            channel TEXT NOT NULL,
            recipient TEXT NOT NULL,
            language TEXT NOT NULL,
            payload TEXT,
            cause TEXT NOT NULL,
            message_id TEXT,
            state TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_try_at BIGINT NOT NULL,
            error_code TEXT,
            last_error TEXT,
            created_at BIGINT NOT NULL,
            sent_at BIGINT,
            wrap TEXT,
            wrap_id TEXT,
            relays TEXT,
            acked TEXT,
            CHECK (channel IN ('mail', 'dm')),
            CHECK (state IN ('queued', 'sending', 'sent', 'failed', 'undeliverable'))
        )
        """
    )
    await conn.execute(_ANNOUNCEMENTS)


async def m019_message_columns_and_indexes(conn: Connection) -> None:
    await add_columns(conn, "orders", _ORDER_COLUMNS)
    await add_columns(conn, "events", _EVENT_COLUMNS)
    await add_indexes(conn, "UNIQUE INDEX", _UNIQUE_INDEXES)
    await add_indexes(conn, "INDEX", _INDEXES)
