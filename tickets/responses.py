"""What attendees answered to the questions of their ticket type, per ticket."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ..catalog.option_rules import Answer
from ..crud import Tx, short_id
from . import crud_responses


async def add(tx: Tx, rows: Sequence[tuple[str, Answer]]) -> None:
    """Store answers, each with the id of its ticket: one statement."""
    if rows:
        await crud_responses.insert(tx, [_row(ticket_id, answer) for ticket_id, answer in rows])


async def of_tickets(tx: Tx, ticket_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Answers by ticket: `option_id`, `label` (as it was asked) and `value`: a text, true or
    false, or a list of texts. Tickets without answers have no entry. One statement for 500."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in await crud_responses.list_of_tickets(tx, ticket_ids):
        found[row["ticket_id"]].append(
            {
                "option_id": row["option_id"],
                "label": row["label"],
                "value": json.loads(row["value"]),
            }
        )
    return dict(found)


def _row(ticket_id: str, answer: Answer) -> dict[str, object]:
    return {
        "id": short_id(),
        "ticket_id": ticket_id,
        "option_id": answer.option_id,
        "label": answer.label,
        "value": json.dumps(answer.value, ensure_ascii=False),
    }
