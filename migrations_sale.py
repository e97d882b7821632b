"""The sale: what the database itself keeps true of orders and their tickets.

Each step may be cut off and repeated; see `migrations_schema` for what they share.
"""

from lnbits.db import SQLITE, Connection

from .migrations_schema import add_indexes

_INDEXES = {"ix_orders_free": "orders (address, created_at) WHERE method = 'free'"}

# All tickets of an order share its invoice's hash: whoever stores it, in whatever transaction.
_COPY = "UPDATE {schema}ticket SET payment_hash = NEW.payment_hash WHERE order_id = NEW.id"
_WHEN = "NEW.payment_hash IS NOT NULL"
_SQLITE = (
    "CREATE TRIGGER IF NOT EXISTS events.order_has_hash AFTER UPDATE OF payment_hash ON orders"
    f" WHEN {_WHEN} AND OLD.payment_hash IS NOT NEW.payment_hash"
    f" BEGIN {_COPY.format(schema='')}; END",
)
_POSTGRES = (
    "CREATE OR REPLACE FUNCTION events.order_has_hash() RETURNS trigger AS $$"
    f" BEGIN {_COPY.format(schema='events.')}; RETURN NULL; END; $$ LANGUAGE plpgsql",
    "CREATE OR REPLACE TRIGGER order_has_hash AFTER UPDATE OF payment_hash ON events.orders"
    f" FOR EACH ROW WHEN ({_WHEN} AND OLD.payment_hash IS DISTINCT FROM NEW.payment_hash)"
    " EXECUTE FUNCTION events.order_has_hash()",
)


async def m024_one_hash_per_order(conn: Connection) -> None:
    for statement in _SQLITE if conn.type == SQLITE else _POSTGRES:
        await conn.execute(statement)


async def m025_free_orders(conn: Connection) -> None:
    await add_indexes(conn, "INDEX", _INDEXES)
