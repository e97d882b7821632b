"""What a message tells, read when it is written: its links, whose tickets, and what is outdated."""

from urllib.parse import urlsplit

import httpx
import pytest

from support.builders import (
    API,
    a_purchase,
    an_event,
    execute,
    pay,
    refund_rows,
    send_payment,
    settled,
)
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
from support.refunding import cancelled
from support.settling import lapse, sweep

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("box")]


async def opens(client: httpx.AsyncClient, url: str | None) -> str:
    """The page at an address of this host."""
    assert url is not None
    assert url.startswith(ext("settings").base_url() + "/events/")
    answer = await client.get(urlsplit(url).path)
    assert answer.status_code == 200, url
    return answer.text


async def test_i7_the_buyers_letter_opens_the_order_an_attendees_only_their_ticket(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_party_of_three(client, event)
    await drain()
    buyers = await letter_of(await message(event["id"], recipient=ADA))
    assert [ticket.id for ticket in buyers.tickets] == purchase["ticket_ids"]
    assert buyers.links.order.endswith(purchase["order_secret"])
    await opens(client, buyers.links.order)
    await opens(client, buyers.links.event)
    for ticket_id in purchase["ticket_ids"]:
        await opens(client, buyers.links.tickets[ticket_id])
    for recipient, ticket_id in ((BOB, 1), ("eve@nostr.example", 2)):
        own = await letter_of(await message(event["id"], recipient=recipient))
        assert [ticket.id for ticket in own.tickets] == [purchase["ticket_ids"][ticket_id]]
        assert (own.links.order, list(own.links.tickets)) == (None, [own.tickets[0].id])


async def test_an_order_of_1_6_9_has_no_page_of_its_own(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser)
    purchase = await a_purchase(client, event["id"], email=ADA)
    await execute(
        "UPDATE events.orders SET secret_hash = NULL WHERE id = :id", id=purchase["order_id"]
    )
    await drain()
    letter = await letter_of(await message(event["id"]))
    assert letter.links.order is None
    await opens(client, letter.links.tickets[purchase["ticket_ids"][0]])


async def test_money_back_is_told_with_its_claim_link_and_again_when_it_was_paid(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    """Also where the event is silent else."""
    from support.people import a_person

    organiser = await a_person()
    event = await an_event(client, organiser, send_messages=False, buyer_can_cancel=True)
    purchase = await a_purchase(client, event["id"], email=ADA)
    await pay(buyer, purchase)
    debt = await cancelled(client, organiser, purchase, event["id"])
    await drain()
    due = await message(event["id"])
    assert (due["kind"], due["recipient"], due["refund_id"]) == ("refund_due", ADA, debt.id)
    letter = await letter_of(due)
    assert letter.refund.amount_sat == 100
    await opens(client, letter.links.claim)
    url = f"{API}/refunds/{debt.id}/pay"
    paid = await client.post(url, json={"by_hand": True, "note": "cash"}, headers=organiser.admin)
    assert paid.status_code == 200
    await drain()
    assert await told(event["id"]) == [("refund_due", "mail", ADA), ("refund_paid", "mail", ADA)]
    assert await letter_of(due) is None
    told_paid = await letter_of(await message(event["id"], kind="refund_paid"))
    assert (told_paid.refund.status.value, told_paid.links.claim) == ("paid", None)


async def test_i2_who_paid_too_late_for_a_seat_is_told_where_the_money_is(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=1, send_messages=False)
    late = await a_purchase(client, event["id"], email=ADA)
    await lapse(late["order_id"])
    await sweep()
    await pay(buyer, await a_purchase(client, event["id"], email=BOB))
    await send_payment(buyer, late)
    assert await settled(late["order_id"]) == "refund_due"
    await drain()
    [refund] = await refund_rows(late["order_id"])
    found = await message(event["id"])
    assert (found["kind"], found["recipient"]) == ("late_payment", ADA)
    letter = await letter_of(found)
    assert (letter.refund.id, letter.refund.reason) == (refund["id"], "no_seat_left")
    assert letter.tickets == []
    await opens(client, letter.links.claim)


async def test_what_is_not_true_any_more_is_not_told(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_free_event(client, organiser, location="Hall")
    purchase = await a_party_of_three(client, event)
    url = f"{API}/events/{event['id']}"
    await client.put(url, json={"location": "Church"}, headers=organiser.admin)
    await drain()
    found = await messages(event["id"])
    assert len(found) == 8
    bobs = purchase["ticket_ids"][1]
    await client.post(f"{API}/tickets/{bobs}/cancel", json={"percent": 0}, headers=organiser.admin)
    open_ones = [one for one in found if await letter_of(one) is not None]
    assert len(open_ones) == 6
    assert BOB not in {one["recipient"] for one in open_ones}
    await client.put(f"{url}/cancel", headers=organiser.admin)
    assert [one["kind"] for one in found if await letter_of(one) is not None] == []


async def test_an_announcement_finds_any_order_its_recipient_holds_tickets_of(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """It was written down for one of them, whose tickets were cancelled since."""
    event = await a_free_event(client, organiser)
    body = {"name": "Balcony", "price": 0, "currency": "sat"}
    path = f"{API}/events/{event['id']}/packages"
    balcony = (await client.post(path, json=body, headers=organiser.admin)).json()["id"]
    chosen = {"subject": "Hi", "text": "Hi", "package_ids": [event["packages"][0]["id"]]}
    for _ in range(2):
        await a_party_of_three(client, event)
    await a_purchase(client, event["id"], email=ADA, package_id=balcony)
    url = f"{API}/events/{event['id']}/messages"
    assert (await client.post(url, json=chosen, headers=organiser.admin)).is_success
    await drain()
    found = [one for one in await messages(event["id"]) if one["kind"] == "announcement"]
    assert len(found) == 4
    cancelled_orders = {found[0]["order_id"]}
    assert {one["order_id"] for one in found} == cancelled_orders
    sql = "UPDATE events.ticket SET status = 'cancelled' WHERE order_id = :id"
    await execute(sql, id=found[0]["order_id"])
    for one in found:
        letter = await letter_of(one)
        assert letter is not None, one["recipient"]
        assert letter.order.id not in cancelled_orders
        # Whoever is no buyer sees their own ticket alone.
        assert len(letter.tickets) == (3 if one["recipient"].startswith("ada@") else 1)
        other = letter.order.id
    await execute(sql, id=other)
    # Ada holds a ticket still, of another kind.
    assert [await letter_of(one) for one in found] == [None] * 4
