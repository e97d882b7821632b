"""What pages say of Nostr and of messages, over HTTP: where tickets go, and sending them again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from support.builders import API, Json, an_event, order_row, rows, ticket_rows
from support.mailbox import a_mail_server
from support.pages import BROWSER, HOSTILE, page_of, words
from support.people import Person
from support.refusals import nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")

NPUB = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6"
FORM = {"quantity": "1", "name": "Ada Lovelace", "email": "", "promo_code": ""}


async def send(client: httpx.AsyncClient, event: Json, **fields: str) -> httpx.Response:
    return await client.post(f"/events/{event['id']}", data={**FORM, **fields})


async def bought(client: httpx.AsyncClient, event: Json, **fields: str) -> str:
    """The path of the order page."""
    answer = await send(client, event, **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def addresses(event: Json) -> list[str | None]:
    """Of the tickets, as they are read by whoever writes to their holders."""
    found = await ticket_rows(event["id"])
    return [json.loads(row["extra"])["nostr_identifier"] for row in found]


@pytest.mark.parametrize("address", [NPUB, "ada@example.com", ""])
async def test_a_buyer_may_leave_a_nostr_address(
    client: httpx.AsyncClient, organiser: Person, address: str
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    await bought(client, event, nostr_identifier=address, quantity="2")
    [ticket, _] = await ticket_rows(event["id"])
    assert (await order_row(ticket["order_id"]))["nostr_identifier"] == (address or None)
    assert await addresses(event) == [address or None] * 2


async def test_what_is_no_nostr_address_is_refused_beside_its_field(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    async with nothing_written():
        for wrong in ("nonsense", "npub1", HOSTILE, "a@b@c", "n" * 701):
            answer = await send(client, event, nostr_identifier=wrong)
            assert answer.status_code == 400
            assert '<a href="#nostr_identifier">' in answer.text
            assert 'id="nostr-error"' in answer.text
            assert HOSTILE not in answer.text


async def test_the_address_goes_along_to_the_second_step(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """A guest with a name of their own is somebody else: the buyer's address is not theirs."""
    event = await an_event(client, organiser, price_per_ticket=0)
    wish = {"quantity": "2", "guests": "1", "nostr_identifier": NPUB}
    second = await send(client, event, **wish)
    assert f'name="nostr_identifier" value="{NPUB}"' in second.text
    assert f"<dt>Nostr</dt><dd>{NPUB}</dd>" in words(second.text)
    await bought(client, event, **wish, step="2", t2_name="Grace")
    assert await addresses(event) == [NPUB, None]
    back = await send(client, event, **wish, step="2", back="1")
    assert f'name="nostr_identifier" value="{NPUB}"' in back.text


async def test_the_form_says_what_the_addresses_are_for(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    page = await event_page(client, event)
    assert "Your tickets come there as a private message." in page
    assert "So that the organiser can reach you." in page
    async with a_mail_server():
        assert "Your tickets are sent there." in await event_page(client, event)
    event = await an_event(client, organiser, send_messages=False)
    page = await event_page(client, event)
    assert "You hear there of a cancelled event or a refund." in page
    assert "Your tickets" not in page


async def messages(order_path: str) -> Sequence[Mapping[str, Any]]:
    secret = order_path.rsplit("/", 1)[1]
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    return await rows(
        "SELECT m.* FROM events.messages m JOIN events.orders o ON o.id = m.order_id"
        " WHERE o.secret_hash = :hash ORDER BY m.channel",
        hash=hashed,
    )


async def test_a_buyer_has_the_tickets_sent_again(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """To the addresses on record, which the page does not tell."""
    event = await an_event(client, organiser, price_per_ticket=0)
    async with a_mail_server():
        path = await bought(client, event, email="lovelace@example.com", nostr_identifier=NPUB)
        veiled = "l•••@example.com {} npub180cvv…h6w6"
        page = await page_of(client, path)
        assert veiled.format("or") in page
        assert f'<form method="post" action="{path}/send"' in page
        answer = await client.post(f"{path}/send", headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            f"{path}?again=sent#errors",
        )
        page = await page_of(client, f"{path}?again=sent")
    assert f"On the way to {veiled.format('and')}." in page
    assert "lovelace@example.com" not in page
    assert [(row["channel"], row["recipient"]) for row in await messages(path)] == [
        ("dm", NPUB),
        ("mail", "lovelace@example.com"),
    ]


async def test_nobody_is_flooded_from_an_order_page(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    path = await bought(client, event, nostr_identifier=NPUB)
    answers = [await client.post(f"{path}/send", headers=BROWSER) for _ in range(5)]
    assert [a.headers["location"].partition("=")[2] for a in answers] == [
        *["sent#errors"] * 3,
        *["often#errors"] * 2,
    ]
    assert "sent several times already" in await page_of(client, f"{path}?again=often")
    async with nothing_written():
        await client.post(f"{path}/send", headers=BROWSER)


async def test_where_nothing_can_be_sent_the_page_offers_nothing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """No address, no mail server, or no valid ticket; and its words are only its own."""
    event = await an_event(client, organiser, price_per_ticket=0)
    for fields in ({}, {"email": "ada@example.com"}):
        path = await bought(client, event, **fields)
        assert "/send" not in await page_of(client, f"{path}?again=sent")
        answer = await client.post(f"{path}/send", headers=BROWSER)
        assert answer.headers["location"] == f"{path}?again=failed#errors"
    path = await bought(client, event, nostr_identifier=NPUB)
    hostile = await page_of(client, f"{path}?again={HOSTILE}")
    assert HOSTILE not in hostile
    assert "Did nothing arrive at" in hostile
    await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    assert "/send" not in await page_of(client, path)


async def test_an_unpaid_order_and_an_unknown_one_send_nothing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    path = await bought(client, event, nostr_identifier=NPUB)
    assert "/send" not in await page_of(client, path)
    answer = await client.post(f"{path}/send", headers=BROWSER)
    assert answer.headers["location"] == f"{path}?again=failed#errors"
    assert await messages(path) == []
    assert (await client.post("/events/o/unknown/send", headers=BROWSER)).status_code == 404


async def event_page(client: httpx.AsyncClient, event: Json) -> str:
    return words((await client.get(f"/events/{event['id']}")).text)
