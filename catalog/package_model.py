"""Rows of `events.packages`."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..clock import from_ms
from ..crud import Row
from ..models import to_major

# What a package is: it opens the door, or it is something beside it.
ADMISSION = "admission"
ADDON = "addon"


def read_json(value: str | None) -> dict[str, Any]:
    """A JSON object column. 1.6.9 may have left NULL or something broken: then it is empty."""
    try:
        loaded = json.loads(value) if value else {}
    except json.JSONDecodeError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


@dataclass(frozen=True)
class Package:
    """A ticket type. `sold` is paid for, `held` is in unpaid orders; neither ever counts down
    the limit. `sale_ends_at` is exclusive."""

    id: str
    event_id: str
    wave_id: str
    kind: str
    name: str
    description: str
    price_minor: int
    currency: str
    quantity_limit: int | None
    held: int
    sold: int
    display_order: int
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    min_per_order: int
    max_per_order: int
    is_enabled: bool
    is_hidden: bool
    version: int
    legacy: dict[str, Any] = field(default_factory=dict)
    # When its tickets open the door; the end is exclusive. None: any time.
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    # The host's asset with its picture.
    image_id: str | None = None

    @property
    def is_wave(self) -> bool:
        """Whether 1.6.9 may know of it: there every wave is on sale, to everybody, and admits."""
        return self.is_enabled and not self.is_hidden and self.kind == ADMISSION

    @property
    def image_url(self) -> str | None:
        """The path on this host where anybody may load its picture."""
        return f"/api/v1/assets/{self.image_id}/data" if self.image_id else None

    @property
    def remaining(self) -> int | None:
        """Seats that can still be held; None when unlimited."""
        if self.quantity_limit is None:
            return None
        return max(0, self.quantity_limit - self.sold - self.held)

    @property
    def price(self) -> float:
        """The price in `currency` as people write it."""
        return float(to_major(self.price_minor, self.currency))

    @classmethod
    def from_row(cls, row: Row) -> "Package":
        return cls(
            id=row["id"],
            event_id=row["event_id"],
            wave_id=row["wave_id"],
            kind=row["kind"],
            name=row["name"],
            description=row["description"],
            price_minor=row["price_minor"],
            currency=row["currency"],
            quantity_limit=row["quantity_limit"],
            held=row["held"],
            sold=row["sold"],
            display_order=row["display_order"],
            sale_starts_at=from_ms(row["sale_starts_at"]),
            sale_ends_at=from_ms(row["sale_ends_at"]),
            min_per_order=row["min_per_order"],
            max_per_order=row["max_per_order"],
            is_enabled=bool(row["is_enabled"]),
            is_hidden=bool(row["is_hidden"]),
            version=row["version"],
            legacy=read_json(row["legacy"]),
            valid_from=from_ms(row["valid_from"]),
            valid_until=from_ms(row["valid_until"]),
            image_id=row["image_id"],
        )
