"""I12: a fresh install and every older version end in the schema of 1.6.9, with all rows."""

import re

import pytest

from support.legacy import Crash, content, empty_node, node_of_1_6_9, part
from support.old_versions import LAST, event_rows, make, ticket_rows

pytestmark = pytest.mark.asyncio

VERSIONS = range(LAST + 1)


async def test_i12_the_upgrade_steps_are_upstreams_and_stand_in_order() -> None:
    """The host runs them as they stand; numbers from 9 on belong to upstream."""
    names = [name for name in vars(part("migrations")) if re.match(r"m\d\d\d_", name)]
    assert [int(name[1:4]) for name in names] == list(range(1, LAST + 1))


@pytest.mark.parametrize("version", VERSIONS)
async def test_i12_every_version_upgrades_to_the_schema_of_1_6_9(version: int) -> None:
    async with node_of_1_6_9() as real, empty_node() as node:
        await make(node, version)
        await node.migrate_upstream()
        upgraded = await content(node)
        assert upgraded.columns == (await content(real)).columns
        assert upgraded.columns.keys() == {"events", "ticket"}
        assert (await node.version("events")).version == LAST


@pytest.mark.parametrize("version", VERSIONS[1:])
async def test_i12_an_upgrade_keeps_every_row(version: int) -> None:
    async with empty_node() as node:
        await make(node, version)
        await node.migrate_upstream()
        events = await node.rows("SELECT * FROM events.events ORDER BY id")
        tickets = await node.rows("SELECT * FROM events.ticket ORDER BY id")
    defaults = {
        "currency": "sat",
        "banner": None,
        "canceled": False,
        "extra": None,
        "allow_fiat": False,
        "fiat_currency": "GBP",
    }
    assert [dict(row) for row in events] == [defaults | row for row in event_rows(version)]
    # Before version 2 a ticket was written when it was paid.
    added = {"paid": True, "reg_timestamp": None, "extra": None}
    assert [dict(row) for row in tickets] == [added | row for row in ticket_rows(version)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_i12_an_upgrade_crashed_at_any_statement_ends_the_same(version: int) -> None:
    async with empty_node() as node:
        await make(node, version)
        node.crasher.arm(0)
        await node.migrate_upstream()
        points, expected = node.crasher.count, await content(node)
        assert points > 0 or version == LAST
        for point in range(1, points + 1):
            await make(node, version)
            node.crasher.arm(point)
            with pytest.raises(Crash):
                await node.migrate_upstream()
            node.crasher.arm(0)
            await node.migrate_upstream()
            assert await content(node) == expected, f"crashed at {point} of {points}"


async def test_i12_upgrade_steps_find_their_own_work_done() -> None:
    """Also when the stored version was lost, even with our own columns there."""
    async with empty_node() as node:
        await make(node, LAST)
        await node.boot()
        expected = await content(node)
        for versions in ({}, {"events": 1}, {"events": 3}, {"events": 7}):
            await node.set_versions(**versions)
            await node.migrate_upstream()
            assert await content(node) == expected


async def test_i12_an_interrupted_upgrade_never_forgets_rows_when_its_version_is_lost() -> None:
    """The moment between dropping the old table and naming the new one."""
    async with empty_node() as node:
        await make(node, 3)
        await node.migrate_upstream()
        expected = await content(node)
        await node.run("ALTER TABLE events.events RENAME TO events_rebuilt")
        for versions in ({}, {"events": 3}):
            await node.set_versions(**versions)
            await node.migrate_upstream()
            assert await content(node) == expected
            await node.run("ALTER TABLE events.events RENAME TO events_rebuilt")
