"""SQL about mail that waits for a host without a mail server to get one."""

from datetime import datetime

from ..clock import to_ms
from ..crud import Tx


async def give_up_since(tx: Tx, before: datetime, code: str, error: str) -> int:
    """Mail that was due before then, and that nobody tried to send since; returns how many."""
    return await tx.execute(
        "UPDATE events.messages SET state = 'failed', error_code = :code, last_error = :error"
        " WHERE channel = 'mail' AND state = 'queued' AND next_try_at < :before",
        {"before": to_ms(before), "code": code, "error": error},
    )
