"""Messages that ended long ago are forgotten, a few at a time."""

from datetime import datetime, timedelta

from ..crud import transaction
from . import crud_due

KEPT = timedelta(days=365)
_BATCH = 200
_EVERY = timedelta(hours=1)


class Sweep:
    """One batch in each pass while there is more, then none for an hour."""

    def __init__(self) -> None:
        self._not_before: datetime | None = None

    async def forget_old(self, now: datetime) -> int:
        """How many were forgotten."""
        if self._not_before is not None and now < self._not_before:
            return 0
        async with transaction() as tx:
            gone = await crud_due.delete_ended(tx, now - KEPT, _BATCH)
        if gone < _BATCH:
            self._not_before = now + _EVERY
        return gone
