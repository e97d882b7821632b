"""I12: 1.6.9 runs again on an upgraded database; the next boot takes over what it wrote."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from support.legacy import Node, content, empty_node
from support.old_world import a_1_6_9, event, hash_of, rewrite, ticket, wave, write

pytestmark = pytest.mark.asyncio

EVENT = "SELECT * FROM events.events WHERE id = :id"
PACKAGES = "SELECT * FROM events.packages WHERE event_id = :id ORDER BY display_order"
TICKET = "SELECT * FROM events.ticket WHERE id = :id"
ORDER = "SELECT * FROM events.orders WHERE id = :id"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node() -> AsyncIterator[Node]:
    """Its tables are made once; `rewrite` fills them anew."""
    async with empty_node() as made:
        await a_1_6_9(made)
        await made.boot()
        yield made


async def _sell(node: Node, id_: str, extra: Any = None) -> None:
    """What 1.6.9 does when a ticket of `event1` is paid, seen from its columns."""
    await write(node, ticket(id_, extra=extra))
    await node.run(
        "UPDATE events.events SET sold = sold + 1, amount_tickets = amount_tickets - 1"
        " WHERE id = 'event1'"
    )


async def _counters(node: Node, id_: str = "event1") -> tuple[int, int, int | None, int]:
    found = await node.row(EVENT, id=id_)
    return found["sold"], found["amount_tickets"], found["capacity"], found["ticket_seq"]


async def test_i12_tickets_sold_after_a_roll_back_are_adopted_by_the_next_upgrade(
    node: Node,
) -> None:
    await rewrite(node, event(), ticket("1"))
    await node.boot()
    assert await _counters(node) == (1, 7, 8, 1)
    await _sell(node, "2", {"ticket_wave_id": "primary", "sats_paid": 100})
    await write(node, ticket("3", paid=False))
    adopted = await node.boot()
    assert (adopted.events, adopted.tickets, adopted.packages) == (0, 2, 0)
    assert await _counters(node) == (2, 6, 8, 3)
    (package,) = await node.rows(PACKAGES, id="event1")
    # The limit counted the seat before: 6 remain of 8, as 1.6.9 says.
    assert (package["sold"], package["quantity_limit"]) == (2, 8)
    found = await node.row(TICKET, id=hash_of("2"))
    assert (found["status"], found["number"], found["price_sat"]) == ("active", 2, 100)
    assert (await node.row(ORDER, id=hash_of("2")))["status"] == "confirmed"
    assert (await node.row(ORDER, id=hash_of("3")))["status"] == "expired"


async def test_i12_an_event_made_after_a_roll_back_is_adopted_by_the_next_upgrade(
    node: Node,
) -> None:
    await rewrite(node, event())
    await node.boot()
    await write(node, event("event2", amount_tickets=3), ticket("1", "event2"))
    adopted = await node.boot()
    assert (adopted.events, adopted.tickets, adopted.packages) == (1, 1, 1)
    assert await _counters(node, "event2") == (1, 3, 4, 1)


async def test_i12_an_upgrade_raises_a_limit_that_1_6_9_sold_beyond(node: Node) -> None:
    await rewrite(node, event(amount_tickets=1))
    await node.boot()
    await _sell(node, "1")
    await _sell(node, "2")  # 1.6.9 oversells: its check is at invoice time
    await node.boot()
    (package,) = await node.rows(PACKAGES, id="event1")
    assert (package["sold"], package["quantity_limit"]) == (2, 2)
    assert await _counters(node) == (2, 0, 2, 2)


async def test_i12_an_unlimited_event_stays_unlimited_after_the_way_back_and_an_upgrade(
    node: Node,
) -> None:
    await rewrite(node, event(amount_tickets=1_000_000))
    await node.boot()
    await node.run("UPDATE events.events SET capacity = NULL")
    await node.run("UPDATE events.packages SET quantity_limit = NULL, held = 2")
    await node.run("UPDATE events.events SET held = 2")
    await _sell(node, "1")
    await node.boot()
    assert await _counters(node) == (1, 999_999, None, 1)
    (package,) = await node.rows(PACKAGES, id="event1")
    assert (package["sold"], package["held"], package["quantity_limit"]) == (1, 2, None)


async def test_i1_an_upgrade_leaves_room_for_seats_that_are_still_held(node: Node) -> None:
    await rewrite(node, event(amount_tickets=2))
    await node.boot()
    for table in ("events", "packages"):
        await node.run(f"UPDATE events.{table} SET held = 2")  # noqa: S608 - names above
    await _sell(node, "1")
    await node.boot()
    found = await node.row(EVENT, id="event1")
    assert (found["held"], found["sold"], found["capacity"]) == (2, 1, 3)
    (package,) = await node.rows(PACKAGES, id="event1")
    assert (package["held"], package["sold"], package["quantity_limit"]) == (2, 1, 3)


async def test_i12_a_wave_added_after_a_roll_back_becomes_a_package_when_it_sold(
    node: Node,
) -> None:
    waves = [wave(), wave("vip", title="VIP", amount_tickets=4, price_per_ticket=900)]
    new_extra = event(extra={"ticket_waves": waves})["extra"]
    await rewrite(node, event())
    await node.boot()
    await node.run("UPDATE events.events SET extra = :extra, amount_tickets = 11", extra=new_extra)
    await node.boot()
    assert len(await node.rows(PACKAGES, id="event1")) == 1
    await write(node, ticket("1", extra={"ticket_wave_id": "vip", "sats_paid": 900}))
    assert (await node.boot()).packages == 1
    _, vip = await node.rows(PACKAGES, id="event1")
    assert (vip["wave_id"], vip["name"], vip["price_minor"]) == ("vip", "VIP", 900)
    assert (vip["sold"], vip["quantity_limit"]) == (1, 5)
    assert (await node.row(TICKET, id=hash_of("1")))["package_id"] == vip["id"]


async def test_i2_a_ticket_paid_after_a_roll_back_is_confirmed_by_the_next_upgrade(
    node: Node,
) -> None:
    """It was adopted unpaid; its order waits as `expired`."""
    await rewrite(node, event(), ticket("1", paid=False), ticket("2", paid=False))
    await node.boot()
    await node.run("UPDATE events.ticket SET paid = TRUE WHERE id = :id", id=hash_of("1"))
    await node.run("UPDATE events.events SET sold = 1, amount_tickets = 6")
    assert (await node.boot()).paid == 1
    assert (await node.row(TICKET, id=hash_of("1")))["status"] == "active"
    order = await node.row(ORDER, id=hash_of("1"))
    assert (order["status"], order["confirmed_at"]) == ("confirmed", order["created_at"])
    assert await _counters(node) == (1, 6, 7, 2)
    (package,) = await node.rows(PACKAGES, id="event1")
    assert (package["sold"], package["quantity_limit"]) == (1, 7)
    assert (await node.row(ORDER, id=hash_of("2")))["status"] == "expired"


async def test_i5_a_ticket_let_in_after_a_roll_back_is_used_after_the_next_upgrade(
    node: Node,
) -> None:
    await rewrite(node, event(), ticket("1"), ticket("2", paid=False))
    await node.boot()
    await node.run("UPDATE events.ticket SET registered = TRUE WHERE id = :id", id=hash_of("1"))
    assert (await node.boot()).admitted == 1
    assert (await node.row(TICKET, id=hash_of("1")))["status"] == "used"


async def test_i12_an_event_cancelled_after_a_roll_back_is_cancelled_after_the_upgrade(
    node: Node,
) -> None:
    await rewrite(node, event(), event("event2"))
    await node.boot()
    await node.run("UPDATE events.events SET canceled = TRUE WHERE id = 'event1'")
    assert (await node.boot()).cancelled == 1
    assert (await node.row(EVENT, id="event1"))["status"] == "cancelled"
    assert (await node.row(EVENT, id="event2"))["status"] == "published"


async def test_i12_rows_that_1_6_9_deleted_after_a_roll_back_do_not_stop_an_upgrade(
    node: Node,
) -> None:
    """It deletes unpaid rows of a day ago, and whole events. Their orders stay: money may come."""
    await rewrite(node, event(), ticket("1", paid=False), ticket("2"))
    await node.boot()
    await node.run("DELETE FROM events.ticket WHERE paid = FALSE")
    await node.run("DELETE FROM events.events")
    await write(node, ticket("3"))
    assert (await node.boot()).tickets == 1
    assert len((await content(node)).rows["orders"]) == 3
    found = await node.row(TICKET, id=hash_of("3"))
    assert (found["order_id"], found["status"]) == (hash_of("3"), "active")
