"""Nostr: each organiser's key and relays, the documents kept there, and what each relay has.

Each step may be cut off and repeated; see `migrations_schema` for what they share.
"""

from lnbits.db import SQLITE, Connection

from .migrations_schema import add_indexes

_UNIQUE_INDEXES = {"ux_nostr_keys_active": "nostr_keys (wallet) WHERE retired_at IS NULL"}
_INDEXES = {
    "ix_nostr_documents_unsigned": "nostr_documents (not_before) WHERE rev > signed_rev",
    "ix_nostr_documents_timed": "nostr_documents (changes_at) WHERE changes_at IS NOT NULL",
    "ix_nostr_documents_wallet": "nostr_documents (wallet)",
    "ix_nostr_documents_event": "nostr_documents (event_id)",
    "ix_nostr_documents_unspread": "nostr_documents (wallet) WHERE created_at > spread_created_at",
    "ix_nostr_lanes_due": "nostr_lanes (relay, next_try_at)"
    " WHERE wanted_created_at > acked_created_at",
    "ix_nostr_lanes_unchecked": "nostr_lanes (relay, acked_at) WHERE checked_at IS NULL",
    "ix_nostr_lanes_relay": "nostr_lanes (relay, document_id)",
}


async def m020_nostr_accounts(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.nostr_accounts (
            wallet TEXT PRIMARY KEY,
            relays TEXT NOT NULL,
            profile_name TEXT,
            has_calendar BOOLEAN NOT NULL DEFAULT FALSE,
            version INTEGER NOT NULL DEFAULT 1,
            updated_at BIGINT NOT NULL
        )
        """
    )
    # What `secret` holds is encrypted under the host's key: an nsec, or a signer's address with
    # the key this instance talks to it by.
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.nostr_keys (
            id TEXT PRIMARY KEY,
            wallet TEXT NOT NULL,
            pubkey TEXT NOT NULL,
            mode TEXT NOT NULL,
            secret TEXT NOT NULL,
            created_at BIGINT NOT NULL,
            retired_at BIGINT,
            problem TEXT,
            CHECK (mode IN ('generated', 'nsec', 'bunker'))
        )
        """
    )


async def m021_nostr_documents(conn: Connection) -> None:
    # `rev` counts what changed, `signed_rev` what of it is in `event_json`. `created_at` is in
    # seconds, as Nostr has it; all other times are milliseconds. `spread_created_at`: the version
    # that the lanes were told of.
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.nostr_documents (
            id TEXT PRIMARY KEY,
            purpose TEXT NOT NULL,
            wallet TEXT NOT NULL,
            event_id TEXT,
            rev INTEGER NOT NULL DEFAULT 1,
            signed_rev INTEGER NOT NULL DEFAULT 0,
            kind INTEGER,
            d TEXT,
            key_id TEXT,
            pubkey TEXT,
            created_at BIGINT NOT NULL DEFAULT 0,
            nostr_id TEXT,
            event_json TEXT,
            not_before BIGINT NOT NULL DEFAULT 0,
            changes_at BIGINT,
            is_gone BOOLEAN NOT NULL DEFAULT FALSE,
            content TEXT,
            attempts INTEGER NOT NULL DEFAULT 0,
            problem TEXT,
            spread_created_at BIGINT NOT NULL DEFAULT 0,
            CHECK (purpose IN ('listing', 'profile', 'relay_list', 'calendar', 'deletion'))
        )
        """
    )


async def m022_nostr_lanes(conn: Connection) -> None:
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.nostr_lanes (
            document_id TEXT NOT NULL,
            relay TEXT NOT NULL,
            wanted_created_at BIGINT NOT NULL DEFAULT 0,
            acked_created_at BIGINT NOT NULL DEFAULT 0,
            acked_at BIGINT,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_try_at BIGINT NOT NULL DEFAULT 0,
            parked_rev INTEGER,
            refusal TEXT,
            last_error TEXT,
            checked_at BIGINT,
            foreign_created_at BIGINT,
            PRIMARY KEY (document_id, relay)
        )
        """
    )
    # `lease_owner`: the process whose lane it is; two of them would send everything twice.
    await conn.execute(
        """
        CREATE TABLE IF NOT EXISTS events.nostr_relays (
            url TEXT PRIMARY KEY,
            failures INTEGER NOT NULL DEFAULT 0,
            retry_at BIGINT NOT NULL DEFAULT 0,
            last_error TEXT,
            checked_at BIGINT,
            lease_owner TEXT,
            lease_until BIGINT NOT NULL DEFAULT 0
        )
        """
    )
    await add_indexes(conn, "UNIQUE INDEX", _UNIQUE_INDEXES)
    await add_indexes(conn, "INDEX", _INDEXES)


async def m023_nostr_revisions(conn: Connection) -> None:
    for statement in _SQLITE if conn.type == SQLITE else _POSTGRES:
        await conn.execute(statement)
    await conn.execute(
        "INSERT INTO events.nostr_documents (id, purpose, wallet, event_id)"
        " SELECT 'listing:' || id, 'listing', wallet, id FROM events.events"
        " WHERE nostr_publish = TRUE ON CONFLICT (id) DO NOTHING"
    )


# What a listing shows follows from these columns. Triggers forget no statement, in whatever
# transaction it stands, not even one of 1.6.9 after a roll back; who publishes nothing pays only
# for their WHEN.
_SHOWN_OF_EVENT = (
    "sold, status, canceled, name, info, banner, starts_at, ends_at, timezone, event_start_date,"
    " event_end_date, closing_date, location, is_online, capacity, currency, event_type,"
    " nostr_publish, nostr_hide_counts, metadata, wallet"
)
_SHOWN_OF_PACKAGE = (
    "name, kind, price_minor, currency, quantity_limit, display_order, sale_starts_at,"
    " sale_ends_at, is_enabled, is_hidden"
)
_BUMP = "UPDATE {schema}nostr_documents SET rev = rev + 1"
_UPSERT = (
    "INSERT INTO {schema}nostr_documents (id, purpose, wallet, event_id)"
    " VALUES ('listing:' || NEW.id, 'listing', NEW.wallet, NEW.id)"
    " ON CONFLICT (id) DO UPDATE SET rev = nostr_documents.rev + 1, wallet = excluded.wallet"
)


def _for_sqlite() -> list[str]:
    """The same table may not be named by its schema inside a trigger."""
    upsert, bump = _UPSERT.format(schema=""), _BUMP.format(schema="")
    create = "CREATE TRIGGER IF NOT EXISTS events."
    made = [
        f"{create}listing_added AFTER INSERT ON events WHEN NEW.nostr_publish BEGIN {upsert}; END",
        f"{create}listing_changed AFTER UPDATE OF {_SHOWN_OF_EVENT} ON events"
        f" WHEN NEW.nostr_publish OR OLD.nostr_publish BEGIN {upsert}; END",
        f"{create}listing_gone AFTER DELETE ON events WHEN OLD.nostr_publish"
        f" BEGIN {bump}, is_gone = TRUE WHERE id = 'listing:' || OLD.id; END",
    ]
    for name, what, row in (
        ("added", "INSERT", "NEW"),
        ("changed", f"UPDATE OF {_SHOWN_OF_PACKAGE}", "NEW"),
        ("gone", "DELETE", "OLD"),
    ):
        made.append(
            f"{create}listing_package_{name} AFTER {what} ON packages"
            f" BEGIN {bump} WHERE id = 'listing:' || {row}.event_id; END"
        )
    return made


def _for_postgres() -> list[str]:
    upsert, bump = _UPSERT.format(schema="events."), _BUMP.format(schema="events.")
    function = "CREATE OR REPLACE FUNCTION events.{name}() RETURNS trigger AS $$ BEGIN {body};"
    ending = " RETURN NULL; END; $$ LANGUAGE plpgsql"
    bodies = {
        "listing_has_changed": upsert,
        "listing_is_gone": f"{bump}, is_gone = TRUE WHERE id = 'listing:' || OLD.id",
        "listing_package_has_changed": f"{bump} WHERE id = 'listing:' || NEW.event_id",
        "listing_package_is_gone": f"{bump} WHERE id = 'listing:' || OLD.event_id",
    }
    made = [function.format(name=name, body=body) + ending for name, body in bodies.items()]
    for name, what, when, runs in (
        ("listing_added", "INSERT ON events.events", "NEW.nostr_publish", "listing_has_changed"),
        (
            "listing_changed",
            f"UPDATE OF {_SHOWN_OF_EVENT} ON events.events",
            "NEW.nostr_publish OR OLD.nostr_publish",
            "listing_has_changed",
        ),
        ("listing_gone", "DELETE ON events.events", "OLD.nostr_publish", "listing_is_gone"),
        (
            "listing_package_added",
            "INSERT ON events.packages",
            "TRUE",
            "listing_package_has_changed",
        ),
        (
            "listing_package_changed",
            f"UPDATE OF {_SHOWN_OF_PACKAGE} ON events.packages",
            "TRUE",
            "listing_package_has_changed",
        ),
        ("listing_package_gone", "DELETE ON events.packages", "TRUE", "listing_package_is_gone"),
    ):
        made.append(
            f"CREATE OR REPLACE TRIGGER {name} AFTER {what} FOR EACH ROW WHEN ({when})"
            f" EXECUTE FUNCTION events.{runs}()"
        )
    return made


_SQLITE = _for_sqlite()
_POSTGRES = _for_postgres()
