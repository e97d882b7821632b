"""SQL of what 1.6.9 reads of an event's promo codes: `extra` of `events.events`."""

import json
from typing import Any

from ..crud import Tx


async def save_extra(tx: Tx, event_id: str, extra: dict[str, Any]) -> None:
    """Another `extra` is another version: who holds an older one must not write it back."""
    await tx.execute(
        "UPDATE events.events SET extra = :extra, version = version + 1 WHERE id = :id",
        {"extra": json.dumps(extra), "id": event_id},
    )
