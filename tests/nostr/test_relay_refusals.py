"""I8: what a relay's refusal means: tried again, parked until something changes, or done; and
the organiser sees which."""

import httpx
import pytest
from websockets.asyncio.server import ServerConnection

from support.builders import Json, execute
from support.host import ext
from support.lanes import Time, a_publisher, key_of, some_lanes
from support.relays import Auth, Keeping, Refusing, SilentRelay

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("loopback")]


@pytest.mark.parametrize(
    ("message", "accepted", "meant"),
    [
        ("", True, None),
        ("thanks", True, None),
        ("pow: difficulty 26 is less than 30", True, None),
        ("duplicate: already have this event", True, "superseded"),
        ("duplicate: already have this event", False, "superseded"),
        ("replaced: have newer event", False, "superseded"),
        ("rate-limited: slow down", False, "retry"),
        ("error: could not connect to the database", False, "retry"),
        ("", False, "retry"),
        ("who knows", False, "retry"),
        ("shutting-down: bye", False, "retry"),
        ("auth-required: who are you?", False, "auth"),
        ("AUTH-REQUIRED : who are you?", False, "auth"),
        ("pow: difficulty 26 is less than 30", False, "parked"),
        ("blocked: not on the white list", False, "parked"),
        ("restricted: members only", False, "parked"),
        ("mute: no", False, "parked"),
        ("invalid: title is missing", False, "parked"),
        ("deleted: user requested deletion", False, "parked"),
        ("invalid: created_at too late", False, "clock"),
        ("invalid: The event created_at field is out of the acceptable range", False, "clock"),
        ("event is too far in the future", False, "clock"),
        ("error: timestamp is in the future", False, "clock"),
    ],
)
async def test_i8_listing_a_relays_words_have_one_meaning(
    message: str, accepted: bool, meant: str | None
) -> None:
    answer = ext("nostr.models").Answer(accepted, message)
    found = ext("nostr.refusals").classify(answer)
    assert (found.value if found else None) == meant


async def test_a_relays_words_are_shown_short_and_clean() -> None:
    showable = ext("nostr.refusals").showable
    assert showable("blocked:\x00 no\x1b[31m\n\u202eway \ud800") == "blocked:  no [31m way"
    assert len(showable("x" * 10_000)) == 200


FINAL = ["pow: 30 bits", "blocked: no", "restricted: no", "invalid: d is missing", "deleted: no"]


@pytest.mark.parametrize("message", FINAL)
async def test_i8_listing_what_a_relay_refuses_for_good_waits_for_the_next_version(
    client: httpx.AsyncClient, message: str
) -> None:
    async with Refusing(message) as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        for _ in range(3):
            await lanes.pass_over_due()
            time.pass_by(3600)
        assert len(relay.received) == 1
        shown = await publisher.state(relay.url)
        assert shown["state"] == "refused"
        assert shown["refusal"] == "parked"
        assert shown["last_error"] == message
        assert (shown["attempts"], shown["next_try_at"]) == (1, None)
        newer = await publisher.change()
        await lanes.pass_over_due()
        assert [event["id"] for event in relay.received[1:]] == [newer["id"]]
        assert (await publisher.state(relay.url))["state"] == "refused"


async def test_i8_listing_a_version_that_comes_during_a_final_refusal_is_sent(
    client: httpx.AsyncClient,
) -> None:
    """What is refused is the version before it."""

    class Slow(Refusing):
        """A fake: while it looks at its first event there is a newer version."""

        async def on_event(self, wire: ServerConnection, event: Json) -> None:
            if len(self.received) == 1:
                versions.append(await publisher.change())
                await some_lanes()._spread()
            await super().on_event(wire, event)

    async with Slow("invalid: no") as relay:
        publisher = await a_publisher(client, [relay.url])
        versions = [await publisher.sign()]
        time = Time()
        lanes = some_lanes(time, timeout_s=10.0)
        for _ in range(3):
            await lanes.pass_over_due()
            time.pass_by(3600)
        assert relay.received == versions
        assert len(versions) == 2
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["attempts"]) == ("refused", 2)


AGAIN = [
    ("rate-limited: slow down", "retry"),
    ("error: try again", "retry"),
    ("oops", "retry"),
    ("invalid: created_at is too late", "clock"),
]


@pytest.mark.parametrize(("message", "meant"), AGAIN)
async def test_i8_listing_other_refusals_are_tried_again_ever_more_slowly(
    client: httpx.AsyncClient, message: str, meant: str
) -> None:
    async with Refusing(message) as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        for _ in range(120):
            await lanes.pass_over_due()
            time.pass_by(5)
        # Waits of 2, 4, 8, … seconds, at least half of each: in ten minutes these are few.
        assert 5 <= len(relay.received) <= 11
        assert {event["id"] for event in relay.received} == {version["id"]}
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["refusal"]) == ("failing", meant)
        assert (shown["last_error"], shown["attempts"]) == (message, len(relay.received))
        assert shown["next_try_at"] is not None
        relay.message, relay.accepted = "", True
        time.pass_by(600)
        await lanes.pass_over_due()
        lane = await publisher.lane(relay.url)
        assert lane["last_error"] in (None, "The relay said yes, but does not have it.")


async def test_i8_listing_a_new_version_does_not_hurry_a_relay_that_asks_for_a_pause(
    client: httpx.AsyncClient,
) -> None:
    async with Refusing("rate-limited: slow down") as relay:
        publisher = await a_publisher(client, [relay.url])
        other = await a_publisher(client, [relay.url])
        time = Time()
        lanes = some_lanes(time)
        for _ in range(10):
            await publisher.change()
            await other.change()
            await lanes.pass_over_due()
        assert len(relay.received) == 1


async def test_i8_listing_a_wrong_clock_is_an_alarm(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    from loguru import logger

    heard: list[str] = []
    sink = logger.add(heard.append, level="WARNING")
    try:
        async with Refusing("invalid: created_at too far in the future") as relay:
            publisher = await a_publisher(client, [relay.url])
            await publisher.sign()
            await some_lanes().pass_over_due()
            assert (await publisher.state(relay.url))["refusal"] == "clock"
    finally:
        logger.remove(sink)
    assert any("clock" in line and relay.url in line for line in heard)


@pytest.mark.parametrize("asks_at_once", [True, False])
async def test_i8_listing_a_relay_that_asks_who_sends_is_told(
    client: httpx.AsyncClient, asks_at_once: bool
) -> None:
    async with Auth(asks_at_once=asks_at_once) as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        lanes = some_lanes()
        await lanes.pass_over_due()
        assert relay.kept == [version]
        assert set(relay.authenticated) == {version["pubkey"]}
        assert (await publisher.state(relay.url))["state"] == "acknowledged"


async def test_i8_listing_nobody_is_told_who_sends_unasked(client: httpx.AsyncClient) -> None:
    class Curious(Auth):
        """A fake: asks, but takes everything."""

        on_event = Keeping.on_event
        on_request = Keeping.on_request

    async with Curious() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        await some_lanes().pass_over_due()
        assert relay.kept == [version]
        assert relay.authenticated == []


async def test_i8_listing_a_relay_that_knows_us_and_does_not_want_us_is_not_asked_again(
    client: httpx.AsyncClient,
) -> None:
    async with Auth(allowed="0" * 64) as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        for _ in range(5):
            await lanes.pass_over_due()
            time.pass_by(3600)
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["refusal"], shown["attempts"]) == ("refused", "auth", 1)
        assert len(relay.received) <= 3


async def test_i8_listing_several_organisers_each_authenticate_at_one_relay(
    client: httpx.AsyncClient,
) -> None:
    async with Auth() as relay:
        publishers = [await a_publisher(client, [relay.url]) for _ in range(3)]
        versions = [await publisher.sign() for publisher in publishers]
        await some_lanes().pass_over_due()
        assert {event["id"] for event in relay.kept} == {version["id"] for version in versions}
        keys = [await key_of(publisher.who) for publisher in publishers]
        assert set(relay.authenticated) == {key.public_key().to_hex() for key in keys}


async def test_i8_listing_a_signer_that_cannot_authenticate_is_tried_again(
    client: httpx.AsyncClient,
) -> None:
    async with Auth() as relay:
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        kept = "UPDATE events.nostr_keys SET secret = :secret WHERE wallet = :wallet"
        secret = (await _secret(publisher.who.wallet))["secret"]
        await execute(kept, secret="unreadable", wallet=publisher.who.wallet)
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["refusal"]) == ("failing", "auth")
        await execute(kept, secret=secret, wallet=publisher.who.wallet)
        time.pass_by(60)
        await lanes.pass_over_due()
        assert relay.kept == [version]


async def _secret(wallet: str) -> dict[str, str]:
    from support.builders import row

    return dict(await row("SELECT secret FROM events.nostr_keys WHERE wallet = :id", id=wallet))


async def test_i8_listing_an_event_that_was_not_answered_may_be_there_and_is_sent_again(
    client: httpx.AsyncClient,
) -> None:
    """No answer is no answer: the same event again, and "duplicate" is a yes."""
    async with Keeping() as relay:
        relay.swallow_oks = True
        publisher = await a_publisher(client, [relay.url])
        version = await publisher.sign()
        time = Time()
        lanes = some_lanes(time)
        await lanes.pass_over_due()
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["attempts"]) == ("failing", 1)
        relay.swallow_oks = False
        time.pass_by(5)
        await lanes.pass_over_due()
        assert relay.received == [version, version]
        assert (await publisher.state(relay.url))["state"] == "acknowledged"


async def test_i8_listing_a_silent_relay_is_asked_ever_more_rarely(
    client: httpx.AsyncClient,
) -> None:
    async with SilentRelay() as relay:
        publisher = await a_publisher(client, [relay.url])
        await publisher.sign()
        time = Time()
        lanes = some_lanes(time, timeout_s=0.05)
        for _ in range(120):
            await lanes.pass_over_due()
            time.pass_by(5)
        assert 5 <= len(relay.received) <= 11
        shown = await publisher.state(relay.url)
        assert (shown["state"], shown["refusal"]) == ("failing", "retry")
        # Each try fails for the relay and for what was to be sent, and is one all the same.
        assert shown["attempts"] == len(relay.received)
        assert shown["last_error"]
        assert "127.0.0.1" not in shown["last_error"]
