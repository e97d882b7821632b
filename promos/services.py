"""Look up a code at a sale; keep the codes an organiser's event body brings."""

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from ..catalog.bodies import PromoBody
from ..clock import to_ms
from ..crud import Tx, short_id
from ..errors import PromoInvalid
from . import crud
from .models import PromoCode


def percent_to_bp(percent: Decimal) -> int:
    """Percent as basis points, rounded down: 99.999 % must not become a free ticket."""
    return int((percent * 100).to_integral_value(rounding=ROUND_DOWN))


async def require_valid(tx: Tx, event_id: str, code: str) -> PromoCode:
    """The active code of this event. Raises PromoInvalid, alike for unknown and inactive ones."""
    promo = await crud.get_code(tx, event_id, code.strip().upper())
    if promo is None or not promo.is_active:
        raise PromoInvalid
    return promo


class EventCodes:
    """The port the catalog's routes need (`catalog.services.Codes`)."""

    async def replace(
        self, tx: Tx, event_id: str, codes: Sequence[PromoBody], now: datetime
    ) -> None:
        """Make the event's codes exactly these."""
        await crud.delete_codes(tx, event_id)
        rows = [
            {
                "id": short_id(),
                "event_id": event_id,
                "code": promo.code,
                "percent_bp": percent_to_bp(promo.discount_percent),
                "is_active": promo.active,
                "created_at": to_ms(now),
            }
            for promo in codes
        ]
        if rows:
            await crud.insert_codes(tx, rows)

    async def forget(self, tx: Tx, event_id: str) -> None:
        """Remove all codes of a deleted event."""
        await crud.delete_codes(tx, event_id)
