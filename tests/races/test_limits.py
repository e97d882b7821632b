"""Limits per buyer and per promo code hold exactly, however many buy at once."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    buy,
    event_row,
    execute,
    pay,
    rows,
    send_payment,
    settled,
)
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person
from support.settling import lapse, sweep

pytestmark = pytest.mark.asyncio(loop_scope="session")

BUYERS = 100
USES = 10


async def a_code(client: httpx.AsyncClient, organiser: Person, event: Json, **more: Any) -> Json:
    body = {"code": "early", "kind": "percent", "value": 50} | more
    url = f"{API}/events/{event['id']}/promo-codes"
    answer = await client.post(url, json=body, headers=organiser.admin)
    assert answer.is_success, answer.text
    code: Json = answer.json()
    return code


async def uses(event: Json) -> int:
    [row] = await rows("SELECT uses FROM events.promo_codes WHERE event_id = :id", id=event["id"])
    return int(row["uses"])


async def many(
    client: httpx.AsyncClient, event: Json, n: int, **changes: Any
) -> list[httpx.Response]:
    bodies = [{"email": f"b{number}@example.com"} | changes for number in range(n)]
    return list(await asyncio.gather(*(buy(client, event["id"], **body) for body in bodies)))


async def test_limits_a_code_is_used_as_often_as_it_says_by_100_buyers_at_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=BUYERS)
    await a_code(client, organiser, event, max_uses=USES)
    answers = await many(client, event, BUYERS, promo_code="EARLY")
    assert Counter(a.status_code for a in answers) == {200: USES, 400: BUYERS - USES}
    assert {a.json()["code"] for a in answers if not a.is_success} == {"promo_invalid"}
    assert {a.json()["total_sat"] for a in answers if a.is_success} == {50}
    assert await uses(event) == USES
    assert (await event_row(event["id"]))["held"] == USES
    assert await broken_invariants(event["id"]) == []


async def test_limits_control_without_the_guard_a_code_is_used_more_often(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above would notice."""

    async def always(*_: object) -> bool:
        return True

    monkeypatch.setattr(ext("promos.crud"), "take", always)
    event = await an_event(client, organiser, amount_tickets=BUYERS)
    await a_code(client, organiser, event, max_uses=USES)
    answers = await many(client, event, 3 * USES, promo_code="EARLY")
    assert sum(a.is_success for a in answers) > USES


async def test_limits_one_buyer_gets_no_more_than_one_may_over_all_orders(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=BUYERS, max_per_buyer=3)
    spellings = ["ada@example.com", "Ada@Example.com", "ADA@EXAMPLE.COM"]
    answers = await asyncio.gather(
        *(buy(client, event["id"], email=spellings[n % 3]) for n in range(20))
    )
    assert Counter(a.status_code for a in answers)[200] == 3
    refused = [a.json() for a in answers if not a.is_success]
    assert {r["code"] for r in refused} == {"max_per_buyer"}
    assert {r["remaining"] for r in refused} == {0}
    other = await buy(client, event["id"], email="other@example.com", quantity=4)
    assert (other.json()["code"], other.json()["remaining"]) == ("max_per_buyer", 3)
    assert (await buy(client, event["id"], email="other@example.com", quantity=3)).is_success
    nobody = await buy(client, event["id"], email="")
    assert (nobody.status_code, nobody.json()["code"]) == (400, "invalid_input")


async def test_limits_control_without_the_guard_one_buyer_gets_more(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above would notice."""
    monkeypatch.setattr(ext("orders.rules"), "check_per_buyer", lambda *_: None)
    event = await an_event(client, organiser, max_per_buyer=1)
    for _ in range(2):
        assert (await buy(client, event["id"])).is_success


async def test_limits_free_tickets_count_as_well_and_lapsed_ones_do_not(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    free = await an_event(client, organiser, price_per_ticket=0, max_per_buyer=2)
    assert (await buy(client, free["id"], quantity=2)).is_success
    assert (await buy(client, free["id"])).json()["code"] == "max_per_buyer"
    paid = await an_event(client, organiser, max_per_buyer=1)
    purchase = await a_purchase(client, paid["id"])
    assert (await buy(client, paid["id"])).json()["code"] == "max_per_buyer"
    await lapse(purchase["order_id"])
    await sweep()
    again = await a_purchase(client, paid["id"])
    await pay(buyer, again)
    cancelled = await client.post(
        f"{API}/orders/{again['order_id']}/cancel",
        headers={"X-Order-Secret": again["order_secret"]},
    )
    assert cancelled.is_success
    assert (await buy(client, paid["id"])).is_success, "a cancelled ticket is had no more"


async def test_limits_a_login_counts_before_an_address(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser, max_per_buyer=1, login_required=True)
    answer = await buy(client, event["id"])
    assert (answer.status_code, answer.json()["code"]) == (401, "login_required")
    first = await buy(client, event["id"], organiser.login, email="a@example.com")
    assert first.is_success, first.text
    second = await buy(client, event["id"], organiser.login, email="b@example.com")
    assert second.json()["code"] == "max_per_buyer"
    assert (await buy(client, event["id"], other_organiser.login, email="a@example.com")).is_success


async def test_limits_a_use_comes_back_with_its_order_and_a_late_payment_takes_it_again(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    await a_code(client, organiser, event, max_uses=1)
    late = await a_purchase(client, event["id"], promo_code="early")
    assert await uses(event) == 1
    await lapse(late["order_id"])
    await sweep()
    await sweep()
    assert await uses(event) == 0
    taken = await a_purchase(client, event["id"], promo_code="EARLY", email="b@example.com")
    assert await uses(event) == 1
    await send_payment(buyer, late)
    assert await settled(late["order_id"]) == "confirmed"
    assert await uses(event) == 2, "who paid keeps the price that was paid"
    await pay(buyer, taken)
    for purchase, left in ((late, 1), (taken, 0)):
        url = f"{API}/orders/{purchase['order_id']}/cancel"
        headers = {"X-Order-Secret": purchase["order_secret"]}
        assert (await client.post(url, headers=headers)).json()["refund_sat"] == 50
        await client.post(url, headers=headers)
        assert await uses(event) == left
    assert await broken_invariants(event["id"]) == []


async def test_i1_seats_an_add_on_takes_none_of_the_event(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=1)
    url = f"{API}/events/{event['id']}/packages"
    body = {"name": "Shirt", "kind": "addon", "price": 70, "currency": "sat", "quantity_limit": 3}
    shirt = (await client.post(url, json=body, headers=organiser.admin)).json()
    await pay(buyer, await a_purchase(client, event["id"]))
    shirts = await a_purchase(client, event["id"], package_id=shirt["id"], quantity=2)
    await pay(buyer, shirts)
    found = await event_row(event["id"])
    assert (found["sold"], found["held"], found["amount_tickets"]) == (1, 0, 0)
    assert await broken_invariants(event["id"]) == []
    answer = await buy(client, event["id"], package_id=shirt["id"], quantity=2)
    assert (answer.json()["code"], answer.json()["remaining"]) == ("not_enough_left", 1)
    door = f"{API}/tickets/register/{shirts['ticket_ids'][0]}"
    refused = await client.put(door, headers=organiser.admin)
    assert refused.status_code == 403
    assert "door" in refused.json()["detail"]
    cancelled = await client.post(
        f"{API}/tickets/{shirts['ticket_ids'][0]}/cancel",
        headers={"X-Order-Secret": shirts["order_secret"]},
    )
    assert cancelled.json()["refund_sat"] == 70
    late = await a_purchase(client, event["id"], package_id=shirt["id"], quantity=2)
    await lapse(late["order_id"])
    await sweep()
    await send_payment(buyer, late)
    assert await settled(late["order_id"]) == "confirmed"
    assert await broken_invariants(event["id"]) == []


async def test_answers_are_asked_of_each_attendee_and_stored_with_the_ticket(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    [package] = event["packages"]
    url = f"{API}/events/{event['id']}/packages/{package['id']}/options"
    options = [
        (await client.post(url, json=body, headers=organiser.admin)).json()
        for body in (
            {"label": "Diet", "type": "single", "choices": ["all", "vegan"], "required": True},
            {"label": "Note", "type": "text"},
        )
    ]
    diet, note = (option["id"] for option in options)
    missing = await buy(client, event["id"])
    assert (missing.status_code, missing.json()["code"]) == (400, "invalid_input")
    wrong = await buy(client, event["id"], responses={diet: "meat"})
    assert wrong.status_code == 400
    people = [{"name": "Ada"}, {"name": "Bob", "responses": {diet: "vegan", note: "<b>hi</b>"}}]
    answer = await buy(client, event["id"], quantity=2, attendees=people, responses={diet: "all"})
    assert answer.is_success, answer.text
    found = await rows(
        "SELECT t.name, r.label, r.value FROM events.option_responses r"
        " JOIN events.ticket t ON t.id = r.ticket_id WHERE t.event = :id"
        " ORDER BY t.number, r.label",
        id=event["id"],
    )
    assert [(r["name"], r["label"], r["value"].strip('"')) for r in found] == [
        ("Ada", "Diet", "all"),
        ("Bob", "Diet", "vegan"),
        ("Bob", "Note", "<b>hi</b>"),
    ]


async def test_limits_free_orders_of_one_address_within_an_hour(
    client: httpx.AsyncClient, organiser: Person, instance_admin: Person
) -> None:
    """Exactly so many, however many ask at once; an hour later again."""
    event = await an_event(client, organiser, price_per_ticket=0)
    url, most = f"{API}/settings", 3
    later = "UPDATE events.orders SET created_at = created_at - 3600000 WHERE method = 'free'"
    await execute(later)
    try:
        patch = {"max_free_orders_per_address": most}
        await client.put(url, json=patch, headers=instance_admin.login)
        answers = await many(client, event, 8)
        assert Counter(a.status_code for a in answers) == {200: most, 429: 8 - most}
        refused = next(a.json() for a in answers if a.status_code == 429)
        assert refused["code"] == "too_many_open_orders"
        assert (await event_row(event["id"]))["sold"] == most
        await execute(later)
        assert (await buy(client, event["id"])).status_code == 200
    finally:
        patch = {"max_free_orders_per_address": 1_000_000}
        await client.put(url, json=patch, headers=instance_admin.login)
    assert await broken_invariants(event["id"]) == []
