"""SQL of `events.ticket`. A change of state is one conditional UPDATE."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from lnbits.db import Filters, Page

from ..clock import to_ms
from ..crud import Tx, db, legacy_time
from .crud_pages import TicketFilters, TicketRow
from .models import Ticket

# The guard of I5, and below that of a used ticket: a state changes only from the one that was seen,
# so one of many scans wins. 1.6.9 writes `registered` alone; ours change with it.
ADMIT = """
    UPDATE events.ticket SET registered = TRUE, reg_timestamp = :at, status = 'used', left_at = NULL
    WHERE id = :id AND paid = TRUE AND registered = FALSE
      AND (status IS NULL OR status = 'active')
"""
# What `Ticket.is_used` says.
_USED = (
    "id = :id AND (status = 'used'"
    " OR (registered = TRUE AND (status IS NULL OR status = 'active')))"
)


async def insert_tickets(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    await tx.insert("ticket", rows)


async def get_ticket(tx: Tx, ticket_id: str) -> Ticket | None:
    row = await tx.fetch_one("SELECT * FROM events.ticket WHERE id = :id", {"id": ticket_id})
    return Ticket.from_row(row) if row else None


async def get_order_tickets(tx: Tx, order_id: str) -> list[Ticket]:
    rows = await tx.fetch_all(
        "SELECT * FROM events.ticket WHERE order_id = :id ORDER BY number, id", {"id": order_id}
    )
    return [Ticket.from_row(row) for row in rows]


async def list_tickets(tx: Tx, wallets: Sequence[str], unpaid_since: datetime) -> list[Ticket]:
    """Paid tickets of some wallets, and unpaid ones not older than `unpaid_since`, newest first."""
    marks = {f"w{index}": wallet for index, wallet in enumerate(wallets)}
    names = ", ".join(f":{name}" for name in marks)
    rows = await tx.fetch_all(
        # Only bind marks are put in.
        f"SELECT * FROM events.ticket WHERE wallet IN ({names})"  # noqa: S608
        " AND (paid = TRUE OR time > :since) ORDER BY time DESC, id",
        {**marks, "since": legacy_time(unpaid_since)},
    )
    return [Ticket.from_row(row) for row in rows]


async def page_tickets(wallets: Sequence[str], filters: Filters[TicketFilters]) -> Page[TicketRow]:
    """1.6.9's paginated list: paid tickets, the host's filters, search and sorting."""
    marks = {f"wallet_{index}": wallet for index, wallet in enumerate(wallets)}
    names = ", ".join(f":{name}" for name in marks)
    page: Page[TicketRow] = await db.fetch_page(
        "SELECT * FROM events.ticket",
        [f"wallet IN ({names})", "paid = TRUE"],
        dict(marks),
        filters=filters,
        model=TicketRow,
    )
    return page


async def activate(tx: Tx, order_id: str) -> int:
    """All reserved tickets of an order become paid and valid; returns how many."""
    return await tx.execute(
        "UPDATE events.ticket SET paid = TRUE, status = 'active'"
        " WHERE order_id = :id AND status = 'reserved'",
        {"id": order_id},
    )


async def cancel_order(tx: Tx, order_id: str) -> int:
    return await tx.execute(
        "UPDATE events.ticket SET status = 'cancelled', paid = FALSE"
        " WHERE order_id = :id AND status IN ('reserved', 'active')",
        {"id": order_id},
    )


async def lock(tx: Tx, ticket_id: str) -> None:
    """Until the commit nobody else changes this ticket. No watched column is written."""
    await tx.execute("UPDATE events.ticket SET wallet = wallet WHERE id = :id", {"id": ticket_id})


async def admit(tx: Tx, ticket_id: str, at: datetime) -> bool:
    """Valid becomes used; False when it is not valid (any more)."""
    return await tx.execute(ADMIT, {"id": ticket_id, "at": legacy_time(at)}) == 1


async def readmit(tx: Tx, ticket_id: str) -> bool:
    """Who had left is inside again; False when nobody is out with it."""
    return await _change_used(tx, "left_at = NULL", "left_at IS NOT NULL", ticket_id)


async def let_out(tx: Tx, ticket_id: str, at: datetime) -> bool:
    """False when nobody is inside with it."""
    values = {"left_at": to_ms(at)}
    return await _change_used(tx, "left_at = :left_at", "left_at IS NULL", ticket_id, values)


async def take_back(tx: Tx, ticket_id: str) -> bool:
    """Used becomes valid; False when it is not used (any more)."""
    changes = "registered = FALSE, reg_timestamp = NULL, status = 'active', left_at = NULL"
    return await _change_used(tx, changes, "TRUE", ticket_id)


async def keep(tx: Tx, ticket_id: str) -> bool:
    """Until the commit a used ticket stays that; False when it is not used (any more)."""
    return await _change_used(tx, "wallet = wallet", "TRUE", ticket_id)


async def _change_used(
    tx: Tx, changes: str, condition: str, ticket_id: str, values: Mapping[str, Any] | None = None
) -> bool:
    # Only words of this file are put in.
    statement = f"UPDATE events.ticket SET {changes} WHERE {_USED} AND {condition}"  # noqa: S608
    return await tx.execute(statement, {"id": ticket_id, **(values or {})}) == 1


async def delete_free(tx: Tx, ticket_id: str) -> int:
    return await tx.execute(
        "DELETE FROM events.ticket WHERE id = :id AND paid = TRUE AND status = 'active'"
        " AND COALESCE(price_sat, 0) = 0",
        {"id": ticket_id},
    )


async def delete_unpaid(tx: Tx, order_id: str) -> int:
    return await tx.execute(
        "DELETE FROM events.ticket WHERE order_id = :id AND paid = FALSE", {"id": order_id}
    )


async def cancel(
    tx: Tx, ticket_id: str, retained_sat: int, refund_id: str | None, may_be_used: bool
) -> bool:
    """One ticket loses its validity; False when it was not valid (any more)."""
    return (
        await tx.execute(
            "UPDATE events.ticket SET status = 'cancelled', paid = FALSE,"
            " retained_sat = :retained_sat, refund_id = :refund_id"
            " WHERE id = :id AND (status = 'active' OR (status = 'used' AND :may_be_used))",
            {
                "id": ticket_id,
                "retained_sat": retained_sat,
                "refund_id": refund_id,
                "may_be_used": may_be_used,
            },
        )
        == 1
    )


async def list_of_refund(tx: Tx, refund_id: str) -> list[Ticket]:
    rows = await tx.fetch_all(
        "SELECT * FROM events.ticket WHERE refund_id = :id ORDER BY number, id", {"id": refund_id}
    )
    return [Ticket.from_row(row) for row in rows]


async def mark_refunded(tx: Tx, ticket_id: str, extra: str) -> None:
    await tx.execute(
        "UPDATE events.ticket SET status = 'refunded', extra = :extra"
        " WHERE id = :id AND status = 'cancelled'",
        {"id": ticket_id, "extra": extra},
    )


async def set_extra(tx: Tx, ticket_id: str, extra: str) -> None:
    await tx.execute(
        "UPDATE events.ticket SET extra = :extra WHERE id = :id", {"extra": extra, "id": ticket_id}
    )


async def set_price(tx: Tx, ticket_id: str, price_sat: int) -> None:
    await tx.execute(
        "UPDATE events.ticket SET price_sat = :sat WHERE id = :id",
        {"sat": price_sat, "id": ticket_id},
    )
