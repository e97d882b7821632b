"""Run a coroutine in a forked child: a new process with everything imported, in milliseconds.

The parent must have one thread and no event loop, else the child inherits locks nobody opens.
"""

import asyncio
import functools
import json
import os
import signal
import threading
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import IO, Any

Tell = Callable[[Any], None]
Work = Callable[[Tell], Coroutine[Any, Any, None]]
# Called with one question at a time; what it returns is the answer.
Serve = Callable[[Any], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Child:
    """How a child ended, and what it told before that."""

    killed: bool
    told: list[Any]


class ChildFailed(Exception):
    """The child raised; the message is its traceback."""


def in_child(work: Work) -> Child:
    """Run `work` in a child and wait. What it tells travels as lines of JSON."""
    pid, pipe = _fork(work, None)
    with pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and os.waitstatus_to_exitcode(status) != 0:
        raise ChildFailed(said)
    return Child(killed, [json.loads(line) for line in said.splitlines()])


class Helper:
    """A child that stays, and answers questions one at a time."""

    def __init__(self, serve: Serve) -> None:
        reader, writer = os.pipe()
        self._pid, self._answers = _fork(functools.partial(_answer_all, serve, reader), writer)
        os.close(reader)
        self._questions = os.fdopen(writer, "w")

    def ask(self, question: Any) -> Any:
        self._questions.write(json.dumps(question) + "\n")
        self._questions.flush()
        said = self._answers.readline()
        try:
            return json.loads(said)
        except ValueError:
            raise ChildFailed(said + self._answers.read()) from None

    def close(self) -> None:
        self._questions.close()
        self._answers.close()
        os.waitpid(self._pid, 0)


async def _answer_all(serve: Serve, reader: int, tell: Tell) -> None:
    loop = asyncio.get_running_loop()
    with os.fdopen(reader) as questions:
        # In a thread, so that what the host does in the background goes on between questions.
        while line := await loop.run_in_executor(None, questions.readline):
            tell(await serve(json.loads(line)))


def _fork(work: Work, unwanted: int | None) -> tuple[int, IO[str]]:
    if threading.active_count() != 1:
        raise RuntimeError(f"Forking needs a single thread: {threading.enumerate()}")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        if unwanted is not None:
            os.close(unwanted)
        _run(work, writer)
    os.close(writer)
    return pid, os.fdopen(reader, errors="replace")


def _run(work: Work, writer: int) -> None:
    """Never returns: the child must not run on in the parent's code."""
    code = 1
    try:
        asyncio.run(work(lambda fact: _say(writer, json.dumps(fact))))
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the parent reports it
        _say(writer, traceback.format_exc())
    os._exit(code)


def _say(writer: int, text: str) -> None:
    with os.fdopen(os.dup(writer), "wb") as pipe:
        pipe.write(text.encode() + b"\n")
