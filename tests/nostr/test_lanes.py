"""I8: what is signed reaches every relay of its organiser, newest first and once, and nobody
waits for anybody."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection

from support.builders import API, Json, an_event, execute, rows
from support.host import ext
from support.lanes import (
    Publisher,
    Time,
    a_publisher,
    some_lanes,
    tag,
    use_relays,
)
from support.listings import deletions, sign
from support.relays import Keeping, LmdbRelay, SilentRelay, publish
from support.stepping import Stepped

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("loopback")]


async def test_i8_listing_reaches_every_relay_and_the_rows_say_so(
    client: httpx.AsyncClient,
) -> None:
    async with LmdbRelay() as one, LmdbRelay() as other:
        publisher = await a_publisher(client, [one.url, other.url], profile=True)
        await publisher.sign()
        version = await publisher.sign()
        await some_lanes().pass_over_due()
        for relay in (one, other):
            assert await relay.events(publisher.address(version)) == [version]
            kinds = {event["kind"] for event in await relay.events()}
            assert kinds == {0, 10002, version["kind"]}
            lane = await publisher.lane(relay.url)
            assert lane["acked_created_at"] == version["created_at"]
            assert lane["checked_at"] is not None


async def test_i8_listing_only_the_newest_version_is_sent_and_once(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        for _ in range(3):
            newest = await publisher.change()
        lanes = some_lanes()
        for _ in range(3):
            await lanes.pass_over_due()
        assert relay.received == [newest]
        assert tag(newest, "tickets_sold") == "3"


async def test_i8_listing_an_older_version_after_a_newer_one_changes_nothing(
    client: httpx.AsyncClient,
) -> None:
    async with LmdbRelay() as relay:
        publisher = await a_publisher(client, [relay.url])
        older = await publisher.sign()
        newer = await publisher.change()
        await some_lanes().pass_over_due()
        accepted, _ = await publish(relay.url, json.dumps(older))
        assert not accepted
        await some_lanes().pass_over_due()
        assert await relay.events(publisher.address(newer)) == [newer]


class Holding(Keeping):
    """A fake: keeps its OKs back until it is told; notes how many were under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.release = asyncio.Event()
        self.waiting = self.most_waiting = 0

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await self.release.wait()
        self.waiting -= 1
        await super().on_event(wire, event)


async def test_i8_listing_a_change_while_a_version_is_under_way_is_sent_after_it(
    client: httpx.AsyncClient,
) -> None:
    """The yes to the older version is none to the newer, and no two are under way at once."""
    async with Holding() as relay:
        publisher = await a_publisher(client, [relay.url])
        first = await publisher.sign()
        lanes = some_lanes(timeout_s=5.0)
        sending = asyncio.create_task(lanes.pass_over_due())
        await relay.got(1)
        second = await publisher.change()
        other_pass = asyncio.create_task(lanes.pass_over_due())
        relay.release.set()
        await asyncio.gather(sending, other_pass)
        await lanes.pass_over_due()
        assert relay.received == [first, second]
        assert relay.most_waiting == 1
        lane = await publisher.lane(relay.url)
        assert lane["acked_created_at"] == second["created_at"] > first["created_at"]


async def test_i8_listing_a_relay_named_later_gets_everything_and_one_left_out_nothing_more(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as old, Keeping() as new:
        publisher = await a_publisher(client, [old.url])
        version = await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        await use_relays(publisher.who, [new.url])
        await lanes.pass_over_due()
        assert (old.received, new.received) == ([version], [version])
        await publisher.change()
        await lanes.pass_over_due()
        assert len(old.received) == 1
        assert sum(event["kind"] == version["kind"] for event in new.received) == 2
        assert [relay["url"] for relay in await _shown(publisher)] == [new.url]


async def _shown(publisher: Publisher) -> list[Json]:
    shown = await ext("nostr.state").read_state(publisher.event_id, publisher.who.wallet)
    relays: list[Json] = shown["relays"]
    return relays


async def test_i8_listing_goes_to_the_relays_of_the_host_where_the_organiser_names_none(
    client: httpx.AsyncClient,
) -> None:
    settings = ext("settings")
    async with Keeping() as one, Keeping() as other:
        patch = settings.SettingsPatch(default_relays=[one.url])
        await settings.change_settings(patch)
        publisher = await a_publisher(client, [])
        version = await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        assert one.received == [version]
        await settings.change_settings(settings.SettingsPatch(default_relays=[other.url]))
        await lanes.pass_over_due()
        assert other.received == [version]
        assert len(one.received) == 1


async def test_i8_listing_of_a_deleted_event_is_not_sent_but_its_deletion_is(
    client: httpx.AsyncClient,
) -> None:
    async with LmdbRelay() as relay, SilentRelay() as late:
        publisher = await a_publisher(client, [relay.url, late.url])
        version = await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        url = f"{API}/events/{publisher.event_id}"
        answer = await client.delete(url, headers=publisher.who.admin)
        assert answer.status_code < 300, answer.text
        # What is to be deleted first, then the request.
        for _ in range(2):
            await sign(ext("clock").now(), interval=timedelta(0))
        [deletion] = await deletions(publisher.event_id)
        time.pass_by(600)
        await lanes.pass_over_due()
        assert await relay.events(publisher.address(version)) == []
        assert [event["id"] for event in await relay.events({"kinds": [5]})] == [deletion["id"]]
        # It had the listing under way, but never said yes to it.
        kinds = [event["kind"] for event in late.received]
        assert kinds == [version["kind"], 5]


async def test_i8_listing_two_processes_on_one_database_send_each_version_once(
    client: httpx.AsyncClient,
) -> None:
    async with Holding() as relay:
        relay.release.set()
        publisher = await a_publisher(client, [relay.url])
        both = some_lanes(owner="one"), some_lanes(owner="other")
        sent = []
        for _ in range(5):
            sent.append(await publisher.change())
            await asyncio.gather(*(lanes.pass_over_due() for lanes in both))
        assert relay.received == sent


async def test_i8_listing_without_the_lease_they_would_send_it_twice(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above."""

    async def nobody_has_it(*_: object) -> bool:
        return True

    monkeypatch.setattr(ext("nostr.crud_relays"), "take_lease", nobody_has_it)
    async with Holding() as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        both = some_lanes(timeout_s=5.0), some_lanes(timeout_s=5.0)
        passes = [asyncio.create_task(lanes.pass_over_due()) for lanes in both]
        await relay.got(2)
        relay.release.set()
        await asyncio.gather(*passes)
        assert len(relay.received) == 2


async def test_i8_listing_another_process_takes_over_when_one_has_died(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        time = Time()
        lanes = some_lanes(time, owner="alive")
        await lanes._spread()
        until = ext("clock").to_ms(time()) + 30_000
        await execute(
            "UPDATE events.nostr_relays SET lease_owner = 'dead', lease_until = :at", at=until
        )
        await lanes.pass_over_due()
        assert relay.received == []
        time.pass_by(31)
        await lanes.pass_over_due()
        assert relay.received == [version]
        [state] = await rows("SELECT lease_owner FROM events.nostr_relays")
        assert state["lease_owner"] is None


async def test_i8_listing_a_pass_cut_off_anywhere_is_made_good_by_the_next(
    client: httpx.AsyncClient,
) -> None:
    """Cancelled at each await in turn: the relay never goes back, and gets the newest at last."""
    assert await stale_after_cut(client) is None


async def test_i8_listing_with_the_yes_noted_before_it_is_given_a_cut_loses_a_version(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above; what would find the loss later is taken out as well."""
    line, jobs = ext("nostr.line").Line, ext("nostr.crud_jobs")
    publish_it = line.publish

    async def note_first(self: Any, event_json: str, key_id: str) -> Any:
        document = json.loads(event_json)
        async with ext("crud").transaction() as tx:
            [found] = await jobs.get_jobs(tx, self.url, [f"listing:{tag(document, 'd')}"])
            await jobs.note_ack(tx, found, ext("clock").now())
        return await publish_it(self, event_json, key_id)

    async def do_not_look(*_: object) -> None:
        return

    monkeypatch.setattr(line, "publish", note_first)
    monkeypatch.setattr(ext("nostr.lane_pass"), "read_back", do_not_look)
    assert await stale_after_cut(client) is not None


async def stale_after_cut(client: httpx.AsyncClient) -> int | None:
    """At which await of a pass a cut left the relay with an older version, after another pass."""
    async with LmdbRelay() as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        whole = Stepped(one_pass(relay.url))
        await whole
        assert whole.steps > 30
        last = 0
        for step in range(1, whole.steps + 1):
            if step % 40 == 0:
                # Versions of one event are a second apart, and none is far ahead of the clock.
                publisher, last = await a_publisher(client, [relay.url]), 0
                await publisher.sign()
                await one_pass(relay.url)
            version = await publisher.change()
            assert version["created_at"] > last
            cut = Stepped(one_pass(relay.url), cancel_at=step)
            await asyncio.gather(asyncio.ensure_future(_awaited(cut)), return_exceptions=True)
            await execute("UPDATE events.nostr_relays SET retry_at = 0")
            await some_lanes(owner="next", time=Time(timedelta(minutes=1))).pass_over_due()
            [there] = await relay.events(publisher.address(version))
            if there != version:
                return step
            assert there["created_at"] >= last
            last = there["created_at"]
    return None


async def one_pass(url: str) -> None:
    """In one task from its beginning to its end."""
    lanes = some_lanes()
    await lanes._spread()
    await lanes._pass_once(url)


async def _awaited(cut: "Stepped[None]") -> None:
    await cut


async def test_lanes_of_relays_without_work_do_not_connect(client: httpx.AsyncClient) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        opened = relay.opened
        await lanes.pass_over_due()
        assert relay.opened == opened


async def test_i8_listing_many_documents_of_one_relay_are_sent_in_parts(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ext("nostr.lane_pass"), "BATCH", 2)
    monkeypatch.setattr(ext("nostr.crud_lanes"), "_BATCH", 2)
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        for _ in range(4):
            await an_event(client, publisher.who, nostr_publish=True)
        await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        assert len(relay.received) == len(relay.kept) == 5
        # All of them are read back, too.
        relay.drop_data()
        await execute("UPDATE events.nostr_relays SET checked_at = NULL")
        for _ in range(2):
            await lanes.pass_over_due()
        assert len(relay.kept) == 5


async def test_a_lane_without_a_document_is_forgotten(client: httpx.AsyncClient) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        lanes = some_lanes()
        await lanes._spread()
        await execute("DELETE FROM events.nostr_documents")
        await lanes.pass_over_due()
        assert relay.received == []
        assert await rows("SELECT relay FROM events.nostr_lanes") == []
