"""I9: Nostr messages on their way: a few at once, each once, and what stands in their way."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from support.builders import Json, a_purchase, eventually
from support.host import ext
from support.mailbox import a_mail_server
from support.messaging import (
    a_free_event,
    drain,
    forget_all,
    message,
    messages,
    states,
    ticket_extra,
)
from support.people import Person
from support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="session")

RELAYS = ("wss://one.example", "wss://two.example")


@dataclass
class Relays:
    """In the place of the room that speaks with relays. `troubles`: by recipient, what wrapping
    for them raises, or by relay, what handing over to it does."""

    troubles: dict[str, Exception] = field(default_factory=dict)
    wrapped: list[str] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    delay_s: float = 0.0

    async def wrap(
        self, wallet: str, identifier: str, text: str, subject: str, hints: Sequence[str] = ()
    ) -> Any:
        if identifier in self.troubles:
            raise self.troubles[identifier]
        self.wrapped.append(identifier)
        wrap_id = f"{identifier}-{len(self.wrapped)}"
        return ext("outbox.delivery").Wrapped(f'"{wrap_id}"', wrap_id, RELAYS)

    async def deliver(self, wallet: str, wrap_json: str, relay: str) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.delay_s)
        self.at_once -= 1
        if relay in self.troubles:
            raise self.troubles[relay]
        self.taken.append((wrap_json, relay))


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_else_waits(client: httpx.AsyncClient) -> AsyncIterator[None]:
    await forget_all()
    yield
    await forget_all()


async def send(relays: Relays, **later: float) -> int:
    lane = ext("notifications.dm_lane").DmLane(relays)
    done = await lane.send_due(ext("clock").now() + timedelta(**later))
    return int(done.sent)


def name(number: int) -> str:
    return f"guest{number}@nostr.example"


async def bought_by(client: httpx.AsyncClient, organiser: Person, count: int) -> Json:
    event = await a_free_event(client, organiser)
    for number in range(count):
        await a_purchase(client, event["id"], email="", nostr_identifier=name(number))
    await drain()
    return event


async def test_i9_each_is_given_to_each_inbox_once_a_few_at_a_time(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, relays = await bought_by(client, organiser, 10), Relays(delay_s=0.01)
    assert await send(relays) == 10
    assert await send(relays) == 0
    assert sorted(relays.wrapped) == sorted(name(number) for number in range(10))
    assert len(relays.taken) == len(set(relays.taken)) == 20
    # Four messages with two inboxes each.
    assert 2 < relays.most_at_once <= 8
    assert await states(event["id"]) == ["sent"] * 10


async def test_a_ticket_says_that_it_went_out(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email="", nostr_identifier=name(1))
    await drain()
    await send(Relays())
    extra = await ticket_extra(purchase["ticket_ids"][0])
    assert extra["nostr_notification_sent"] is True
    assert extra["email_notification_sent"] is False


async def test_who_has_no_inbox_is_shown_and_keeps_nobody_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    nowhere = ext("outbox.delivery").Undeliverable("no_inbox", "They have named no inbox.")
    event, relays = await bought_by(client, organiser, 3), Relays({name(1): nowhere})
    assert await send(relays) == 2
    found = await message(event["id"], recipient=name(1))
    assert (found["state"], found["error_code"]) == ("undeliverable", "no_inbox")
    assert found["last_error"] == "They have named no inbox."
    assert await send(relays, days=1) == 0


async def test_i9_one_that_could_not_be_handed_over_is_tried_again_as_the_same_event(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    later = ext("outbox.delivery").TryLater("relays_unreachable", "No inbox answered.")
    event = await bought_by(client, organiser, 1)
    relays = Relays(dict.fromkeys(RELAYS, later))
    assert await send(relays) == 0
    waiting = await message(event["id"])
    assert (waiting["state"], waiting["attempts"]) == ("queued", 1)
    assert waiting["error_code"] == "relays_unreachable"
    assert await send(relays, seconds=20) == 0
    relays.troubles.clear()
    assert await send(relays, seconds=31) == 1
    assert len(relays.wrapped) == 1
    assert {wrap for wrap, _ in relays.taken} == {waiting["wrap"]}


async def test_i9_one_that_hangs_keeps_three_others_going(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await bought_by(client, organiser, 8)
    hangs, real = asyncio.Event(), Relays.deliver

    class Hanging(Relays):
        async def deliver(self, wallet: str, wrap_json: str, relay: str) -> None:
            if name(0) in wrap_json:
                await hangs.wait()
            await real(self, wallet, wrap_json, relay)

    sending = asyncio.ensure_future(send(Hanging()))

    async def seven() -> bool:
        return (await states(event["id"])).count("sent") == 7

    await eventually(seven)
    assert not sending.done()
    hangs.set()
    assert await sending == 8


async def test_i9_new_ones_do_not_wait_for_one_that_hangs(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    hangs, real = asyncio.Event(), Relays.deliver
    relays = Relays()

    async def deliver(wallet: str, wrap_json: str, relay: str) -> None:
        if name(0) in wrap_json:
            await hangs.wait()
        await real(relays, wallet, wrap_json, relay)

    relays.deliver = deliver  # type: ignore[method-assign]
    loop = asyncio.ensure_future(ext("notifications.worker").keep_messaging(relays))
    try:
        event = await bought_by(client, organiser, 1)
        await eventually(lambda: _wrapped(relays))
        for number in range(1, 4):
            await a_purchase(client, event["id"], email="", nostr_identifier=name(number))
            await drain()

            async def others(count: int = number) -> bool:
                return (await states(event["id"])).count("sent") == count

            await eventually(others)
    finally:
        loop.cancel()
        await asyncio.wait({loop})
    hanging = await message(event["id"], recipient=name(0))
    # The host stopped: it was no try, and the next process sends the same.
    assert (hanging["state"], hanging["attempts"]) == ("queued", 0)
    assert hanging["wrap"] is not None


async def _wrapped(relays: Relays) -> list[str]:
    return relays.wrapped


@pytest.mark.parametrize("code", ["relays_unreachable", "signer"])
async def test_a_wallet_without_relays_or_signer_lets_others_go_first(
    client: httpx.AsyncClient, organiser: Person, code: str
) -> None:
    later = ext("outbox.delivery").TryLater(code, "Not now.")
    event = await bought_by(client, organiser, 12)
    relays = Relays({name(number): later for number in range(12)})
    assert await send(relays) == 0
    tried = [one["attempts"] for one in await messages(event["id"])]
    assert sum(tried) <= ext("notifications.dm_lane").AT_ONCE
    assert await send(relays) == 0
    assert [one["attempts"] for one in await messages(event["id"])] == tried
    relays.troubles.clear()
    assert await send(relays, seconds=61) == 12


async def test_relays_that_one_buyer_named_keep_no_other_message_back(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    later = ext("outbox.delivery").TryLater("hints_unreachable", "Not now.")
    event = await bought_by(client, organiser, 12)
    relays = Relays({name(number): later for number in range(8)})
    assert await send(relays) == 4
    assert sum(one["attempts"] for one in await messages(event["id"])) >= 8
    assert (await states(event["id"])).count("queued") == 8


async def test_what_was_sent_keeps_no_copy_of_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, relays = await bought_by(client, organiser, 1), Relays()
    await send(relays)
    sent = await message(event["id"])
    assert (sent["state"], sent["wrap"], sent["relays"]) == ("sent", None, None)
    assert sent["wrap_id"] == f"{name(0)}-1"
    wrapped = ext("outbox.delivery").Wrapped("{}", "another", RELAYS)
    async with ext("crud").transaction() as tx:
        assert not await ext("notifications.crud_dms").keep_wrap(tx, sent["id"], wrapped)


async def test_the_lane_is_not_woken_by_mail(client: httpx.AsyncClient, organiser: Person) -> None:
    channel, queued = ext("notifications.models").Channel, ext("notifications.hints").queued
    async with a_mail_server():
        event = await a_free_event(client, organiser)
        await drain()
        before = {one: queued.of(one).beats for one in channel}
        await a_purchase(client, event["id"], email="ada@example.com")
        await drain()
        assert queued.of(channel.MAIL).beats > before[channel.MAIL]
        assert queued.of(channel.DM).beats == before[channel.DM]


async def test_the_list_is_not_read_anew_for_each(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await bought_by(client, organiser, 20)
    with statements() as seen:
        assert await send(Relays()) == 20
    assert await states(event["id"]) == ["sent"] * 20
    assert sum("NOT EXISTS" in one for one in seen) < 12


async def test_i9_of_two_workers_one_sends_each(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    await bought_by(client, organiser, 8)
    relays = Relays(delay_s=0.005)
    sent = await asyncio.gather(send(relays), send(relays))
    assert sum(sent) == 8
    assert len(relays.wrapped) == 8
