"""Letters that an event takes place at another time or place: what follows soon is told in the same
letter, and so is all beyond a day's worth of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..clock import to_ms
from ..crud import Tx
from ..outbox.models import Fact
from . import crud_changes
from .models import Channel, Message
from .recipients import To

# An organiser who mends what they have just saved is heard once.
SETTLES = timedelta(minutes=2)
MOST_A_DAY = 10
_DAY = timedelta(days=1)

# An order and one of its recipients.
_Key = tuple[str | None, tuple[Channel, str]]
_BEFORE, _AFTER, _AT = "before", "after", "at"


@dataclass(frozen=True)
class Told:
    """What some orders were told of changes. `believed`: what recipients still believe, by letters
    that were not sent and are gone by now; `recent`: when the last day's letters left, the newest
    first."""

    believed: Mapping[_Key, Mapping[str, Any]]
    recent: Mapping[_Key, Sequence[datetime]]

    def payload(self, order_id: str, to: To, fact: Fact) -> dict[str, Any]:
        """What a letter about this change has to say. One that brings back what is believed is
        written down as well, and outdated when it is to be sent: it keeps the recipient's other
        orders from telling of this change alone."""
        own = {_BEFORE: fact.payload.get(_BEFORE), _AT: to_ms(fact.created_at)}
        known = self.believed.get((order_id, to.key))
        first = known if known is not None and known.get(_AT, 0) <= own[_AT] else own
        after = fact.payload.get(_AFTER) if known is None or first is known else known.get(_AFTER)
        return {**first, _AFTER: after}

    def due_at(self, order_id: str, to: To, fact: Fact) -> datetime:
        """When the letter leaves, if nothing follows."""
        due_at = fact.created_at + SETTLES
        recent = self.recent.get((order_id, to.key), ())
        return due_at if len(recent) < MOST_A_DAY else max(due_at, recent[MOST_A_DAY - 1] + _DAY)


async def take_back(tx: Tx, event_id: str, order_ids: Sequence[str], now: datetime) -> Told:
    """Delete these orders' letters about changes that were not sent; the next ones tell of all."""
    if not order_ids:
        return Told({}, {})
    believed: dict[_Key, Mapping[str, Any]] = {}
    waiting = await crud_changes.drop_waiting(tx, event_id, order_ids)
    for message in sorted(waiting, key=lambda m: int(m.payload.get(_AT, 0))):
        believed.setdefault(_key(message), message.payload)
    recent: dict[_Key, list[datetime]] = defaultdict(list)
    for message in await crud_changes.list_since(tx, event_id, order_ids, now - _DAY):
        if message.created_at is not None:
            recent[_key(message)].append(message.created_at)
    return Told(believed, recent)


def _key(message: Message) -> _Key:
    return message.order_id, To(message.channel, message.recipient).key
