"""I12: an upgrade keeps what 1.6.9 promised the buyers of an event, and follows what it changed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.legacy import Node, content, empty_node
from support.old_world import a_1_6_9, event, rewrite, ticket, write

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVENT = "SELECT * FROM events.events WHERE id = :id"
# 2030-06-01 20:00 in Berlin, and the same on other days.
EVENING_MS = 1_906_567_200_000
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node() -> AsyncIterator[Node]:
    """Its tables are made once; `rewrite` fills them anew."""
    async with empty_node() as made:
        await a_1_6_9(made)
        await made.boot()
        yield made


async def _adopted(node: Node, **changes: Any) -> Any:
    await rewrite(node, event(**changes))
    await node.boot()
    return await node.row(EVENT, id="event1")


MINIMUMS: list[tuple[Any, int | None]] = [
    ({"conditional": True, "min_tickets": 5}, 5),
    ({"conditional": True}, 1),
    ({"conditional": True, "min_tickets": "7"}, 7),
    ({"conditional": True, "min_tickets": 2**40}, 2**31 - 1),
    ('{"min_tickets":3,"conditional":true}', 3),
    ({"conditional": True, "min_tickets": 0}, None),
    ({"conditional": True, "min_tickets": -1}, None),
    ({"conditional": True, "min_tickets": "five"}, None),
    ({"conditional": True, "min_tickets": None}, None),
    ({"conditional": False, "min_tickets": 5}, None),
    ({"min_tickets": 5, "email_notifications": True}, None),
    ('{"conditional": true', None),
    (None, None),
]


@pytest.mark.parametrize(("extra", "least"), MINIMUMS, ids=str)
async def test_i12_an_upgrade_reads_the_minimum_of_an_event(
    node: Node, extra: Any, least: int | None
) -> None:
    found = await _adopted(node, extra=extra)
    assert (found["min_tickets"], found["min_decided_at"]) == (least, None)
    # 1.6.9 promised no buyer that a ticket can be given back, and knew days only.
    assert not found["buyer_can_cancel"]
    for name in ("refund_tiers", "timezone", "starts_at", "ends_at", "cancelled_at"):
        assert found[name] is None
    assert (await node.boot()).promises == 0


async def test_i12_an_upgrade_that_is_repeated_leaves_promises_as_they_are(node: Node) -> None:
    await _adopted(node, extra={"conditional": True, "min_tickets": 5})
    await node.run("UPDATE events.events SET min_decided_at = 7, buyer_can_cancel = TRUE")
    before = await content(node)
    await node.boot()
    assert await content(node) == before


async def test_i12_an_upgrade_follows_a_minimum_that_was_changed_after_a_roll_back(
    node: Node,
) -> None:
    await _adopted(node, extra={"conditional": True, "min_tickets": 5})
    for extra, least in (
        ('{"conditional": true, "min_tickets": 6}', 6),
        ('{"conditional": false, "min_tickets": 6}', None),
        ('{"conditional": true, "min_tickets": 6}', 6),
        ("{broken", None),
    ):
        await node.run("UPDATE events.events SET extra = :extra", extra=extra)
        assert (await node.boot()).promises == 1
        assert (await node.row(EVENT, id="event1"))["min_tickets"] == least


async def test_i12_an_upgrade_takes_over_many_minimums(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    from support.legacy import part

    monkeypatch.setattr(part("adoption"), "CHUNK", 2)
    extra = {"conditional": True, "min_tickets": 5}
    await rewrite(node, *(event(f"event{n}", extra) for n in range(5)), ticket("1", "event3"))
    assert (await node.boot()).promises == 5
    await write(node, event("event9", extra))
    assert (await node.boot()).promises == 1


@pytest.mark.parametrize(
    ("day", "zone", "starts_at"),
    [
        ("2030-06-01", "Europe/Berlin", EVENING_MS),
        ("2030-06-03", "Europe/Berlin", EVENING_MS + 2 * DAY_MS),
        ("2030-12-01", "Europe/Berlin", EVENING_MS + 183 * DAY_MS + HOUR_MS),
        ("2030-06-03", None, EVENING_MS + 2 * DAY_MS),
        ("2030-06-02", "Asia/Tokyo", EVENING_MS),  # it is that day there already
        ("2030-06-03", "Atlantis/Capital", EVENING_MS),
        ("soon", "Europe/Berlin", EVENING_MS),
    ],
)
async def test_i12_an_upgrade_follows_a_day_that_was_moved_after_a_roll_back(
    node: Node, day: str, zone: str | None, starts_at: int
) -> None:
    """1.6.9 knows no time of day, so it keeps the one there is."""
    await _adopted(node, event_end_date="2030-12-31")
    await node.run(
        "UPDATE events.events SET timezone = :zone, starts_at = :at, event_start_date = :day",
        zone=zone,
        at=EVENING_MS,
        day=day,
    )
    await node.boot()
    found = await node.row(EVENT, id="event1")
    assert (found["starts_at"], found["event_start_date"]) == (starts_at, day)
    assert (await node.boot()).promises == 0


async def test_i12_an_upgrade_drops_an_end_that_now_comes_before_the_start(node: Node) -> None:
    await _adopted(node)
    await node.run(
        "UPDATE events.events SET starts_at = :at, ends_at = :end, event_end_date = '2030-06-03',"
        " event_start_date = '2030-06-03'",
        at=EVENING_MS,
        end=EVENING_MS - 3 * HOUR_MS,
    )
    await node.boot()
    found = await node.row(EVENT, id="event1")
    assert (found["starts_at"], found["ends_at"]) == (EVENING_MS + 2 * DAY_MS, None)


async def test_i12_an_upgrade_leaves_the_second_of_two_equal_times_alone(node: Node) -> None:
    """02:30 comes twice when the clocks go back."""
    second_ms = 1_919_295_000_000  # 2030-10-27 01:30 UTC
    await _adopted(node, event_start_date="2030-10-27", event_end_date="2030-10-27")
    await node.run(
        "UPDATE events.events SET timezone = 'Europe/Berlin', starts_at = :at", at=second_ms
    )
    assert (await node.boot()).promises == 0
    assert (await node.row(EVENT, id="event1"))["starts_at"] == second_ms
