"""What an organiser sees of a listing: where it is, and what each relay has of it."""

import httpx
import pytest
from nostr_sdk import Nip19Coordinate, Nip19Event, PublicKey

from support.builders import API, Json, an_event
from support.host import ext
from support.lanes import (
    Publisher,
    Time,
    a_publisher,
    deleted_elsewhere,
    some_lanes,
    use_relays,
)
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.relays import Keeping, LmdbRelay, Refusing, publish

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("loopback")]


async def shown(client: httpx.AsyncClient, publisher: Publisher) -> Json:
    url = f"{API}/events/{publisher.event_id}/nostr"
    answer = await client.get(url, headers=publisher.who.invoice)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def republished(client: httpx.AsyncClient, publisher: Publisher) -> httpx.Response:
    url = f"{API}/events/{publisher.event_id}/nostr/republish"
    return await client.post(url, headers=publisher.who.admin)


async def test_an_event_that_is_not_published_is_nowhere(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    publisher = Publisher(organiser, event)
    assert await shown(client, publisher) == {
        "published": False,
        "naddr": None,
        "nevent": None,
        "pubkey": None,
        "npub": None,
        "kind": None,
        "revision": 0,
        "signed_revision": 0,
        "created_at": None,
        "problem": None,
        "deletions_pending": [],
        "links": [],
        "relays": [],
    }
    async with nothing_written():
        answer = await republished(client, publisher)
    assert assert_refused(answer, 400) == "invalid_input"


async def test_a_listing_is_shown_with_its_addresses(client: httpx.AsyncClient) -> None:
    async with Keeping() as one, Keeping() as other:
        publisher = await a_publisher(client, [one.url, other.url])
        before = await shown(client, publisher)
        assert (before["published"], before["naddr"]) == (True, None)
        assert [relay["state"] for relay in before["relays"]] == ["pending", "pending"]
        version = await publisher.sign()
        waiting = await shown(client, publisher)
        assert [relay["state"] for relay in waiting["relays"]] == ["pending", "pending"]
        await some_lanes().pass_over_due()
        found = await shown(client, publisher)
    assert found["pubkey"] == version["pubkey"]
    assert PublicKey.parse(found["npub"]).to_hex() == version["pubkey"]
    assert (found["kind"], found["created_at"]) == (version["kind"], version["created_at"])
    assert found["revision"] == found["signed_revision"] >= 1
    assert found["problem"] is None
    address = Nip19Coordinate.from_bech32(found["naddr"])
    coordinate = address.coordinate()
    assert coordinate.identifier() == publisher.event_id
    assert coordinate.public_key().to_hex() == version["pubkey"]
    assert coordinate.kind().as_u16() == version["kind"]
    assert [str(hint) for hint in address.relays()] == [one.url, other.url]
    assert Nip19Event.from_bech32(found["nevent"]).event_id().to_hex() == version["id"]
    assert [link["url"] for link in found["links"]] == [
        f"nostr:{found['naddr']}",
        f"https://njump.me/{found['naddr']}",
    ]
    for relay, url in zip(found["relays"], (one.url, other.url), strict=True):
        assert relay == {
            "url": url,
            "state": "acknowledged",
            "refusal": None,
            "acked_created_at": version["created_at"],
            "attempts": 0,
            "last_error": None,
            "next_try_at": None,
            "foreign_created_at": None,
        }


async def test_an_address_names_three_relays_at_most(client: httpx.AsyncClient) -> None:
    relays = [f"ws://127.0.0.1:{port}" for port in range(1025, 1030)]
    publisher = await a_publisher(client, relays)
    await publisher.sign()
    found = await shown(client, publisher)
    address = Nip19Coordinate.from_bech32(found["naddr"])
    assert [str(hint) for hint in address.relays()] == relays[:3]
    assert [relay["url"] for relay in found["relays"]] == relays


async def test_a_relay_that_cannot_be_reached_is_failing_with_a_time_for_the_next_try(
    client: httpx.AsyncClient,
) -> None:
    relay = Keeping()
    publisher = await a_publisher(client, [relay.url])
    await publisher.sign()
    await some_lanes().pass_over_due()
    [told] = (await shown(client, publisher))["relays"]
    assert (told["state"], told["attempts"], told["acked_created_at"]) == ("failing", 1, None)
    assert told["last_error"]
    assert "127.0.0.1" not in told["last_error"]
    assert told["next_try_at"].endswith("Z")


async def test_a_change_that_is_not_sent_yet_is_pending(client: httpx.AsyncClient) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        first = await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        await publisher.change()
        await lanes._spread()
        [told] = (await shown(client, publisher))["relays"]
        assert told["state"] == "pending"
        assert told["acked_created_at"] == first["created_at"]


async def test_republishing_tries_again_at_once_where_a_relay_refused(
    client: httpx.AsyncClient,
) -> None:
    async with Refusing("blocked: no") as relay, Refusing("error: later") as slow:
        publisher = await a_publisher(client, [relay.url, slow.url])
        await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        assert [len(one.received) for one in (relay, slow)] == [1, 1]
        relay.accepted = slow.accepted = True
        relay.message = slow.message = ""
        answer = await republished(client, publisher)
        assert answer.status_code == 200
        assert [one["state"] for one in answer.json()["relays"]] == ["pending", "pending"]
        await lanes.pass_over_due()
        assert [len(one.received) for one in (relay, slow)] == [2, 2]


async def test_republishing_reads_back_where_a_relay_said_yes(client: httpx.AsyncClient) -> None:
    async with Keeping() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        await republished(client, publisher)
        await lanes.pass_over_due()
        assert relay.received == [version]
        relay.drop_data()
        await republished(client, publisher)
        await lanes.pass_over_due()
        await lanes.pass_over_due()
        assert relay.kept == [version]
        assert relay.received == [version, version]


async def test_republishing_brings_back_what_another_client_deleted(
    client: httpx.AsyncClient,
) -> None:
    """NIP-09: a relay takes only what is newer than the deletion, and nothing has changed."""
    async with LmdbRelay() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        at_s = int(ext("clock").now().timestamp())
        accepted, words = await publish(relay.url, await deleted_elsewhere(publisher, at_s))
        assert accepted, words
        time.pass_by(601)
        for _ in range(3):
            await lanes.pass_over_due()
        refused = await publisher.state(relay.url)
        assert (refused["state"], refused["refusal"]) == ("refused", "parked")
        assert (await publisher.sign()) == version
        answer = (await republished(client, publisher)).json()
        assert answer["created_at"] == version["created_at"]
        again = await publisher.sign()
        assert again["created_at"] > at_s
        await lanes.pass_over_due()
        assert await relay.events(publisher.address(version)) == [again]
        assert (await publisher.state(relay.url))["state"] == "acknowledged"


async def test_republishing_does_not_wait_for_a_relay_that_failed(
    client: httpx.AsyncClient,
) -> None:
    relay = Keeping()
    publisher = await a_publisher(client, [relay.url])
    version = await publisher.sign()
    lanes = some_lanes(Time())
    await lanes.pass_over_due()
    async with relay:
        await lanes.pass_over_due()
        assert relay.kept == []
        await republished(client, publisher)
        await lanes.pass_over_due()
        assert relay.kept == [version]


async def test_republishing_does_not_hurry_a_relay_that_asks_for_a_pause(
    client: httpx.AsyncClient,
) -> None:
    """It may be shared with other organisers."""
    async with Refusing("rate-limited: slow down") as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        for _ in range(3):
            await lanes.pass_over_due()
            await republished(client, publisher)
        assert len(relay.received) == 1
        [told] = (await shown(client, publisher))["relays"]
        assert told["next_try_at"] is not None
        time.pass_by(5)
        await lanes.pass_over_due()
        assert len(relay.received) == 2


async def test_republishing_is_limited_for_each_organiser(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = ext("throttle").Limit(2, 3600)
    monkeypatch.setattr(ext("nostr.state"), "republish_limit", limit)
    one, other = [await a_publisher(client, ["ws://127.0.0.1:9"]) for _ in range(2)]
    for _ in range(2):
        assert (await republished(client, one)).status_code == 200
    async with nothing_written():
        answer = await republished(client, one)
        assert assert_refused(answer, 429) == "too_many_requests"
    assert (await republished(client, other)).status_code == 200


async def test_a_relay_left_out_is_not_shown_any_more(client: httpx.AsyncClient) -> None:
    async with Keeping() as relay, Keeping() as other:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        await some_lanes().pass_over_due()
        await use_relays(publisher.who, [other.url])
        found = await shown(client, publisher)
        assert [(one["url"], one["state"]) for one in found["relays"]] == [(other.url, "pending")]


async def test_what_a_relay_says_is_shown_as_text_of_bounded_length(
    client: httpx.AsyncClient,
) -> None:
    async with Refusing("blocked: <script>\x00\u202e" + "x" * 5000) as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        await some_lanes(Time()).pass_over_due()
        [told] = (await shown(client, publisher))["relays"]
        assert told["last_error"].startswith("blocked: <script>")
        assert len(told["last_error"]) <= 200
        assert told["last_error"].isprintable()


async def test_the_listing_of_another_wallet_is_refused(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser)
    url = f"{API}/events/{event['id']}/nostr"
    assert_refused(await client.get(url, headers=other_organiser.invoice), 403)
    assert_refused(await client.post(f"{url}/republish", headers=organiser.invoice), 403)
    for odd in ("none", "a%00b", "x" * 300):
        assert_refused(await client.get(f"{API}/events/{odd}/nostr", headers=organiser.admin), 404)
