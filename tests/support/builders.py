"""Things tests need, with plain names: an event, a purchase, a payment, a look at the tables."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx

from support.host import ext
from support.people import Person

API = "/events/api/v1"
Json = dict[str, Any]
Row = Mapping[str, Any]


def day(offset: int) -> str:
    """A date as 1.6.9 writes it, in `offset` days from now (UTC)."""
    return (datetime.now(timezone.utc) + timedelta(days=offset)).strftime("%Y-%m-%d")


def event_body(**changes: object) -> Json:
    """A body that `POST /events` accepts."""
    body: Json = {
        "name": "Concert",
        "info": "Doors open at **seven**.",
        "closing_date": day(20),
        "event_start_date": day(30),
        "event_end_date": day(30),
        "currency": "sat",
        "amount_tickets": 10,
        "price_per_ticket": 100,
    }
    return body | changes


def purchase_body(**changes: object) -> Json:
    """A body that `POST /tickets/{event_id}` accepts."""
    return {"name": "Ada Lovelace", "email": "ada@example.com", "quantity": 1} | changes


async def an_event(client: httpx.AsyncClient, organiser: Person, **changes: object) -> Json:
    """A published event of the organiser, open for sale: 10 tickets at 100 sat."""
    body = event_body(**{"wallet": organiser.wallet, **changes})
    answer = await client.post(f"{API}/events", json=body, headers=organiser.admin)
    assert answer.status_code in (200, 201), answer.text
    event: Json = answer.json()
    return event


async def buy(
    client: httpx.AsyncClient,
    event_id: str,
    headers: Mapping[str, str] | None = None,
    **changes: object,
) -> httpx.Response:
    """Ask to buy, whatever the answer is."""
    url = f"{API}/tickets/{event_id}"
    return await client.post(url, json=purchase_body(**changes), headers=headers)


async def a_purchase(client: httpx.AsyncClient, event_id: str, **changes: object) -> Json:
    """A reserved, unpaid order."""
    answer = await buy(client, event_id, None, **changes)
    assert answer.status_code in (200, 201), answer.text
    purchase: Json = answer.json()
    return purchase


async def pay(buyer: Person, purchase: Mapping[str, Any]) -> None:
    """Pay the invoice and wait until the listener has settled the order."""
    await send_payment(buyer, purchase)
    await settled(purchase["order_id"])


async def send_payment(buyer: Person, purchase: Mapping[str, Any]) -> None:
    """Pay the invoice; whether anybody hears of it is another matter."""
    from lnbits.core.services import pay_invoice

    await pay_invoice(wallet_id=buyer.wallet, payment_request=purchase["payment_request"])


async def settled(order_id: str) -> str:
    """The order's status once it is no longer waiting for its payment to be noticed."""

    async def status() -> str | None:
        found = str((await order_row(order_id))["status"])
        return None if found in ("reserved", "expired") else found

    return str(await eventually(status))


async def eventually(look: Callable[[], Awaitable[object]], timeout_s: float = 20.0) -> object:
    """The first true answer of `look`; fails when there is none in time."""
    give_up = time.monotonic() + timeout_s
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < give_up, f"{look} never came true"
        await asyncio.sleep(0.02)


async def rows(sql: str, **values: object) -> list[Row]:
    async with ext("crud").reading() as tx:
        found: list[Row] = await tx.fetch_all(sql, values)
        return found


async def row(sql: str, **values: object) -> Row:
    found = await rows(sql, **values)
    assert len(found) == 1, f"{len(found)} rows: {sql} {values}"
    return found[0]


async def execute(sql: str, **values: object) -> int:
    async with ext("crud").transaction() as tx:
        return int(await tx.execute(sql, values))


async def event_row(event_id: str) -> Row:
    return await row("SELECT * FROM events.events WHERE id = :id", id=event_id)


async def package_row(event_id: str) -> Row:
    return await row("SELECT * FROM events.packages WHERE event_id = :id", id=event_id)


async def order_row(order_id: str) -> Row:
    return await row("SELECT * FROM events.orders WHERE id = :id", id=order_id)


async def ticket_rows(event_id: str) -> list[Row]:
    return await rows(
        "SELECT * FROM events.ticket WHERE event = :id ORDER BY number, id", id=event_id
    )


async def refund_rows(order_id: str) -> list[Row]:
    return await rows("SELECT * FROM events.refunds WHERE order_id = :id", id=order_id)
