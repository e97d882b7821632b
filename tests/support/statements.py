"""The statements that a piece of work sends to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from support.host import ext


@contextmanager
def statements() -> Iterator[list[str]]:
    """Those of the extension's own connections during the block; opening one is none."""
    engine, seen = ext("crud").db.engine.sync_engine, []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("ATTACH"):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
