"""Fill the tables as a big sale would: many paid orders of one ticket each."""

from collections.abc import Mapping

from support.builders import Row, execute, row
from support.host import on_postgres

# One to :many, in a form that both engines know.
_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)"


async def join(order_id: str, many: int) -> None:
    """Repeat a paid order of one ticket `many` times, with ids of their own and new buyers."""
    order = await row("SELECT * FROM events.orders WHERE id = :id", id=order_id)
    line = await row("SELECT * FROM events.order_lines WHERE order_id = :id", id=order_id)
    ticket = await row("SELECT * FROM events.ticket WHERE order_id = :id", id=order_id)
    # What is unique, or would lie on one heap if it were all the same.
    new_order = {
        "id": "'crowd-' || n.i",
        "payment_hash": "'crowd-hash-' || n.i",
        "secret_hash": "'crowd-secret-' || n.i",
        "idempotency_hash": "NULL",
        "buyer_email": "'crowd-' || n.i || '@example.com'",
        "buyer_key": "'email:crowd-' || n.i || '@example.com'",
        "address": "'crowd-address-' || n.i",
    }
    belongs = {"order_id": "'crowd-' || n.i"}
    await _repeat("orders", order, new_order, many)
    await _repeat("order_lines", line, {"id": "'crowd-' || n.i || '.1'", **belongs}, many)
    new_ticket = {
        "id": "'crowd-ticket-' || n.i",
        "payment_hash": "'crowd-hash-' || n.i",
        "number": "t.number + n.i",
        **belongs,
    }
    await _repeat("ticket", ticket, new_ticket, many)
    await _count(str(ticket["event"]), str(ticket["package_id"]), many)
    if on_postgres():
        for table in ("orders", "order_lines", "ticket"):
            await execute(f"ANALYZE events.{table}")


async def _repeat(table: str, model: Row, changes: Mapping[str, str], many: int) -> None:
    columns = ", ".join(model)
    values = ", ".join(changes.get(name, f"t.{name}") for name in model)
    made = await execute(
        # Names come from the table itself, expressions from this file.
        f"INSERT INTO events.{table} ({columns}) {_NUMBERS}"  # noqa: S608
        f" SELECT {values} FROM events.{table} t, n WHERE t.id = :id",
        id=model["id"],
        many=many,
    )
    assert made == many, f"{made} rows in {table}"


async def _count(event_id: str, package_id: str, many: int) -> None:
    await execute(
        "UPDATE events.events SET sold = sold + :many, ticket_seq = ticket_seq + :many"
        " WHERE id = :id",
        id=event_id,
        many=many,
    )
    await execute(
        "UPDATE events.packages SET sold = sold + :many WHERE id = :id", id=package_id, many=many
    )
