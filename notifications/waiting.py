"""Mail on a host without a mail server: it waits for one, a week at most."""

from datetime import datetime, timedelta

from ..crud import transaction
from . import crud_due

LONGEST = timedelta(days=7)
_EVERY = timedelta(hours=1)
NO_SERVER = (
    "no_server",
    "This host has had no mail server for a week. Its administrator can set one up.",
)


class WithoutServer:
    """Looks once an hour, however often it is called: each sale does."""

    def __init__(self) -> None:
        self._not_before: datetime | None = None

    async def give_up(self, now: datetime) -> int:
        """Mail that has waited for a server for too long will not be sent by itself any more.
        Returns how many."""
        if self._not_before is not None and now < self._not_before:
            return 0
        async with transaction() as tx:
            given_up = await crud_due.give_up_mail(tx, now - LONGEST, *NO_SERVER)
        self._not_before = now + _EVERY
        return given_up
