"""Fill the tables as a big sale would: many paid orders of one ticket each, all of them let in."""

from collections.abc import Mapping

from support.builders import Row, execute, row
from support.host import on_postgres

# Those after :before up to :upto, in a form that both engines know.
_NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT :before + 1 UNION ALL SELECT i + 1 FROM n WHERE i < :upto)"
)


async def join(order_id: str, before: int, upto: int) -> None:
    """Repeat a paid order of one ticket that was let in by one scan, with ids of their own and new
    buyers, until there are `upto` of them; `before` is how many there are."""
    order = await row("SELECT * FROM events.orders WHERE id = :id", id=order_id)
    line = await row("SELECT * FROM events.order_lines WHERE order_id = :id", id=order_id)
    ticket = await row("SELECT * FROM events.ticket WHERE order_id = :id", id=order_id)
    scan = await row("SELECT * FROM events.scans WHERE ticket_id = :id", id=ticket["id"])
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
    new_scan = {
        "id": "'crowd-scan-' || n.i",
        "scan_id": "'crowd-scan-' || n.i",
        "ticket_id": "'crowd-ticket-' || n.i",
        "received_at": "t.received_at + n.i",
    }
    wanted = (before, upto)
    await _repeat("orders", order, new_order, *wanted)
    await _repeat("order_lines", line, {"id": "'crowd-' || n.i || '.1'", **belongs}, *wanted)
    new_ticket = {
        "id": "'crowd-ticket-' || n.i",
        "payment_hash": "'crowd-hash-' || n.i",
        "number": "t.number + n.i",
        **belongs,
    }
    await _repeat("ticket", ticket, new_ticket, *wanted)
    await _repeat("scans", scan, new_scan, *wanted)
    await _count(str(ticket["event"]), str(ticket["package_id"]), upto - before)
    if on_postgres():
        for table in ("orders", "order_lines", "ticket", "scans"):
            await execute(f"ANALYZE events.{table}")


async def _repeat(
    table: str, model: Row, changes: Mapping[str, str], before: int, upto: int
) -> None:
    columns = ", ".join(model)
    values = ", ".join(changes.get(name, f"t.{name}") for name in model)
    made = await execute(
        # Names come from the table itself, expressions from this file.
        f"INSERT INTO events.{table} ({columns}) {_NUMBERS}"  # noqa: S608
        f" SELECT {values} FROM events.{table} t, n WHERE t.id = :id",
        id=model["id"],
        before=before,
        upto=upto,
    )
    assert made == upto - before, f"{made} rows in {table}"


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
