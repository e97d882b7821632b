"""Steps of the fork's migrations for cancelling and refunds; see `migrations_fork.py`."""

from lnbits.db import Connection

from .migrations_schema import add_columns, add_indexes

_EVENT_COLUMNS = {
    "timezone": "TEXT",
    "starts_at": "BIGINT",
    "ends_at": "BIGINT",
    # 1.6.9 promised no buyer anything, so its events start without it.
    "buyer_can_cancel": "BOOLEAN NOT NULL DEFAULT FALSE",
    "refund_tiers": "TEXT",
    "min_tickets": "INTEGER",
    "min_decided_at": "BIGINT",
    "cancelled_at": "BIGINT",
    "cancel_reason": "TEXT",
    "refunds_booked_at": "BIGINT",
}
_TICKET_COLUMNS = {
    "retained_sat": "BIGINT NOT NULL DEFAULT 0",
    "refund_id": "TEXT",
}
_REFUND_COLUMNS = {
    "method": "TEXT NOT NULL DEFAULT 'lightning'",
    "bolt11": "TEXT",
    "claim_hash": "TEXT",
    "attempted_at": "BIGINT",
    "next_attempt_at": "BIGINT",
    "error_code": "TEXT",
    "error": "TEXT",
    "fee_msat": "BIGINT",
    "paid_at": "BIGINT",
    "paid_by": "TEXT",
    "note": "TEXT",
}
_INDEXES = {
    "ix_ticket_refund": "ticket (refund_id)",
    "ix_refunds_due": "refunds (status, next_attempt_at)",
    "ix_events_status": "events (status, cancelled_at)",
}
_UNIQUE_INDEXES = {
    # One invoice never pays two refunds.
    "ux_refunds_payment_hash": "refunds (payment_hash)",
    "ux_refunds_claim": "refunds (claim_hash)",
}


async def m009_refunds(conn: Connection) -> None:
    await add_columns(conn, "events", _EVENT_COLUMNS)
    await add_columns(conn, "ticket", _TICKET_COLUMNS)
    await add_columns(conn, "refunds", _REFUND_COLUMNS)
    await add_indexes(conn, "UNIQUE INDEX", _UNIQUE_INDEXES)
    await add_indexes(conn, "INDEX", _INDEXES)
