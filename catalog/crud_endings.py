"""SQL of how events end: cancelled by the organiser, or because too little was sold."""

from datetime import datetime, timedelta, timezone

from ..clock import to_ms
from ..crud import Tx
from .models import Event

# Only what nobody can still pay for is counted, and only once.
MISS_MINIMUM = """
    UPDATE events.events
    SET status = 'cancelled', canceled = TRUE, version = version + 1, min_decided_at = :at,
        cancelled_at = :at, cancel_reason = 'minimum_not_reached'
    WHERE id = :id AND status = 'published' AND min_decided_at IS NULL
      AND held = 0 AND sold < min_tickets
"""

# Not while orders are open, and only what is still as it was judged.
COMPLETE_PAST = """
    UPDATE events.events SET status = 'completed', version = version + 1
    WHERE id = :id AND status = 'published' AND held = 0 AND version = :version
"""


async def complete_event(tx: Tx, event_id: str) -> bool:
    """A published event is over; False in any other state."""
    done = await tx.execute(
        "UPDATE events.events SET status = 'completed', version = version + 1"
        " WHERE id = :id AND status = 'published'",
        {"id": event_id},
    )
    return done == 1


async def list_maybe_past(tx: Tx, now: datetime) -> list[str]:
    """Ids of published events without open orders that may be over; time zones are left out."""
    rows = await tx.fetch_all(
        "SELECT id FROM events.events WHERE status = 'published' AND held = 0"
        " AND (ends_at <= :now OR (ends_at IS NULL AND substr(event_end_date, 1, 10) <= :day"
        " AND substr(closing_date, 1, 10) <= :day)) ORDER BY id",
        # Where the day began first it ends while it lasts in UTC: the same day may be over.
        {"now": to_ms(now), "day": now.astimezone(timezone.utc).date().isoformat()},
    )
    return [str(row["id"]) for row in rows]


async def complete_past(tx: Tx, event: Event) -> bool:
    """It is over, unless somebody changed it meanwhile or has an order open."""
    values = {"id": event.id, "version": event.version}
    return await tx.execute(COMPLETE_PAST, values) == 1


async def cancel_event(tx: Tx, event_id: str, now: datetime) -> None:
    """Whatever else is being saved: a cancelled event is cancelled. One that was before, by 1.6.9
    as well, is looked through for orders that are not refunded."""
    await tx.execute(
        "UPDATE events.events SET status = 'cancelled', canceled = TRUE, version = version + 1,"
        " cancelled_at = COALESCE(cancelled_at, :at),"
        " cancel_reason = COALESCE(cancel_reason, 'event_cancelled'), refunds_booked_at = NULL"
        " WHERE id = :id",
        {"id": event_id, "at": to_ms(now)},
    )


async def list_undecided(tx: Tx) -> list[str]:
    """Events on sale that need so many tickets sold, and have not been judged."""
    rows = await tx.fetch_all(
        "SELECT id FROM events.events WHERE status = 'published' AND min_tickets IS NOT NULL"
        " AND min_decided_at IS NULL ORDER BY id"
    )
    return [str(row["id"]) for row in rows]


async def miss_minimum(tx: Tx, event_id: str, now: datetime) -> bool:
    """Cancel it; False when it sold enough, has unpaid orders, or was judged already."""
    return await tx.execute(MISS_MINIMUM, {"id": event_id, "at": to_ms(now)}) == 1


async def pass_minimum(tx: Tx, event_id: str, now: datetime) -> None:
    await tx.execute(
        "UPDATE events.events SET min_decided_at = :at WHERE id = :id AND min_decided_at IS NULL",
        {"id": event_id, "at": to_ms(now)},
    )


async def list_to_refund(tx: Tx) -> list[tuple[str, str]]:
    """Events cancelled here whose orders are not all in the ledger yet, with the reason."""
    rows = await tx.fetch_all(
        "SELECT id, cancel_reason FROM events.events WHERE status = 'cancelled'"
        " AND cancelled_at IS NOT NULL AND refunds_booked_at IS NULL ORDER BY cancelled_at, id"
    )
    return [(str(row["id"]), str(row["cancel_reason"] or "event_cancelled")) for row in rows]


async def refunds_are_booked(tx: Tx, event_id: str, now: datetime) -> None:
    await tx.execute(
        "UPDATE events.events SET refunds_booked_at = :at WHERE id = :id",
        {"id": event_id, "at": to_ms(now)},
    )


async def list_to_remind(tx: Tx, until: datetime) -> list[Event]:
    """Events on sale whose holders want to be reminded and were not, that may begin until then;
    time zones are left out."""
    rows = await tx.fetch_all(
        "SELECT * FROM events.events WHERE send_reminder = TRUE AND reminded_at IS NULL"
        " AND status = 'published' AND (starts_at <= :until"
        " OR (starts_at IS NULL AND substr(event_start_date, 1, 10) <= :day)) ORDER BY id",
        # Where the day begins first it begins while it is the day before in UTC.
        {"until": to_ms(until), "day": (until + timedelta(days=1)).date().isoformat()},
    )
    return [Event.from_row(row) for row in rows]


async def mark_reminded(tx: Tx, event: Event, at: datetime) -> bool:
    """False when somebody else reminds, or changed the event meanwhile."""
    changed = await tx.execute(
        "UPDATE events.events SET reminded_at = :at WHERE id = :id AND reminded_at IS NULL"
        " AND status = 'published' AND send_reminder = TRUE AND version = :version",
        {"id": event.id, "at": to_ms(at), "version": event.version},
    )
    return changed == 1
