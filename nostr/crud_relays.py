"""SQL of `events.nostr_relays`: when each is to be connected to, and by which process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..clock import to_ms
from ..crud import Row, Tx, is_sqlite
from .crud_jobs import NEVER
from .crud_lanes import marks
from .pace import APART, LanePace


@dataclass(frozen=True)
class RelayState:
    """What decides when a relay is to be connected to. Times in unix milliseconds."""

    row: Row

    @property
    def url(self) -> str:
        return str(self.row["url"])

    def due_at(self, owner: str, pace: LanePace, now: datetime) -> int | None:
        """None: there is nothing to do. Another process's lane is due when its lease ends.

        What was noted before the clock was set back is not waited for.
        """
        far, ahead = to_ms(pace.furthest(now)), to_ms(now + APART)
        times = []
        if self.row["try_at"] is not None:
            times.append(_end_of(self.row["try_at"], far))
        if self.row["acked_at"] is not None:
            times.append(_past(self.row["acked_at"], ahead) + round(pace.settle_s * 1000))
        if self.row["has_lanes"]:
            checked_at = _past(self.row["checked_at"] or 0, ahead)
            times.append(checked_at + round(pace.check_every_s * 1000))
        if not times:
            return None
        waits = [_end_of(self.row["retry_at"], far)]
        if self.row["lease_owner"] not in (None, owner):
            waits.append(_end_of(self.row["lease_until"], far))
        return max(min(times), *waits)


def _end_of(wait_until: int, far: int) -> int:
    return 0 if far < wait_until < NEVER else wait_until


def _past(noted_at: int, ahead: int) -> int:
    return 0 if noted_at > ahead else noted_at


async def list_relays(tx: Tx) -> list[RelayState]:
    """All there are, with when each has something to do: each figure is one look into an index."""
    rows = await tx.fetch_all(
        "SELECT r.url, r.retry_at, r.checked_at, r.lease_owner, r.lease_until,"
        " (SELECT MIN(l.next_try_at) FROM events.nostr_lanes l WHERE l.relay = r.url"
        " AND l.wanted_created_at > l.acked_created_at) AS try_at,"
        " (SELECT MIN(l.acked_at) FROM events.nostr_lanes l WHERE l.relay = r.url"
        " AND l.checked_at IS NULL) AS acked_at,"
        " EXISTS (SELECT 1 FROM events.nostr_lanes l WHERE l.relay = r.url) AS has_lanes"
        " FROM events.nostr_relays r"
    )
    return [RelayState(row) for row in rows]


async def get_relays(tx: Tx, urls: Sequence[str]) -> dict[str, Row]:
    if not urls:
        return {}
    names, values = marks(urls)
    rows = await tx.fetch_all(
        f"SELECT * FROM events.nostr_relays WHERE url IN ({names})",  # noqa: S608 - made here
        values,
    )
    return {row["url"]: row for row in rows}


async def take_lease(tx: Tx, url: str, owner: str, now: datetime, pace: LanePace) -> bool:
    """Take or renew the right to speak to a relay; False while another process has it."""
    until = now + timedelta(seconds=pace.lease_s)
    taken = await tx.execute(
        "UPDATE events.nostr_relays SET lease_owner = :owner, lease_until = :until"
        " WHERE url = :url"
        " AND (lease_owner IS NULL OR lease_owner = :owner OR lease_until <= :now"
        " OR lease_until > :far)",
        {
            "url": url,
            "owner": owner,
            "now": to_ms(now),
            "until": to_ms(until),
            "far": to_ms(pace.furthest(now)),
        },
    )
    return taken == 1


async def end_lease(tx: Tx, url: str, owner: str) -> None:
    await tx.execute(
        "UPDATE events.nostr_relays SET lease_owner = NULL, lease_until = 0"
        " WHERE url = :url AND lease_owner = :owner",
        {"url": url, "owner": owner},
    )


async def note_failure(tx: Tx, url: str, error: str, retry_at: datetime) -> None:
    await tx.execute(
        "UPDATE events.nostr_relays SET failures = failures + 1, last_error = :error,"
        " retry_at = :at WHERE url = :url",
        {"url": url, "error": error, "at": to_ms(retry_at)},
    )


async def note_pause(tx: Tx, url: str, retry_at: datetime) -> None:
    """It works, and wants fewer events."""
    await tx.execute(
        "UPDATE events.nostr_relays SET retry_at = :at WHERE url = :url",
        {"url": url, "at": to_ms(retry_at)},
    )


async def note_back(tx: Tx, url: str) -> None:
    """It answers after failures. It may have lost what it had: everything is to be read back."""
    await tx.execute(
        "UPDATE events.nostr_relays SET failures = 0, last_error = NULL, retry_at = 0,"
        " checked_at = NULL WHERE url = :url AND failures > 0",
        {"url": url},
    )


async def note_checked(tx: Tx, url: str, now: datetime) -> None:
    """All of it was read back."""
    await tx.execute(
        "UPDATE events.nostr_relays SET checked_at = :now WHERE url = :url",
        {"url": url, "now": to_ms(now)},
    )


async def check_anew(tx: Tx, url: str) -> None:
    """It may have lost what it had. Noted before anything is read, since that may be cut off."""
    await tx.execute(
        "UPDATE events.nostr_relays SET checked_at = NULL WHERE url = :url", {"url": url}
    )


async def check_all_anew(tx: Tx) -> None:
    """Whatever happened while nobody looked."""
    await _lock(tx, "1 = 1", {})
    await tx.execute("UPDATE events.nostr_relays SET checked_at = NULL")


async def forget_unused(tx: Tx, now: datetime) -> None:
    """Relays that no lane leads to any more."""
    await _lock(tx, "lease_until <= :now", {"now": to_ms(now)})
    await tx.execute(
        "DELETE FROM events.nostr_relays WHERE lease_until <= :now AND NOT EXISTS"
        " (SELECT 1 FROM events.nostr_lanes l WHERE l.relay = nostr_relays.url)",
        {"now": to_ms(now)},
    )


async def try_again(tx: Tx, document_id: str) -> None:
    """Relays of a document that failed are not waited for any longer. One that works, and asked
    for a pause, is: it did so for all who share it."""
    of_document = (
        "failures > 0 AND url IN (SELECT relay FROM events.nostr_lanes WHERE document_id = :id)"
    )
    await _lock(tx, of_document, {"id": document_id})
    await tx.execute(
        f"UPDATE events.nostr_relays SET retry_at = 0 WHERE {of_document}",  # noqa: S608  # see above
        {"id": document_id},
    )


async def _lock(tx: Tx, which: str, values: Mapping[str, object]) -> None:
    """In one order, as documents are (see `crud_documents.lock`)."""
    if not is_sqlite():
        await tx.fetch_all(
            f"SELECT url FROM events.nostr_relays WHERE {which} ORDER BY url FOR UPDATE",  # noqa: S608  # own conditions
            values,
        )
