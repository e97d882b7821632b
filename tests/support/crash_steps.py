"""Which awaits of a scenario are worth a kill, also in the tasks that it starts."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from support.stepping import Stepped

_READS = ("SELECT", "PRAGMA", "ATTACH")


class Writes(Stepped[object]):
    """Counts the first await, and those by which a statement has written or a commit was made.

    Between two of them nothing changes, in a transaction or outside. Paying an invoice has more
    than a hundred awaits, most of them for opening and reading; a kill at each would take minutes.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, object], kill_at: int | None) -> None:
        super().__init__(coroutine, kill_at)
        self._fresh = 1
        event.listen(Engine, "after_cursor_execute", self._executed)
        event.listen(Engine, "commit", self._commits)

    def _executed(self, _: object, __: object, statement: str, *___: object) -> None:
        if not statement.lstrip().upper().startswith(_READS):
            self._fresh = max(self._fresh, 1)

    def _commits(self, _: object) -> None:
        # Told before it is made; the driver may wait twice for it.
        self._fresh = 2

    def _step(self) -> None:
        if self._fresh:
            self._fresh -= 1
            super()._step()


class _Part(Stepped[object]):
    """A task that belongs to what is killed: its awaits count as well."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], whole: Stepped[Any]) -> None:
        super().__init__(coroutine)
        self._whole = whole

    def _step(self) -> None:
        self._whole._step()


def follow_tasks(whole: Stepped[Any]) -> None:
    """Payments go on in tasks of their own, so that nobody can cancel them: count in there, too.

    Not in the tasks that only shield a statement: they belong to one await.
    """

    async def stepped(coroutine: Coroutine[Any, Any, object]) -> object:
        return await _Part(coroutine, whole)

    def create(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        code = getattr(coroutine, "cr_code", None)
        is_ours = code is not None and Path(code.co_filename).parent.name == "refunds"
        return asyncio.Task(stepped(coroutine) if is_ours else coroutine, loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(create)
