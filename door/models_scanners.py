"""Rows of `events.scanners`."""

from dataclasses import dataclass
from datetime import datetime

from ..clock import from_ms
from ..crud import Row


@dataclass(frozen=True)
class Scanner:
    """A device or person at the door of one event. Its token is stored as a hash, not here.

    `expires_at` is exclusive. `page_version` and `pending` (scans it has not uploaded yet) are
    what it said last.
    """

    id: str
    event_id: str
    name: str
    may_work_offline: bool
    sees_names: bool
    created_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None
    last_seen_at: datetime | None
    page_version: str | None
    pending: int | None

    def is_active(self, now: datetime) -> bool:
        """Whether its token opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @classmethod
    def from_row(cls, row: Row) -> "Scanner":
        return cls(
            id=row["id"],
            event_id=row["event_id"],
            name=row["name"],
            may_work_offline=bool(row["may_work_offline"]),
            sees_names=bool(row["sees_names"]),
            created_at=from_ms(row["created_at"]),
            expires_at=from_ms(row["expires_at"]),
            revoked_at=from_ms(row["revoked_at"]),
            last_seen_at=from_ms(row["last_seen_at"]),
            page_version=row["page_version"],
            pending=row["pending"],
        )
