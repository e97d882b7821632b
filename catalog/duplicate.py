"""A draft like an event that there is: for its next time."""

from datetime import datetime

from ..audit.services import record
from ..clock import to_ms
from ..crud import legacy_time, short_id, transaction
from ..models import EventStatus
from . import crud_copies
from .described import listing_made
from .mirror import mirror_legacy
from .models import Listing
from .services import Codes, lock_event, reread

MAX_NAME = 200


async def duplicate_event(event_id: str, wallet: str, codes: Codes, now: datetime) -> Listing:
    """A draft with the same words, dates, packages, questions and codes. Nothing of it is sold or
    used, and it has none of the pictures, which are deleted with their package.

    Raises NotFound, Forbidden.
    """
    new_id, at_ms = short_id(), to_ms(now)
    async with transaction() as tx:
        event = await lock_event(tx, event_id, wallet)
        own = {
            "id": new_id,
            "name": f"Copy of {event.name}"[:MAX_NAME].rstrip(),
            "status": EventStatus.DRAFT.value,
            "canceled": False,
            "time": legacy_time(now),
            "sold": 0,
            "held": 0,
            "ticket_seq": 0,
            "version": 1,
            # Follows from the capacity, by the mirror at the end.
            "amount_tickets": 0,
            "is_adopted": True,
        }
        await crud_copies.copy_event(tx, event_id, own)
        packages = await crud_copies.copy_packages(tx, event_id, new_id, at_ms)
        await crud_copies.copy_options(tx, event_id, new_id, packages, at_ms)
        await codes.copy(tx, event_id, new_id, packages, now)
        await mirror_legacy(tx, new_id)
        listing = await reread(tx, new_id)
        await record(tx, listing_made("duplicate", listing, copy_of=event_id))
    return listing
