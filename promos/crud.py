"""SQL of `events.promo_codes`."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..crud import Tx
from .models import PromoCode


async def get_code(tx: Tx, event_id: str, code: str) -> PromoCode | None:
    row = await tx.fetch_one(
        "SELECT * FROM events.promo_codes WHERE event_id = :event_id AND code = :code",
        {"event_id": event_id, "code": code},
    )
    return PromoCode.from_row(row) if row else None


async def delete_codes(tx: Tx, event_id: str) -> None:
    await tx.execute(
        "DELETE FROM events.promo_codes WHERE event_id = :event_id", {"event_id": event_id}
    )


async def insert_codes(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.insert("promo_codes", rows)
