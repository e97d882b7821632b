"""I12: an upgrade brings the door, and 1.6.9 may run on its tables again."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from support.legacy import FORK_KEY, Node, content, empty_node
from support.old_world import a_1_6_9, event, hash_of, rewrite, ticket, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHANGED = "SELECT changed_at FROM events.ticket WHERE id = :id"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node() -> AsyncIterator[Node]:
    """Its tables are made once; `rewrite` fills them anew."""
    async with empty_node() as made:
        await a_1_6_9(made)
        await made.boot()
        yield made


async def forget(node: Node) -> None:
    """As if no ticket had changed since the door was built."""
    await node.run("UPDATE events.ticket SET changed_at = 0")


async def changed(node: Node, number: str = "1") -> int:
    """In unix milliseconds of the database's clock."""
    found = await node.row(CHANGED, id=hash_of(number))
    return int(found["changed_at"])


async def test_i12_an_upgrade_keeps_who_was_let_in(node: Node) -> None:
    await rewrite(node, event(), ticket("1", registered=True), ticket("2"))
    await node.boot()
    for number, status in (("1", "used"), ("2", "active")):
        found = await node.row("SELECT * FROM events.ticket WHERE id = :id", id=hash_of(number))
        assert (found["status"], found["left_at"]) == (status, None)


STATEMENTS = {
    "paid": "UPDATE events.ticket SET paid = TRUE WHERE id = :id",
    "let in by 1.6.9": "UPDATE events.ticket SET registered = TRUE, reg_timestamp = time"
    " WHERE id = :id",
    "written whole by 1.6.9": "UPDATE events.ticket SET wallet = wallet, event = event,"
    " name = name, email = email, registered = registered, paid = paid, time = time,"
    " reg_timestamp = reg_timestamp, extra = extra WHERE id = :id",
    "renamed": "UPDATE events.ticket SET name = 'Grace' WHERE id = :id",
    "used": "UPDATE events.ticket SET status = 'used' WHERE id = :id",
    "gone out": "UPDATE events.ticket SET left_at = 1 WHERE id = :id",
    "moved": "UPDATE events.ticket SET package_id = 'p2' WHERE id = :id",
    "longer valid": "UPDATE events.ticket SET valid_until = 2 WHERE id = :id",
}
UNSEEN = {
    "its hash": "UPDATE events.ticket SET payment_hash = 'x' WHERE id = :id",
    "its mail": "UPDATE events.ticket SET email = 'b@example.com' WHERE id = :id",
}


@pytest.mark.parametrize("name", STATEMENTS)
async def test_i12_no_statement_changes_a_ticket_without_its_mark(node: Node, name: str) -> None:
    await rewrite(node, event(), ticket("1"), ticket("2"))
    await node.boot()
    await forget(node)
    before = time.time() * 1000
    assert await node.run(STATEMENTS[name], id=hash_of("1")) == 1
    # The database runs on this machine; its milliseconds are cut or rounded.
    assert before - 2 <= await changed(node) <= time.time() * 1000 + 2
    assert await changed(node, "2") == 0


@pytest.mark.parametrize("name", UNSEEN)
async def test_what_no_door_shows_leaves_no_mark(node: Node, name: str) -> None:
    await rewrite(node, event(), ticket("1"))
    await node.boot()
    await forget(node)
    assert await node.run(UNSEEN[name], id=hash_of("1")) == 1
    assert await changed(node) == 0


async def test_i12_a_ticket_written_by_1_6_9_after_a_roll_back_has_its_mark(node: Node) -> None:
    await rewrite(node, event(), ticket("1"))
    await node.boot()
    await forget(node)
    await write(node, ticket("2"))
    assert await changed(node, "2") > 1_700_000_000_000
    # The next upgrade takes it over, which changes it again, and leaves the others alone.
    await forget(node)
    assert (await node.boot()).tickets == 1
    assert await changed(node, "2") > 1_700_000_000_000
    assert await changed(node) == 0


async def test_i12_1_6_9_lets_in_and_deletes_after_a_roll_back_and_the_scans_stay(
    node: Node,
) -> None:
    await rewrite(node, event(), ticket("1"), ticket("2"), ticket("3", paid=False))
    await node.boot()
    scan = {"event_id": "event1", "type": "check_in", "scanned_at": 1, "received_at": 2}
    for number, outcome in (("2", "admitted"), ("3", "unpaid")):
        row = scan | {"ticket_id": hash_of(number), "outcome": outcome}
        await node.insert("scans", id=f"scan{number}", scan_id=f"nonce{number}", **row)
    await node.run("UPDATE events.ticket SET registered = TRUE WHERE id = :id", id=hash_of("1"))
    await node.run("DELETE FROM events.ticket WHERE paid = FALSE")
    before = await node.rows("SELECT * FROM events.scans ORDER BY id")
    adopted = await node.boot()
    assert adopted.admitted == 1
    assert await node.rows("SELECT * FROM events.scans ORDER BY id") == before
    # As after a crash before the version was stored.
    await node.set_versions(**{"events": 8, FORK_KEY: 13})
    expected = await content(node)
    await node.boot()
    assert await content(node) == expected
    assert len(before) == 2
