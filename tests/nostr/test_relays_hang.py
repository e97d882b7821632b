"""I8 and I11: relays that hang cost a healthy one nothing, a sale nothing, and the loop nothing;
and the loops themselves start, end and keep up with a burst."""

import asyncio
import math
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from datetime import datetime, timezone
from functools import partial
from typing import Any

import httpx
import pytest

from support.builders import a_purchase, event_row, eventually, pay, rows
from support.host import ext
from support.lag import LAG_S, lag_of
from support.lanes import QUICK, Publisher, a_publisher, tag
from support.listings import sell
from support.people import Person
from support.process import free_port
from support.relays import Closing, Deaf, Keeping, LmdbRelay, NoUpgrade, SilentRelay

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("loopback")]


@asynccontextmanager
async def the_loops(**pace: Any) -> AsyncIterator[None]:
    """Signing and sending as the host runs them; nothing is left of them afterwards."""
    worker, before = ext("nostr.worker"), asyncio.all_tasks()
    chosen = ext("nostr.pace").LanePace(**{**QUICK, **pace})
    running = [
        asyncio.create_task(worker.keep_signing()),
        asyncio.create_task(worker.keep_sending(chosen)),
    ]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        ended = await asyncio.gather(*running, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
        left = [task for task in asyncio.all_tasks() - before if "nostr" in repr(task)]
        assert left == []


@contextmanager
def nobody_answers_a_syn() -> Iterator[str]:
    """The queue of those who wait to be accepted is full."""
    with closing(socket.socket()) as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield f"ws://127.0.0.1:{full.getsockname()[1]}"
        for one in waiting:
            one.close()


@asynccontextmanager
async def relays_that_hang() -> AsyncIterator[list[str]]:
    """Four at a time, because an organiser may have five."""
    async with AsyncExitStack() as stack:
        makes: list[Callable[[], Any]] = [SilentRelay, NoUpgrade, Deaf]
        fakes = [await stack.enter_async_context(make()) for make in makes]
        yield [*(fake.url for fake in fakes), stack.enter_context(nobody_answers_a_syn())]


async def current(publisher: Publisher, relay: LmdbRelay) -> bool:
    """Whether a relay shows what the database says, now."""
    sold = (await event_row(publisher.event_id))["sold"]
    found = await relay.events({"#d": [publisher.event_id]})
    return bool(found) and tag(found[0], "tickets_sold") == str(sold)


async def within(seconds: float, look: Callable[[], Awaitable[object]]) -> float:
    started = time.monotonic()
    await eventually(look, seconds)
    return time.monotonic() - started


async def test_i8_listing_a_healthy_relay_beside_hanging_ones_is_current_in_two_seconds(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    async with LmdbRelay() as healthy, relays_that_hang() as dead, the_loops(timeout_s=5.0):
        publisher = await a_publisher(client, [*dead, healthy.url])
        await within(2.0, lambda: current(publisher, healthy))
        # While all of them hang, somebody buys.
        purchase = await a_purchase(client, publisher.event_id)
        await pay(buyer, purchase)
        assert (await event_row(publisher.event_id))["sold"] == 1
        # A version of a moment ago may hold the next one back for the signer's interval.
        await within(2.0 + 2.0, lambda: current(publisher, healthy))


async def test_i8_listing_a_closed_port_and_a_relay_that_hangs_up_are_left_alone(
    client: httpx.AsyncClient,
) -> None:
    nobody = f"ws://127.0.0.1:{free_port()}"
    async with LmdbRelay() as healthy, Closing() as closing_, the_loops(first_wait_s=60.0):
        publisher = await a_publisher(client, [nobody, closing_.url, healthy.url])
        await within(2.0, lambda: current(publisher, healthy))
        await asyncio.sleep(0.5)
        assert len(closing_.received) == 1
        assert (await publisher.state(nobody))["attempts"] == 1


async def _a_second() -> None:
    await asyncio.sleep(1.0)


async def test_i11_the_loop_goes_on_while_relays_hang(client: httpx.AsyncClient) -> None:
    """The relays are tried again without a pause, so what blocks would do so in each round."""
    async with LmdbRelay() as healthy, relays_that_hang() as dead:
        publisher = await a_publisher(client, [*dead, healthy.url])
        hurried = {"timeout_s": 0.3, "first_wait_s": 0.01, "longest_wait_s": 0.02}
        async with the_loops(**hurried):
            await within(4.0, lambda: current(publisher, healthy))
            assert await lag_of(_a_second) < LAG_S
            assert (await publisher.state(dead[0]))["attempts"] > 1


async def test_i11_a_wait_that_blocks_would_be_seen(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above."""

    async def block(*_: object) -> None:
        time.sleep(LAG_S * 2)  # noqa: ASYNC251 - what must not be done
        raise ext("nostr.models").RelayFailed("timeout", "no answer")

    async with SilentRelay() as silent:
        publisher = await a_publisher(client, [silent.url])
        await publisher.sign()
        monkeypatch.setattr(ext("nostr.line").Line, "publish", block)
        async with the_loops(first_wait_s=0.01, longest_wait_s=0.02):
            assert await lag_of(_a_second) >= LAG_S


async def test_i8_listing_a_sale_waits_for_no_relay(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    """No transaction is open, and no lock held, while a relay is waited for: each takes longer
    than all these steps together may."""
    async with relays_that_hang() as dead:
        publisher = await a_publisher(client, dead)
        async with the_loops(timeout_s=30.0):
            await eventually(lambda: _are_busy(len(dead)))
            started = time.monotonic()
            for _ in range(20):
                await sell(publisher.event_id)
            assert time.monotonic() - started < 5.0


async def test_i8_listing_with_a_transaction_around_the_wait_a_sale_would_wait(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above."""
    line = ext("nostr.line").Line
    publish = line.publish

    async def publish_inside(self: Any, event_json: str, key_id: str) -> Any:
        async with ext("crud").transaction():
            return await publish(self, event_json, key_id)

    async with SilentRelay() as silent:
        publisher = await a_publisher(client, [silent.url])
        await publisher.sign()
        monkeypatch.setattr(line, "publish", publish_inside)
        async with the_loops(timeout_s=1.5):
            await silent.got(1)
            started = time.monotonic()
            await sell(publisher.event_id)
            assert time.monotonic() - started > 1.0


async def _are_busy(count: int) -> bool:
    lanes = [task for task in asyncio.all_tasks() if task.get_name().startswith("events lane")]
    return len(lanes) == count


async def test_the_loops_start_and_end_and_start_again_without_a_trace(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as relay, SilentRelay() as silent:
        publisher = await a_publisher(client, [relay.url, silent.url])
        for sold in range(1, 3):
            async with the_loops(timeout_s=30.0):
                await sell(publisher.event_id)
                await eventually(partial(_has, relay, sold), 8.0)
                await eventually(lambda: _open_lanes(1))
            assert not await _open_lanes(1)
            await eventually(lambda: _is_alone(relay))
            assert (await publisher.state(silent.url))["state"] in ("pending", "failing")


async def _has(relay: Keeping, sold: int) -> bool:
    return any(tag(event, "tickets_sold") == str(sold) for event in relay.kept if event["kind"] > 5)


async def _open_lanes(count: int) -> bool:
    lanes = [task for task in asyncio.all_tasks() if task.get_name().startswith("events lane")]
    return len(lanes) >= count


async def _is_alone(relay: Keeping) -> bool:
    server = relay._server
    return server is not None and not server.connections


async def test_a_lane_without_work_ends_and_lets_another_process_have_the_relay(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        async with the_loops(idle_s=0.2):
            await eventually(lambda: _has(relay, 0))
            await eventually(lambda: _is_alone(relay))
            await eventually(_is_free)
            await sell(publisher.event_id)
            await eventually(lambda: _has(relay, 1))


async def _is_free() -> bool:
    """The lease ends just after the connection."""
    found = await rows("SELECT 1 AS one FROM events.nostr_relays WHERE lease_owner IS NOT NULL")
    return not found


async def test_the_loops_go_on_after_an_error_of_ours(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = ext("nostr.lanes").Lanes
    look, failures = lanes.look, iter([OSError("the database is away")])

    async def fails_first(self: Any) -> float:
        for failure in failures:
            raise failure
        found: float = await look(self)
        return found

    monkeypatch.setattr(lanes, "look", fails_first)
    monkeypatch.setattr(ext("nostr.worker"), "_RETRY_S", 0.05)
    async with Keeping() as relay:
        await a_publisher(client, [relay.url])
        async with the_loops():
            await eventually(lambda: _has(relay, 0))


async def test_i8_listing_500_sales_in_two_seconds_are_a_few_versions_and_the_last_is_right(
    client: httpx.AsyncClient,
) -> None:
    async with LmdbRelay() as real, Keeping() as counting:
        publisher = await a_publisher(client, [real.url, counting.url], amount_tickets=500)
        async with the_loops():
            await within(4.0, lambda: current(publisher, real))
            started = time.monotonic()
            for number in range(500):
                await sell(publisher.event_id)
                await asyncio.sleep(max(0.0, started + (number + 1) * 0.004 - time.monotonic()))
            took = time.monotonic() - started
            await within(6.0, lambda: current(publisher, real))
        versions = [event for event in counting.received if event["kind"] > 30_000]
    # One before the sales; then the first at once, one per interval, and the last.
    assert len(versions) <= 1 + 1 + math.ceil(took / 2.0) + 1
    times = [version["created_at"] for version in versions]
    assert times == sorted(set(times))
    assert times[-1] <= datetime.now(timezone.utc).timestamp() + 2
    assert tag(versions[-1], "tickets_sold") == "500"
    assert tag(versions[-1], "status") == "sold_out"
