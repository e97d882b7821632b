"""Buying over HTTP: what a purchase reserves, answers, bounds and repeats."""

import asyncio
from datetime import datetime, timezone

import httpx
import pytest

from support.builders import (
    API,
    Json,
    a_purchase,
    an_event,
    buy,
    day,
    event_row,
    execute,
    order_row,
    package_row,
    pay,
    rows,
    settled,
    ticket_rows,
)
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person, a_person
from support.rates import SAT_PER_UNIT
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio

PERCENT_20 = {"promo_codes": [{"code": "early", "discount_percent": 20, "active": True}]}


async def test_three_tickets_are_bought_with_one_invoice_and_admitted(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    from bolt11 import decode

    event = await an_event(client, organiser, name="O'Neil & 李雷", price_per_ticket=150)
    purchase = await a_purchase(client, event["id"], quantity=3, name="Anne-Marie O'Neil")

    invoice = decode(purchase["payment_request"])
    assert int(invoice.amount_msat or 0) == 450_000
    assert invoice.payment_hash == purchase["payment_hash"]
    assert invoice.description == "3 tickets: O'Neil & 李雷"
    assert purchase["total_sat"] == 450
    assert purchase["paid"] is False
    assert len(set(purchase["ticket_ids"])) == 3

    await pay(buyer, purchase)
    tickets = await ticket_rows(event["id"])
    assert {t["id"] for t in tickets} == set(purchase["ticket_ids"])
    assert [t["number"] for t in tickets] == [1, 2, 3]
    assert {t["payment_hash"] for t in tickets} == {purchase["payment_hash"]}
    assert {t["name"] for t in tickets} == {"Anne-Marie O'Neil"}
    assert sum(t["price_sat"] for t in tickets) == 450
    for ticket_id in purchase["ticket_ids"]:
        answer = await client.put(f"{API}/tickets/register/{ticket_id}", headers=organiser.admin)
        assert answer.status_code == 200
        assert answer.json()["registered"] is True
    assert await broken_invariants(event["id"]) == []


async def test_the_invoice_lives_as_long_as_the_hold(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    from bolt11 import decode

    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    expires = datetime.strptime(purchase["hold_expires_at"], "%Y-%m-%dT%H:%M:%SZ").replace(
        tzinfo=timezone.utc
    )
    seconds = (expires - datetime.now(timezone.utc)).total_seconds()
    assert 890 < seconds < 901
    assert 890 < int(decode(purchase["payment_request"]).expiry or 0) <= 900


async def test_not_enough_left_names_the_number(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=3)
    await a_purchase(client, event["id"], quantity=1)
    async with nothing_written():
        answer = await buy(client, event["id"], quantity=3)
        assert assert_refused(answer, 400) == "not_enough_left"
    assert answer.json()["remaining"] == 2
    assert "2" in answer.json()["detail"]
    await a_purchase(client, event["id"], quantity=2)
    assert assert_refused(await buy(client, event["id"]), 410) == "sold_out"


async def test_a_free_order_is_confirmed_without_an_invoice(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    purchase = await a_purchase(client, event["id"], quantity=2)
    assert purchase["paid"] is True
    assert (purchase["payment_request"], purchase["payment_hash"]) == (None, None)
    assert purchase["total_sat"] == 0
    assert {t["status"] for t in await ticket_rows(event["id"])} == {"active"}
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"
    assert (await event_row(event["id"]))["sold"] == 2
    assert await broken_invariants(event["id"]) == []


async def test_a_promo_code_takes_its_percentage_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    codes = [
        {"code": "early", "discount_percent": 33, "active": True},
        {"code": "gone", "discount_percent": 90, "active": False},
        {"code": "all", "discount_percent": 100, "active": True},
    ]
    event = await an_event(client, organiser, price_per_ticket=101, extra={"promo_codes": codes})
    purchase = await a_purchase(client, event["id"], quantity=3, promo_code=" Early ")
    assert (purchase["discount_sat"], purchase["total_sat"]) == (99, 204)
    async with nothing_written():
        for code in ("gone", "unknown"):
            answer = await buy(client, event["id"], promo_code=code)
            assert assert_refused(answer, 400) == "promo_invalid"
    free = await a_purchase(client, event["id"], promo_code="ALL")
    assert (free["paid"], free["payment_request"]) == (True, None)


async def test_promo_codes_are_never_public(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser, extra=PERCENT_20)
    mine = await client.get(f"{API}/events", headers=organiser.admin)
    shown = next(item for item in mine.json() if item["id"] == event["id"])
    assert [code["code"] for code in shown["extra"]["promo_codes"]] == ["EARLY"]
    for url in (f"{API}/events/{event['id']}", f"/events/{event['id']}"):
        answer = await client.get(url)
        assert answer.status_code == 200
        assert "early" not in answer.text.lower()


async def test_a_price_in_euro_is_charged_at_the_rate_and_the_rate_is_kept(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, currency="EUR", price_per_ticket=19.99)
    purchase = await a_purchase(client, event["id"], quantity=2)
    assert purchase["total_sat"] == 39_980
    order = await order_row(purchase["order_id"])
    assert (order["currency"], float(order["rate"])) == ("EUR", SAT_PER_UNIT)
    assert (await package_row(event["id"]))["price_minor"] == 1999
    await pay(buyer, purchase)
    assert await broken_invariants(event["id"]) == []


async def test_a_currency_without_a_rate_is_refused_and_holds_nothing(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_rate(currency: str) -> float:
        raise ValueError("no rate")

    event = await an_event(client, organiser, currency="EUR", price_per_ticket=1)
    for answer in (no_rate, lambda currency: asyncio.sleep(0, 0.0)):
        monkeypatch.setattr(ext("orders.invoicing"), "get_fiat_rate_satoshis", answer)
        async with nothing_written():
            assert assert_refused(await buy(client, event["id"]), 503) == "rate_unavailable"


async def test_waves_are_packages_with_prices_and_windows_of_their_own(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    def wave(id: str, opens: int, closes: int, price: int) -> Json:  # noqa: A002 - its name
        return {
            "id": id,
            "title": id.title(),
            "opening_date": day(opens),
            "closing_date": day(closes),
            "amount_tickets": 5,
            "price_per_ticket": price,
        }

    waves = [wave("past", -9, -1, 10), wave("now", -1, 1, 20), wave("soon", 2, 9, 30)]
    event = await an_event(client, organiser, extra={"ticket_waves": waves})

    assert (await a_purchase(client, event["id"]))["total_sat"] == 20
    assert (await a_purchase(client, event["id"], ticket_wave_id="now"))["total_sat"] == 20
    package = next(p for p in event["packages"] if p["wave_id"] == "now")
    assert (await a_purchase(client, event["id"], package_id=package["id"]))["total_sat"] == 20
    async with nothing_written():
        for name in ("past", "soon"):
            answer = await buy(client, event["id"], ticket_wave_id=name)
            assert assert_refused(answer, 410) == "not_on_sale"


async def test_attendees_get_the_tickets_the_buyer_the_rest(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    people = [{"name": "李雷", "email": "li@example.com"}, {"name": "Zoë"}]
    await a_purchase(client, event["id"], quantity=3, attendees=people)
    tickets = await ticket_rows(event["id"])
    assert [t["name"] for t in tickets] == ["李雷", "Zoë", "Ada Lovelace"]


async def test_a_mail_address_is_needed_only_when_the_event_mails(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    silent = await an_event(client, organiser)
    for absent in (None, ""):
        await a_purchase(client, silent["id"], email=absent)
    mailing = await an_event(client, organiser, extra={"email_notifications": True})
    async with nothing_written():
        assert_refused(await buy(client, mailing["id"], email=""), 400)


async def test_a_failed_invoice_gives_the_seats_back_and_says_why(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lnbits.exceptions import InvoiceError

    event = await an_event(client, organiser, amount_tickets=2)
    for error in (InvoiceError("node is down", status="failed"), OSError("boom")):

        async def fails(raised: Exception = error, **_: object) -> None:
            raise raised

        monkeypatch.setattr(ext("orders.invoicing"), "create_invoice", fails)
        answer = await buy(client, event["id"], quantity=2)
        assert assert_refused(answer, 503) == "invoice_failed"
        assert "boom" not in answer.text
    assert (await event_row(event["id"]))["held"] == 0
    found = await rows(
        "SELECT o.status FROM events.orders o JOIN events.order_lines l ON l.order_id = o.id"
        " WHERE l.event_id = :id",
        id=event["id"],
    )
    assert [row["status"] for row in found] == ["cancelled", "cancelled"]
    assert await broken_invariants(event["id"]) == []


async def test_open_orders_are_bounded_per_buyer_and_event(
    client: httpx.AsyncClient, organiser: Person, instance_admin: Person, buyer: Person
) -> None:
    url, login = f"{API}/settings", instance_admin.login
    was = (await client.get(url, headers=login)).json()
    await client.put(url, json={"max_open_orders_per_buyer": 2}, headers=login)
    try:
        event, other = await an_event(client, organiser), await an_event(client, organiser)
        first = await a_purchase(client, event["id"], email="eve@example.com")
        await a_purchase(client, event["id"], email="EVE@example.com")
        async with nothing_written():
            answer = await buy(client, event["id"], email="Eve@Example.com")
            assert assert_refused(answer, 429) == "too_many_open_orders"
        await a_purchase(client, event["id"], email="adam@example.com")
        await a_purchase(client, other["id"], email="eve@example.com")
        await pay(buyer, first)
        await a_purchase(client, event["id"], email="eve@example.com")
    finally:
        patch = {"max_open_orders_per_buyer": was["max_open_orders_per_buyer"]}
        await client.put(url, json=patch, headers=login)


async def test_open_orders_are_bounded_per_address(
    app: object, client: httpx.AsyncClient, organiser: Person, instance_admin: Person
) -> None:
    url, login = f"{API}/settings", instance_admin.login
    was = (await client.get(url, headers=login)).json()
    await client.put(url, json={"max_open_orders_per_address": 2}, headers=login)
    transport = httpx.ASGITransport(app=app, client=("127.0.0.9", 1))  # type: ignore[arg-type]
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://events.test") as other:
            for _ in range(2):
                event = await an_event(client, organiser)
                await a_purchase(other, event["id"], email="")
            async with nothing_written():
                answer = await buy(other, event["id"], email="new@example.com")
                assert assert_refused(answer, 429) == "too_many_open_orders"
    finally:
        patch = {"max_open_orders_per_address": was["max_open_orders_per_address"]}
        await client.put(url, json=patch, headers=login)


async def test_a_cancelled_event_sells_nothing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    answer = await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    assert (answer.status_code, answer.json()["canceled"]) == (200, True)
    async with nothing_written():
        assert assert_refused(await buy(client, event["id"]), 410) == "event_cancelled"
    public = await client.get(f"{API}/events/{event['id']}")
    assert (public.status_code, public.json()["status"]) == (200, "cancelled")


async def test_the_sale_ends_with_the_closing_day(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    today = await an_event(client, organiser, closing_date=day(0))
    await a_purchase(client, today["id"])
    over = await an_event(client, organiser, closing_date=day(-1))
    async with nothing_written():
        assert assert_refused(await buy(client, over["id"]), 410) == "not_on_sale"
    assert (await client.get(f"{API}/events/{over['id']}")).json()["sales"] == "closed"


async def test_a_repeated_request_gets_its_first_answer(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    key = {"Idempotency-Key": "0b0c-1"}
    answers = await asyncio.gather(*(buy(client, event["id"], key, quantity=2) for _ in range(5)))
    first = answers[0].json()
    assert [answer.status_code for answer in answers] == [200] * 5
    assert {a.json()["order_id"] for a in answers} == {first["order_id"]}
    assert {a.json()["order_secret"] for a in answers} == {first["order_secret"]}
    assert {tuple(a.json()["ticket_ids"]) for a in answers} == {tuple(first["ticket_ids"])}
    assert (await event_row(event["id"]))["held"] == 2
    async with nothing_written():
        other = await buy(client, event["id"], key, quantity=1)
        assert assert_refused(other, 409) == "idempotency_conflict"
        for bad in ("", "x" * 256, "a b", "\u00e9"):
            sent = {"Idempotency-Key": bad.encode()}
            answer = await buy(client, event["id"], sent)  # type: ignore[arg-type]
            assert_refused(answer, 400)
    await pay(buyer, first)
    again = (await buy(client, event["id"], key, quantity=2)).json()
    assert (again["order_id"], again["paid"]) == (first["order_id"], True)


async def test_a_repeated_request_finishes_what_a_killed_process_left(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """The order has no invoice, or has one that was never stored, and is not fresh any more."""
    event = await an_event(client, organiser)
    for number, invoice_was_made in enumerate((True, False)):
        key = {"Idempotency-Key": f"killed-{number}"}
        made = (await buy(client, event["id"], key)).json()
        other = (await buy(client, event["id"], email=f"{number}@example.com")).json()
        order = await order_row(made["order_id"])
        await execute(
            "UPDATE events.orders SET payment_hash = NULL, payment_request = NULL,"
            " created_at = created_at - 60000 WHERE id = :id",
            id=order["id"],
        )
        if not invoice_was_made:
            await forget_invoice(made["payment_hash"])
        again = (await buy(client, event["id"], key)).json()
        assert again["order_id"] == made["order_id"]
        assert (again["payment_hash"] == made["payment_hash"]) is invoice_was_made
        assert again["payment_hash"] not in (None, other["payment_hash"])
        await pay(buyer, again)
        assert await settled(made["order_id"]) == "confirmed"
    assert await broken_invariants(event["id"]) == []


async def forget_invoice(payment_hash: str) -> None:
    """As if the host had never made it."""
    from lnbits.core.db import db

    await db.execute("DELETE FROM apipayments WHERE payment_hash = :hash", {"hash": payment_hash})


async def test_a_request_whose_first_run_is_still_going_is_told_to_wait(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ext("orders.replay"), "_WAIT_S", 0.01)
    event = await an_event(client, organiser)
    key = {"Idempotency-Key": "running"}
    made = (await buy(client, event["id"], key)).json()
    await execute(
        "UPDATE events.orders SET payment_hash = NULL WHERE id = :id", id=made["order_id"]
    )
    answer = await buy(client, event["id"], key)
    assert assert_refused(answer, 409) == "order_in_progress"
    await execute(
        "UPDATE events.orders SET payment_hash = :hash WHERE id = :id",
        id=made["order_id"],
        hash=made["payment_hash"],
    )


async def test_a_buyer_of_another_wallet_can_pay_from_anywhere(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    stranger = await a_person(balance_sat=1_000)
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await pay(stranger, purchase)
    assert (await order_row(purchase["order_id"]))["settled_msat"] == 100_000
