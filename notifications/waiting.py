"""Mail on a host without a mail server: it waits for one, a week at most."""

from datetime import datetime, timedelta

from ..crud import transaction
from . import crud_due

LONGEST = timedelta(days=7)
NO_SERVER = (
    "no_server",
    "This host has had no mail server for a week. Its administrator can set one up.",
)


async def give_up(now: datetime) -> int:
    """Only where there is no mail server: mail that has waited for one for too long will not be
    sent by itself any more. Returns how many."""
    async with transaction() as tx:
        return await crud_due.give_up_mail(tx, now - LONGEST, *NO_SERVER)
