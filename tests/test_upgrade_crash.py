"""I12: the fork's migrations and the adoption may be cut off anywhere and repeated any number of
times; the end is always the same."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from support.host import REPO, is_shared, on_postgres
from support.legacy import FORK_KEY, Crash, Node, content, empty_node
from support.old_world import a_1_6_9, busy, event, hash_of, rewrite, ticket, write

pytestmark = pytest.mark.asyncio

Step = Callable[[], Awaitable[object]]


async def _crash_everywhere(node: Node, start: Step, run: Step, at_least: int) -> None:
    """`run`, cut off before each of its statements and repeated, ends as if it was not.

    Of two engines side by side each has every twelfth statement; `make test-kills` has all on both.
    """
    await start()
    node.crasher.arm(0)
    await run()
    points, expected = node.crasher.count, await content(node)
    assert points >= at_least
    first, step = (1 + 6 * on_postgres(), 12) if is_shared() else (1, 1)
    for point in range(first, points + 1, step):
        await start()
        node.crasher.arm(point)
        with pytest.raises(Crash):
            await run()
        node.crasher.arm(0)
        await run()
        assert await content(node) == expected, f"crashed at {point} of {points}"


# Some hundred upgrades, each of a hundred statements and more.
@pytest.mark.timeout(180)
async def test_i12_a_fork_upgrade_crashed_at_any_statement_ends_the_same() -> None:
    rows = [event(), ticket("1")]
    async with empty_node() as node:
        await _crash_everywhere(node, lambda: a_1_6_9(node, *rows), node.migrate_fork, 60)


async def test_i12_an_adoption_crashed_at_any_statement_ends_the_same() -> None:
    async with empty_node() as node:
        await a_1_6_9(node)
        await node.migrate_fork()
        await _crash_everywhere(node, lambda: rewrite(node, *busy()), node.migrate_fork, 40)


async def test_i12_an_adoption_after_a_roll_back_crashed_at_any_statement_ends_the_same() -> None:
    late = {"ticket_wave_id": "late", "sats_paid": 150}

    async def start() -> None:
        await rewrite(node, *busy())
        await node.migrate_fork()
        await write(node, ticket("7", extra=late), ticket("8", "event2"), event("event3"))
        await node.run("UPDATE events.ticket SET paid = TRUE WHERE id = :id", id=hash_of("4"))

    async with empty_node() as node:
        await a_1_6_9(node)
        await node.migrate_fork()
        await _crash_everywhere(node, start, node.migrate_fork, 25)


async def test_i12_a_repeated_upgrade_changes_nothing() -> None:
    async with empty_node() as node:
        await a_1_6_9(node, *busy())
        first = await node.boot()
        expected = await content(node)
        assert (first.events, first.tickets) == (2, 6)
        for versions in ({"events": 8, FORK_KEY: 5}, {"events": 8}, {}):
            await node.set_versions(**versions)
            assert await node.boot() == type(first)()
            assert await content(node) == expected


async def test_i12_an_upgrade_after_deleted_data_builds_everything_again() -> None:
    """The host's "delete data" forgets the key `events` only; ours then vouches for nothing."""
    async with empty_node() as node:
        await a_1_6_9(node, *busy())
        await node.boot()
        full = await content(node)
        for point in (0, 9, 40):  # also cut off on the way
            await node.drop_tables()
            await node.set_versions(**{FORK_KEY: 99})
            node.crasher.arm(point)
            if point:
                with pytest.raises(Crash):
                    await node.boot()
            node.crasher.arm(0)
            await node.boot()
            assert await content(node) == replace(full, rows={name: [] for name in full.rows})


async def test_i12_an_upgrade_killed_in_the_middle_ends_the_same() -> None:
    async with AsyncExitStack() as stack:
        node = await stack.enter_async_context(empty_node())
        await a_1_6_9(node, *busy())
        node.crasher.arm(0)
        await node.boot()
        last, expected = node.crasher.count, await content(node)
        points = [5, last // 4, last // 2, last - 30, last - 10, last]
        nodes = [await stack.enter_async_context(empty_node()) for _ in points]
        for each in nodes:
            await a_1_6_9(each, *busy())
        await _kill([(str(n.folder), n.url, at) for n, at in zip(nodes, points, strict=True)])
        for each in nodes:
            await each.boot()
            assert await content(each) == expected


async def _kill(plan: list[tuple[str, str | None, int]]) -> None:
    killing = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "support.kill_upgrade",
        json.dumps(plan),
        env={**os.environ, "PYTHONPATH": str(REPO / "tests")},
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await killing.wait() == 0
