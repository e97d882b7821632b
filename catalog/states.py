"""A draft goes on sale, an event is over: said by its organiser."""

from ..audit.services import record
from ..crud import transaction
from ..errors import EventCancelled, NotOnSale
from ..models import EventStatus
from . import crud, crud_endings
from .described import status_changed
from .models import Listing
from .services import lock_event, reread


async def publish_event(event_id: str, wallet: str) -> Listing:
    """A draft goes on sale; a published event stays as it is. Raises EventCancelled, NotOnSale."""
    async with transaction() as tx:
        event = await lock_event(tx, event_id, wallet)
        if event.status is EventStatus.CANCELLED:
            raise EventCancelled
        if event.status is EventStatus.COMPLETED:
            raise NotOnSale("This event is over.")
        await crud.publish_event(tx, event_id)
        await record(tx, status_changed("publish", event, EventStatus.PUBLISHED.value))
        return await reread(tx, event_id)


async def complete_event(event_id: str, wallet: str) -> Listing:
    """Nothing more is sold; who has an order open may still pay it, and tickets stay valid. A
    completed event stays as it is. Raises EventCancelled, NotOnSale for a draft."""
    async with transaction() as tx:
        event = await lock_event(tx, event_id, wallet)
        if event.status is EventStatus.CANCELLED:
            raise EventCancelled
        if event.status is EventStatus.DRAFT:
            raise NotOnSale("This event was never on sale: publish it, or delete it.")
        if await crud_endings.complete_event(tx, event_id):
            await record(tx, status_changed("complete", event, EventStatus.COMPLETED.value))
        return await reread(tx, event_id)
