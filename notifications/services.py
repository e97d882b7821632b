"""What the organiser sees of an event's messages."""

from dataclasses import dataclass, field
from typing import Any

from ..catalog.services import own_event
from ..clock import iso
from ..crud import reading
from . import crud_lists
from .email import is_configured
from .models import Kind, Message, State


@dataclass(frozen=True)
class Listed:
    """A page of messages, how many match in all, and how many of the event are in which state."""

    data: list[dict[str, Any]]
    total: int
    summary: dict[str, int] = field(default_factory=dict)
    mail_configured: bool = False


async def list_messages(
    event_id: str, wallet: str, state: State | None, kind: Kind | None, limit: int, offset: int
) -> Listed:
    """Newest first. Raises NotFound, Forbidden."""
    async with reading() as tx:
        await own_event(tx, event_id, wallet)
        rows, total = await crud_lists.list_of_event(tx, event_id, state, kind, (limit, offset))
        counts = await crud_lists.count_states(tx, event_id)
    data = [message_view(Message.from_row(row), row["ticket_number"]) for row in rows]
    shown = (*(known.value for known in State), crud_lists.OUTDATED)
    summary = {name: counts.get(name, 0) for name in shown}
    return Listed(data, total, summary, is_configured())


def message_view(message: Message, ticket_number: int | None = None) -> dict[str, Any]:
    """A message for its organiser; nothing of what it says, and no link."""
    return {
        "id": message.id,
        "kind": message.kind.value,
        "channel": message.channel.value,
        "recipient": message.recipient,
        "state": message.state.value,
        "attempts": message.attempts,
        "error_code": message.error_code,
        "last_error": message.last_error,
        "created_at": iso(message.created_at),
        "sent_at": iso(message.sent_at),
        "next_try_at": iso(message.next_try_at) if message.state is State.QUEUED else None,
        "order_id": message.order_id,
        "ticket_number": ticket_number,
    }
