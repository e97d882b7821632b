"""Cancelling, claiming and paying back, to be killed at every await."""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any

from support.builders import event_row, rows
from support.crash_sale import (
    PRICE_SAT,
    SEATS,
    Place,
    Scenario,
    buy,
    orders,
    pay_all,
    pay_from,
    sweep,
)
from support.host import ext
from support.invariants import broken_invariants
from support.settling import settle_directly

ORDERS = 3
PAID_SAT = SEATS * PRICE_SAT


async def refunds(place: Place) -> list[Mapping[str, Any]]:
    return await rows(
        "SELECT * FROM events.refunds WHERE event_id = :id ORDER BY created_at, id",
        id=place.event_id,
    )


async def refund_of(place: Place) -> Any:
    """The only one."""
    [found] = await refunds(place)
    return await ext("refunds.paying").get(found["id"])


async def payouts(place: Place) -> list[Mapping[str, Any]]:
    """What the host has of paying the event's refunds."""
    from lnbits.core.db import db

    found: list[Mapping[str, Any]] = []
    for refund in await refunds(place):
        found += await db.fetchall(
            "SELECT status, amount FROM apipayments WHERE amount < 0 AND external_id LIKE :attempt",
            {"attempt": f"{refund['id']}.%"},
        )
    return found


async def claims(place: Place) -> list[Mapping[str, Any]]:
    """The invoices the buyer's wallet has made to get money back, oldest first."""
    from lnbits.core.db import db

    found: list[Mapping[str, Any]] = await db.fetchall(
        "SELECT bolt11, status, amount FROM apipayments"
        " WHERE wallet_id = :wallet AND external_id = :event ORDER BY time, bolt11",
        {"wallet": place.buyer, "event": place.event_id},
    )
    return found


async def an_invoice(place: Place, sat: int = PAID_SAT) -> str:
    """Of the buyer's wallet."""
    from lnbits.core.services import create_invoice

    made = await create_invoice(
        wallet_id=place.buyer, amount=sat, memo="back", external_id=place.event_id
    )
    return str(made.bolt11)


async def ask(refund: Any, bolt11: str) -> dict[str, Any]:
    """What a wallet does with the link, in its second step."""
    claims_room, secret = ext("refunds.claims"), ext("refunds.booking").claim_secret(refund.id)
    answer: dict[str, Any] = await claims_room.lud03_callback(
        secret, claims_room.k1_of(refund), bolt11
    )
    return answer


async def buy_and_settle(place: Place) -> None:
    await _buy_and_settle(place, SEATS, "one")


async def _buy_and_settle(place: Place, quantity: int, key: str) -> None:
    purchase = await buy(place, quantity, key)
    await pay_from(place.buyer, purchase.order.payment_request)
    await settle_directly(purchase.order.payment_hash)


async def cancelled_and_invoiced(place: Place) -> None:
    """The money is offered, and a wallet has made an invoice."""
    await buy_and_settle(place)
    await cancel(place)
    await an_invoice(place)


async def taken_but_not_sent(place: Place) -> None:
    """A process died between writing down that it pays, and paying."""
    await cancelled_and_invoiced(place)
    refund, now = await refund_of(place), ext("clock").now()
    invoice = ext("refunds.payouts").read_invoice((await claims(place))[0]["bolt11"])
    async with ext("crud").transaction() as tx:
        await ext("refunds.crud").take(tx, refund, invoice, now - timedelta(minutes=2))


async def some_orders_and_no_event(place: Place) -> None:
    for number in range(ORDERS):
        await _buy_and_settle(place, 1, f"order-{number}")
    await cancel_event(place)


async def a_paid_and_an_unpaid_order(place: Place) -> None:
    await _buy_and_settle(place, 1, "paid")
    await buy(place, 1, "unpaid")


async def cancel(place: Place) -> Any:
    [order] = await orders(place)
    return await _cancel(order["id"])


def _cancel(order_id: str) -> Coroutine[Any, Any, object]:
    cancelling, secret = ext("refunds.cancelling"), ext("settings").secret_key
    by = cancelling.By(secret=secret.derive("order", order_id))
    done: Coroutine[Any, Any, object] = cancelling.cancel_order(order_id, by, ext("clock").now())
    return done


def cancel_event(place: Place) -> Coroutine[Any, Any, object]:
    services, money = ext("catalog.services"), ext("refunds.services").EventMoney()
    done: Coroutine[Any, Any, object] = services.cancel_event(
        place.event_id, place.organiser, money, ext("clock").now()
    )
    return done


async def cancelling(place: Place) -> Coroutine[Any, Any, object]:
    [order] = await orders(place)
    return _cancel(order["id"])


async def claiming(place: Place) -> Coroutine[Any, Any, object]:
    return ask(await refund_of(place), (await claims(place))[0]["bolt11"])


async def resolving(place: Place) -> Coroutine[Any, Any, object]:
    resolve: Coroutine[Any, Any, object] = ext("refunds.paying").resolve(
        await refund_of(place), ext("clock").now()
    )
    return resolve


async def booking(place: Place) -> Coroutine[Any, Any, object]:
    book: Coroutine[Any, Any, object] = ext("refunds.worker").book_event(
        place.event_id, "event_cancelled", ext("clock").now()
    )
    return book


async def cancelling_the_event(place: Place) -> Coroutine[Any, Any, object]:
    return cancel_event(place)


async def work(place: Place) -> None:
    await ext("refunds.worker").run_once(ext("clock").now())


async def _broken(place: Place) -> list[str]:
    wrong = await broken_invariants(place.event_id)
    report = await ext("refunds.report").ledger_report(place.event_id, place.organiser)
    if not report["balanced"]:
        wrong.append(f"ledger: {report['differences']}")
    return wrong


async def _all_back(place: Place, sat: int = PAID_SAT) -> list[str]:
    """Whatever is still offered is claimed: then all of the money has arrived, exactly once."""
    wrong = []
    for row in await refunds(place):
        refund = await ext("refunds.paying").get(row["id"])
        if refund.is_claimable:
            told = await ask(refund, await an_invoice(place, refund.amount_sat))
            wrong += [] if told["status"] == "OK" else [f"a claim was refused: {told}"]
    arrived = sum(p["amount"] for p in await claims(place) if p["status"] == "success") // 1000
    sent = -sum(p["amount"] for p in await payouts(place) if p["status"] == "success") // 1000
    if (arrived, sent) != (sat, sat):
        wrong.append(f"of {sat} sat {sent} were sent and {arrived} arrived")
    states = {order["status"] for order in await orders(place)}
    if states != {"refunded"}:
        wrong.append(f"paid back, and the orders are {states}")
    event = await event_row(place.event_id)
    if event["sold"] or event["held"]:
        wrong.append(f"paid back, and {event['sold']} are sold, {event['held']} held")
    return wrong + await _broken(place)


async def the_worker_alone(place: Place) -> list[str]:
    """Nobody asks again; when the buyer comes back the money is there, or has come."""
    wrong = await _broken(place)
    await work(place)
    return wrong + await _all_back(place)


async def cancelled_again(place: Place) -> list[str]:
    """The buyer, who got no answer, asks twice at once."""
    wrong = await _broken(place)
    told = await asyncio.gather(cancel(place), cancel(place))
    if {done.refund_sat for done in told} != {PAID_SAT} or len(await refunds(place)) != 1:
        wrong.append(f"cancelled again: {told}, {await refunds(place)}")
    return wrong + await _all_back(place)


async def cancelled_and_claimed(place: Place) -> list[str]:
    await cancel(place)
    return await _all_back(place)


async def the_same_invoice(place: Place) -> list[str]:
    """The wallet, which got no answer, calls back again: three times at once."""
    first = (await claims(place))[0]["bolt11"]
    refund = await refund_of(place)
    told = await asyncio.gather(*(ask(refund, first) for _ in range(3)))
    wrong = [] if {"status": "OK"} in told else [f"the same invoice again: {told}"]
    return wrong + await _all_back(place)


async def another_invoice(place: Place) -> list[str]:
    """The buyer scans again, with a wallet that makes another invoice: at most one is paid."""
    was = await refund_of(place)
    told = await ask(was, await an_invoice(place))
    expected = "OK" if was.is_claimable else "ERROR"
    wrong = [] if told["status"] == expected else [f"{was.status}: {told}"]
    return wrong + await _all_back(place)


async def ask_at_once(place: Place) -> None:
    """The wallet asks again before anybody has looked after what was killed: the same, another."""
    refund = await refund_of(place)
    await ask(refund, (await claims(place))[0]["bolt11"])
    await ask(refund, await an_invoice(place))


async def all_booked(place: Place) -> list[str]:
    """One refund for each order, over what it paid, and the event is done with."""
    return await _booked(place) + await _broken(place)


async def _booked(place: Place) -> list[str]:
    await work(place)
    found = [(r["order_id"], r["amount_sat"], r["reason"]) for r in await refunds(place)]
    expected = [(o["id"], PRICE_SAT, "event_cancelled") for o in await orders(place)]
    wrong = [] if sorted(found) == sorted(expected) else [f"booked {found}, not {expected}"]
    if not (await event_row(place.event_id))["refunds_booked_at"]:
        wrong.append("the event is not marked as booked")
    return wrong


async def booked_again(place: Place) -> list[str]:
    """The organiser cancels once more, and two processes book; then everybody claims."""
    await cancel_event(place)
    await asyncio.gather(*[await booking(place) for _ in range(2)])
    return await _booked(place) + await _all_back(place, ORDERS * PRICE_SAT)


async def event_goes_on_or_ends(place: Place) -> list[str]:
    """Either it is on sale as before, or everybody gets their money back."""
    await work(place)
    event = await event_row(place.event_id)
    found = [order["status"] for order in await orders(place)]
    if event["status"] == "published":
        expected = ["confirmed", "reserved"]
        wrong = [] if not event["cancelled_at"] and not event["canceled"] else ["half cancelled"]
    else:
        expected = ["refund_due", "reserved"]
        wrong = [] if event["canceled"] and event["refunds_booked_at"] else ["not booked"]
    if found != expected:
        wrong.append(f"event {event['status']}, orders {found}")
    return wrong + await _broken(place)


async def event_cancelled_again(place: Place) -> list[str]:
    """Asked again; then the order nobody had paid is paid late. Both come back."""
    await cancel_event(place)
    await work(place)
    await pay_all(place)
    await sweep(place)
    return await _all_back(place, 2 * PRICE_SAT)


_AFTER_CLAIMING = {
    "the worker alone": the_worker_alone,
    "the same invoice": the_same_invoice,
    "another invoice": another_invoice,
    "asked at once": the_worker_alone,
}
_AT_ONCE = {"asked at once": ask_at_once}

REFUNDS: Mapping[str, Scenario] = {
    "cancel an order": Scenario(
        buy_and_settle,
        cancelling,
        {"cancelled again": cancelled_again, "cancelled and claimed": cancelled_and_claimed},
    ),
    "claim": Scenario(
        cancelled_and_invoiced, claiming, _AFTER_CLAIMING, at_once=_AT_ONCE, only_writes=True
    ),
    "resolve": Scenario(
        taken_but_not_sent, resolving, _AFTER_CLAIMING, at_once=_AT_ONCE, only_writes=True
    ),
    "book an event": Scenario(
        some_orders_and_no_event,
        booking,
        {"the worker alone": all_booked, "booked again": booked_again},
        seats=ORDERS,
        only_writes=True,
    ),
    "cancel an event": Scenario(
        a_paid_and_an_unpaid_order,
        cancelling_the_event,
        {"left alone": event_goes_on_or_ends, "cancelled again": event_cancelled_again},
    ),
}
