"""Count the SQL statements the host and the extension send to their databases."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.host import ext

Action = Callable[[], Awaitable[object]]

# Whatever the host does in the background can only add to a count.
TRIES = 3


@dataclass
class Sent:
    """Statements in the order they were sent, as the databases got them."""

    extension: list[str] = field(default_factory=list)
    core: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.extension) + len(self.core)


@contextmanager
def listening() -> Iterator[Sent]:
    """Everything sent inside the block; opening a connection (`ATTACH`, `CREATE SCHEMA`) counts."""
    from lnbits.core.db import db as core_db
    from sqlalchemy import event

    sent = Sent()
    places = [(ext("crud").db, sent.extension), (core_db, sent.core)]
    hooks = [(database.engine.sync_engine, _noting(into)) for database, into in places]
    for engine, hook in hooks:
        event.listen(engine, "before_cursor_execute", hook)
    try:
        yield sent
    finally:
        for engine, hook in hooks:
            event.remove(engine, "before_cursor_execute", hook)


def _noting(into: list[str]) -> Callable[..., None]:
    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        into.append(" ".join(statement.split()))

    return note


async def statements_of(action: Action) -> Sent:
    """What one run of `action` sends; of several runs the smallest."""
    runs = []
    for _ in range(TRIES):
        with listening() as sent:
            await action()
        runs.append(sent)
    return min(runs, key=lambda run: run.total)
