"""SQL of `events.option_responses`."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..crud import Row, Tx

# Both engines bound the number of values in one statement.
_MOST = 500


async def insert(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.insert("option_responses", rows)


async def list_of_tickets(tx: Tx, ticket_ids: Sequence[str]) -> list[Row]:
    """Answers in the order the questions are asked; one statement for each 500 tickets."""
    found: list[Row] = []
    for start in range(0, len(ticket_ids), _MOST):
        marks = {f"t{n}": id_ for n, id_ in enumerate(ticket_ids[start : start + _MOST])}
        names = ", ".join(f":{name}" for name in marks)
        found += await tx.fetch_all(
            # Only bind marks are put in.
            "SELECT r.* FROM events.option_responses r"  # noqa: S608
            " LEFT JOIN events.options o ON o.id = r.option_id"
            f" WHERE r.ticket_id IN ({names}) ORDER BY o.display_order, r.option_id",
            marks,
        )
    return found


async def forget_ticket(tx: Tx, ticket_id: str) -> None:
    await tx.execute("DELETE FROM events.option_responses WHERE ticket_id = :id", {"id": ticket_id})


async def forget_unpaid(tx: Tx, order_id: str) -> None:
    """Of the unpaid tickets of an order, before they are deleted."""
    await tx.execute(
        "DELETE FROM events.option_responses WHERE ticket_id IN"
        " (SELECT id FROM events.ticket WHERE order_id = :id AND paid = FALSE)",
        {"id": order_id},
    )
