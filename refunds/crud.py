"""SQL of `events.refunds`. A transition is one conditional UPDATE whose row count decides."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..clock import to_ms
from ..crud import Row, Tx
from .models import Invoice, Problem, Refund, RefundStatus

# The guard of I3 for money going out: of many who want to pay one refund, one gets the row.
# The invoice is stored in the same statement, so a crash can only ever go on with this one.
TAKE = """
    UPDATE events.refunds
    SET status = 'paying', payment_hash = :hash, bolt11 = :bolt11, attempts = attempts + 1,
        attempted_at = :at, error_code = NULL, error = NULL
    WHERE id = :id AND status IN ('due', 'offered', 'failed') AND amount_sat = :amount_sat
      AND (CAST(:destination AS TEXT) IS NULL OR destination = :destination)
    RETURNING *
"""
_OPEN = "('due', 'offered', 'paying', 'failed')"


async def insert_refund(tx: Tx, row: Mapping[str, Any]) -> bool:
    """Record a debt once; False when this cause is on the books already."""
    columns = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    return (
        await tx.execute(
            f"INSERT INTO events.refunds ({columns}) VALUES ({marks})"  # noqa: S608  # own names
            " ON CONFLICT (cause) DO NOTHING",
            row,
        )
        == 1
    )


async def has_any(tx: Tx, event_id: str) -> bool:
    row = await tx.fetch_one(
        "SELECT 1 AS found FROM events.refunds WHERE event_id = :id LIMIT 1", {"id": event_id}
    )
    return row is not None


def _refund(row: Row | None) -> Refund | None:
    return Refund.from_row(row) if row else None


async def get_refund(tx: Tx, refund_id: str) -> Refund | None:
    return _refund(
        await tx.fetch_one("SELECT * FROM events.refunds WHERE id = :id", {"id": refund_id})
    )


async def get_by_claim(tx: Tx, claim_hash: str) -> Refund | None:
    return _refund(
        await tx.fetch_one(
            "SELECT * FROM events.refunds WHERE claim_hash = :hash", {"hash": claim_hash}
        )
    )


async def get_by_cause(tx: Tx, cause: str) -> Refund | None:
    return _refund(
        await tx.fetch_one("SELECT * FROM events.refunds WHERE cause = :cause", {"cause": cause})
    )


async def give_claim(tx: Tx, refund_id: str, claim_hash: str) -> None:
    """Let a refund be claimed; without a destination it is offered."""
    await tx.execute(
        "UPDATE events.refunds SET claim_hash = :hash, status = CASE WHEN status = 'due'"
        "  AND destination IS NULL AND method = 'lightning' THEN 'offered' ELSE status END"
        " WHERE id = :id AND claim_hash IS NULL",
        {"hash": claim_hash, "id": refund_id},
    )


async def take(tx: Tx, refund: Refund, invoice: Invoice, now: datetime) -> Refund | None:
    """Begin to pay an invoice; None when somebody else pays or has paid this refund, or when the
    invoice came from a destination that was replaced meanwhile."""
    return _refund(
        await tx.fetch_one(
            TAKE,
            {
                "id": refund.id,
                "hash": invoice.payment_hash,
                "bolt11": invoice.bolt11,
                "at": to_ms(now),
                "amount_sat": refund.amount_sat,
                "destination": invoice.destination,
            },
        )
    )


async def take_up(tx: Tx, refund: Refund, now: datetime) -> Refund | None:
    """Go on with the invoice that is being paid; None when another process does."""
    return _refund(
        await tx.fetch_one(
            "UPDATE events.refunds SET attempted_at = :now WHERE id = :id AND status = 'paying'"
            " AND payment_hash = :hash AND attempted_at = :known RETURNING *",
            {
                "now": to_ms(now),
                "id": refund.id,
                "hash": refund.payment_hash,
                "known": to_ms(refund.attempted_at) if refund.attempted_at else 0,
            },
        )
    )


async def mark_paid(
    tx: Tx, refund_id: str, payment_hash: str, fee_msat: int, at: tuple[datetime, bool]
) -> bool:
    """The invoice being paid was paid. `at`: now, and whether it had been given up before."""
    now, was_given_up = at
    return (
        await tx.execute(
            "UPDATE events.refunds SET status = 'paid', paid_at = :at, fee_msat = :fee_msat,"
            " payment_hash = :hash, paid_by = 'lightning', next_attempt_at = NULL,"
            " error_code = NULL, error = NULL"
            " WHERE id = :id AND ((status = 'paying' AND payment_hash = :hash)"
            "  OR (:was_given_up AND status IN ('due', 'offered', 'failed')))",
            {
                "at": to_ms(now),
                "fee_msat": fee_msat,
                "id": refund_id,
                "hash": payment_hash,
                "was_given_up": was_given_up,
            },
        )
        == 1
    )


async def mark_paid_by_hand(tx: Tx, refund_id: str, note: str, now: datetime) -> bool:
    return (
        await tx.execute(
            "UPDATE events.refunds SET status = 'paid', paid_at = :at, paid_by = 'hand',"
            " note = :note, next_attempt_at = NULL, error_code = NULL, error = NULL"
            " WHERE id = :id AND status IN ('due', 'offered', 'failed')",
            {"at": to_ms(now), "note": note, "id": refund_id},
        )
        == 1
    )


async def mark_unpaid(
    tx: Tx, refund: Refund, to: RefundStatus, problem: Problem, next_attempt_at: datetime | None
) -> bool:
    """The attempt is over and nothing was paid. The invoice is forgotten, so that it, or another
    one, may be tried again."""
    return (
        await tx.execute(
            "UPDATE events.refunds SET status = :to, payment_hash = NULL, bolt11 = NULL,"
            " error_code = :code, error = :message, next_attempt_at = :next_at"
            " WHERE id = :id AND status = 'paying' AND payment_hash = :hash",
            {
                "to": to.value,
                "code": problem.code,
                "message": problem.message,
                "next_at": to_ms(next_attempt_at) if next_attempt_at else None,
                "id": refund.id,
                "hash": refund.payment_hash,
            },
        )
        == 1
    )


async def note_attempt(
    tx: Tx, refund: Refund, to: RefundStatus, problem: Problem, at: tuple[datetime, datetime | None]
) -> bool:
    """An attempt without an invoice ended: whether it counts. `at`: now, when to try again."""
    now, next_attempt_at = at
    changed = await tx.execute(
        "UPDATE events.refunds SET status = :to, attempts = attempts + 1, attempted_at = :now,"
        " error_code = :code, error = :message, next_attempt_at = :next_at"
        " WHERE id = :id AND status = :known AND attempts = :attempts"
        " AND destination = :destination",
        {
            "to": to.value,
            "now": to_ms(now),
            "code": problem.code,
            "message": problem.message,
            "next_at": to_ms(next_attempt_at) if next_attempt_at else None,
            "id": refund.id,
            "known": refund.status.value,
            "attempts": refund.attempts,
            "destination": refund.destination,
        },
    )
    return changed == 1


async def set_destination(tx: Tx, refund_id: str, destination: str | None) -> Refund | None:
    """Make an unpaid refund due again, at once; None when it is being paid or was paid."""
    return _refund(
        await tx.fetch_one(
            "UPDATE events.refunds SET destination = COALESCE(CAST(:to AS TEXT), destination),"
            " status = CASE WHEN COALESCE(CAST(:to AS TEXT), destination) IS NULL"
            "  AND method = 'lightning' THEN 'offered' ELSE 'due' END,"
            " next_attempt_at = NULL"
            " WHERE id = :id AND status IN ('due', 'offered', 'failed') RETURNING *",
            {"to": destination, "id": refund_id},
        )
    )


async def count_open(tx: Tx, order_id: str) -> tuple[int, int]:
    """Refunds of an order that are not paid yet, and all of them."""
    row = await tx.fetch_one(
        f"SELECT SUM(CASE WHEN status IN {_OPEN} THEN 1 ELSE 0 END) AS open,"  # noqa: S608  # own text
        " COUNT(*) AS total FROM events.refunds WHERE order_id = :id",
        {"id": order_id},
    )
    return (int(row["open"] or 0), int(row["total"])) if row else (0, 0)
