"""A day before an event its guests are reminded, where the organiser wants it."""

from datetime import datetime

from ..catalog import reminding
from ..crud import reading, transaction
from ..outbox import services as outbox
from ..outbox.models import EVENT_REMINDER


async def remind_due(now: datetime) -> int:
    """Write down for each event that begins within a day that its guests are to be reminded, once;
    returns for how many."""
    async with reading() as tx:
        found = await reminding.list_to_remind(tx, now)
    reminded = 0
    for event in found:
        async with transaction() as tx:
            if await reminding.remind(tx, event, now):
                await outbox.put(tx, EVENT_REMINDER, event.id, event.id)
                reminded += 1
    return reminded
