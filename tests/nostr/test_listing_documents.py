"""I8, from rows to signed documents: what each change of an event publishes and deletes."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from nostr_sdk import Keys

from support.builders import API, Json, a_purchase, event_row, execute, pay, rows
from support.direct import nostr_settings
from support.host import ext
from support.listings import (
    RELAY,
    a_listed_event,
    assert_sound,
    change,
    deletions,
    document,
    now,
    published,
    publishes,
    seconds,
    sell,
    sign,
    value,
    values,
)
from support.people import Person, a_person

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("forgotten")]

TIMED, DATED, DELETION = 31923, 31922, 5


async def active_key(wallet: str) -> str:
    [found] = await rows(
        "SELECT pubkey FROM events.nostr_keys WHERE wallet = :w AND retired_at IS NULL", w=wallet
    )
    return str(found["pubkey"])


async def test_i8_a_sale_is_in_the_listing_as_the_database_counts_it(
    client: httpx.AsyncClient, shop: Person, buyer: Person
) -> None:
    event = await a_listed_event(client, shop)
    at = now()
    await sign(at)
    first = assert_sound((await document(event["id"]))["event_json"])
    assert (first["kind"], first["pubkey"]) == (DATED, await active_key(shop.wallet))
    assert value(first["tags"], "tickets_sold") == "0"
    await pay(buyer, await a_purchase(client, event["id"], quantity=3))
    await sign(at + seconds(5))
    told = assert_sound((await document(event["id"]))["event_json"])
    row = await event_row(event["id"])
    assert value(told["tags"], "tickets_sold") == str(row["sold"]) == "3"
    assert value(told["tags"], "tickets_total") == str(row["capacity"]) == "10"
    assert value(told["tags"], "tickets_available") == "7"
    assert told["created_at"] > first["created_at"]


async def test_i8_each_change_of_what_is_shown_makes_one_new_version(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop)
    package = event["packages"][0]["id"]
    at, seen = now(), set()
    steps: list[tuple[str, Json]] = [
        ("", {"name": "Another name"}),
        ("", {"info": "Other words."}),
        ("", {"location": "Main Hall"}),
        ("", {"banner": "https://img.example/a.png"}),
        ("", {"capacity": 20}),
        ("", {"nostr_hide_counts": True}),
        ("", {"metadata": {"nostr": {"tags": ["jazz"]}}}),
        (f"/packages/{package}", {"price": 250}),
    ]
    for number, (path, body) in enumerate(steps):
        await sign(at + seconds(10 * number))
        seen.add((await published(event["id"]))["id"])
        url = f"{API}/events/{event['id']}{path}"
        answer = await client.put(url, json=body, headers=shop.admin)
        assert answer.status_code == 200, (body, answer.text)
    await sign(at + seconds(100))
    told = await published(event["id"])
    assert len(seen | {told["id"]}) == len(steps) + 1
    assert value(told["tags"], "tickets_price") == "250"
    assert value(told["tags"], "tickets_sold") is None
    assert value(told["tags"], "status") == "published"
    assert not await deletions(event["id"])


async def test_i8_what_a_listing_does_not_show_publishes_nothing(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop)
    await sign(now())
    before = await document(event["id"])
    await a_purchase(client, event["id"])
    await change(client, shop, event, send_reminder=True)
    await execute(
        "UPDATE events.nostr_documents SET rev = rev + 1 WHERE event_id = :id", id=event["id"]
    )
    await sign(now() + seconds(9))
    after = await document(event["id"])
    assert after["event_json"] == before["event_json"]
    assert after["signed_rev"] == after["rev"] > before["rev"]


async def test_i8_a_cancelled_event_is_told_and_not_deleted(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop)
    await sign(now())
    await client.put(f"{API}/events/{event['id']}/cancel", headers=shop.admin)
    await sign(now() + seconds(5))
    told = await published(event["id"])
    assert value(told["tags"], "status") == "cancelled"
    assert str(value(told["tags"], "title")).startswith("CANCELLED: ")
    assert not await deletions(event["id"])


async def test_i8_the_time_alone_completes_a_listing_and_a_later_end_reopens_it(
    client: httpx.AsyncClient, shop: Person
) -> None:
    at = now().replace(microsecond=0)
    ends = at + timedelta(hours=3)
    event = await a_listed_event(
        client, shop, starts_at=(at + timedelta(hours=1)).isoformat(), ends_at=ends.isoformat()
    )
    done = await sign(at)
    assert done.next_at <= ends
    await sign(ends - seconds(1))
    assert value((await published(event["id"]))["tags"], "status") == "published"
    done = await sign(ends)
    assert value((await published(event["id"]))["tags"], "status") == "completed"
    later = (ends + timedelta(hours=5)).isoformat()
    await change(client, shop, event, ends_at=later)
    await sign(ends + seconds(9))
    assert value((await published(event["id"]))["tags"], "status") == "published"


async def test_i8_the_price_changes_with_the_wave_although_no_row_does(
    client: httpx.AsyncClient, shop: Person
) -> None:
    at = now().replace(microsecond=0)
    event = await a_listed_event(client, shop)
    url = f"{API}/events/{event['id']}/packages"
    [early] = event["packages"]
    switch = at + timedelta(days=2)
    body: Json = {"sale_ends_at": switch.isoformat()}
    await client.put(f"{url}/{early['id']}", json=body, headers=shop.admin)
    body = {"name": "Late", "price": 900, "sale_starts_at": switch.isoformat()}
    answer = await client.post(url, json=body, headers=shop.admin)
    assert answer.is_success, answer.text
    for moment, price in ((at, "100"), (switch - seconds(1), "100"), (switch, "900")):
        done = await sign(moment)
        assert value((await published(event["id"]))["tags"], "tickets_price") == price
        assert done.next_at <= switch or moment == switch


async def test_i8_a_draft_has_no_listing_until_it_is_published(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop, status="draft")
    await sign(now())
    found = await document(event["id"])
    assert found["event_json"] is None
    assert found["signed_rev"] == found["rev"], "It is looked at in every pass."
    await client.put(f"{API}/events/{event['id']}/publish", headers=shop.admin)
    await sign(now())
    assert value((await published(event["id"]))["tags"], "status") == "published"


async def test_i8_a_generated_key_tells_once_who_it_is_and_where(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop)
    at = now()
    for later in (0, 3):
        await sign(at + seconds(later))
    profile = await published(shop.wallet, "profile")
    relays = await published(shop.wallet, "relay_list")
    assert (profile["kind"], profile["tags"]) == (0, [])
    said = json.loads(profile["content"])
    assert said["name"].startswith("Events at ") and said["website"] == ext("settings").base_url()
    assert shop.wallet not in profile["content"] and shop.id not in profile["content"]
    assert (relays["kind"], relays["tags"], relays["content"]) == (10002, [["r", RELAY]], "")
    await sell(event["id"])
    for later in (10, 13):
        await sign(at + seconds(later))
    assert await published(shop.wallet, "profile") == profile
    await publishes(shop, profile_name="Jazz <Club>")
    for later in (20, 23):
        await sign(at + seconds(later))
    assert json.loads((await published(shop.wallet, "profile"))["content"])["name"] == "Jazz <Club>"
    assert await published(shop.wallet, "relay_list") == relays


async def coordinates(wallet: str) -> list[str] | None:
    found = await document(wallet, "calendar")
    return values(json.loads(found["event_json"])["tags"], "a") if found["event_json"] else None


async def test_i8_a_calendar_holds_what_is_published_and_nothing_else(
    client: httpx.AsyncClient, shop: Person
) -> None:
    await publishes(shop, has_calendar=True)
    events = [await a_listed_event(client, shop) for _ in range(2)]
    at = now()

    async def settle(step: int) -> list[str] | None:
        for later in range(3):
            await sign(at + seconds(20 * step + 4 * later))
        return await coordinates(shop.wallet)

    both = await settle(0)
    author = await active_key(shop.wallet)
    assert both == sorted(f"{DATED}:{author}:{event['id']}" for event in events)
    calendar = await published(shop.wallet, "calendar")
    assert (calendar["kind"], value(calendar["tags"], "d")) == (31924, "events")
    for event in events:
        listing = await published(event["id"])
        assert value(listing["tags"], "a") == f"31924:{author}:events"
    await sell(events[0]["id"])
    await settle(1)
    assert await published(shop.wallet, "calendar") == calendar
    await client.delete(f"{API}/events/{events[1]['id']}", headers=shop.admin)
    assert await settle(2) == [f"{DATED}:{author}:{events[0]['id']}"]
    await publishes(shop, has_calendar=False)
    assert await settle(3) is None
    assert value((await published(events[0]["id"]))["tags"], "a") is None
    await publishes(shop, has_calendar=True)
    assert await settle(4) == [f"{DATED}:{author}:{events[0]['id']}"]


async def test_i8_two_wallets_of_one_key_have_a_calendar_each(
    client: httpx.AsyncClient, shop: Person
) -> None:
    """Under one address they would overwrite each other for ever."""
    own = Keys.generate()
    key = {"mode": "nsec", "nsec": own.secret_key().to_bech32()}
    author = own.public_key().to_hex()
    shops = [shop, await a_person()]
    events = []
    for each in shops:
        await publishes(each, has_calendar=True, key=key)
        events.append(await a_listed_event(client, each))
    at = now()
    for later in range(3):
        await sign(at + seconds(4 * later))
    found = []
    for each, event in zip(shops, events, strict=True):
        calendar = await published(each.wallet, "calendar")
        d = str(value(calendar["tags"], "d"))
        assert d.startswith("events-") and each.wallet not in d and d not in each.wallet
        assert values(calendar["tags"], "a") == [f"{DATED}:{author}:{event['id']}"]
        listing = await published(event["id"])
        assert value(listing["tags"], "a") == f"31924:{author}:{d}"
        found.append((calendar["kind"], calendar["pubkey"], d))
    assert len(set(found)) == 2


async def test_i8_relays_that_another_process_has_changed_are_not_settled_away(
    client: httpx.AsyncClient,
) -> None:
    """Settings are kept for some seconds, and a change raises the documents once."""
    settings, crud = ext("settings"), ext("crud")
    person = await a_person()
    async with nostr_settings(RELAY):
        await a_listed_event(client, person)
        at = now()
        for later in (0, 3):
            await sign(at + seconds(later))
        assert (await published(person.wallet, "relay_list"))["tags"] == [["r", RELAY]]
        other = "wss://other.example.com"
        stored = (await settings.get_settings()).copy(update={"default_relays": [other]})
        update = "UPDATE events.settings SET value = :value WHERE id = 'instance'"
        await execute(update, value=stored.json())
        async with crud.transaction() as tx:
            assert (await settings.read_settings(tx)).default_relays == [RELAY]
            await ext("nostr.accounts").follow_defaults(tx, [other])
        await sign(at + seconds(9))
        assert (await published(person.wallet, "relay_list"))["tags"] == [["r", other]]


async def test_i8_without_relays_nothing_is_signed_and_that_is_told(
    client: httpx.AsyncClient,
) -> None:
    person = await a_person()
    event = await a_listed_event(client, person)
    at = now()
    await sign(at)
    done = await sign(at + seconds(5))
    found = await document(event["id"])
    assert (found["event_json"], found["problem"]) == (None, "no_relays")
    assert done.next_at is None or done.next_at > at + timedelta(minutes=5)
    assert not await rows("SELECT id FROM events.nostr_keys WHERE wallet = :w", w=person.wallet)
    await publishes(person)
    await sign(at + seconds(6))
    found = await document(event["id"])
    assert found["problem"] is None and found["event_json"]


async def test_i8_an_event_of_1_6_9_without_a_date_is_told_to_its_organiser(
    client: httpx.AsyncClient, shop: Person
) -> None:
    event = await a_listed_event(client, shop)
    await sign(now())
    junk = "UPDATE events.events SET event_start_date = 'soon' WHERE id = :id"
    await execute(junk, id=event["id"])
    await sign(now() + seconds(5))
    found: dict[str, Any] = await document(event["id"])
    assert (found["event_json"], found["problem"]) == (None, "no_date")
