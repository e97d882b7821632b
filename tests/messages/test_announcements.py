"""The organiser's own words: to whom, how often, and once to each address."""

import asyncio
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from support.builders import API, Json, a_purchase
from support.host import ext, on_postgres
from support.mailbox import Mailbox
from support.messaging import (
    ADA,
    BOB,
    a_free_event,
    a_party_of_three,
    drain,
    messages,
    send_mail,
    told,
)
from support.other_processes import another_process, open_the_lock
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.trail import together

pytestmark = pytest.mark.asyncio(loop_scope="session")


# SQLite has one file, and one process at a time that writes to it.
@pytest.fixture
def each_its_own_process(app: object, monkeypatch: pytest.MonkeyPatch) -> None:
    if on_postgres():
        open_the_lock(monkeypatch)


WORDS = {"subject": "Bring a coat", "text": "The hall is **cold**."}


def url_of(event: Json) -> str:
    return f"{API}/events/{event['id']}/messages"


async def announce(
    client: httpx.AsyncClient, organiser: Person, event: Json, **changes: object
) -> httpx.Response:
    return await client.post(url_of(event), json={**WORDS, **changes}, headers=organiser.admin)


async def reached(
    client: httpx.AsyncClient, organiser: Person, event: Json, **changes: object
) -> int:
    answer = await announce(client, organiser, event, **changes)
    assert answer.status_code == 200, answer.text
    count: int = answer.json()["recipients"]
    return count


async def test_i9_all_holders_are_written_to_each_address_once(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    """Also where the event itself sends nothing: the organiser does."""
    event = await a_free_event(client, organiser, send_messages=False)
    await a_party_of_three(client, event)
    await a_purchase(client, event["id"], email=ADA)
    gone = await a_purchase(client, event["id"], email="gone@example.com")
    path = f"{API}/orders/{gone['order_id']}/cancel"
    assert (await client.post(path, json={"percent": 0}, headers=organiser.admin)).is_success
    await drain()
    assert (await send_mail()).sent == 1, "that it was cancelled"
    box.messages.clear()
    preview = await client.get(f"{url_of(event)}/preview", headers=organiser.admin)
    assert preview.json() == {"recipients": 4, "mail_configured": True}
    assert await reached(client, organiser, event) == 4
    await drain()
    await drain()
    assert await told(event["id"], "announcement") == [
        ("announcement", "dm", "ada@nostr.example"),
        ("announcement", "dm", "eve@nostr.example"),
        ("announcement", "mail", ADA),
        ("announcement", "mail", BOB),
    ]
    assert (await send_mail()).sent == 2
    for caught in box.messages:
        assert caught.mail["Subject"] == WORDS["subject"]
        assert "<strong>cold</strong>" in caught.part("text/html")
    # The text is kept once, however many it goes to.
    assert [one for one in await messages(event["id"]) if "cold" in str(one["payload"])] == []


@pytest.mark.parametrize("page", [1, 50])
async def test_i9_an_address_in_other_capitals_is_the_same(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    page: int,
) -> None:
    """Whether its orders are looked at together or one after the other."""
    monkeypatch.setattr(ext("notifications.facts"), "_PAGE", page)
    event = await a_free_event(client, organiser, send_messages=False)
    for spelt in (ADA, "Ada@example.com", "jürgen@example.com", "JÜRGEN@example.com"):
        name = spelt.replace("ü", "u").replace("Ü", "U").replace("example.com", "nostr.example")
        await a_purchase(client, event["id"], email=spelt, nostr_identifier=name)
    assert await reached(client, organiser, event) == 4
    for _ in range(5):
        await drain()
    written = await messages(event["id"])
    assert len(written) == 4, [one["recipient"] for one in written]
    assert len({one["recipient"].casefold() for one in written}) == 4
    assert len({one["cause"] for one in written}) == 1
    assert (await send_mail()).sent == 2
    # As somebody typed it: what is before the @ is the other server's to read.
    assert {address for caught in box.messages for address in caught.recipients} == {
        one["recipient"] for one in written if one["channel"] == "mail"
    }
    # Words that follow are another matter.
    assert await reached(client, organiser, event, subject="And a hat") == 4
    await drain()
    assert len(await messages(event["id"])) == 8


async def test_holders_of_chosen_ticket_types_are_written_to(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    packages = f"{API}/events/{event['id']}/packages"
    body = {"name": "Balcony", "price": 0, "currency": "sat"}
    made = await client.post(packages, json=body, headers=organiser.admin)
    assert made.is_success, made.text
    balcony, stalls = made.json()["id"], event["packages"][0]["id"]
    await a_purchase(client, event["id"], email=ADA)
    await a_purchase(client, event["id"], email=BOB, package_id=balcony)
    for chosen, count in ([balcony], 1), ([balcony, stalls], 2):
        query = "&".join(f"package_ids={one}" for one in chosen)
        preview = await client.get(f"{url_of(event)}/preview?{query}", headers=organiser.admin)
        assert preview.json()["recipients"] == count
    assert await reached(client, organiser, event, package_ids=[balcony]) == 1
    await drain()
    assert await told(event["id"], "announcement") == [("announcement", "mail", BOB)]
    other = await a_free_event(client, organiser)
    async with nothing_written():
        for wrong in ([], ["none"], [balcony, other["packages"][0]["id"]]):
            assert_refused(await announce(client, organiser, event, package_ids=wrong), 400)
        path = f"{url_of(event)}/preview?package_ids=none"
        assert_refused(await client.get(path, headers=organiser.admin), 400)


async def test_nobody_to_write_to_is_said_and_nothing_is_stored(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    async with nothing_written():
        assert await reached(client, organiser, event) == 0


async def test_a_test_goes_to_the_organiser_alone(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    from lnbits.core.crud import get_account, update_account

    event = await a_free_event(client, organiser)
    await a_purchase(client, event["id"], email=ADA)
    async with nothing_written():
        assert_refused(await announce(client, organiser, event, test=True), 400)
    account = await get_account(organiser.id)
    assert account is not None
    account.email = "organiser@example.com"
    await update_account(account)
    try:
        assert await reached(client, organiser, event, test=True) == 1
        # It may be seen as often as one likes before it goes to all.
        assert await reached(client, organiser, event, test=True) == 1
        assert await reached(client, organiser, event) == 1
    finally:
        account.email = None
        await update_account(account)
    await send_mail(seconds=1)
    assert [caught.recipients for caught in box.messages] == [("organiser@example.com",)] * 2
    assert box.messages[0].mail["Subject"] == WORDS["subject"]


async def test_at_most_ten_a_day_for_each_event(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event, other = await a_free_event(client, organiser), await a_free_event(client, organiser)
    for one in (event, other):
        await a_purchase(client, one["id"], email=ADA)
    for number in range(10):
        assert await reached(client, organiser, event, subject=f"No. {number}") == 1
    async with nothing_written():
        refused = await announce(client, organiser, event)
        assert assert_refused(refused, 429) == "too_many_requests"
    assert await reached(client, organiser, other) == 1
    moved = datetime.now(timezone.utc) + timedelta(hours=24, minutes=1)
    monkeypatch.setattr(ext("clock"), "now", lambda: moved)
    assert await reached(client, organiser, event) == 1


async def test_i9_the_same_words_do_not_leave_twice(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever got no answer presses the button again."""
    event, other = await a_free_event(client, organiser), await a_free_event(client, organiser)
    for one in (event, other):
        await a_purchase(client, one["id"], email=ADA)
    kind = [event["packages"][0]["id"]]
    assert await reached(client, organiser, event) == 1
    async with nothing_written():
        refused = await announce(client, organiser, event)
        assert assert_refused(refused, 409) == "already_announced"
    for words in ({"subject": "And a hat"}, {"text": "Brr."}, {"package_ids": kind}):
        assert await reached(client, organiser, event, **words) == 1
    assert_refused(await announce(client, organiser, event, package_ids=kind * 2), 409)
    assert await reached(client, organiser, other) == 1
    moved = datetime.now(timezone.utc) + timedelta(minutes=10, seconds=1)
    monkeypatch.setattr(ext("clock"), "now", lambda: moved)
    assert await reached(client, organiser, event) == 1


async def test_i9_the_same_words_at_once_leave_once(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, each_its_own_process: None
) -> None:
    event = await a_free_event(client, organiser, send_messages=False)
    await a_purchase(client, event["id"], email=ADA)
    answers = await asyncio.gather(*(announce(client, organiser, event) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    await drain()
    assert await told(event["id"]) == [("announcement", "mail", ADA)]


async def test_i9_words_wait_for_what_another_process_is_just_saying(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    await a_purchase(client, event["id"], email=ADA)
    said = ext("notifications.announcing")
    words = said.Words(**WORDS)
    async with another_process() as raw:
        tx = ext("crud").Tx(raw)
        await ext("catalog.services").lock_event(tx, event["id"], organiser.wallet)
        await said._keep(tx, event["id"], words, ext("clock").now(), is_test=False)
        asked = asyncio.ensure_future(announce(client, organiser, event))
        await asyncio.sleep(0.3)
    assert assert_refused(await asked, 409) == "already_announced"


BAD: dict[str, list[object]] = {
    "subject": ["", "  ", "x" * 201, "a\r\nBcc: b@example.com", 7, None],
    "text": ["", " \n ", "x" * 10_001, "a\x00b", "\u202e", 7, None],
    "package_ids": ["all", 7, [7], [None], {}, ["x"] * 201],
    "test": ["yes", 1, []],
}


@pytest.mark.parametrize("field", sorted(BAD))
async def test_bad_words_are_refused_and_nothing_written(
    client: httpx.AsyncClient, organiser: Person, box: Mailbox, field: str
) -> None:
    event = await a_free_event(client, organiser)
    await a_purchase(client, event["id"], email=ADA)
    async with nothing_written():
        for value in BAD[field]:
            answer = await announce(client, organiser, event, **{field: value})
            assert assert_refused(answer, 400, about=ascii(value)) == "invalid_input"


async def test_i6_nobody_else_writes_to_the_guests_of_an_event(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, box: Mailbox
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email=ADA)
    async with nothing_written():
        for headers in (
            other_organiser.admin,
            organiser.invoice,
            {"X-Order-Secret": purchase["order_secret"]},
            {},
        ):
            answer = await client.post(url_of(event), json=WORDS, headers=headers)
            assert_refused(answer, 401, 403, 404)
            for path in ("", "/preview"):
                answer = await client.get(url_of(event) + path, headers=headers)
                assert_refused(answer, 401, 403, 404)


async def test_i10_what_was_said_is_on_record_in_the_same_transaction(
    client: httpx.AsyncClient,
    organiser: Person,
    box: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = await a_free_event(client, organiser)
    await a_purchase(client, event["id"], email=ADA)
    done = await together(lambda: announce(client, organiser, event), event["id"], monkeypatch)
    about = {(entry[1], entry[2]) for entry in done.added}
    assert about == {("send", "announcement")}
    said = {entry[4]: entry[6] for entry in done.added}
    assert said == WORDS
