"""Rows of `events.promo_codes`."""

from dataclasses import dataclass

from ..crud import Row


@dataclass(frozen=True)
class PromoCode:
    """Percent off, in basis points (1250 = 12.5 %). Codes are upper case, unique per event."""

    id: str
    event_id: str
    code: str
    percent_bp: int
    is_active: bool

    @classmethod
    def from_row(cls, row: Row) -> "PromoCode":
        return cls(
            id=row["id"],
            event_id=row["event_id"],
            code=row["code"],
            percent_bp=row["percent_bp"],
            is_active=bool(row["is_active"]),
        )
