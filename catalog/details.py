"""What kind of event it is, where, and for whom: columns out of a body. Pure."""

import json
from typing import Any

from .bodies_details import DetailFields
from .models import Entry, EventType

# Null says nothing here; in the others it is a value.
_NOT_NULL = (
    "event_type",
    "is_online",
    "login_required",
    "entry",
    "listed",
    "nostr_publish",
    "nostr_hide_counts",
    "send_messages",
    "send_reminder",
)
_NULLABLE = ("location", "max_per_buyer", "metadata")


def new_details(body: DetailFields) -> dict[str, Any]:
    """Columns of a new event. It stands in the public list unless it says otherwise."""
    return {
        "event_type": (body.event_type or EventType.OTHER).value,
        "location": body.location or None,
        "is_online": bool(body.is_online),
        "max_per_buyer": body.max_per_buyer,
        "login_required": bool(body.login_required),
        "entry": (body.entry or Entry.ONCE).value,
        "listed": body.listed is not False,
        "nostr_publish": bool(body.nostr_publish),
        "nostr_hide_counts": bool(body.nostr_hide_counts),
        "send_messages": body.send_messages is not False,
        "send_reminder": bool(body.send_reminder),
        "metadata": json.dumps(body.metadata, ensure_ascii=False) if body.metadata else None,
    }


def changed_details(patch: DetailFields) -> dict[str, Any]:
    """The columns a change sets: those that it names."""
    named = {name for name in _NOT_NULL if getattr(patch, name) is not None}
    named |= patch.__fields_set__.intersection(_NULLABLE)
    return {name: value for name, value in new_details(patch).items() if name in named}
