"""I8, what is to be found no more: requests for deletion (NIP-09), and what is published after."""

import json
from datetime import timedelta

import httpx
import pytest
from nostr_sdk import Event, Keys

from support.builders import API, Json, day, event_row, execute, rows
from support.listings import (
    a_listed_event,
    change,
    deletions,
    document,
    now,
    published,
    publishes,
    seconds,
    sign,
    value,
)
from support.people import Person
from support.relays import LmdbRelay, publish, query

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("forgotten")]

TIMED, DATED, DELETION = 31923, 31922, 5


def assert_deletes(request: Json, said: Json) -> None:
    """By address, id and kind (NIP-09), by the author, and no earlier than what it is of."""
    assert Event.from_json(json.dumps(request)).verify()
    d = value(said["tags"], "d") or ""
    assert (request["kind"], request["pubkey"]) == (DELETION, said["pubkey"])
    assert request["tags"] == [
        ["a", f"{said['kind']}:{said['pubkey']}:{d}"],
        ["e", said["id"]],
        ["k", str(said["kind"])],
    ]
    assert request["created_at"] >= said["created_at"]


async def test_i8_a_deleted_event_is_deleted_by_address_id_and_kind(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop)
    await sign(now())
    said = await published(event["id"])
    answer = await client.delete(f"{API}/events/{event['id']}", headers=shop.admin)
    assert answer.is_success
    await sign(now() + seconds(5))
    await sign(now() + seconds(6))
    [request] = await deletions(event["id"])
    assert_deletes(request, said)
    left = await document(event["id"])
    assert (left["event_json"], bool(left["is_gone"])) == (None, True)
    assert left["signed_rev"] == left["rev"]


async def test_i8_an_event_that_was_never_signed_needs_no_deletion(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop)
    await client.delete(f"{API}/events/{event['id']}", headers=shop.admin)
    await sign(now())
    await sign(now() + seconds(5))
    assert (await document(event["id"]))["event_json"] is None
    assert not await rows("SELECT id FROM events.nostr_documents WHERE purpose = 'deletion'")


async def test_i8_published_again_it_is_newer_than_its_deletion(
    client: httpx.AsyncClient, shop: Person
) -> None:
    """All within one second, and twice over."""
    event = await a_listed_event(client, shop)
    at = now()
    times: list[int] = []
    for _ in range(2):
        for wanted in (True, False):
            await change(client, shop, event, nostr_publish=wanted)
            for _ in range(3):
                await sign(at, interval=seconds(0))
            requests = await deletions(event["id"])
            said = await document(event["id"])
            newest = json.loads(said["event_json"]) if wanted else requests[-1]
            times.append(newest["created_at"])
    assert times == sorted(set(times)), times
    assert times[0] == int(at.timestamp())


async def test_i8_a_real_relay_takes_the_deletion_and_then_the_new_version(
    client: httpx.AsyncClient, shop: Person
) -> None:
    """NIP-09: what is older than the request, or of its second, is refused."""
    event = await a_listed_event(client, shop)
    wanted = {"kinds": [DATED], "#d": [event["id"]]}
    at = now()
    async with LmdbRelay() as relay:
        await sign(at, interval=seconds(0))
        first = (await document(event["id"]))["event_json"]
        assert (await publish(relay.url, first))[0]
        await change(client, shop, event, nostr_publish=False)
        for _ in range(2):
            await sign(at, interval=seconds(0))
        [request] = await deletions(event["id"])
        assert (await publish(relay.url, json.dumps(request)))[0]
        assert not await query(relay.url, wanted)
        assert not (await publish(relay.url, first))[0]
        await change(client, shop, event, nostr_publish=True)
        await sign(at + seconds(5), interval=seconds(0))
        again = (await document(event["id"]))["event_json"]
        assert (await publish(relay.url, again))[0]
        assert await query(relay.url, wanted) == [json.loads(again)]


async def test_i8_an_address_is_not_signed_again_before_its_deletion_is(
    client: httpx.AsyncClient, shop: Person
) -> None:
    """Signed later, the deletion would take the new version with it."""
    event = await a_listed_event(client, shop)
    at = now()
    await sign(at)
    await change(client, shop, event, nostr_publish=False)
    # It is asked for now, and signed in the next pass.
    await sign(at + seconds(5))
    assert not await deletions(event["id"])
    await change(client, shop, event, nostr_publish=True)
    wait = "UPDATE events.nostr_documents SET not_before = :at, problem = 'offline'"
    until = int((at + seconds(60)).timestamp() * 1000)
    await execute(f"{wait} WHERE purpose = 'deletion'", at=until)
    done = await sign(at + seconds(10))
    found = await document(event["id"])
    assert (found["event_json"], found["problem"], done.waiting) == (None, "deletion_first", 1)
    await sign(at + seconds(60))
    await sign(at + seconds(61))
    [request] = await deletions(event["id"])
    assert (await published(event["id"]))["created_at"] > request["created_at"]


async def test_i8_another_kind_deletes_the_listing_of_the_old_one(
    client: httpx.AsyncClient, shop: Person
) -> None:
    """From days to times and back: the same `d` under two kinds are two addresses."""
    event = await a_listed_event(client, shop)
    at = now().replace(microsecond=0)
    await sign(at)
    dated = await published(event["id"])
    assert dated["kind"] == DATED
    starts = (at + timedelta(days=30)).isoformat()
    await change(client, shop, event, starts_at=starts)
    await sign(at + seconds(10))
    await sign(at + seconds(11))
    timed = await published(event["id"])
    [request] = await deletions(event["id"])
    assert timed["kind"] == TIMED
    assert_deletes(request, dated)
    await change(client, shop, event, starts_at=None, ends_at=None, event_start_date=day(30))
    if (await event_row(event["id"]))["starts_at"] is not None:
        set_days = "UPDATE events.events SET starts_at = NULL, ends_at = NULL WHERE id = :id"
        await execute(set_days, id=event["id"])
    await sign(at + seconds(20))
    await sign(at + seconds(21))
    again = await published(event["id"])
    assert again["kind"] == DATED
    assert again["created_at"] > request["created_at"]
    assert {request["tags"][2][1] for request in await deletions(event["id"])} == {"31922", "31923"}


async def test_i8_another_key_deletes_with_the_old_one_and_signs_with_the_new(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop)
    at = now()
    for later in range(3):
        await sign(at + seconds(later))
    before = await published(event["id"])
    profile = await published(shop.wallet, "profile")
    own = Keys.generate()
    key = {"mode": "nsec", "nsec": own.secret_key().to_bech32()}
    await publishes(shop, key=key)
    for later in range(10, 15):
        await sign(at + seconds(later))
    after = await published(event["id"])
    assert after["pubkey"] == own.public_key().to_hex() != before["pubkey"]
    [request] = await deletions(event["id"])
    assert_deletes(request, before)
    # An organiser's own key has a profile of its own, which is not ours to write.
    gone = await document(shop.wallet, "profile")
    assert gone["event_json"] is None
    found = await rows(
        "SELECT event_json FROM events.nostr_documents WHERE purpose = 'deletion'"
        " AND id LIKE 'deletion:profile:%'"
    )
    request = json.loads(found[0]["event_json"])
    assert request["tags"][:2] == [["a", f"0:{profile['pubkey']}:"], ["e", profile["id"]]]


async def test_i8_a_key_that_is_set_again_signs_what_its_lost_row_cannot(
    client: httpx.AsyncClient, shop: Person
) -> None:
    """A signer dies, another key takes over, and the first author comes back by another row: the
    request for deletion stands before the listing, and only that author may sign it."""
    own = Keys.generate()
    key = {"mode": "nsec", "nsec": own.secret_key().to_bech32()}
    await publishes(shop, key=key)
    event = await a_listed_event(client, shop)
    at = now()
    await sign(at)
    first = await published(event["id"])
    lost = "UPDATE events.nostr_keys SET secret = 'lost' WHERE pubkey = :key"
    assert await execute(lost, key=own.public_key().to_hex()) == 1
    await publishes(shop, key={"mode": "generated"})
    for later in (10, 11):
        await sign(at + seconds(later))
    assert not await deletions(event["id"])
    url = f"{API}/events/{event['id']}/nostr"
    waiting = (await client.get(url, headers=shop.invoice)).json()
    address = f"{first['kind']}:{first['pubkey']}:{event['id']}"
    assert waiting["deletions_pending"] == [{"address": address, "problem": "broken"}]
    await publishes(shop, key=key)
    for later in (20, 21, 22):
        await sign(at + seconds(later))
    again = await published(event["id"])
    requests = {request["pubkey"]: request for request in await deletions(event["id"])}
    assert again["pubkey"] == own.public_key().to_hex()
    assert_deletes(requests[again["pubkey"]], first)
    assert again["created_at"] > requests[again["pubkey"]]["created_at"]
    assert (await client.get(url, headers=shop.invoice)).json()["deletions_pending"] == []


async def test_i8_what_an_author_signed_before_it_came_back_is_deleted_by_its_new_row(
    client: httpx.AsyncClient, shop: Person
) -> None:
    """There and back between two passes, so nothing was to be signed; the old row is lost."""
    own = Keys.generate()
    key = {"mode": "nsec", "nsec": own.secret_key().to_bech32()}
    await publishes(shop, key=key)
    event = await a_listed_event(client, shop)
    at = now()
    await sign(at)
    first = await published(event["id"])
    lost = "UPDATE events.nostr_keys SET secret = 'lost' WHERE pubkey = :key"
    await execute(lost, key=own.public_key().to_hex())
    await publishes(shop, key={"mode": "generated"})
    await publishes(shop, key=key)
    await sign(at + seconds(10))
    assert await published(event["id"]) == first
    await publishes(shop, key={"mode": "generated"})
    for later in (20, 21):
        await sign(at + seconds(later))
    [request] = await deletions(event["id"])
    assert_deletes(request, first)
