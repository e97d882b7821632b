"""I8: only reading back shows what a relay has; what it lost it gets again, and what another
client wrote is outdone."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest

from support.host import ext
from support.lanes import Time, a_publisher, some_lanes, tag, written_elsewhere
from support.listings import sign
from support.relays import Keeping, Liar, LmdbRelay, publish

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("loopback")]


async def test_i8_listing_a_relay_that_comes_back_empty_gets_everything_again(
    client: httpx.AsyncClient,
) -> None:
    async with LmdbRelay() as relay:
        publishers = [await a_publisher(client, [relay.url]) for _ in range(3)]
        versions = [await publisher.sign() for publisher in publishers]
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        await relay.restart(keep_data=False)
        time.pass_by(601)
        for _ in range(2):
            await lanes.pass_over_due()
        there = {event["id"] for event in await relay.events()}
        assert there == {version["id"] for version in versions}
        assert (await publishers[0].state(relay.url))["state"] == "acknowledged"


async def test_i8_listing_a_relay_that_failed_is_read_back_as_soon_as_it_answers(
    client: httpx.AsyncClient,
) -> None:
    """What it said yes to before may be lost, whatever is sent to it now."""
    async with LmdbRelay() as relay:
        quiet = await a_publisher(client, [relay.url])
        busy = await a_publisher(client, [relay.url])
        lost = await quiet.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        relay.halt()
        newer = await busy.change()
        await lanes.pass_over_due()
        assert (await busy.state(relay.url))["state"] == "failing"
        relay.drop_data()
        await relay.start()
        time.pass_by(5)
        for _ in range(2):
            await lanes.pass_over_due()
        assert {event["id"] for event in await relay.events()} == {lost["id"], newer["id"]}


async def test_i8_listing_a_relay_that_was_restarted_between_two_passes_is_read_back(
    client: httpx.AsyncClient,
) -> None:
    """The connection was kept, and has gone: that is no failure, and no proof of anything."""
    async with Keeping() as relay:
        quiet = await a_publisher(client, [relay.url])
        busy = await a_publisher(client, [relay.url])
        lost = await quiet.sign()
        async with a_kept_line(relay.url) as one_pass:
            assert await one_pass()
            await relay.stop()
            relay.drop_data()
            await relay.start()
            newer = await busy.change()
            await some_lanes()._spread()
            for _ in range(2):
                assert await one_pass()
        assert {event["id"] for event in relay.kept} == {lost["id"], newer["id"]}
        assert (await busy.state(relay.url))["attempts"] == 0


@asynccontextmanager
async def a_kept_line(url: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Passes over one relay on one connection, as a lane makes them."""
    lanes = some_lanes()
    await lanes._spread()
    line = ext("nostr.line").Line(url, await lanes._reach())

    async def one_pass() -> bool:
        run = ext("nostr.lane_pass").Pass(line, lanes.owner, lanes._pace, lanes._moment).run
        done: bool = await run()
        return done

    try:
        yield one_pass
    finally:
        await lanes._end(line)


async def test_i8_listing_a_relay_that_comes_back_with_its_data_gets_what_it_missed_only(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as relay:
        quiet = await a_publisher(client, [relay.url])
        busy = await a_publisher(client, [relay.url])
        first = await quiet.sign()
        second = await busy.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        await relay.stop()
        third = await busy.change()
        await lanes.pass_over_due()
        await relay.start()
        time.pass_by(5)
        for _ in range(3):
            await lanes.pass_over_due()
        assert [event["id"] for event in relay.received[2:]] == [third["id"]]
        assert {event["id"] for event in relay.received[:2]} == {first["id"], second["id"]}


async def test_i8_listing_a_version_that_failed_and_arrives_late_does_no_harm(
    client: httpx.AsyncClient,
) -> None:
    async with LmdbRelay() as relay:
        publisher = await a_publisher(client, [relay.url])
        relay.halt()
        late = await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        newest = await publisher.change()
        await relay.start()
        time.pass_by(5)
        await lanes.pass_over_due()
        await publish(relay.url, json.dumps(late))
        await lanes.pass_over_due()
        assert await relay.events(publisher.address(newest)) == [newest]


async def test_i8_listing_a_yes_without_keeping_it_is_found_out_and_tried_ever_more_slowly(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as relay:
        relay.keeps_nothing = True
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        for _ in range(120):
            await lanes.pass_over_due()
            time.pass_by(5)
        assert 5 <= len(relay.received) <= 12
        shown = await publisher.state(relay.url)
        assert shown["state"] == "failing"
        assert shown["last_error"] == "The relay said yes, but does not have it."
        relay.keeps_nothing = False
        time.pass_by(600)
        for _ in range(2):
            await lanes.pass_over_due()
        assert relay.kept == [version]
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["attempts"]) == ("acknowledged", 0)


@pytest.mark.parametrize("ahead_s", [0, 1, 30])
async def test_i8_listing_a_newer_version_of_another_client_is_outdone(
    client: httpx.AsyncClient, ahead_s: int
) -> None:
    """Also one of the same second, whichever of the two ids is lower."""
    async with LmdbRelay() as relay, LmdbRelay() as other:
        publisher = await a_publisher(client, [relay.url, other.url])
        ours = await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        theirs = await _lower_id(publisher, ours, ours["created_at"] + ahead_s)
        assert (await publish(relay.url, theirs))[0]
        time.pass_by(601)
        await lanes.pass_over_due()
        assert (await publisher.state(relay.url))["foreign_created_at"] == (
            ours["created_at"] + ahead_s
        )
        again = await publisher.sign()
        assert again["created_at"] > ours["created_at"] + ahead_s
        assert again["created_at"] <= max(ours["created_at"] + ahead_s + 2, _now_s())
        await lanes.pass_over_due()
        for one in (relay, other):
            assert await one.events(publisher.address(ours)) == [again]
        assert tag(again, "title") == tag(ours, "title")


async def test_i8_listing_without_heeding_it_another_clients_version_stays(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above."""

    async def ignore(*_: object) -> bool:
        return False

    monkeypatch.setattr(ext("nostr.crud_jobs"), "note_foreign", ignore)
    async with LmdbRelay() as relay:
        publisher = await a_publisher(client, [relay.url])
        ours = await publisher.sign()
        theirs = await written_elsewhere(publisher, ours["created_at"] + 30)
        await publish(relay.url, theirs)
        await some_lanes(Time(timedelta(seconds=601))).pass_over_due()
        await publisher.change()
        await some_lanes(Time(timedelta(seconds=601))).pass_over_due()
        assert await relay.events(publisher.address(ours)) == [json.loads(theirs)]


def _now_s() -> int:
    return int(ext("clock").now().timestamp())


async def _lower_id(publisher: object, ours: dict[str, object], created_at: int) -> str:
    """Of two versions of one second relays keep the one with the lower id."""
    for number in range(200):
        theirs = await written_elsewhere(publisher, created_at, f"Mine {number}")  # type: ignore[arg-type]
        if created_at != ours["created_at"] or json.loads(theirs)["id"] < str(ours["id"]):
            return theirs
    raise AssertionError("no lower id in 200 tries")


async def test_i8_listing_a_refusal_because_of_a_newer_version_leads_to_it(
    client: httpx.AsyncClient,
) -> None:
    """It is found at once, and not with the next look at everything: this real relay says no
    more than `error:` or `replaced:`."""
    async with LmdbRelay() as relay:
        publisher = await a_publisher(client, [relay.url])
        ours = await publisher.sign()
        theirs = await written_elsewhere(publisher, ours["created_at"] + 40)
        assert (await publish(relay.url, theirs))[0]
        lanes = some_lanes()
        await lanes.pass_over_due()
        assert (await publisher.state(relay.url))["foreign_created_at"] == ours["created_at"] + 40
        again = await publisher.sign()
        assert again["created_at"] == ours["created_at"] + 41
        await some_lanes(Time(timedelta(minutes=1))).pass_over_due()
        assert await relay.events(publisher.address(ours)) == [again]


async def test_i8_listing_a_pending_change_is_no_foreign_version(
    client: httpx.AsyncClient,
) -> None:
    """What another process of ours has sent meanwhile is ours."""
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        newer = await publisher.change()
        relay.inject(json.dumps(newer))
        time.pass_by(601)
        await lanes.pass_over_due()
        assert (await publisher.state(relay.url))["foreign_created_at"] is None
        row = await publisher.document()
        assert row["created_at"] == newer["created_at"]


async def test_i8_listing_what_a_lying_relay_serves_changes_nothing(
    client: httpx.AsyncClient,
) -> None:
    """Versions that nobody signed, or that are of somebody else's address."""
    async with Liar() as relay:
        publisher, other = [await a_publisher(client, [relay.url]) for _ in range(2)]
        ours = await publisher.sign()
        far = ours["created_at"] + 50
        foreign = await other.sign()
        forged = {**ours, "created_at": far}
        relay.events = [json.dumps(one) for one in (ours, forged, foreign)]
        lanes = some_lanes()
        await lanes.pass_over_due()
        row = await publisher.document()
        assert row["created_at"] == ours["created_at"]
        assert (await publisher.state(relay.url))["state"] == "acknowledged"


async def test_i8_listing_a_relay_that_nobody_may_read_is_taken_at_its_word(
    client: httpx.AsyncClient,
) -> None:
    class WriteOnly(Keeping):
        """A fake: takes events and answers no REQ."""

        async def on_request(self, wire: object, name: str, filters: object) -> None:
            return

    async with WriteOnly() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        time = Time()
        lanes = some_lanes(time, timeout_s=0.1)
        for _ in range(4):
            await lanes.pass_over_due()
            time.pass_by(601)
        assert relay.received == [version]
        assert (await publisher.state(relay.url))["state"] == "acknowledged"


async def test_i8_listing_a_relay_that_does_not_delete_is_asked_a_few_times(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        url = f"/events/api/v1/events/{publisher.event_id}"
        await client.put(url, json={"nostr_publish": False}, headers=publisher.who.admin)
        for _ in range(2):
            await sign(ext("clock").now(), interval=timedelta(0))
        for _ in range(20):
            await lanes.pass_over_due()
            time.pass_by(600)
        kinds = [event["kind"] for event in relay.received]
        assert kinds[1:] == [5] * 5


async def test_i8_listing_a_burst_is_read_back_once_it_is_over(client: httpx.AsyncClient) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        time = Time()
        lanes = some_lanes(time, settle_s=3.0)
        await publisher.sign()
        await lanes.pass_over_due()
        asked = len(relay.requests)
        for _ in range(5):
            await publisher.change()
            await lanes.pass_over_due()
            time.pass_by(1)
        assert len(relay.requests) == asked
        time.pass_by(3)
        await lanes.pass_over_due()
        assert len(relay.requests) == asked + 1
