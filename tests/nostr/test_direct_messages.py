"""I9 over Nostr: a message arrives wrapped (NIP-17), once, wherever its recipient reads."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest
from nostr_sdk import Keys, Nip19Profile, RelayUrl

from support import direct
from support.direct import (
    KIND_RELAY_LIST,
    a_list,
    a_message,
    again,
    ids,
    inboxes,
    messages,
    nostr_settings,
    npub,
    opened,
    organisers_key,
    reads_on,
    send,
    wraps,
    written,
)
from support.host import ext
from support.lanes import use_relays
from support.people import Person, a_person
from support.relays import (
    FakeRelay,
    Keeping,
    Late,
    Liar,
    LmdbRelay,
    SilentRelay,
    publish,
)
from support.stepping import Stepped

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("impatient")]


async def test_a_message_arrives_from_the_organiser_where_its_recipient_reads(
    organiser: Person, relay: LmdbRelay, inbox: LmdbRelay, bob: Keys
) -> None:
    await reads_on(bob, relay.url, inbox.url)
    message = await a_message(organiser, npub(bob))
    text = 'Dein Ticket „für“ 🎫:\nhttps://example.com/t?a=1&b="2"'
    assert await send(message, letter=written(text, "Konzert: dein Ticket")) == "sent"
    [wrap] = await wraps(inbox, bob)
    assert await wraps(relay, bob) == []
    read = await opened(bob, wrap)
    assert (read["kind"], read["content"]) == (14, text)
    assert read["pubkey"] == await organisers_key(organiser.wallet) != wrap["pubkey"]
    assert ["subject", "Konzert: dein Ticket"] in read["tags"]
    assert ["p", bob.public_key().to_hex()] in [tag[:2] for tag in read["tags"]]
    # Only the letter itself tells when it was written.
    assert wrap["created_at"] <= time.time()
    assert abs(read["created_at"] - time.time()) < 60
    kept = await again(message.id)
    assert (kept.wrap_id, kept.relays, kept.acked) == (wrap["id"], (inbox.url,), (inbox.url,))
    assert json.loads(kept.wrap) == wrap


async def test_an_nprofile_tells_where_its_owners_lists_are(
    organiser: Person, relay: LmdbRelay, inbox: LmdbRelay, bob: Keys
) -> None:
    async with LmdbRelay() as elsewhere:
        await reads_on(bob, elsewhere.url, inbox.url)
        assert await send(await a_message(organiser, npub(bob))) == "Undeliverable no_inbox"
        told = [RelayUrl.parse(elsewhere.url)]
        profile = Nip19Profile(bob.public_key(), told).to_bech32()
        assert await send(await a_message(organiser, profile)) == "sent"
    assert len(await wraps(inbox, bob)) == 1


async def test_a_list_is_also_found_where_its_owner_says_to_write(
    organiser: Person, relay: LmdbRelay, inbox: LmdbRelay, bob: Keys
) -> None:
    async with LmdbRelay() as home, Keeping() as read_only:
        tags = [["r", read_only.url, "read"], ["r", home.url, "write"], ["r"], ["x", "y"]]
        await publish(relay.url, a_list(bob, KIND_RELAY_LIST, tags))
        await reads_on(bob, home.url, inbox.url)
        assert await send(await a_message(organiser, npub(bob))) == "sent"
        assert read_only.opened == 0
    assert len(await wraps(inbox, bob)) == 1


async def test_whatever_an_organiser_and_a_buyer_name_two_of_the_instances_relays_are_asked(
    relay: LmdbRelay, inbox: LmdbRelay, bob: Keys
) -> None:
    organiser = await a_person()
    async with AsyncExitStack() as stack:
        own = [await stack.enter_async_context(Keeping()) for _ in range(5)]
        told = [await stack.enter_async_context(Keeping()) for _ in range(3)]
        others = [await stack.enter_async_context(Keeping()) for _ in range(2)]
        await use_relays(organiser, [one.url for one in own])
        hints = [RelayUrl.parse(one.url) for one in told]
        profile = Nip19Profile(bob.public_key(), hints).to_bech32()
        async with nostr_settings(others[0].url, relay.url, others[1].url):
            sent = await a_message(organiser, profile)
            assert await send(sent) == "Undeliverable no_inbox"
            asked = [[one.opened for one in group] for group in (told, own, others)]
            assert asked == [[1, 1, 0], [1, 1, 1, 0, 0], [1, 0]]
            await reads_on(bob, relay.url, inbox.url)
            assert await send(sent) == "sent"
    assert len(await wraps(inbox, bob)) == 1


@pytest.mark.parametrize(
    "tags",
    [
        None,
        [],
        [["relay"], ["relay", ""], ["r", "wss://a.example"], ["relay", "http://a.example"]],
        [["relay", "not a url"], ["relay", "wss://user:pw@a.example"], ["relay", "wss://a b"]],
    ],
)
async def test_without_an_inbox_it_is_undeliverable_and_nothing_is_sent(
    organiser: Person, relay: LmdbRelay, bob: Keys, tags: list[list[str]] | None
) -> None:
    if tags is not None:
        await publish(relay.url, a_list(bob, direct.KIND_INBOXES, tags))
    message = await a_message(organiser, npub(bob))
    assert await send(message) == "Undeliverable no_inbox"
    assert (await again(message.id)).wrap is None
    assert await wraps(relay, bob) == []


async def test_the_newest_list_of_its_own_owner_counts(
    organiser: Person, relay: LmdbRelay, inbox: LmdbRelay, bob: Keys
) -> None:
    now, eve = int(time.time()), Keys.generate()
    stranger = inboxes(eve, relay.url, created_at=now + 9)
    forged = json.dumps(json.loads(stranger) | {"pubkey": bob.public_key().to_hex()})
    await publish(relay.url, inboxes(bob, relay.url, created_at=now - 5))
    async with Keeping() as newer, Liar([stranger, forged, "{}"], ["junk", b"\0"]) as liar:
        newer.inject(inboxes(bob, inbox.url, created_at=now - 1))
        told = [RelayUrl.parse(one.url) for one in (liar, newer)]
        profile = Nip19Profile(bob.public_key(), told).to_bech32()
        assert await send(await a_message(organiser, profile)) == "sent"
    assert (len(await wraps(inbox, bob)), await wraps(relay, bob)) == (1, [])


async def test_a_huge_list_sends_us_to_three_relays_at_most(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    async with AsyncExitStack() as stack:
        some = [await stack.enter_async_context(FakeRelay()) for _ in range(5)]
        long = [f"ws://127.0.0.1/{'x' * 300}{n}" for n in range(20)]
        urls = [*long, *(one.url for one in some), *(f"wss://r{n}.example" for n in range(1000))]
        await reads_on(bob, relay.url, *urls)
        message = await a_message(organiser, npub(bob))
        assert await send(message) == "sent"
        assert [one.opened for one in some] == [1, 1, 1, 0, 0]
    assert len((await again(message.id)).relays) == 3


async def test_while_no_relay_can_be_asked_it_waits(organiser: Person, bob: Keys) -> None:
    async with SilentRelay() as silent:
        for url in (silent.url, Late().url):
            async with nostr_settings(url):
                began = time.monotonic()
                message = await a_message(organiser, npub(bob))
                assert await send(message) == "TryLater relays_unreachable"
                assert time.monotonic() - began < 3
                assert (await again(message.id)).wrap is None


async def test_silent_relays_keep_nobody_waiting_who_is_known_elsewhere(
    organiser: Person,
    relay: LmdbRelay,
    inbox: LmdbRelay,
    bob: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ext("nostr.inboxes"), "_GRACE_S", 0.05)
    direct.take_silence_for_one_after(30.0, monkeypatch)
    await reads_on(bob, relay.url, inbox.url)
    async with SilentRelay() as silent:
        profile = Nip19Profile(bob.public_key(), [RelayUrl.parse(silent.url)]).to_bech32()
        began = time.monotonic()
        assert await send(await a_message(organiser, profile)) == "sent"
        assert silent.requests != []
        assert time.monotonic() - began < 5


async def test_what_cannot_be_sent_says_why(organiser: Person, relay: LmdbRelay, bob: Keys) -> None:
    await reads_on(bob, relay.url, relay.url)
    assert await send(await a_message(organiser, "npub1nobody")) == "Undeliverable bad_key"
    long = written("ü" * 13_750)
    assert (
        await send(await a_message(organiser, npub(bob)), letter=long) == "Undeliverable too_long"
    )
    async with nostr_settings():
        nobody = await a_person()
        assert await send(await a_message(nobody, npub(bob))) == "Undeliverable no_key"


async def test_the_longest_message_is_one_that_relays_take(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    await reads_on(bob, relay.url, relay.url)
    text = "\n" * 13_700
    assert await send(await a_message(organiser, npub(bob)), letter=written(text)) == "sent"
    [wrap] = await wraps(relay, bob)
    assert len(json.dumps(wrap)) < 65_536
    assert (await opened(bob, wrap))["content"] == text


async def test_i9_once_a_second_try_sends_the_same_wrap(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    """The relay kept it, and its OK got lost."""
    async with Keeping() as lossy:
        lossy.swallow_oks = True
        await reads_on(bob, relay.url, lossy.url)
        message = await a_message(organiser, npub(bob))
        assert await send(message) == "TryLater inbox_unreachable"
        first = await again(message.id)
        assert (first.wrap_id, first.acked) == (lossy.kept[0]["id"], ())
        # What the buyer is told by then is what was wrapped.
        assert await send(first, letter=written("another text")) == "TryLater inbox_unreachable"
        lossy.swallow_oks = False
        assert await send(await again(message.id)) == "sent"
        assert len(lossy.received) == 3
        assert set(ids(lossy.received)) == set(ids(lossy.kept)) == {first.wrap_id}
    assert (await again(message.id)).acked == (lossy.url,)


async def test_i9_once_however_often_it_is_cut_off(
    organiser: Person, relay: LmdbRelay, inbox: LmdbRelay, bob: Keys
) -> None:
    """Cancelled at each await in turn, and begun again from the row."""
    await reads_on(bob, relay.url, inbox.url)
    message, cut = await a_message(organiser, npub(bob)), 0
    while True:
        port, tried = messages(), await again(message.id)
        stepped: Stepped[None] = Stepped(
            ext("notifications.dms").send_dm(tried, written(), port), cancel_at=cut + 1
        )
        task = asyncio.ensure_future(_awaited(stepped))
        [ended] = await asyncio.gather(task, return_exceptions=True)
        if not isinstance(ended, asyncio.CancelledError):
            assert ended is None
            break
        # The same await of the rest, once there is a wrap; the next one until then.
        cut = cut + 1 if (await again(message.id)).wrap_id == tried.wrap_id else 0
    assert ids(await wraps(inbox, bob)) == [(await again(message.id)).wrap_id]


async def _awaited(stepped: Stepped[None]) -> None:
    await stepped


class Slow:
    """The port, which is not done with wrapping before `goes_on` is set."""

    def __init__(self) -> None:
        self.wrapped, self.goes_on = asyncio.Event(), asyncio.Event()
        self.deliver = messages().deliver

    async def wrap(self, *about: Any, **more: Any) -> Any:
        made = await messages().wrap(*about, **more)
        self.wrapped.set()
        await self.goes_on.wait()
        return made


async def _two_workers(organiser: Person, inbox: LmdbRelay, bob: Keys) -> list[str]:
    """Both find no wrap, and one is done before the other keeps its own. Returns what arrived."""
    message, slow = await a_message(organiser, npub(bob)), Slow()
    late = asyncio.ensure_future(send(message, slow))
    await slow.wrapped.wait()
    assert await send(message) == "sent"
    slow.goes_on.set()
    assert await late == "sent"
    return ids(await wraps(inbox, bob))


async def test_i9_once_with_two_workers(
    organiser: Person, relay: LmdbRelay, inbox: LmdbRelay, bob: Keys
) -> None:
    await reads_on(bob, relay.url, inbox.url)
    assert len(await _two_workers(organiser, inbox, bob)) == 1


async def test_i9_control_two_workers_send_twice_when_each_keeps_its_own_wrap(
    organiser: Person,
    relay: LmdbRelay,
    inbox: LmdbRelay,
    bob: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crud_dms = ext("notifications.crud_dms")
    keep = crud_dms.keep_wrap

    async def overwrite(tx: Any, message_id: str, wrapped: Any) -> bool:
        forget = "UPDATE events.messages SET wrap = NULL, wrap_id = NULL WHERE id = :id"
        await tx.execute(forget, {"id": message_id})
        return bool(await keep(tx, message_id, wrapped))

    monkeypatch.setattr(crud_dms, "keep_wrap", overwrite)
    await reads_on(bob, relay.url, inbox.url)
    assert len(await _two_workers(organiser, inbox, bob)) == 2
