"""What HTTP alone does not reach: refusals decided after the fact, transactions, start and stop."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from support.builders import (
    API,
    a_purchase,
    an_event,
    event_row,
    eventually,
    execute,
    order_row,
    package_row,
    pay,
    rows,
    send_payment,
)
from support.host import ext, on_postgres
from support.invariants import broken_invariants
from support.people import Person

pytestmark = pytest.mark.asyncio


async def hold(event_id: str, package_id: str, quantity: int = 1) -> int:
    """The hold of a buyer whose form was read before things changed."""
    seats = ext("catalog.seats")
    async with ext("crud").transaction() as tx:
        number: int = await seats.hold(tx, seats.Seats(event_id, package_id, quantity))
        return number


async def test_a_hold_that_comes_too_late_says_why(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Between reading and holding the event was cancelled, sold out, withdrawn or deleted."""
    errors = ext("errors")
    event = await an_event(client, organiser, amount_tickets=3)
    package = (await package_row(event["id"]))["id"]
    assert await hold(event["id"], package, 2) == 2
    with pytest.raises(errors.NotEnoughLeft) as few:
        await hold(event["id"], package, 2)
    assert few.value.fields == {"remaining": 1}
    assert await hold(event["id"], package) == 3
    with pytest.raises(errors.SoldOut):
        await hold(event["id"], package)
    for status, error in (
        ("cancelled", errors.EventCancelled),
        ("draft", errors.NotOnSale),
        ("completed", errors.NotOnSale),
    ):
        await execute(
            "UPDATE events.events SET status = :status, held = 0 WHERE id = :id",
            status=status,
            id=event["id"],
        )
        with pytest.raises(error):
            await hold(event["id"], package)
    for event_id, package_id in (("none", package), (event["id"], "none")):
        with pytest.raises((errors.NotFound, errors.NotOnSale)):
            await hold(event_id, package_id)
    assert (await event_row(event["id"]))["held"] == 0


async def test_a_disabled_package_cannot_be_held(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    package = (await package_row(event["id"]))["id"]
    await execute("UPDATE events.packages SET is_enabled = FALSE WHERE id = :id", id=package)
    with pytest.raises(ext("errors").NotOnSale):
        await hold(event["id"], package)
    row = await event_row(event["id"])
    assert (row["held"], row["ticket_seq"]) == (0, 0)


async def test_an_order_over_two_events_gets_all_its_seats_or_none(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """The lines of one order; the second event stopped selling meanwhile."""
    seats = ext("catalog.seats")
    lines = []
    for _ in range(2):
        event = await an_event(client, organiser, amount_tickets=5)
        package = await package_row(event["id"])
        lines.append(seats.Seats(event["id"], package["id"], 2))
        await hold(event["id"], package["id"], 2)
    last = max(line.event_id for line in lines)
    await execute("UPDATE events.events SET status = 'cancelled' WHERE id = :id", id=last)
    for sell in (seats.sell_held, seats.sell_free):
        async with ext("crud").transaction() as tx:
            assert await sell(tx, lines) is False
        for line in lines:
            event_counts, package = await event_row(line.event_id), await package_row(line.event_id)
            assert (event_counts["held"], event_counts["sold"]) == (0, 0)
            assert (package["held"], package["sold"]) == (0, 0)
    await execute("UPDATE events.events SET status = 'published' WHERE id = :id", id=last)
    async with ext("crud").transaction() as tx:
        assert await seats.sell_free(tx, lines) is True
    assert [(await event_row(line.event_id))["sold"] for line in lines] == [2, 2]
    async with ext("crud").transaction() as tx:
        await seats.give_back(tx, lines)
    for line in lines:
        assert await broken_invariants(line.event_id) == []


async def test_a_transaction_is_undone_by_an_error_and_by_a_cancellation(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    started = asyncio.Event()

    async def write(then: Coroutine[Any, Any, object]) -> None:
        async with ext("crud").transaction() as tx:
            await tx.execute("UPDATE events.events SET name = 'x' WHERE id = :id", event)
            started.set()
            await then

    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write(fail())
    assert (await event_row(event["id"]))["name"] == "Concert"
    started.clear()
    running = asyncio.create_task(write(asyncio.sleep(10)))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await event_row(event["id"]))["name"] == "Concert"


async def test_text_is_stored_as_it_was_written(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """The host's own layer deletes `<...>` and entities from every string that is bound."""
    name = "<b>Bob</b> & 1 < 2 > 0 &amp; %s ? :name O'Neil 李雷"
    event = await an_event(client, organiser, name=name, price_per_ticket=0)
    await a_purchase(client, event["id"], name=name)
    assert (await event_row(event["id"]))["name"] == name
    [ticket] = await rows("SELECT name FROM events.ticket WHERE event = :id", id=event["id"])
    assert ticket["name"] == name
    assert (await client.get(f"{API}/events/{event['id']}")).json()["name"] == name


async def test_two_processes_agree_on_the_key_of_their_secrets() -> None:
    settings = ext("settings")
    keys = [settings.SecretKey() for _ in range(3)]
    with pytest.raises(RuntimeError):
        keys[0].derive("order", "x")
    await asyncio.gather(*(key.load() for key in keys))
    derived = {key.derive("order", "x") for key in [*keys, settings.secret_key]}
    assert len(derived) == 1
    assert {len(secret) for secret in derived} == {43}
    assert settings.secret_key.derive("order", "y") not in derived
    assert settings.secret_key.derive("other", "x") not in derived


async def test_requests_wait_for_the_start_and_are_told_when_it_takes_long(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ext("tasks")
    event = await an_event(client, organiser)
    starting = tasks.Readiness()
    monkeypatch.setattr(tasks, "readiness", starting)
    monkeypatch.setattr(tasks, "READY_WITHIN_S", 0.05)
    for url in (f"{API}/events/{event['id']}", f"/events/{event['id']}"):
        answer = await client.get(url)
        assert answer.status_code == 503
    monkeypatch.setattr(tasks, "READY_WITHIN_S", 15)
    waiting = asyncio.create_task(client.get(f"{API}/events/{event['id']}"))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    starting.set()
    assert (await waiting).status_code == 200


@pytest_asyncio.fixture(loop_scope="session")
async def sweeps_at_start(app: FastAPI) -> AsyncIterator[None]:
    """As on a real host; the other tests look at payments themselves."""
    from lnbits.task_manager import task_manager

    tasks, package = ext("tasks"), ext("")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(tasks.LOOPS, tasks.SWEEP_TASK, tasks.keep_sweeping)
        yield
    package.events_stop()
    package.events_start()

    async def is_back() -> bool:
        return task_manager.get_task(f"{tasks.LISTENER}_invoice_listener") is not None

    await eventually(is_back)


@pytest.mark.usefixtures("sweeps_at_start")
async def test_switching_off_and_on_again_goes_on_selling(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """What the host does when an admin deactivates and activates the extension."""
    from lnbits.task_manager import task_manager

    tasks, package = ext("tasks"), ext("")
    names = [
        tasks.SWEEP_TASK,
        tasks.NUDGE_TASK,
        f"{tasks.LISTENER}_invoice_listener",
    ]
    event = await an_event(client, organiser)
    package.events_stop()
    assert [name for name in names if task_manager.get_task(name)] == []
    package.events_stop()
    missed = await a_purchase(client, event["id"])
    await send_payment(buyer, missed)
    assert (await order_row(missed["order_id"]))["status"] == "reserved"

    package.events_start()
    package.events_start()

    async def confirmed() -> bool:
        return bool((await order_row(missed["order_id"]))["status"] == "confirmed")

    await eventually(confirmed)
    assert [name for name in names if not task_manager.get_task(name)] == []
    await pay(buyer, await a_purchase(client, event["id"]))
    assert await broken_invariants(event["id"]) == []


async def test_migrating_again_changes_nothing_and_leaves_no_lock() -> None:
    tasks, crud = ext("tasks"), ext("crud")
    before = await rows("SELECT id, version, capacity, sold FROM events.events ORDER BY id")
    await tasks.migrate()
    assert await rows("SELECT id, version, capacity, sold FROM events.events ORDER BY id") == before
    if on_postgres():
        async with crud.reading() as tx:
            locks = await tx.fetch_all("SELECT * FROM pg_locks WHERE locktype = 'advisory'")
        assert locks == []


async def test_a_failing_migration_leaves_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = ext("tasks")

    async def fails(conn: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(tasks, "adopt_legacy", fails)
        with pytest.raises(OSError, match="disk full"):
            await tasks.migrate()
    await tasks.migrate()
    if on_postgres():
        found = await rows("SELECT * FROM pg_locks WHERE locktype = 'advisory'")
        assert found == []
