"""What can happen to the money of one event, step by step, with what each step must do.

Everything goes through the services, as fast as they are; passes of the worker are made for this
event alone, because other tests leave debts of their own.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from support.builders import event_row, execute, order_row, row, rows, ticket_rows
from support.host import ext
from support.lnurl_server import Does
from support.money_world import CAPACITY, World, is_cancelled, now, one_refund, refunds
from support.people import Person
from support.refunding import UNPAID, an_invoice, balance_msat, hash_of
from support.settling import another_invoice, lapse, settle_directly

VALID = ("active", "used")
# Later than any attempt may still be under way.
LATER = timedelta(minutes=2)


# Buying.


async def hold(world: World, quantity: int, wave: str, has_address: bool) -> None:
    address = world.service.lnurlp("ada") if has_address else None
    body = ext("orders.bodies").PurchaseBody(
        name="Ada", quantity=quantity, ticket_wave_id=wave, refund_address=address
    )
    request = body.request(world.event_id, "127.0.0.1", None, "api")
    event = await event_row(world.event_id)
    errors = ext("errors")
    try:
        world.purchases.append(await ext("orders.checkout").place_order(request, now()))
    except (errors.SoldOut, errors.NotEnoughLeft):
        assert event["held"] + event["sold"] + quantity > CAPACITY
    except errors.EventCancelled:
        assert event["status"] == "cancelled"


async def pay(world: World, number: int) -> None:
    """In time or late."""
    purchase = world.purchase(number)
    if purchase is None:
        return
    order = await order_row(purchase.order.id)
    if order["status"] not in ("reserved", "expired"):
        return
    was_cancelled = await is_cancelled(world)
    await _send(world.buyer, order["payment_request"])
    await settle_directly(order["payment_hash"])
    status = (await order_row(order["id"]))["status"]
    if was_cancelled:
        assert status == "refund_due"
    else:
        assert status == "confirmed" or (status == "refund_due" and order["status"] == "expired")


async def pay_in_silence(world: World, number: int) -> None:
    """Settled as the sweep does it, at whose start it is found."""
    purchase = world.purchase(number)
    if purchase is None or purchase.order.payment_hash is None:
        return
    if (await order_row(purchase.order.id))["status"] in ("reserved", "expired"):
        await _send(world.buyer, purchase.order.payment_request)
    await sweep(world)


async def pay_again(world: World, number: int) -> None:
    """An order that was paid, by an invoice that was made by hand for it."""
    purchase = world.purchase(number)
    if purchase is None or not purchase.order.total_sat:
        return
    if (await order_row(purchase.order.id))["status"] not in ("reserved", "expired"):
        await pay_another_invoice(world, purchase)


async def pay_another_invoice(world: World, purchase: Any) -> None:
    """All of it is owed back."""
    total_sat, before = purchase.order.total_sat, await refunds(world)
    made = await another_invoice(world.organiser, purchase.order.id, total_sat)
    await _send(world.buyer, made["payment_request"])
    await settle_directly(made["payment_hash"])
    added = [r for r in await refunds(world) if r["id"] not in {old["id"] for old in before}]
    assert [(r["amount_sat"], r["reason"]) for r in added] == [(total_sat, "paid_twice")]


async def announce_twice(world: World, number: int) -> None:
    purchase = world.purchase(number)
    if purchase is None or purchase.order.payment_hash is None:
        return
    from lnbits.core.crud import get_standalone_payment

    payment = await get_standalone_payment(purchase.order.payment_hash, incoming=True)
    if payment is None or not payment.success:
        return
    before = await refunds(world)
    await asyncio.gather(*(settle_directly(payment.payment_hash) for _ in range(2)))
    assert [r["id"] for r in await refunds(world)] == [r["id"] for r in before]


async def let_lapse(world: World, number: int) -> None:
    purchase = world.purchase(number)
    if purchase is None:
        return
    order = await order_row(purchase.order.id)
    if order["status"] != "reserved":
        return
    await lapse(order["id"])
    await sweep(world)
    assert (await order_row(order["id"]))["status"] == "expired"


async def sweep(world: World) -> None:
    """A pass of the sweeper, over what came in in the last minute."""
    sweeper, moment = ext("orders.sweeper"), now()
    since = moment - timedelta(minutes=1)
    await sweeper.sweep(ext("tasks").ledger, moment, since, moment)


async def _send(payer: Person, bolt11: str) -> None:
    from lnbits.core.services import pay_invoice

    await pay_invoice(wallet_id=payer.wallet, payment_request=bolt11)


# Cancelling.


async def cancel(world: World, number: int, percent: int | None, one_ticket: bool) -> None:
    """By the buyer, or by the organiser, who says a percentage."""
    purchase = world.purchase(number)
    if purchase is None:
        return
    order = await order_row(purchase.order.id)
    chosen = [t for t in await ticket_rows(world.event_id) if t["order_id"] == order["id"]]
    chosen = [chosen[number % len(chosen)]] if one_ticket else chosen
    valid = [t for t in chosen if t["status"] in VALID and order["status"] == "confirmed"]
    cancelling, before = ext("refunds.cancelling"), await refunds(world)
    by = cancelling.By(secret=purchase.order_secret)
    if percent is not None:
        by = cancelling.By(wallet=world.organiser.wallet, percent=percent)
    try:
        if one_ticket:
            done = await cancelling.cancel_ticket(chosen[0]["id"], by, now())
        else:
            done = await cancelling.cancel_order(order["id"], by, now())
    except ext("errors").TicketingError as refusal:
        await _check_refusal(world, order, valid, percent, refusal)
        assert await refunds(world) == before
        return
    added = [r for r in await refunds(world) if r["id"] not in {old["id"] for old in before}]
    if valid:
        share = ext("refunds.rules").share_sat
        part = world.percent if percent is None else percent
        expected = sum(share(ticket["price_sat"], part) for ticket in valid)
        assert done.refund_sat == expected
        assert [r["amount_sat"] for r in added] == ([expected] if expected else [])
    else:
        assert added == []


async def _check_refusal(
    world: World,
    order: Mapping[str, Any],
    valid: list[Mapping[str, Any]],
    percent: int | None,
    refusal: Exception,
) -> None:
    """Why something was not cancelled must be one of the reasons there are."""
    errors = ext("errors")
    if not valid:
        assert isinstance(refusal, errors.NotRefundable), refusal
        return
    assert percent is None, f"the organiser was refused: {refusal!r}"
    if isinstance(refusal, errors.TicketUsed):
        assert any(ticket["status"] == "used" for ticket in valid)
    else:
        assert isinstance(refusal, errors.NotRefundable), refusal
        is_late = world.percent == 0 and order["method"] != "free"
        assert is_late or await is_cancelled(world), refusal


async def register(world: World, number: int) -> None:
    """Somebody comes to the door."""
    found = await ticket_rows(world.event_id)
    if not found:
        return
    ticket, errors = found[number % len(found)], ext("errors")
    may = ticket["status"] == "active" and not await is_cancelled(world)
    try:
        shown = ext("door.keys").Presented(None, world.organiser.wallet)
        await ext("door.services").register(ticket["id"], shown, now())
        assert may
    except errors.Forbidden:
        assert not may


async def cancel_event(world: World) -> None:
    money = ext("refunds.services").EventMoney()
    await ext("catalog.services").cancel_event(world.event_id, world.organiser.wallet, money, now())


# Paying back.


async def work(world: World) -> None:
    """A pass of the worker, some time after the last one."""
    paying, later = ext("refunds.paying"), now() + LATER
    for refund in await refunds(world, "paying"):
        await paying.resolve(await paying.get(refund["id"]), later)
    event = await event_row(world.event_id)
    if event["cancelled_at"] and not event["refunds_booked_at"]:
        await ext("refunds.worker").book_event(world.event_id, "event_cancelled", later)
        assert (await event_row(world.event_id))["refunds_booked_at"]
        assert (
            await rows(
                "SELECT id FROM events.ticket WHERE event = :id AND status IN ('active', 'used')",
                id=world.event_id,
            )
            == []
        )
    for refund in await refunds(world, "due"):
        await _send_out(world, refund)


async def _send_out(world: World, refund: Mapping[str, Any]) -> None:
    """To the address it has: it arrives, if there is enough and the address answers."""
    paying, enough = ext("refunds.paying"), await _has(world, refund["amount_sat"])
    after = await paying.pay_destination(await paying.get(refund["id"]), now())
    assert after.status.value == ("paid" if enough and world.answers else "due"), after
    if not world.answers:
        assert after.error_code == "destination_unreachable"
    elif not enough:
        assert after.error_code == "balance_too_low"


async def _has(world: World, sat: int) -> bool:
    return await balance_msat(world.organiser) >= sat * 1000


async def claim(world: World, number: int, how: str) -> None:
    """By the link or by a pasted invoice: once, twice at once, or with two invoices at once."""
    refund = await one_refund(world, number)
    if refund is None:
        return
    ways = {"twice": [0, 0], "race": [0, 1]}.get(how, [0])
    again = world.invoices.get(refund.id) if how == "same" else None
    made = [await an_invoice(world.receiver, refund.amount_sat) for _ in set(ways)]
    bolt11s = [again or made[way] for way in ways]
    enough = await _has(world, refund.amount_sat)
    is_its_own = refund.payment_hash == hash_of(bolt11s[0])
    call = _paste if how == "text" else _call_back
    told = await asyncio.gather(*(call(refund, bolt11) for bolt11 in bolt11s))
    after = await row("SELECT * FROM events.refunds WHERE id = :id", id=refund.id)
    if not refund.is_claimable:
        # Told again what it was told before; by the page, that it was paid.
        assert told == ["OK" if is_its_own and how != "text" else "ERROR"] * len(told)
        # Whoever looks may find out that what was under way has arrived; nothing else changes.
        assert after["payment_hash"] == refund.payment_hash
        assert after["status"] in (refund.status.value, "paid")
        return
    if not enough:
        assert after["status"] in ("offered", "due", "failed")
        assert after["error_code"] == "balance_too_low"
        return
    assert after["status"] == "paid"
    # Of two invoices one is paid; for one that comes twice, both may be told so.
    assert "OK" in told
    assert how != "race" or told.count("OK") == 1
    world.invoices[refund.id] = next(b for b in bolt11s if hash_of(b) == after["payment_hash"])


async def _call_back(refund: Any, bolt11: str) -> str:
    claims = ext("refunds.claims")
    secret = ext("refunds.booking").claim_secret(refund.id)
    answer = await claims.lud03_callback(secret, claims.k1_of(refund), bolt11)
    return str(answer["status"])


async def _paste(refund: Any, bolt11: str) -> str:
    secret = ext("refunds.booking").claim_secret(refund.id)
    try:
        await ext("refunds.claims").claim_by_text(secret, bolt11)
    except ext("errors").TicketingError:
        return "ERROR"
    return "OK"


async def die_paying(world: World, number: int, has_sent: bool) -> None:
    """The process that claims is killed: before the host began to pay, or when it had paid."""
    refund = await one_refund(world, number, *UNPAID)
    if refund is None:
        return
    payouts = ext("refunds.payouts")
    bolt11 = await an_invoice(world.receiver, refund.amount_sat)
    async with ext("crud").transaction() as tx:
        taken = await ext("refunds.crud").take(tx, refund, payouts.read_invoice(bolt11), now())
    assert taken is not None
    world.invoices[refund.id] = bolt11
    if has_sent:
        await payouts.send(taken, "back")


async def by_hand(world: World, number: int) -> None:
    refund = await one_refund(world, number)
    if refund is None:
        return
    try:
        await ext("refunds.services").paid_by_hand(refund, "cash", now())
        assert refund.status.value in UNPAID
    except ext("errors").RefundSettled:
        assert refund.status.value not in UNPAID


async def drain(world: World) -> None:
    """The organiser spends all there is."""
    sat = await balance_msat(world.organiser) // 1000
    if sat:
        await _send(world.organiser, await an_invoice(world.vault, sat))
        world.drained_sat += sat


async def refill(world: World) -> None:
    if world.drained_sat:
        await _send(world.vault, await an_invoice(world.organiser, world.drained_sat))
        world.drained_sat = 0


async def restart(world: World) -> None:
    """What a process knows is gone; what the tables know is taken up."""
    live, paying, claims = ext("orders.live"), ext("refunds.paying"), ext("refunds.claims")
    live.nudges.take()
    for known in (live._waiting, paying._in_flight, paying._running, claims._paying):
        known.clear()
    tasks = ext("tasks")
    await tasks.migrate()
    await ext("settings").secret_key.load()
    await sweep(world)
    await work(world)
    assert await refunds(world, "paying") == []


async def try_again(world: World) -> None:
    """The wait after failed attempts is over."""
    await execute(
        "UPDATE events.refunds SET next_attempt_at = NULL WHERE event_id = :id", id=world.event_id
    )
    await work(world)


async def service_answers(world: World, answers: bool) -> None:
    """The wallet service behind the buyers' addresses is down, or up again."""
    world.answers = answers
    world.service.behave("ada", Does.HONEST if answers else Does.ERROR)
