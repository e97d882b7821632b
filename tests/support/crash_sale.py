"""Buying, settling and expiring, to be killed at every await; and the parts of all scenarios."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.builders import event_body, event_row, execute, row, rows, ticket_rows
from support.host import ext
from support.invariants import broken_invariants
from support.settling import host_payment, settle_directly

SEATS = 2
PRICE_SAT = 100
KEY = "asked-again"


@dataclass(frozen=True)
class Place:
    """The event under test and the wallets around it."""

    event_id: str
    organiser: str
    buyer: str


Step = Callable[[Place], Awaitable[object]]
Aim = Callable[[Place], Awaitable[Coroutine[Any, Any, object]]]
Check = Callable[[Place], Awaitable[list[str]]]


@dataclass(frozen=True)
class Scenario:
    """`ready` prepares, `aim` gives the coroutine that is killed; each check of `afterwards` is a
    way to go on, and says what is wrong then. `at_once`: what has come in before the restart, to
    another process on the same database, in some of these ways. `only_writes`: not at each await,
    but at those by which something was written (see `crash_steps`)."""

    ready: Step
    aim: Aim
    afterwards: Mapping[str, Check]
    seats: int = SEATS
    at_once: Mapping[str, Step] = field(default_factory=dict)
    only_writes: bool = False


async def open_event(organiser: str, seats: int) -> str:
    """A new event with some seats, limited by its capacity and by its package."""
    catalog = ext("catalog.services")
    wave = {"id": "w", "title": "W", "amount_tickets": seats, "price_per_ticket": PRICE_SAT}
    body = ext("catalog.bodies").EventBody(**event_body(extra={"ticket_waves": [wave]}))
    codes, now = ext("promos.services").EventCodes(), ext("clock").now()
    known = ext("catalog.rules").Currencies({"GBP"}, {"GBP"})
    listing = await catalog.create_event(organiser, body, codes, known, now)
    return str(listing.event.id)


async def wake() -> None:
    """What a process has once it serves: rates, a node, the key; the database is as it was left."""
    from lnbits.utils.cache import cache
    from lnbits.wallets import set_funding_source

    from support.rates import PRICE_PER_BTC

    cache.set("btc-price-USD", PRICE_PER_BTC, expiry=10**9)
    set_funding_source()
    await ext("settings").secret_key.load()


async def buy(place: Place, quantity: int = SEATS, key: str = KEY) -> Any:
    body = ext("orders.bodies").PurchaseBody(name="Ada", email="ada@example.com", quantity=quantity)
    request = body.request(place.event_id, "127.0.0.1", key, "api")
    return await ext("orders.checkout").place_order(request, ext("clock").now())


async def pay_from(wallet: str, payment_request: str) -> None:
    from lnbits.core.services import pay_invoice

    await pay_invoice(wallet_id=wallet, payment_request=payment_request)


async def nothing(place: Place) -> None:
    """There is nothing to prepare."""


async def buy_and_pay(place: Place) -> None:
    """Paid on the host; nobody has been told."""
    purchase = await buy(place)
    await pay_from(place.buyer, purchase.order.payment_request)


async def buy_lapse_and_pay(place: Place) -> None:
    """Paid after the seats were given back."""
    purchase = await buy(place)
    await lapse_and_sweep(place)
    await pay_from(place.buyer, purchase.order.payment_request)


async def lose_seats_and_pay(place: Place) -> None:
    """Paid after the seats were given to somebody else."""
    first = await buy(place)
    await lapse_and_sweep(place)
    await execute(
        "UPDATE events.orders SET idempotency_hash = NULL WHERE id = :id", id=first.order.id
    )
    second = await buy(place)
    await pay_from(place.buyer, second.order.payment_request)
    await settle_directly(second.order.payment_hash)
    await pay_from(place.buyer, first.order.payment_request)


async def buy_and_lapse(place: Place) -> None:
    await buy(place)
    await lapse_all(place)


async def buying(place: Place) -> Coroutine[Any, Any, object]:
    return buy(place)


async def settling(place: Place) -> Coroutine[Any, Any, object]:
    """The announcement of the payment that has not been settled yet."""
    [payment] = [p for p in await invoices(place) if p.success and not await is_settled(p)]
    sweeper, ledger = ext("orders.sweeper"), ext("tasks").ledger
    settle: Coroutine[Any, Any, object] = sweeper.settle_announced(
        payment, ledger, ext("clock").now()
    )
    return settle


async def expiring(place: Place) -> Coroutine[Any, Any, object]:
    """What the sweeper does with an order nobody paid."""
    [order] = await orders(place)
    async with ext("crud").reading() as tx:
        found = await ext("orders.crud").get_order(tx, order["id"])
    expire: Coroutine[Any, Any, object] = ext("orders.settlement").expire(found)
    return expire


async def sweep(place: Place) -> None:
    await ext("tasks").sweep_once()


async def lapse_all(place: Place) -> None:
    """The holds of the event ran out a minute ago."""
    await execute(
        "UPDATE events.orders SET hold_expires_at = :at WHERE status = 'reserved' AND id IN"
        " (SELECT order_id FROM events.order_lines WHERE event_id = :id)",
        id=place.event_id,
        at=round((time.time() - 60) * 1000),
    )


async def lapse_and_sweep(place: Place) -> None:
    await lapse_all(place)
    await sweep(place)


async def orders(place: Place) -> list[Mapping[str, Any]]:
    return await rows(
        "SELECT o.* FROM events.orders o JOIN events.order_lines l ON l.order_id = o.id"
        " WHERE l.event_id = :id ORDER BY o.created_at",
        id=place.event_id,
    )


async def invoices(place: Place) -> list[Any]:
    """The host's invoices for the event's orders, stored with them or not."""
    from lnbits.core.db import db

    found = []
    for order in await orders(place):
        hashes: list[Mapping[str, Any]] = await db.fetchall(
            "SELECT payment_hash FROM apipayments WHERE external_id = :id AND amount > 0",
            {"id": order["id"]},
        )
        found += [await host_payment(payment["payment_hash"]) for payment in hashes]
    return found


async def is_settled(payment: Any) -> bool:
    found = await rows(
        "SELECT status FROM events.orders WHERE payment_hash = :hash", hash=payment.payment_hash
    )
    return any(order["status"] in ("confirmed", "refund_due") for order in found)


async def left_alone(place: Place) -> list[str]:
    """Nobody pays: after the hold all seats are for sale again."""
    await lapse_and_sweep(place)
    wrong = await broken_invariants(place.event_id)
    if (await event_row(place.event_id))["held"]:
        wrong.append("seats are held for nobody")
    await execute("UPDATE events.orders SET idempotency_hash = NULL")
    await buy(place)
    return wrong


async def paid_and_announced(place: Place) -> list[str]:
    """The invoice gets paid, and announced three times at once."""
    paid = await pay_all(place)
    for payment_hash in paid:
        await asyncio.gather(*(settle_directly(payment_hash) for _ in range(3)))
    return await _all_confirmed(place, len(paid))


async def paid_in_silence(place: Place) -> list[str]:
    """The invoice gets paid, and nobody is told."""
    paid = await pay_all(place)
    await sweep(place)
    return await _all_confirmed(place, len(paid))


async def pay_all(place: Place) -> list[str]:
    open_ones = [payment for payment in await invoices(place) if not payment.success]
    for payment in open_ones:
        await pay_from(place.buyer, payment.bolt11)
    return [payment.payment_hash for payment in open_ones]


async def asked_again(place: Place) -> list[str]:
    """The buyer, who got no answer, sends the same request with the same key, and pays."""
    await execute("UPDATE events.orders SET created_at = created_at - 60000")
    purchase = await buy(place)
    if len(await orders(place)) != 1:
        return ["one key made more than one order"]
    await pay_from(place.buyer, purchase.order.payment_request)
    await settle_directly(purchase.order.payment_hash)
    return await _all_confirmed(place, 1)


async def _all_confirmed(place: Place, expected: int) -> list[str]:
    wrong = await broken_invariants(place.event_id)
    confirmed = [o for o in await orders(place) if o["status"] == "confirmed"]
    tickets = [t for t in await ticket_rows(place.event_id) if t["status"] == "active"]
    if len(confirmed) != expected or len(tickets) != expected * SEATS:
        wrong.append(f"{len(confirmed)} orders, {len(tickets)} tickets for {expected} payments")
    if any(ticket["payment_hash"] != confirmed[0]["payment_hash"] for ticket in tickets):
        wrong.append("tickets without their payment hash")
    return wrong


async def announced_again(place: Place) -> list[str]:
    """The host tells of the payment again, twice at once."""
    for payment in await invoices(place):
        if payment.success:
            await asyncio.gather(*(settle_directly(payment.payment_hash) for _ in range(2)))
    return await _settled(place)


async def never_announced_again(place: Place) -> list[str]:
    """The sweep at the restart is all there is."""
    return await _settled(place)


async def _settled(place: Place) -> list[str]:
    wrong = await broken_invariants(place.event_id)
    wrong += [
        f"paid, but {payment.payment_hash} is not settled"
        for payment in await invoices(place)
        if payment.success and not await is_settled(payment)
    ]
    sold = await row("SELECT sold, held FROM events.events WHERE id = :id", id=place.event_id)
    if (sold["sold"], sold["held"]) != (SEATS, 0):
        wrong.append(f"counters {dict(sold)}")
    return wrong


async def seats_are_back(place: Place) -> list[str]:
    await sweep(place)
    wrong = await broken_invariants(place.event_id)
    if (await event_row(place.event_id))["held"]:
        wrong.append("seats are held for nobody")
    return wrong


_AFTER_SETTLING = {"again": announced_again, "never again": never_announced_again}

SALE: Mapping[str, Scenario] = {
    "buy": Scenario(
        nothing,
        buying,
        {
            "left alone": left_alone,
            "paid and announced": paid_and_announced,
            "paid in silence": paid_in_silence,
            "asked again": asked_again,
        },
    ),
    "settle": Scenario(buy_and_pay, settling, _AFTER_SETTLING),
    "settle late": Scenario(buy_lapse_and_pay, settling, _AFTER_SETTLING),
    "settle without a seat": Scenario(lose_seats_and_pay, settling, _AFTER_SETTLING),
    "expire": Scenario(buy_and_lapse, expiring, {"swept again": seats_are_back}),
}
