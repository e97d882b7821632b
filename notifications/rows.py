"""A message as it is written down. Pure, but for its random id."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from ..clock import to_ms
from ..crud import short_id
from ..models import LANGUAGES
from ..orders.models import Order
from ..settings import base_url
from .models import Channel, Kind, State
from .recipients import To


@dataclass(frozen=True)
class About:
    """What a message says, and why: `cause` is unique with each recipient. `order` is None for
    the organiser's own copy. `at`: when what it tells came to be; `due_at`: when it may leave, if
    that is later. It takes its place among its recipient's messages from then on, and keeps none
    back before."""

    kind: Kind
    wallet: str
    event_id: str | None
    cause: str
    at: datetime
    order: Order | None = None
    refund_id: str | None = None
    payload: Mapping[str, object] = field(default_factory=dict)
    due_at: datetime | None = None


def new_message_id(row_id: str) -> str:
    """A Message-ID (RFC 5322, 3.6.4) under the host's own name."""
    return f"<{row_id}@{urlsplit(base_url()).hostname or 'localhost'}>"


def message_row(about: About, to: To) -> dict[str, Any]:
    """A row of `events.messages`, due at once where `about` says nothing else."""
    row_id, at_ms = short_id(), to_ms(about.due_at or about.at)
    order = about.order
    return {
        "id": row_id,
        "wallet": about.wallet,
        "event_id": about.event_id,
        "order_id": order.id if order else None,
        "ticket_id": to.ticket.id if to.ticket else None,
        "refund_id": about.refund_id,
        "kind": about.kind.value,
        "channel": to.channel.value,
        "recipient": to.recipient,
        "language": (order.language if order else None) or LANGUAGES[0],
        "payload": json.dumps(about.payload) if about.payload else None,
        "cause": about.cause,
        "message_id": new_message_id(row_id) if to.channel is Channel.MAIL else None,
        "state": State.QUEUED.value,
        "next_try_at": at_ms,
        "created_at": at_ms,
    }
