"""I8, the signer: bounded, strictly newer, never lost, whatever the clock, the signers and other
processes do. Time is simulated."""

import json
import math
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from support.builders import Json, execute, rows
from support.host import ext
from support.listings import (
    a_listed_event,
    a_shop,
    deletions,
    document,
    now,
    published,
    seconds,
    sell,
    sign,
    sold,
    times,
    value,
)
from support.people import Person
from support.relays import LmdbRelay, publish, query

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("forgotten")]

HOUR = timedelta(hours=1)


async def test_i8_500_sales_in_two_seconds_are_a_few_versions_and_the_last_is_exact(
    event: Json, versions: list[Json]
) -> None:
    """NOSTR: 1 + ceil(T / interval) + 1 versions, none from the future."""
    at, interval_s, duration_s = now(), 0.5, 2.0
    for number in range(500):
        await sell(event["id"])
        moment = at + seconds(duration_s * number / 500)
        if number % 5 == 0:
            await sign(moment, interval=seconds(interval_s))
    end = at + seconds(duration_s + interval_s)
    await sign(end, interval=seconds(interval_s))
    assert len(versions) <= 1 + math.ceil(duration_s / interval_s) + 1
    assert times(versions) == sorted(set(times(versions)))
    assert times(versions)[-1] <= int(end.timestamp()) + 2
    assert [sold(versions[0]), sold(versions[-1])] == [1, 500]
    assert value(versions[-1]["tags"], "status") == "sold_out"


async def test_i8_a_lone_change_is_signed_at_once_and_the_last_of_a_burst_always(
    event: Json, versions: list[Json]
) -> None:
    at = now()
    await sign(at)
    await sell(event["id"])
    done = await sign(at + seconds(1))
    assert (len(versions), done.next_at) == (1, at + seconds(2))
    await sign(at + seconds(2))
    await sell(event["id"])
    await sign(at + seconds(9))
    assert [sold(version) for version in versions] == [0, 1, 2]


async def test_i8_a_pass_without_anything_due_writes_nothing(event: Json) -> None:
    """Each commit wakes the signer: a pass that wrote would wake itself for ever."""
    await sign(now())
    await sign(now())
    await sign(now() + seconds(5))
    pulse = ext("crud").pulse
    before = pulse.beats
    await sign(now() + seconds(6))
    assert pulse.beats == before


async def test_i8_two_versions_of_one_second_end_as_the_newer_on_a_real_relay(
    event: Json, versions: list[Json]
) -> None:
    """Twenty pairs. With one time for both the lower id stays, which is either of them."""
    at = now()
    async with LmdbRelay() as relay:
        for number in range(20):
            moment = at + seconds(100 * number)
            for _ in range(2):
                await sell(event["id"])
                await sign(moment, interval=seconds(0))
            for version in versions[-2:]:
                assert (await publish(relay.url, json.dumps(version)))[0]
            [kept] = await query(relay.url, {"kinds": [31922], "#d": [event["id"]]})
            assert sold(kept) == 2 * number + 2
            # Late and out of order: the older one changes nothing.
            await publish(relay.url, json.dumps(versions[-2]))
            [kept] = await query(relay.url, {"kinds": [31922], "#d": [event["id"]]})
            assert kept["id"] == versions[-1]["id"]
    pairs = zip(times(versions)[::2], times(versions)[1::2], strict=True)
    assert all(second == first + 1 for first, second in pairs)


async def test_i8_a_clock_set_back_waits_with_an_alarm(event: Json, versions: list[Json]) -> None:
    at = now()
    await sign(at)
    await sell(event["id"])
    done = await sign(at - HOUR)
    found = await document(event["id"])
    assert (len(versions), done.waiting, found["problem"]) == (1, 1, "clock")
    assert done.next_at == at - HOUR + timedelta(minutes=1)
    await sign(at - seconds(30))
    found = await document(event["id"])
    assert (sold(versions[-1]), found["problem"]) == (1, None)
    assert times(versions)[1] == times(versions)[0] + 1


async def test_i8_a_clock_that_jumped_ahead_never_goes_back_nor_runs_away(
    event: Json, versions: list[Json]
) -> None:
    at = now()
    await sign(at)
    for moment in (at + 2 * HOUR, at + seconds(9), at + HOUR, at + 2 * HOUR - seconds(50)):
        await sell(event["id"])
        await sign(moment)
    assert times(versions) == sorted(set(times(versions)))
    assert [sold(version) for version in versions] == [0, 1, 4]
    assert times(versions)[-1] == int((at + 2 * HOUR).timestamp()) + 1


async def test_i8_a_clock_that_is_a_little_late_stops_nothing(
    event: Json, versions: list[Json]
) -> None:
    """Small steps back are made up for second by second."""
    at = now()
    for number in range(9):
        await sell(event["id"])
        await sign(at - seconds(6 * number), interval=seconds(0))
    assert times(versions) == list(range(times(versions)[0], times(versions)[0] + 9))


async def test_i8_what_a_clock_that_jumped_ahead_has_changed_is_changed_back(
    client: httpx.AsyncClient, shop: Person, versions: list[Json]
) -> None:
    """`completed` waits for no time; only that the clock was set back tells that it is wrong."""
    modules, at = (ext("nostr.signing"), ext("nostr.versions")), now()
    ends = at + 2 * HOUR
    times_of_day = {"starts_at": (ends - HOUR).isoformat(), "ends_at": ends.isoformat()}
    await a_listed_event(client, shop, **times_of_day)
    async with modules[0].Signing(modules[1].Pace(patience_s=None)) as signing:

        async def told(moment: datetime) -> list[str | None]:
            await signing.sign_due(moment)
            return [value(version["tags"], "status") for version in versions]

        assert await told(at) == ["published"]
        assert await told(ends + seconds(10)) == ["published", "completed"]
        # A little back is no jump, and much would be a version from the future.
        for moment in (ends + seconds(6), at, at + HOUR):
            assert await told(moment) == ["published", "completed"]
        expected = ["published", "completed", "published"]
        assert await told(ends - seconds(20)) == expected
        assert await told(ends - seconds(10)) == expected
        assert await told(ends + seconds(20)) == [*expected, "completed"]


async def test_i8_steps_back_that_are_small_by_themselves_add_up(
    event: Json, versions: list[Json]
) -> None:
    modules, at = (ext("nostr.signing"), ext("nostr.versions")), now()
    async with modules[0].Signing(modules[1].Pace(patience_s=None)) as signing:
        for later in (0, 3, 6):
            await signing.sign_due(at + seconds(later))
        revs = [(await document(event["id"]))["rev"]]
        for back in (3, 0, -1):
            await signing.sign_due(at + seconds(back))
            revs.append((await document(event["id"]))["rev"])
    assert revs == [revs[0], revs[0], revs[0] + 1, revs[0] + 1]
    assert len(versions) == 1


async def test_i8_a_document_that_cannot_be_made_keeps_no_other_back(
    client: httpx.AsyncClient, event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await a_listed_event(client, await a_shop())
    module = ext("nostr.versions")
    draft = module.listing_draft

    def odd(listing: Any, *rest: Any) -> Any:
        if listing.event.id == event["id"]:
            raise ZeroDivisionError("made up")
        return draft(listing, *rest)

    monkeypatch.setattr(module, "listing_draft", odd)
    await sign(now())
    assert (await document(event["id"]))["problem"] == "internal"
    assert await published(other["id"])


async def test_i8_a_newer_version_of_another_client_is_overtaken_by_the_same_words(
    event: Json, versions: list[Json]
) -> None:
    """Whoever finds it on a relay raises the row's time to it."""
    at = now()
    await sign(at)
    seen = int(at.timestamp()) + 40
    raise_it = "UPDATE events.nostr_documents SET created_at = :seen, rev = rev + 1 WHERE id = :id"
    await execute(raise_it, seen=seen, id=f"listing:{event['id']}")
    await sign(at + seconds(5))
    assert times(versions) == [int(at.timestamp()), seen + 1]
    assert versions[0]["tags"] == versions[1]["tags"]
    assert not await deletions(event["id"])


async def test_i8_whose_event_moved_to_another_wallet_is_signed_by_its_key(
    event: Json, versions: list[Json]
) -> None:
    """The old key deletes what it has signed, on the relays of its own wallet."""
    new = await a_shop()
    at = now()
    await sign(at)
    old_wallet = (await document(event["id"]))["wallet"]
    move = "UPDATE events.events SET wallet = :wallet WHERE id = :id"
    await execute(move, wallet=new.wallet, id=event["id"])
    for later in (5, 10):
        await sign(at + seconds(later))
    assert versions[0]["pubkey"] != versions[1]["pubkey"]
    [request] = await deletions(event["id"])
    assert request["pubkey"] == versions[0]["pubkey"]
    row_id = f"listing:{event['id']}:{versions[0]['kind']}:{versions[0]['pubkey']}"
    assert (await document(row_id, "deletion"))["wallet"] == old_wallet


def move_to(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator gives the host another address."""
    monkeypatch.setattr(ext("settings").host_settings, "lnbits_baseurl", base)


async def test_i8_a_new_address_of_the_host_is_in_a_new_version_of_all_that_is_signed(
    client: httpx.AsyncClient, event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row tells of it."""
    modules, at = (ext("nostr.signing"), ext("nostr.versions")), now()
    other = await a_listed_event(client, await a_shop())
    async with modules[0].Signing(modules[1].Pace(patience_s=None)) as signing:
        for later in (0, 3):
            await signing.sign_due(at + seconds(later))
        move_to("https://new.example.com/", monkeypatch)
        done = await signing.sign_due(at + seconds(10))
        assert done.signed == 4, "two listings and two profiles"
        for one in (event, other):
            listing = await published(one["id"])
            page = f"https://new.example.com/events/{one['id']}"
            assert value(listing["tags"], "tickets_url") == page
        pulse = ext("crud").pulse
        before = pulse.beats
        await signing.sign_due(at + seconds(13))
        assert pulse.beats == before


async def test_i8_a_process_that_starts_looks_at_all_and_publishes_what_differs(
    client: httpx.AsyncClient, event: Json, versions: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    modules, at = (ext("nostr.signing"), ext("nostr.versions")), now()
    other = await a_listed_event(client, await a_shop())
    await sign(at)
    await execute("UPDATE events.events SET nostr_publish = FALSE WHERE id = :id", id=other["id"])
    for later in (4, 5, 8):
        await sign(at + seconds(later))
    assert await deletions(other["id"])
    revs = "SELECT id, rev, event_json FROM events.nostr_documents ORDER BY id"
    before, count = await rows(revs), len(versions)
    async with modules[0].Signing(modules[1].Pace(patience_s=None)) as signing:
        done = await signing.sign_due(at + seconds(11))
    assert (done.signed, done.waiting, len(versions)) == (0, 0, count)
    for was, now_is in zip(before, await rows(revs), strict=True):
        is_looked_at = was["event_json"] is not None and not was["id"].startswith("deletion:")
        assert now_is["rev"] == was["rev"] + is_looked_at, was["id"]
        assert now_is["event_json"] == was["event_json"]
    move_to("https://new.example.com", monkeypatch)
    async with modules[0].Signing(modules[1].Pace(patience_s=None)) as signing:
        await signing.sign_due(at + seconds(20))
    assert len(versions) == count + 1
