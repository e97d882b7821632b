"""SQL of `events.nostr_lanes`: one document on its way to one relay, and what became of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from ..clock import to_ms
from ..crud import Row, Tx
from .crud_lanes import marks
from .models import Purpose, Refusal

# Past every moment there is: tried again only when there is another version.
NEVER = 2**53 - 1
# Shown where nothing worse is to be said.
_UNREAD = "This relay does not let us read what it has: its word has to do."

_JOB = (
    "SELECT l.document_id, l.relay, l.wanted_created_at, l.acked_created_at, l.attempts,"
    " d.purpose, d.key_id, d.kind, d.pubkey, d.d, d.nostr_id, d.created_at, d.signed_rev,"
    " d.is_gone, d.event_json"
    " FROM events.nostr_lanes l JOIN events.nostr_documents d ON d.id = l.document_id"
)


@dataclass(frozen=True)
class Job:
    """A document and one relay's lane of it. Times are Nostr's, in seconds."""

    row: Row

    @property
    def document_id(self) -> str:
        return str(self.row["document_id"])

    @property
    def acked(self) -> int:
        """The `created_at` of what the relay has; 0: nothing."""
        return int(self.row["acked_created_at"])

    @property
    def event_json(self) -> str:
        return str(self.row["event_json"] or "")

    @property
    def key_id(self) -> str:
        """Of the key that signed it."""
        return str(self.row["key_id"])

    @property
    def attempts(self) -> int:
        return int(self.row["attempts"])

    @property
    def is_deletion(self) -> bool:
        return str(self.row["purpose"]) == Purpose.DELETION.value

    @cached_property
    def version(self) -> int:
        """The `created_at` in the signed event; 0: none. The document's own may be ahead of it,
        when a newer version of somebody else was seen."""
        return int(json.loads(self.event_json)["created_at"]) if self.event_json else 0

    @property
    def is_sendable(self) -> bool:
        """Whether the relay is to have it: nothing is signed of what was deleted."""
        return bool(self.event_json) and not self.row["is_gone"]

    @property
    def is_to_send(self) -> bool:
        return self.is_sendable and self.version > self.acked


async def list_due(tx: Tx, relay: str, now: datetime, far: datetime, limit: int) -> list[str]:
    """Documents this relay is to get now: the longest due, those of one key together, because a
    relay may want to know whose they are. What failed before comes last: it may fail again, and
    end the pass.

    A wait that ends after `far` was written before the clock was set back.
    """
    rows = await tx.fetch_all(
        "SELECT due.document_id FROM (SELECT document_id, next_try_at,"
        " CASE WHEN attempts > 0 THEN 1 ELSE 0 END AS has_failed FROM events.nostr_lanes"
        " WHERE relay = :relay AND wanted_created_at > acked_created_at"
        " AND (next_try_at <= :now OR (next_try_at > :far AND next_try_at < :never))"
        " ORDER BY has_failed, next_try_at LIMIT :limit) AS due"
        " LEFT JOIN events.nostr_documents d ON d.id = due.document_id"
        " ORDER BY due.has_failed, d.key_id, d.created_at, due.document_id",
        {"relay": relay, "now": to_ms(now), "far": to_ms(far), "never": NEVER, "limit": limit},
    )
    return [row["document_id"] for row in rows]


async def list_unchecked(
    tx: Tx, relay: str, until: datetime, ahead: datetime, limit: int
) -> list[str]:
    """Documents that this relay took until then, and that were not read back since; also those
    it took after `ahead`, which is in the future: the clock was set back."""
    rows = await tx.fetch_all(
        "SELECT document_id FROM events.nostr_lanes WHERE relay = :relay AND checked_at IS NULL"
        " AND (acked_at <= :until OR acked_at > :ahead) ORDER BY acked_at LIMIT :limit",
        {"relay": relay, "until": to_ms(until), "ahead": to_ms(ahead), "limit": limit},
    )
    return [row["document_id"] for row in rows]


async def list_acked(tx: Tx, relay: str, after: str, limit: int) -> list[str]:
    """Documents that this relay has by its own word, by id from `after` on."""
    rows = await tx.fetch_all(
        "SELECT document_id FROM events.nostr_lanes WHERE relay = :relay"
        " AND document_id > :after AND acked_created_at > 0 ORDER BY document_id LIMIT :limit",
        {"relay": relay, "after": after, "limit": limit},
    )
    return [row["document_id"] for row in rows]


async def get_jobs(tx: Tx, relay: str, document_ids: Sequence[str]) -> list[Job]:
    """As they are now; those whose lane is gone are left out."""
    if not document_ids:
        return []
    names, values = marks(document_ids)
    rows = await tx.fetch_all(
        f"{_JOB} WHERE l.relay = :relay AND l.document_id IN ({names})",
        {"relay": relay, **values},
    )
    return [Job(row) for row in rows]


async def note_ack(tx: Tx, job: Job, now: datetime) -> None:
    """The relay has this version; never a step back. It is to be read back."""
    await tx.execute(
        "UPDATE events.nostr_lanes SET acked_created_at = :sent, acked_at = :now,"
        " checked_at = NULL, refusal = NULL, last_error = NULL, parked_rev = NULL, next_try_at = 0"
        " WHERE document_id = :id AND relay = :relay AND acked_created_at < :sent",
        {**_lane(job), "sent": job.version, "now": to_ms(now)},
    )


async def note_refusal(
    tx: Tx, job: Job, refusal: Refusal, error: str, next_try_at: datetime | None
) -> None:
    """`next_try_at` None: this version is not tried again, but one that came meanwhile is."""
    await tx.execute(
        "UPDATE events.nostr_lanes SET attempts = attempts + 1, refusal = :refusal,"
        " last_error = :error, next_try_at = :next, parked_rev = :parked"
        " WHERE document_id = :id AND relay = :relay AND acked_created_at < :sent",
        {
            **_lane(job),
            "refusal": refusal.value,
            "error": error,
            **_next_try(job, next_try_at),
            "sent": job.version,
        },
    )
    if next_try_at is None:
        await tx.execute(
            "UPDATE events.nostr_lanes SET next_try_at = 0, parked_rev = NULL"
            " WHERE document_id = :id AND relay = :relay AND wanted_created_at > :refused",
            {**_lane(job), "refused": max(job.version, int(job.row["wanted_created_at"]))},
        )


async def note_nothing_to_send(tx: Tx, job: Job) -> None:
    """Unless another version came in the meantime."""
    await tx.execute(
        "UPDATE events.nostr_lanes SET wanted_created_at = acked_created_at"
        " WHERE document_id = :id AND relay = :relay AND wanted_created_at = :wanted",
        {**_lane(job), "wanted": job.row["wanted_created_at"]},
    )


async def note_lost(tx: Tx, job: Job, found: int, error: str, next_try_at: datetime | None) -> None:
    """The relay has only the version of `found` (0: none), whatever it said: once more, unless
    `next_try_at` is None."""
    await tx.execute(
        "UPDATE events.nostr_lanes SET acked_created_at = :found, wanted_created_at = :version,"
        " attempts = attempts + 1, last_error = :error, next_try_at = :next, parked_rev = :parked,"
        " refusal = :refusal, checked_at = acked_at"
        " WHERE document_id = :id AND relay = :relay AND acked_created_at = :acked",
        {
            **_lane(job),
            "found": found,
            "version": job.version,
            "acked": job.acked,
            "error": error,
            "refusal": (Refusal.RETRY if next_try_at else Refusal.PARKED).value,
            **_next_try(job, next_try_at),
        },
    )


async def note_foreign(tx: Tx, job: Job, seen: int, floor: int) -> bool:
    """Another client wrote this address: our next version is to be above `floor`, whatever else
    changes. False when it is above already.

    The document's `created_at` leaves that of its signed event behind; `spread_created_at` goes
    with it, so that no lane waits for a version that was never signed.
    """
    raised = await tx.execute(
        "UPDATE events.nostr_documents SET created_at = :floor, rev = rev + 1,"
        " spread_created_at = :floor WHERE id = :id AND created_at < :floor",
        {"id": job.document_id, "floor": floor},
    )
    await tx.execute(
        "UPDATE events.nostr_lanes SET foreign_created_at = :seen"
        " WHERE document_id = :id AND relay = :relay",
        {**_lane(job), "seen": seen},
    )
    return raised == 1


async def note_checked(
    tx: Tx, relay: str, document_ids: Sequence[str], now: datetime, was_read: bool
) -> None:
    """The relay has what it should have, or cannot be asked."""
    if not document_ids:
        return
    names, values = marks(document_ids)
    error = "NULLIF(last_error, :unread)" if was_read else "COALESCE(last_error, :unread)"
    await tx.execute(
        "UPDATE events.nostr_lanes SET checked_at = :now, last_error = " + error + ","  # noqa: S608  # names made here
        " attempts = CASE WHEN acked_created_at < wanted_created_at THEN attempts ELSE 0 END"
        f" WHERE relay = :relay AND document_id IN ({names})",
        {"relay": relay, "now": to_ms(now), "unread": _UNREAD, **values},
    )


def _lane(job: Job) -> dict[str, str]:
    return {"id": job.document_id, "relay": str(job.row["relay"])}


def _next_try(job: Job, next_try_at: datetime | None) -> dict[str, object]:
    is_parked = next_try_at is None
    return {
        "next": to_ms(next_try_at) if next_try_at else NEVER,
        "parked": job.row["signed_rev"] if is_parked else None,
    }
