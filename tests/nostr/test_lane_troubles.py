"""I8: what one event, one signer or one clock does wrong holds up nobody else's events."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection

from support.builders import Json, an_event, execute, rows
from support.host import ext
from support.lanes import Publisher, Time, a_publisher, some_lanes, tag
from support.relays import Auth, Keeping, SilentRelay

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("loopback")]


class Choosy(Keeping):
    """A fake: to events of this `d` it says nothing, or hangs up."""

    def __init__(self, *, hangs_up: bool, is_readable: bool = True) -> None:
        super().__init__()
        self.too_long: set[str] = set()
        self._hangs_up, self._is_readable = hangs_up, is_readable

    async def on_event(self, wire: ServerConnection, event: Json) -> None:
        if tag(event, "d") not in self.too_long:
            await super().on_event(wire, event)
        elif self._hangs_up:
            wire.transport.abort()

    async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
        if self._is_readable:
            await super().on_request(wire, name, filters)

    def has(self, publisher: Publisher) -> bool:
        return any(tag(event, "d") == publisher.event_id for event in self.kept)


@pytest.mark.parametrize("hangs_up", [True, False])
@pytest.mark.parametrize("is_readable", [True, False])
async def test_i8_listing_an_event_that_a_relay_does_not_answer_stops_no_others(
    client: httpx.AsyncClient, hangs_up: bool, is_readable: bool
) -> None:
    async with Choosy(hangs_up=hangs_up, is_readable=is_readable) as relay:
        bad = await a_publisher(client, [relay.url])
        relay.too_long.add(bad.event_id)
        await bad.sign()
        time = Time()
        lanes = some_lanes(time, timeout_s=0.1)
        await lanes.pass_over_due()
        others = [await a_publisher(client, [relay.url]) for _ in range(3)]
        for other in others:
            await other.sign()
        time.pass_by(5)
        await lanes.pass_over_due()
        assert [relay.has(other) for other in others] == [True] * 3
        shown = await bad.state(relay.url)
        assert (shown["state"], shown["refusal"]) == ("failing", "retry")
        assert shown["last_error"]
        assert (await bad.lane(relay.url))["next_try_at"] > 0


async def test_i8_listing_a_relay_that_lacks_one_answer_is_not_left_alone_for_it(
    client: httpx.AsyncClient,
) -> None:
    """However often that event was tried, a new one goes out at once."""
    async with Choosy(hangs_up=True) as relay:
        bad = await a_publisher(client, [relay.url])
        relay.too_long.add(bad.event_id)
        await bad.sign()
        time = Time()
        lanes = some_lanes(time, timeout_s=0.1)
        for _ in range(12):
            await lanes.pass_over_due()
            time.pass_by(400)
        await lanes.pass_over_due()
        assert (await bad.lane(relay.url))["attempts"] >= 5
        new = await a_publisher(client, [relay.url])
        await new.sign()
        await lanes.pass_over_due()
        assert relay.has(new)


async def test_i8_listing_a_silent_relay_is_left_alone_whatever_there_is_to_send(
    client: httpx.AsyncClient,
) -> None:
    async with SilentRelay() as relay:
        publishers = [await a_publisher(client, [relay.url]) for _ in range(4)]
        for publisher in publishers:
            await publisher.sign()
        time = Time()
        lanes = some_lanes(time, timeout_s=0.05)
        for _ in range(60):
            await lanes.pass_over_due()
            time.pass_by(5)
        assert 4 <= len(relay.received) <= 10


def _signs_badly(monkeypatch: pytest.MonkeyPatch, how: Any) -> None:
    """`how` stands before each signature to authenticate with; None: there is nothing wrong."""
    line, signer = ext("nostr.line"), ext("nostr.line")._sign_auth

    async def sign_auth_of(key_id: str) -> Any:
        signs = await signer(key_id)

        async def sign_auth(challenge: str, url: str) -> str:
            await how()
            signed: str = await signs(challenge, url)
            return signed

        return sign_auth

    monkeypatch.setattr(line, "_sign_auth", sign_auth_of)


async def test_i8_listing_a_signer_that_is_offline_when_a_relay_asks_is_asked_again(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once in a pass, whatever there is to send; the relay's no to a stranger is not for good."""
    asked, is_offline = [], True

    async def how() -> None:
        asked.append(1)
        if is_offline:
            raise ext("nostr.models").SignerFailed("offline", "The signer sleeps.")

    _signs_badly(monkeypatch, how)
    async with Auth() as relay:
        publisher = await a_publisher(client, [relay.url])
        for _ in range(3):
            await an_event(client, publisher.who, nostr_publish=True)
        await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        assert len(asked) == 1
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["refusal"]) == ("failing", "auth")
        assert shown["last_error"] == "The signer sleeps."
        assert shown["next_try_at"] is not None
        is_offline = False
        time.pass_by(60)
        await lanes.pass_over_due()
        assert len(relay.kept) == 4


async def test_i8_listing_a_signer_has_longer_than_a_relay_to_authenticate(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def how() -> None:
        await asyncio.sleep(0.6)

    _signs_badly(monkeypatch, how)
    async with Auth() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        await some_lanes(timeout_s=0.3).pass_over_due()
        assert relay.kept == [version]
        assert (await publisher.lane(relay.url))["checked_at"] is not None


async def test_i8_listing_what_is_new_does_not_wait_until_everything_was_read(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ext("nostr.lane_pass"), "BATCH", 1)
    seen: list[int] = []

    class Watched(Keeping):
        """A fake: notes how much it had at each question; at the second there is a new version."""

        async def on_request(self, wire: ServerConnection, name: str, filters: list[Json]) -> None:
            seen.append(len(self.received))
            if len(seen) == 2:
                await publishers[0].change()
                await some_lanes()._spread()
            await super().on_request(wire, name, filters)

    async with Watched() as relay:
        publishers = [await a_publisher(client, [relay.url]) for _ in range(4)]
        for publisher in publishers:
            await publisher.sign()
        await some_lanes(timeout_s=5.0).pass_over_due()
        assert seen[:3] == [4, 4, 5]


async def test_i8_listing_a_relay_that_answers_no_question_is_asked_one_in_a_round(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ext("nostr.lane_pass"), "BATCH", 1)
    async with Choosy(hangs_up=False, is_readable=False) as relay:
        publishers = [await a_publisher(client, [relay.url]) for _ in range(4)]
        for publisher in publishers:
            await publisher.sign()
        time = Time()
        lanes = some_lanes(time, timeout_s=0.1)
        for count in (1, 2):
            await lanes.pass_over_due()
            assert len(relay.requests) == count
            for publisher in publishers:
                assert (await publisher.lane(relay.url))["checked_at"] is not None
                assert (await publisher.state(relay.url))["state"] == "acknowledged"
            time.pass_by(601)


class Members(Auth):
    """A fake: takes events of everybody, and lets only those be read who say who they are."""

    on_event = Keeping.on_event


async def test_i8_listing_a_relay_that_wants_to_know_who_reads_is_told_and_read(
    client: httpx.AsyncClient,
) -> None:
    async with Members() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        lanes = some_lanes(time := Time())
        await lanes.pass_over_due()
        assert set(relay.authenticated) == {version["pubkey"]}
        relay.drop_data()
        time.pass_by(601)
        for _ in range(2):
            await lanes.pass_over_due()
        assert relay.kept == [version]
        assert (await publisher.state(relay.url))["last_error"] is None


async def test_i8_listing_the_organiser_is_told_of_a_relay_that_cannot_be_read(
    client: httpx.AsyncClient,
) -> None:
    """Until it can."""
    async with Members(allowed="0" * 64) as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        lanes = some_lanes(time := Time())
        await lanes.pass_over_due()
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["refusal"]) == ("acknowledged", None)
        assert "read" in shown["last_error"]
        assert len(relay.requests) <= 4
        relay._allowed = None
        time.pass_by(601)
        await lanes.pass_over_due()
        assert (await publisher.state(relay.url))["last_error"] is None


BACK = timedelta(days=30)


@pytest.mark.parametrize("what", ["lane", "relay", "lease"])
async def test_i8_listing_waits_from_before_the_clock_was_set_back_are_not_kept(
    client: httpx.AsyncClient, what: str
) -> None:
    until = ext("clock").to_ms(ext("clock").now() + BACK)
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        lanes = some_lanes()
        await lanes._spread()
        if what == "lane":
            await execute("UPDATE events.nostr_lanes SET next_try_at = :at", at=until)
        elif what == "relay":
            await execute("UPDATE events.nostr_relays SET retry_at = :at", at=until)
        else:
            await execute(
                "UPDATE events.nostr_relays SET lease_owner = 'dead', lease_until = :at", at=until
            )
        await lanes.pass_over_due()
        assert relay.received == [version]


@pytest.mark.parametrize("what", ["checked_at", "acked_at"])
async def test_i8_listing_what_was_read_in_the_future_is_read_again(
    client: httpx.AsyncClient, what: str
) -> None:
    until = ext("clock").to_ms(ext("clock").now() + BACK)
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        relay.drop_data()
        if what == "checked_at":
            await execute("UPDATE events.nostr_relays SET checked_at = :at", at=until)
        else:
            await execute(
                "UPDATE events.nostr_lanes SET acked_at = :at, checked_at = NULL", at=until
            )
        for _ in range(2):
            await lanes.pass_over_due()
        assert relay.kept == [version]
        [state] = await rows("SELECT checked_at FROM events.nostr_relays")
        assert state["checked_at"] < until
        asked = len(relay.requests)
        await lanes.pass_over_due()
        assert len(relay.requests) == asked


async def test_i8_listing_what_is_refused_for_good_is_no_such_wait(
    client: httpx.AsyncClient,
) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        lanes = some_lanes()
        await lanes._spread()
        never = ext("nostr.crud_jobs").NEVER
        await execute("UPDATE events.nostr_lanes SET next_try_at = :at", at=never)
        await lanes.pass_over_due()
        assert relay.received == []
