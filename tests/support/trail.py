"""What the log of changes says, and proof that a change and its log are one transaction."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from support.builders import rows
from support.host import ext
from support.refusals import figures

# actor, action, entity, entity_id, field, old, new
Entry = tuple[Any, ...]
Send = Callable[[], Awaitable[httpx.Response]]


async def entries(event_id: str | None) -> list[Entry]:
    """The log of an event, or of the instance, as stored; oldest transaction first."""
    found = await rows(
        "SELECT * FROM events.audit WHERE event_id = :id"
        " OR (event_id IS NULL AND CAST(:id AS TEXT) IS NULL) ORDER BY at, id",
        id=event_id,
    )
    return [_entry(row) for row in found]


def _entry(row: Any) -> Entry:
    names = ("actor", "action", "entity", "entity_id", "field")
    values = (json.loads(row[name] or "null") for name in ("old", "new"))
    return (*(row[name] for name in names), *values)


@dataclass(frozen=True)
class Done:
    answer: httpx.Response
    added: list[Entry]


async def together(send: Send, event_id: str | None, patching: pytest.MonkeyPatch) -> Done:
    """Send a request that changes something: first with a log that fails after it was written,
    when neither the change nor the log may be there; then as it is."""
    log, before, untouched = ext("audit.crud"), await entries(event_id), await figures()
    write = log.insert

    async def write_and_fail(*args: Any) -> None:
        await write(*args)
        raise RuntimeError("the power is gone")

    with patching.context() as patch:
        patch.setattr(log, "insert", write_and_fail)
        assert (await send()).status_code == 500
    assert await figures() == untouched
    assert await entries(event_id) == before
    answer = await send()
    # A page says with 400 that the wallet named has refused: that it was named is a change.
    assert answer.status_code <= 400, answer.text
    assert ext("actors").acting() == "system", "nobody acts any more after the request"
    return Done(answer, (await entries(event_id))[len(before) :])
