"""I9: whose ticket is void hears of it once: by itself, with the money, or with the event."""

import asyncio
from typing import Any

import httpx
import pytest

from support.builders import API, Json, Row, a_purchase, an_event, pay
from support.host import ext
from support.messaging import (
    ADA,
    BOB,
    a_free_event,
    a_party_of_three,
    drain,
    letter_of,
    message,
    messages,
    told,
)
from support.people import Person

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("box")]

VOID = "tickets_cancelled"
ADA_DM, EVE_DM = "ada@nostr.example", "eve@nostr.example"
TO_BUYER = [(VOID, "dm", ADA_DM), (VOID, "mail", ADA)]
TO_BOB, TO_EVE = (VOID, "mail", BOB), (VOID, "dm", EVE_DM)


async def cancel(client: httpx.AsyncClient, organiser: Person, path: str, percent: int) -> None:
    url, body = f"{API}/{path}/cancel", {"percent": percent}
    answer = await client.post(url, headers=organiser.admin, json=body)
    assert answer.status_code == 200, answer.text


async def cancel_event(client: httpx.AsyncClient, organiser: Person, event: Json) -> None:
    answer = await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    assert answer.status_code == 200, answer.text


async def book(event: Json) -> None:
    now = ext("clock").now()
    await ext("refunds.worker").book_event(event["id"], "event_cancelled", now)


async def text_of(found: Row) -> str:
    letter = await letter_of(found)
    written: Any = await asyncio.to_thread(ext("notifications.rendering").write, letter)
    return str(written.text)


async def test_who_a_cancelled_ticket_was_for_is_told_and_its_buyer(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Also where the event is silent else. Each sees their own ticket, and nothing secret."""
    event = await a_free_event(client, organiser, send_messages=False, name="Summer ball")
    purchase = await a_party_of_three(client, event)
    _, bobs, _ = purchase["ticket_ids"]
    await cancel(client, organiser, f"tickets/{bobs}", 0)
    await drain()
    assert await told(event["id"]) == sorted([*TO_BUYER, TO_BOB])
    for one in await messages(event["id"]):
        letter = await letter_of(one)
        assert [ticket.id for ticket in letter.tickets] == [bobs]
        said = await text_of(one)
        assert f"Ticket {letter.tickets[0].number} (Bob)" in said
        assert "Summer ball" in said
        assert "When: " in said
        assert (purchase["order_secret"] in said) == one["recipient"].startswith("ada@")
        assert (letter.links.claim, bobs in said) == (None, False)
    await cancel(client, organiser, f"orders/{purchase['order_id']}", 0)
    await drain()
    expected = [*TO_BUYER, *TO_BUYER, TO_BOB, TO_EVE]
    assert await told(event["id"]) == sorted(expected), "the rest, and Bob not again"
    eves = await letter_of(await message(event["id"], recipient=EVE_DM))
    assert [ticket.name for ticket in eves.tickets] == ["Eve"]


async def test_a_guest_of_several_cancelled_tickets_gets_one_letter(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser, send_messages=False)
    guests = [{"name": "Bob", "email": BOB}, {"name": "Bill", "email": BOB.upper()}]
    purchase = await a_purchase(client, event["id"], email=ADA, quantity=2, attendees=guests)
    await cancel(client, organiser, f"orders/{purchase['order_id']}", 0)
    await drain()
    letters = await told(event["id"], VOID)
    assert [recipient.lower() for _, _, recipient in letters] == [ADA, BOB]
    for one in await messages(event["id"]):
        assert "(Bob), Ticket " in await text_of(one)


async def test_a_buyer_who_cancels_is_told_as_well(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser, buyer_can_cancel=True)
    purchase = await a_party_of_three(client, event)
    secret = {"X-Order-Secret": purchase["order_secret"]}
    url = f"{API}/orders/{purchase['order_id']}/cancel"
    for _ in range(2):
        assert (await client.post(url, headers=secret, json={})).status_code == 200
    await drain()
    assert await told(event["id"], VOID) == sorted([*TO_BUYER, TO_BOB, TO_EVE])
    # Their tickets did not leave yet: of those nothing is told any more.
    for one in await messages(event["id"]):
        assert (await letter_of(one) is not None) == (one["kind"] == VOID)


async def test_i2_the_buyer_of_a_ticket_that_is_paid_back_is_told_which_one_with_the_money(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, send_messages=False)
    guests = [{"name": "Ada"}, {"name": "Bob", "email": BOB}]
    purchase = await a_purchase(client, event["id"], email=ADA, quantity=2, attendees=guests)
    await pay(buyer, purchase)
    await cancel(client, organiser, f"tickets/{purchase['ticket_ids'][1]}", 50)
    await drain()
    assert await told(event["id"]) == [("refund_due", "mail", ADA), TO_BOB]
    due = await message(event["id"], kind="refund_due")
    said = await text_of(due)
    assert "Ticket 2 (Bob)" in said
    assert "Ticket 1" not in said
    bobs = await letter_of(await message(event["id"], kind=VOID))
    assert (bobs.refund, bobs.links.claim, bobs.links.order) == (None, None, None)
    url = f"{API}/refunds/{due['refund_id']}/pay"
    body = {"by_hand": True, "note": "cash"}
    assert (await client.post(url, json=body, headers=organiser.admin)).status_code == 200
    await drain()
    # Paid before that was told, this is all the buyer reads.
    assert await letter_of(due) is None
    assert "Ticket 2 (Bob)" in await text_of(await message(event["id"], kind="refund_paid"))
    await cancel(client, organiser, f"tickets/{purchase['ticket_ids'][0]}", 0)
    await drain()
    assert "Ticket 1 (Ada)" in await text_of(await message(event["id"], kind=VOID, recipient=ADA))


async def test_i9_a_ticket_of_a_cancelled_event_is_told_of_with_it_alone(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Also where its organiser cancels it before all orders are booked."""
    event = await a_free_event(client, organiser, send_messages=False)
    by_hand = await a_purchase(client, event["id"], email=ADA)
    await a_purchase(client, event["id"], email=BOB)
    await cancel_event(client, organiser, event)
    await cancel(client, organiser, f"orders/{by_hand['order_id']}", 0)
    await book(event)
    await drain()
    assert await told(event["id"]) == [
        ("event_cancelled", "mail", ADA),
        ("event_cancelled", "mail", BOB),
    ]


@pytest.mark.parametrize("tells_between", [True, False])
async def test_i9_a_person_of_several_orders_reads_once_that_an_event_is_cancelled(
    client: httpx.AsyncClient, organiser: Person, tells_between: bool
) -> None:
    """Guest of one, buyer of others, a free one and one that was paid: it is true of all."""
    event = await a_free_event(client, organiser, send_messages=False)
    guests = [{"name": "Bob"}, {"name": "Ada", "email": ADA}]
    await a_purchase(client, event["id"], email=BOB, quantity=2, attendees=guests)
    for spelt in (ADA, ADA, "Ada@example.com"):
        await a_purchase(client, event["id"], email=spelt)
    await cancel_event(client, organiser, event)
    if tells_between:
        await drain()
    await book(event)
    await drain()
    # In whichever of the spellings was met first.
    found = [(kind, channel, who.lower()) for kind, channel, who in await told(event["id"])]
    assert found == [
        ("event_cancelled", "mail", ADA),
        ("event_cancelled", "mail", BOB),
    ]
    for one in await messages(event["id"]):
        assert (await letter_of(one)).links.order is None
