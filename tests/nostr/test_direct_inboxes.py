"""What inboxes do with a message, and what becomes of it then."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from nostr_sdk import Keys, Nip19Profile, RelayUrl

from support.builders import a_purchase, execute, row
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
)
from support.host import ext
from support.lanes import use_relays
from support.mailbox import a_mail_server
from support.messaging import a_free_event, drain, forget_all, message, send_mail
from support.name_server import Authority, NameServer
from support.people import Person, a_person
from support.relays import (
    Auth,
    Closing,
    Deaf,
    FakeRelay,
    Keeping,
    Late,
    LmdbRelay,
    NoUpgrade,
    Refusing,
    SilentRelay,
    publish,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("impatient")]


async def test_an_inbox_in_a_private_network_is_refused_unless_those_are_allowed(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    async with FakeRelay() as inside:
        await reads_on(bob, relay.url, inside.url)
        message = await a_message(organiser, npub(bob))
        wrapped = await messages().wrap(organiser.wallet, npub(bob), "Hello", "Hi")
        async with nostr_settings(relay.url, allow_private=False):
            for url in (
                inside.url,
                inside.url.replace("ws:", "wss:"),
                "wss://10.0.0.7",
                "wss://[::1]",
            ):
                with pytest.raises(ext("outbox.delivery").Undeliverable) as refused:
                    await messages().deliver(organiser.wallet, wrapped.json, url)
                assert refused.value.code == "inbox_not_allowed"
                assert "127" not in refused.value.message
            # The organiser's own relay is private, too: nobody can be asked.
            assert await send(message) == "TryLater relays_unreachable"
        assert (inside.opened, inside.received) == (0, [])


@pytest.mark.parametrize("asks_at_once", [True, False])
async def test_an_inbox_that_wants_to_know_who_sends_is_told_the_organisers_key(
    organiser: Person, relay: LmdbRelay, bob: Keys, asks_at_once: bool
) -> None:
    key = await organisers_key(organiser.wallet)
    async with Auth(asks_at_once=asks_at_once, allowed=key) as guarded, FakeRelay() as open_one:
        await reads_on(bob, relay.url, guarded.url, open_one.url)
        assert await send(await a_message(organiser, npub(bob))) == "sent"
        assert guarded.authenticated == [key]
        [wrap] = guarded.kept
        assert ids(open_one.received) == [wrap["id"]]
        assert (await opened(bob, wrap))["pubkey"] == key
    async with Auth(asks_at_once=asks_at_once, allowed=npub(bob)) as closed:
        carol = Keys.generate()
        await reads_on(carol, relay.url, closed.url)
        assert await send(await a_message(organiser, npub(carol))) == "Undeliverable inbox_refuses"


async def test_an_inbox_that_only_its_owner_may_read_takes_messages(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    async with LmdbRelay(auth_dm=True) as guarded:
        await reads_on(bob, relay.url, guarded.url)
        message = await a_message(organiser, npub(bob))
        assert await send(message) == "sent"
        # It says whether it has it to whoever sends it again.
        assert (
            await messages().deliver(organiser.wallet, (await again(message.id)).wrap, guarded.url)
            is None
        )


async def test_a_signer_that_cannot_be_had_is_waited_for(
    organiser: Person, relay: LmdbRelay, bob: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, models = ext("nostr.keys"), ext("nostr.models")
    async with Auth() as guarded:
        await reads_on(bob, relay.url, guarded.url)
        sent = await a_message(organiser, npub(bob))
        with monkeypatch.context() as offline:

            async def gone(key: Any) -> Any:
                raise models.SignerFailed("offline", "The signer does not answer.")

            offline.setattr(keys, "open_signer", gone)
            assert await send(sent) == "TryLater signer"
        wrapped = await messages().wrap(organiser.wallet, npub(bob), "Hello", "Hi")
        with monkeypatch.context() as offline:
            offline.setattr(keys, "open_signer", gone)
            with pytest.raises(ext("outbox.delivery").TryLater) as waits:
                await messages().deliver(organiser.wallet, wrapped.json, guarded.url)
            assert waits.value.code == "signer"
        assert (guarded.kept, guarded.authenticated) == ([], [])
        assert await send(await again(sent.id)) == "sent"


WORDS = {
    "": "TryLater inbox_busy",
    "error: could not connect to the database": "TryLater inbox_busy",
    "rate-limited: slow down": "TryLater inbox_busy",
    "what?": "TryLater inbox_busy",
    "duplicate: already have this event": "sent",
    "blocked: you are not on the list": "Undeliverable inbox_refuses",
    "restricted: members only": "Undeliverable inbox_refuses",
    "invalid: event is too large": "Undeliverable inbox_refuses",
    "invalid: created_at too early": "Undeliverable inbox_refuses",
    "pow: 20 bits needed": "Undeliverable inbox_refuses",
    "auth-required: nobody asked, though": "Undeliverable inbox_refuses",
}


async def test_an_inboxs_words_decide_whether_it_is_tried_again(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    async with Refusing("") as inbox:
        await reads_on(bob, relay.url, inbox.url)
        for words, outcome in WORDS.items():
            inbox.message = words
            sent = await a_message(organiser, npub(bob))
            assert await send(sent) == outcome, words
            assert (await again(sent.id)).acked == ((inbox.url,) if outcome == "sent" else ())


async def test_i9_an_inbox_that_is_down_is_tried_once_more_when_another_has_the_message(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    async with Keeping() as up, Late() as down, Refusing("blocked: no") as closed:
        await reads_on(bob, relay.url, up.url, down.url, closed.url)
        late, never = [await a_message(organiser, npub(bob)) for _ in range(2)]
        for sent in (late, never):
            assert await send(sent) == "TryLater inbox_unreachable"
            assert (await again(sent.id)).acked == (up.url,)
        assert await send(await again(never.id)) == "sent"
        await down.start()
        assert await send(await again(late.id)) == "sent"
        kept = await again(late.id)
        assert sorted(kept.acked) == sorted([up.url, down.url])
        assert ids(down.received) == [kept.wrap_id]
        assert await send(kept) == "sent"
        # Who has it is not sent it again.
        assert ids(up.received) == [kept.wrap_id, (await again(never.id)).wrap_id]
        await down.stop()


async def test_inboxes_that_hang_keep_nobody_waiting_for_long(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    async with SilentRelay() as silent, NoUpgrade() as mute, Deaf() as deaf, Closing() as closing:
        for hanging in ([silent.url, mute.url], [deaf.url, closing.url]):
            async with Keeping() as healthy:
                person = Keys.generate()
                await reads_on(person, relay.url, *hanging, healthy.url)
                sent = await a_message(organiser, npub(person))
                sending = asyncio.ensure_future(send(sent))
                await healthy.got(1, 5)
                assert not sending.done()
                began = time.monotonic()
                assert await sending == "TryLater inbox_unreachable"
                assert time.monotonic() - began < 4
                assert (await again(sent.id)).acked == (healthy.url,)
        await reads_on(bob, relay.url, silent.url, mute.url, deaf.url)
        began = time.monotonic()
        assert await send(await a_message(organiser, npub(bob))) == "TryLater inbox_unreachable"
        assert time.monotonic() - began < 4


async def test_i9_it_goes_on_while_one_inbox_may_still_take_it(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    async with Refusing("blocked: no") as closed, Refusing("error: later") as busy:
        await reads_on(bob, relay.url, closed.url, busy.url)
        sent = await a_message(organiser, npub(bob))
        for _ in range(3):
            assert await send(await again(sent.id)) == "TryLater inbox_busy"
        busy.message = "restricted: never"
        assert await send(await again(sent.id)) == "Undeliverable inbox_refuses"
        assert len(set(ids([*closed.received, *busy.received]))) == 1


async def test_acks_that_come_at_once_are_all_kept(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    """Also when two workers send the same."""
    async with FakeRelay() as one, FakeRelay() as two, FakeRelay() as three:
        urls = [one.url, two.url, three.url]
        await reads_on(bob, relay.url, *urls)
        sent = await a_message(organiser, npub(bob))
        assert list(await asyncio.gather(send(sent), send(sent))) == ["sent", "sent"]
        assert sorted((await again(sent.id)).acked) == sorted(urls)


async def test_a_message_that_was_deleted_meanwhile_is_not_sent(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    async with FakeRelay() as inbox:
        await reads_on(bob, relay.url, inbox.url)
        sent = await a_message(organiser, npub(bob))
        await execute("DELETE FROM events.messages WHERE id = :id", id=sent.id)
        assert await send(sent) == "Undeliverable gone"
        assert inbox.received == []


async def test_one_that_no_inbox_has_may_be_wrapped_anew_and_no_other(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    crud, dms = ext("crud"), ext("notifications.crud_dms")
    async with Refusing("blocked: no") as inbox:
        await reads_on(bob, relay.url, inbox.url)
        sent = await a_message(organiser, npub(bob))
        await send(sent)
        first = await again(sent.id)
        async with crud.transaction() as tx:
            assert await dms.forget_wrap(tx, sent.id) is True
        assert (await again(sent.id)).wrap is None
        inbox.accepted = True
        assert await send(await again(sent.id)) == "sent"
        async with crud.transaction() as tx:
            assert await dms.forget_wrap(tx, sent.id) is False
        assert (await again(sent.id)).wrap_id not in (None, first.wrap_id)


async def test_i9_a_buyers_name_leads_to_their_inbox_and_a_wrong_one_harms_nothing(
    client: httpx.AsyncClient,
    organiser: Person,
    relay: LmdbRelay,
    bob: Keys,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the purchase on: mail, ticket and message, each for itself."""
    await forget_all()
    authority = Authority(tmp_path)
    async with (
        a_mail_server() as box,
        LmdbRelay() as home,
        LmdbRelay() as inbox,
        NameServer(authority.context("127.0.0.1")) as names,
        AsyncExitStack() as stack,
    ):
        # After the mail server, which has an authority of its own.
        authority.trusted_by(stack.enter_context(monkeypatch.context()))
        names.knows("bob", bob.public_key().to_hex(), ["junk", home.url])
        names.says("eve", b"<h1>Nobody</h1>")
        await reads_on(bob, home.url, inbox.url)
        event = await a_free_event(client, organiser)
        for name, state in (("bob", "sent"), ("eve", "undeliverable")):
            buyer = f"{name}@127.0.0.1:{names.port}"
            mail = f"{name}@example.com"
            purchase = await a_purchase(
                client, event["id"], email=mail, nostr_identifier=buyer, quantity=2
            )
            await drain()
            lane = ext("notifications.dm_lane").DmLane(messages())
            await lane.send_due(ext("clock").now())
            await send_mail()
            told = await message(event["id"], channel="dm", recipient=buyer)
            assert (told["state"], told["error_code"]) == (
                state,
                None if state == "sent" else "name_unknown",
            )
            assert (await message(event["id"], channel="mail", recipient=mail))["state"] == "sent"
            assert len(box.sent_to(mail)) == 1
            for ticket_id in purchase["ticket_ids"]:
                ticket = await row("SELECT * FROM events.ticket WHERE id = :id", id=ticket_id)
                assert ticket["status"] == "active"
        [wrap] = await wraps(inbox, bob)
        read = await opened(bob, wrap)
        assert ext("settings").base_url() in read["content"]
        assert read["pubkey"] == await organisers_key(organiser.wallet)
    await forget_all()


async def test_i9_a_relay_that_is_silent_may_be_the_one_that_knows_the_inbox(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    """Of those that are asked first, and of those where this person says to write."""
    async with FakeRelay() as inbox, Late() as down, nostr_settings(relay.url, down.url):
        sent = await a_message(organiser, npub(bob))
        assert await send(sent) == "TryLater relays_unreachable"
        await down.start()
        assert await send(await again(sent.id)) == "Undeliverable no_inbox"
        down.inject(inboxes(bob, inbox.url))
        assert await send(await again(sent.id)) == "sent"
        await down.stop()
    async with FakeRelay() as inbox, Late() as home, nostr_settings(relay.url):
        carol = Keys.generate()
        accepted, words = await publish(
            relay.url, a_list(carol, KIND_RELAY_LIST, [["r", home.url]])
        )
        assert accepted, words
        sent = await a_message(organiser, npub(carol))
        assert await send(sent) == "TryLater hints_unreachable"
        await home.start()
        assert await send(await again(sent.id)) == "Undeliverable no_inbox"
        home.inject(inboxes(carol, inbox.url))
        assert await send(await again(sent.id)) == "sent"
        await home.stop()


async def test_whose_relay_is_silent_tells_whether_it_is_of_one_buyer_or_of_all(
    organiser: Person, relay: LmdbRelay, bob: Keys
) -> None:
    """The organiser's other messages wait for relays of their own alone."""
    gone, seller = Late().url, await a_person()
    await use_relays(seller, [gone])
    told = Nip19Profile(bob.public_key(), [RelayUrl.parse(gone)]).to_bech32()
    assert await send(await a_message(organiser, told)) == "TryLater hints_unreachable"
    assert await send(await a_message(seller, told)) == "TryLater relays_unreachable"
    async with SilentRelay() as silent:
        hint = Nip19Profile(bob.public_key(), [RelayUrl.parse(silent.url)]).to_bech32()
        assert await send(await a_message(organiser, hint)) == "TryLater hints_unreachable"
        assert silent.requests
    async with nostr_settings(relay.url, gone):
        assert await send(await a_message(organiser, told)) == "TryLater relays_unreachable"
