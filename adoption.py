"""Takes over what 1.6.9 wrote: its events get packages and promo codes, its tickets get orders.

Runs at every boot, after the migrations, because an operator may have gone back to 1.6.9 and come
again. What still waits is marked in the rows: `events.is_adopted` is FALSE, `ticket.payment_hash`
is NULL. Each event is one transaction, so a crash leaves it untouched or done. The columns of
1.6.9 keep their values; only `sold` is counted anew, from the tickets.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from lnbits.db import SQLITE, Connection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from . import adoption_policy as policy
from . import adoption_rules as rules
from . import adoption_sql as sql

Row = Mapping[str, Any]

# Tickets per round: bounds memory, and how long the event loop is kept from others.
CHUNK = 2000


@dataclass(frozen=True)
class Adopted:
    """What one run took over; all zero when 1.6.9 wrote nothing since the last one."""

    events: int = 0
    packages: int = 0
    promo_codes: int = 0
    tickets: int = 0
    # Known before and changed by 1.6.9 since: paid, let in at the door, event cancelled.
    paid: int = 0
    admitted: int = 0
    cancelled: int = 0
    # Its minimum or its days.
    promises: int = 0


@dataclass
class _Adoption:
    """One event under way. `event` is None when its tickets outlived it."""

    raw: AsyncConnection
    event_id: str
    event: Row | None
    last_number: int
    packages: dict[str, Row] = field(default_factory=dict)  # by wave id, in display order
    waves: dict[str, rules.Wave] = field(default_factory=dict)
    new_packages: set[str] = field(default_factory=set)
    seats: Counter[str | None] = field(default_factory=Counter)  # sold, by package id
    done: Counter[str] = field(default_factory=Counter)


async def adopt_legacy(conn: Connection) -> Adopted:
    """Take over everything that waits. Repeating changes nothing.

    The caller keeps other processes out: two of them would count the same seats twice.
    """
    done: Counter[str] = Counter()
    for row in await _fetch(conn.conn, sql.WAITING):
        async with _transaction(conn) as raw:
            done += await _adopt_event(raw, row["event"])
    async with _transaction(conn) as raw:
        done["admitted"] = (await raw.execute(text(sql.FOLLOW_REGISTERED))).rowcount
        done["cancelled"] = (await raw.execute(text(sql.FOLLOW_CANCELED))).rowcount
        done["promises"] = await _follow_promises(raw)
    return Adopted(**done)


@asynccontextmanager
async def _transaction(conn: Connection) -> AsyncIterator[AsyncConnection]:
    """One real transaction: the host's own `execute` would commit each statement."""
    await conn.conn.commit()  # ends the reading that went before
    async with conn.conn.begin():
        if conn.type == SQLITE:
            # The driver alone begins only before the first write.
            await conn.conn.execute(text("BEGIN"))
        yield conn.conn


async def _fetch(raw: AsyncConnection, statement: str, **values: Any) -> list[Row]:
    return list((await raw.execute(text(statement), values)).mappings().all())


async def _follow_promises(raw: AsyncConnection) -> int:
    """Take over 1.6.9's minimums, and moved days of events that have a time."""
    after, changed = "", 0
    while events := await _fetch(raw, sql.PROMISES, after=after, chunk=CHUNK):
        for event in events:
            wanted = policy.followed(event)
            if any(event[name] != value for name, value in wanted.items()):
                await raw.execute(text(sql.FOLLOW_PROMISES), {"id": event["id"], **wanted})
                changed += 1
        after = events[-1]["id"]
    return changed


async def _adopt_event(raw: AsyncConnection, event_id: str) -> Counter[str]:
    # First a write: from here on no other process changes this event.
    await raw.execute(text(sql.LOCK_EVENT), {"event": event_id})
    events = await _fetch(raw, sql.EVENT, event=event_id)
    event = events[0] if events else None
    work = _Adoption(raw, event_id, event, event["ticket_seq"] if event else 0)
    await _open_packages(work)
    if event is not None and not event["is_adopted"]:
        work.done["events"] = 1
        await _add_packages(work, list(work.waves))
        await _add_promo_codes(work, event)
    while tickets := await _fetch(raw, sql.TICKETS, event=event_id, chunk=CHUNK):
        await _adopt_tickets(work, tickets)
    await _confirm_paid(work)
    for package_id, seats in work.seats.items():
        fill = sql.FILL_NEW if package_id in work.new_packages else sql.FILL_KNOWN
        await raw.execute(text(fill), {"id": package_id, "seats": seats})
    if event is not None:
        await _finish_event(work, event)
    return work.done


async def _open_packages(work: _Adoption) -> None:
    for row in await _fetch(work.raw, sql.PACKAGES, event=work.event_id):
        work.packages[row["wave_id"]] = row
    if work.event is not None:
        waves = rules.waves_of(work.event, rules.read_extra(work.event["extra"]))
        work.waves = {wave.wave_id: wave for wave in waves}


async def _add_packages(work: _Adoption, wave_ids: Iterable[str]) -> None:
    """Make packages of those of the event's waves that are none yet."""
    if work.event is None:
        return
    common = {"event": work.event_id, "at": rules.unix_ms(work.event["time"])}
    for wave_id in wave_ids:
        if wave_id in work.packages or wave_id not in work.waves:
            continue
        values = asdict(work.waves[wave_id])
        await work.raw.execute(text(sql.ADD_PACKAGE), {**values, **common})
        work.packages[wave_id] = values
        work.new_packages.add(values["id"])
        work.done["packages"] += 1


async def _add_promo_codes(work: _Adoption, event: Row) -> None:
    codes = rules.promo_codes_of(work.event_id, rules.read_extra(event["extra"]))
    at = rules.unix_ms(event["time"])
    if codes:
        await work.raw.execute(text(sql.ADD_PROMO_CODE), [{**code, "at": at} for code in codes])
    work.done["promo_codes"] = len(codes)


async def _adopt_tickets(work: _Adoption, tickets: Sequence[Row]) -> None:
    """Give each ticket its order. The ticket comes last: with its hash it no longer waits."""
    extras = [rules.read_ticket(ticket["extra"]) for ticket in tickets]
    # Only 1.6.9 can have sold a wave that is no package: it was added after a roll-back.
    await _add_packages(work, sorted({extra.wave_id for extra in extras}))
    rows = [_order_values(work, *pair) for pair in zip(tickets, extras, strict=True)]
    for statement in (sql.ADD_ORDER, sql.ADD_LINE, sql.ADOPT_TICKET):
        await work.raw.execute(text(statement), rows)
    work.done["tickets"] += len(rows)


def _order_values(work: _Adoption, ticket: Row, extra: rules.TicketExtra) -> dict[str, Any]:
    """All that the statements of one ticket bind. Of a lost wave: the first package's."""
    first: Row | None = next(iter(work.packages.values()), None)
    package = work.packages.get(extra.wave_id, first) or {}
    status = rules.ticket_status(ticket, extra)
    if status in rules.SEATED and package:
        work.seats[package["id"]] += 1
    work.last_number += 1
    at = rules.unix_ms(ticket["time"])
    currency = package.get("currency", "sat")
    return {
        "id": ticket["id"],
        "event": work.event_id,
        "wallet": ticket["wallet"],
        "name": ticket["name"],
        "email": ticket["email"],
        "buyer_key": rules.buyer_key(ticket["email"], extra),
        "package_id": package.get("id"),
        "price_minor": package.get("price_minor", 0),
        "currency": currency,
        "rate": "1" if currency == "sat" else None,
        "number": work.last_number,
        "ticket_status": status,
        "order_status": "confirmed" if ticket["paid"] else "expired",
        "at": at,
        "confirmed_at": at if ticket["paid"] else None,
        "method": "onchain" if extra.onchain else "lightning",
        "sats": extra.sats,
        "promo_code": extra.promo_code,
        "refund_address": extra.refund_address,
        "nostr_identifier": extra.nostr_identifier,
    }


async def _confirm_paid(work: _Adoption) -> None:
    """Tickets that were adopted unpaid, and that 1.6.9 settled after a roll-back."""
    paid = await _fetch(work.raw, sql.PAID_SINCE, event=work.event_id)
    for row in paid:
        at = rules.unix_ms(row["time"])
        await work.raw.execute(text(sql.ACTIVATE), {"id": row["id"]})
        await work.raw.execute(text(sql.CONFIRM), {"id": row["order_id"], "at": at})
        if row["package_id"]:
            work.seats[row["package_id"]] += 1
    work.done["paid"] = len(paid)


async def _finish_event(work: _Adoption, event: Row) -> None:
    """What can still be sold stays what 1.6.9 says; an unlimited event stays unlimited."""
    sold = (await _fetch(work.raw, sql.SEATED, event=work.event_id))[0]["seats"]
    remaining = max(rules.whole(event["amount_tickets"], rules.MAX_COUNT), event["held"])
    capacity: int | None = remaining + sold
    status = event["status"]
    if not event["is_adopted"]:
        status = "cancelled" if event["canceled"] else "published"
    elif event["capacity"] is None:
        capacity = None
    values = {
        "event": work.event_id,
        "sold": sold,
        "capacity": capacity,
        "remaining": remaining,
        "last_number": work.last_number,
        "status": status,
    }
    await work.raw.execute(text(sql.FINISH_EVENT), values)
