"""I8, who signs: slow, failing and stopped signers, and two processes at once."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from support.builders import Json
from support.bunker import RemoteSigner
from support.host import ext
from support.listings import (
    a_listed_event,
    a_shop,
    change,
    deletions,
    document,
    now,
    published,
    publishes,
    seconds,
    sell,
    sign,
    sold,
    times,
    watch_versions,
)
from support.nostr_settings import changed
from support.people import Person
from support.relays import LmdbRelay

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("forgotten")]


class Slowly:
    """A signer that first lets others do something; it is a double at the edge to remote ones."""

    def __init__(self, signer: Any, first: Any) -> None:
        self._signer, self._first = signer, first
        self.pubkey = signer.pubkey

    async def sign(self, unsigned: Any) -> str:
        await self._first()
        return str(await self._signer.sign(unsigned))


def before_signing(monkeypatch: pytest.MonkeyPatch, first: Any, wallet: str | None = None) -> None:
    """Whoever signs (for this wallet) waits for `first()`, outside of every transaction."""
    module = ext("nostr.versions")
    open_signer = ext("nostr.keys").open_signer

    async def opened(key: Any) -> Any:
        signer = await open_signer(key)
        return signer if wallet not in (None, key.wallet) else Slowly(signer, first)

    monkeypatch.setattr(module, "open_signer", opened)


async def test_i8_a_sale_while_signing_is_in_the_next_version(
    event: Json, versions: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def sells() -> None:
        if not versions:
            await sell(event["id"])

    before_signing(monkeypatch, sells)
    at = now()
    await sign(at)
    found = await document(event["id"])
    assert found["signed_rev"] < found["rev"]
    await sign(at + seconds(2))
    assert [sold(version) for version in versions] == [0, 1]


async def two_workers(event: Json, monkeypatch: pytest.MonkeyPatch) -> list[Json]:
    """Two signers read the same state, and both have signed before either stores."""
    both = []
    arrived = asyncio.Event()

    async def meet() -> None:
        both.append(1)
        if len(both) % 2 == 0:
            arrived.set()
        await asyncio.wait_for(arrived.wait(), 5)

    await sign(now())
    stored = watch_versions(monkeypatch)
    before_signing(monkeypatch, meet)
    for number in range(3):
        arrived.clear()
        await sell(event["id"])
        at = now() + seconds(100 * (number + 1))
        await asyncio.gather(sign(at), sign(at + seconds(number)))
    return stored


async def settled(event: Json) -> None:
    """Nothing else of its organiser is due."""
    for later in (0, 3, 6):
        await sign(now() - seconds(30 - later))


async def test_i8_two_processes_never_store_two_versions_of_one_change(
    event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settled(event)
    stored = await two_workers(event, monkeypatch)
    assert [sold(version) for version in stored] == [1, 2, 3]
    assert times(stored) == sorted(set(times(stored)))


async def test_i8_control_without_the_guard_two_processes_store_both(
    event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settled(event)
    crud = ext("nostr.crud_documents")
    before, guard, _ = crud.SAVE_SIGNED.partition(" AND created_at = :was")
    assert guard
    unguarded = before + " AND :was >= 0 AND :was_id >= ''"
    monkeypatch.setattr(crud, "SAVE_SIGNED", unguarded)
    stored = await two_workers(event, monkeypatch)
    assert len(stored) == 6
    assert len(set(times(stored))) < 6, "Two versions of one time: the trap of replaceable events."


async def test_i8_what_was_signed_before_a_deletion_is_not_stored_after_it(
    client: httpx.AsyncClient, shop: Person, event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time is before that of the deletion: relays would not show it."""
    await settled(event)
    at = now() + seconds(100)

    async def taken_off_and_published_again() -> None:
        patched.undo()
        await change(client, shop, event, nostr_publish=False)
        for later in (3, 6):
            await sign(at + seconds(later))
        await change(client, shop, event, nostr_publish=True)

    await sell(event["id"])
    with monkeypatch.context() as patched:
        before_signing(patched, taken_off_and_published_again)
        await sign(at)
    assert len(await deletions(event["id"])) == 1
    await sign(at + seconds(10))
    [deletion] = await deletions(event["id"])
    version = await published(event["id"])
    assert sold(version) == 1
    assert version["created_at"] > deletion["created_at"]


async def test_i8_a_signer_that_fails_waits_longer_each_time_and_harms_no_other(
    client: httpx.AsyncClient, event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await a_listed_event(client, await a_shop())
    failed = ext("nostr.models").SignerFailed
    wallet = (await document(event["id"]))["wallet"]
    is_back = False

    async def fails() -> None:
        if not is_back:
            raise failed("offline", "The signer does not answer.")

    before_signing(monkeypatch, fails, wallet)
    at, waits = now(), []
    await sign(at)
    assert await published(other["id"])
    for _ in range(9):
        found = await document(event["id"])
        assert (found["event_json"], found["problem"]) == (None, "offline")
        due = ext("clock").from_ms(found["not_before"])
        waits.append((due - at).total_seconds())
        at = due
        await sign(at)
    assert waits == [5, 10, 20, 40, 80, 160, 320, 600, 600]
    is_back = True
    found = await document(event["id"])
    await sign(ext("clock").from_ms(found["not_before"]))
    found = await document(event["id"])
    assert (found["problem"], found["attempts"]) == (None, 0)
    assert sold(await published(event["id"])) == 0


async def test_i8_publishing_again_asks_a_signer_that_failed_at_once(
    client: httpx.AsyncClient, shop: Person, event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the listing, and for the deletion that comes before it."""
    await settled(event)
    failed = ext("nostr.models").SignerFailed

    async def fails() -> None:
        raise failed("offline", "The signer does not answer.")

    at = now()
    starts_at = (at + seconds(30 * 86_400)).isoformat()
    await change(client, shop, event, starts_at=starts_at)
    with monkeypatch.context() as patched:
        before_signing(patched, fails)
        for later in (0, 60):
            await sign(at + seconds(later))
    state = ext("nostr.state")
    shown = await state.read_state(event["id"], shop.wallet)
    assert [shown["problem"], shown["deletions_pending"][0]["problem"]] == ["offline"] * 2
    shown = await state.republish(event["id"], shop.wallet, at)
    assert [shown["problem"], shown["deletions_pending"][0]["problem"]] == [None] * 2
    await sign(at + seconds(61))
    assert len(await deletions(event["id"])) == 1
    assert (await published(event["id"]))["kind"] == 31923


async def test_i8_a_signer_that_says_no_is_asked_once_for_a_kind_and_no_other_document(
    client: httpx.AsyncClient, seller: Person, relay: LmdbRelay
) -> None:
    timed = {"starts_at": "2035-05-31T20:00", "ends_at": "2035-05-31T22:00"}
    async with RemoteSigner(relay.url) as signer:
        await changed(client, seller, relays=[relay.url], key={"mode": "bunker", "uri": signer.uri})
        events = [await a_listed_event(client, seller) for _ in range(3)]
        events += [await a_listed_event(client, seller, **timed) for _ in range(3)]
        signer.denied = {"sign_event"}
        at = now()
        done = await sign(at)
        asked = [one["params"][0] for one in signer.requests if one["method"] == "sign_event"]
        assert sorted(json.loads(one)["kind"] for one in asked) == [31922, 31923]
        assert (done.signed, done.waiting) == (0, 6)
        for event in events:
            assert (await document(event["id"]))["problem"] == "denied"
        signer.denied = set()
        assert (await sign(at + seconds(5))).signed == 6


async def test_i8_a_signer_that_keeps_saying_no_is_asked_once_a_day_until_something_is_changed(
    client: httpx.AsyncClient, shop: Person, event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = ext("nostr.models").SignerFailed
    says, asked = ["offline"] * 12 + ["denied"] * 9, []

    async def fails() -> None:
        asked.append(1)
        if says:
            raise failed(says[0], "Not today.")

    before_signing(monkeypatch, fails)
    at, waits = now(), []
    while says:
        await sign(at)
        says.pop(0)
        due = ext("clock").from_ms((await document(event["id"]))["not_before"])
        waits.append((due - at).total_seconds())
        # It is let alone until then, also by whoever sells a ticket meanwhile.
        await sell(event["id"])
        await sign(due - seconds(1))
        at = due
    assert waits[10:] == [600, 600, 640, 1280, 2560, 5120, 10_240, 20_480, 40_960, 81_920, 86_400]
    assert len(asked) == len(waits)
    await sign(at - seconds(9))
    assert len(asked) == len(waits)
    await publishes(shop, profile_name="New name")
    await sign(at - seconds(8))
    assert sold(await published(event["id"])) == len(waits)


async def test_i8_what_waits_for_a_deletion_that_is_denied_is_not_looked_at_before_it(
    client: httpx.AsyncClient, shop: Person, event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = ext("nostr.models").SignerFailed

    async def fails() -> None:
        raise failed("denied", "Not today.")

    await settled(event)
    listing = await document(event["id"])
    request = f"{event['id']}:{listing['kind']}:{listing['pubkey']}"
    with monkeypatch.context() as patched:
        before_signing(patched, fails)
        await change(client, shop, event, nostr_publish=False)
        await sign(at := now() + seconds(10))
        await change(client, shop, event, nostr_publish=True)
        for _ in range(9):
            await sign(at)
            at = ext("clock").from_ms(
                (await document(f"listing:{request}", "deletion"))["not_before"]
            )
        found = await document(event["id"])
        assert (found["problem"], ext("clock").from_ms(found["not_before"])) == (
            "deletion_first",
            at,
        )
        pulse = ext("crud").pulse
        before = pulse.beats
        done = await sign(at - timedelta(minutes=11))
        assert (done.next_at, pulse.beats) == (at, before)
    await sign(at)
    await sign(at + seconds(5))
    assert (await published(event["id"]))["created_at"] > listing["created_at"]


async def test_i8_a_slow_signer_keeps_nobody_else_waiting(
    client: httpx.AsyncClient, event: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await a_listed_event(client, await a_shop())
    answers = asyncio.Event()
    wallet = (await document(event["id"]))["wallet"]
    before_signing(monkeypatch, answers.wait, wallet)
    modules = ext("nostr.signing"), ext("nostr.versions")
    async with modules[0].Signing(modules[1].Pace(patience_s=0.05)) as signing:
        at = now()
        done = await signing.sign_due(at)
        assert (done.signed, done.waiting) == (1, 1)
        await sell(other["id"], 3)
        done = await signing.sign_due(at + seconds(2))
        assert sold(await published(other["id"])) == 3
        assert done.next_at is None or done.next_at > at, "It would look again and again."
        answers.set()
        await signing.sign_due(at + seconds(3))
        assert sold(await published(event["id"])) == 0


async def test_i8_stopped_while_a_signer_is_asked_nothing_is_lost_and_nobody_is_left(
    event: Json, versions: list[Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    await sign(now())
    await sell(event["id"])
    asked = asyncio.Event()

    async def never() -> None:
        asked.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        before_signing(patched, never)
        before = asyncio.all_tasks()
        task = asyncio.ensure_future(sign(now() + seconds(5)))
        await asyncio.wait_for(asked.wait(), 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert asyncio.all_tasks() <= before
    assert len(versions) == 1
    await sign(now() + seconds(6))
    assert sold(versions[-1]) == 1 and times(versions) == sorted(set(times(versions)))
