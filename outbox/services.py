"""Write facts down in the transaction that makes them true; deliver each after its commit.

Nothing is delivered here: a handler turns a fact into rows of its own (messages to send), in one
transaction with forgetting it. So a fact is carried out exactly once, whatever is killed when. A
long one is carried out in parts, and what came meanwhile goes in between.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from loguru import logger

from ..clock import from_ms, now, to_ms
from ..crud import Tx, reading, short_id, transaction
from . import crud
from .models import Fact, Handler
from .wakeup import wake

_BATCH = 100
# A fact that cannot be carried out waits twice as long after each attempt, an hour at most.
_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(hours=1)
_MAX_ERROR_CHARS = 300


@dataclass(frozen=True)
class Drained:
    """What one pass did, and when the next fact is due (None: none is waiting)."""

    done: int = 0
    failed: int = 0
    next_at: datetime | None = None


async def put(
    tx: Tx,
    topic: str,
    subject_id: str,
    event_id: str | None = None,
    payload: Mapping[str, Any] | None = None,
) -> None:
    """Write a fact down: one statement. It comes and goes with the transaction."""
    at_ms = to_ms(now())
    row = {
        "id": short_id(),
        "topic": topic,
        "subject_id": subject_id,
        "event_id": event_id,
        "payload": json.dumps(payload) if payload else None,
        "created_at": at_ms,
        "next_try_at": at_ms,
    }
    await crud.insert(tx, row)
    # The transaction holds the extension's lock, so whoever wakes up reads after its end.
    wake()


async def drain(handlers: Mapping[str, Handler], moment: datetime) -> Drained:
    """Carry out what is due, also what becomes due meanwhile. One that fails waits, and neither it
    nor a long one keeps others back."""
    began_s, done, failed = time.monotonic(), 0, 0

    def at() -> datetime:
        return moment + timedelta(seconds=time.monotonic() - began_s)

    while True:
        async with reading() as tx:
            due = await crud.list_due(tx, at(), _BATCH)
        if not due:
            break
        for fact in due:
            ok = await _carry_out(fact, handlers, at())
            done, failed = done + (ok is True), failed + (ok is False)
    async with reading() as tx:
        at_ms = await crud.next_try_at_ms(tx)
    return Drained(done, failed, from_ms(at_ms))


async def _carry_out(fact: Fact, handlers: Mapping[str, Handler], moment: datetime) -> bool | None:
    """Whether it went well. None: there is more of it, or it was another's."""
    try:
        async with transaction() as tx:
            taken = await crud.take(tx, fact.id, moment)
            if taken is None:
                return None
            rest = await handlers[taken.topic](tx, taken, moment)
            if rest is not None:
                await _put_back(tx, taken, rest, moment)
                return None
    except Exception as exc:  # noqa: BLE001  # whatever it is: noted, logged, tried again
        logger.error(f"events: {fact.topic} of {fact.subject_id} waits: {exc!r}")
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(fact.attempts, 20))
        async with transaction() as tx:
            await crud.note_failure(tx, fact.id, moment + wait, repr(exc)[:_MAX_ERROR_CHARS])
        return False
    return True


async def _put_back(tx: Tx, fact: Fact, rest: Mapping[str, Any], moment: datetime) -> None:
    """The rest of a long delivery is a fact of the same id, after all that is due by now."""
    row = {
        "id": fact.id,
        "topic": fact.topic,
        "subject_id": fact.subject_id,
        "event_id": fact.event_id,
        "payload": json.dumps(rest),
        "created_at": to_ms(fact.created_at),
        "next_try_at": to_ms(moment),
    }
    await crud.insert(tx, row)
