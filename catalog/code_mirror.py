"""1.6.9's list of promo codes, `extra.promo_codes`, is kept true for the room above."""

from collections.abc import Callable
from typing import Any

from ..crud import Tx
from . import crud, crud_codes

_KEY = "promo_codes"


async def mirror_codes(
    tx: Tx, event_id: str, listed: Callable[[object], list[dict[str, Any]]]
) -> None:
    """Store what `listed` makes of the present list. Call it with the event's row locked."""
    event = await crud.get_event(tx, event_id)
    if event is None:
        return
    shown = event.extra.get(_KEY)
    wanted = listed(shown)
    if wanted != (shown or []):
        await crud_codes.save_extra(tx, event_id, {**event.extra, _KEY: wanted})
