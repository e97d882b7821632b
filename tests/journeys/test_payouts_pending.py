"""I3 for money going out: while nobody knows how a payment ended it is looked up, and no other
invoice is paid for that refund."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from support.builders import order_row
from support.host import ext
from support.invariants import broken_invariants
from support.lnurl_server import LnurlServer
from support.people import Person, a_person
from support.refunding import (
    Debt,
    a_debt,
    an_invoice,
    an_outside_invoice,
    balance_msat,
    call_back,
    claim,
    hash_of,
    host_setting,
    make_due,
    moves,
    outgoing,
    refund_row,
    send_to,
    status_of,
    the_node,
    tried,
    withdraw_request,
    work,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("service"),
]

SAT = 640
# Room for the host's reserve; it is there at the end, less the fee.
SPARE = 50


class OddNode:
    """The funding source as it may be: `pays` answers each payment, `says` what became of it.

    The one edge that is not real here; the host in front of it is.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pays: Callable[[], Awaitable[Any]]) -> None:
        self._pays = pays
        self.paid: list[str] = []
        self.says: bool | None = None
        self.fee_msat = 0
        monkeypatch.setattr(the_node(), "pay_invoice", self._pay)
        monkeypatch.setattr(the_node(), "get_payment_status", self._status)

    async def _pay(self, bolt11: str, _fee_limit_msat: int) -> Any:
        self.paid.append(bolt11)
        return await self._pays()

    async def _status(self, _checking_id: str) -> Any:
        from lnbits.wallets.base import PaymentStatus

        return PaymentStatus(self.says, fee_msat=self.fee_msat, preimage="00" * 32)


async def answers_pending() -> Any:
    from lnbits.wallets.base import PaymentResponse

    return PaymentResponse(ok=None)


async def raises() -> Any:
    raise OSError("the connection was lost after everything was sent")


async def hangs() -> Any:
    await asyncio.sleep(60)


async def says_failed() -> Any:
    from lnbits.wallets.base import PaymentResponse

    return PaymentResponse(ok=False, error_message="no route found")


async def a_debt_to_elsewhere(client: httpx.AsyncClient, buyer: Person) -> Debt:
    organiser = await a_person(balance_sat=SPARE)
    return await a_debt(client, buyer, SAT, organiser=organiser)


async def looks(times: int) -> None:
    """As many passes of the worker, hours apart."""
    for hours in range(1, times + 1):
        await work(hours=hours)


@pytest.mark.parametrize("pays", [answers_pending, raises, hangs])
async def test_i3_once_a_payment_that_is_under_way_is_looked_up_until_it_is_paid(
    client: httpx.AsyncClient, buyer: Person, monkeypatch: pytest.MonkeyPatch, pays: Any
) -> None:
    debt = await a_debt_to_elsewhere(client, buyer)
    bolt11 = await an_outside_invoice(SAT)
    request = await withdraw_request(client, debt)
    node = OddNode(monkeypatch, pays)
    with host_setting(lnbits_funding_source_pay_invoice_wait_seconds=1):
        assert (await call_back(client, request, bolt11))["status"] == "OK"
    await looks(3)
    assert await status_of(debt) == "paying"
    assert (await order_row(debt.order_id))["status"] == "refund_due"

    # Nobody gets it a second time meanwhile, and the wallet that asks again hears no refusal.
    other = await an_outside_invoice(SAT)
    assert (await call_back(client, request, other))["status"] == "ERROR"
    assert (await call_back(client, request, bolt11))["status"] == "OK"
    for again in (
        await send_to(client, debt),
        await send_to(client, debt, other),
        await send_to(client, debt, by_hand=True),
    ):
        assert (again.status_code, again.json()["code"]) == (409, "refund_settled")

    node.says, node.fee_msat = True, 3_000
    await work(hours=4)
    found = await refund_row(debt)
    assert (found["status"], found["attempts"], found["fee_msat"]) == ("paid", 1, 3_000)
    assert node.paid == [bolt11]
    assert await balance_msat(debt.organiser) == (SPARE - 3) * 1000
    assert (await order_row(debt.order_id))["status"] == "refunded"
    assert await broken_invariants(debt.event_id) == []


async def test_i3_once_a_payment_that_failed_later_is_owed_again(
    client: httpx.AsyncClient, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    debt = await a_debt_to_elsewhere(client, buyer)
    bolt11 = await an_outside_invoice(SAT)
    with monkeypatch.context() as patched:
        node = OddNode(patched, answers_pending)
        assert (await claim(client, debt, bolt11))["status"] == "OK"
        # Right after it was sent a node may not know it yet: that is not the last word.
        node.says = False
        await work()
        assert await status_of(debt) == "paying"
        await work(minutes=2)
        found = await refund_row(debt)
        assert (found["status"], found["error_code"]) == ("offered", "payment_failed")
        assert found["error"].endswith(".")
        assert await balance_msat(debt.organiser) == (SAT + SPARE) * 1000
    assert (await claim(client, debt, await an_outside_invoice(SAT)))["status"] == "OK"
    assert await status_of(debt) == "paid"
    assert node.paid == [bolt11]
    assert await balance_msat(debt.organiser) == SPARE * 1000


async def test_i3_once_a_payment_that_failed_at_once_is_told_and_claimed_again(
    client: httpx.AsyncClient, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    debt = await a_debt_to_elsewhere(client, buyer)
    bolt11 = await an_outside_invoice(SAT)
    with monkeypatch.context() as patched:
        OddNode(patched, says_failed)
        answer = await claim(client, debt, bolt11)
        assert answer["status"] == "ERROR" and "route" in answer["reason"].lower()
        found = await refund_row(debt)
        assert (found["status"], found["error_code"]) == ("offered", "no_route")
    assert (await claim(client, debt, await an_outside_invoice(SAT)))["status"] == "OK"
    assert await status_of(debt) == "paid"
    assert await balance_msat(debt.organiser) == SPARE * 1000


async def test_i3_once_a_payment_called_failed_that_the_node_knows_as_paid_is_paid(
    client: httpx.AsyncClient, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some nodes give up on a payment that arrives all the same."""
    debt = await a_debt_to_elsewhere(client, buyer)
    node = OddNode(monkeypatch, says_failed)
    node.says = True
    assert (await claim(client, debt, await an_outside_invoice(SAT)))["status"] == "OK"
    assert await status_of(debt) == "paid"
    assert await balance_msat(debt.organiser) == SPARE * 1000
    assert (await claim(client, debt, await an_outside_invoice(SAT)))["status"] == "ERROR"
    assert len(node.paid) == 1


async def test_i3_once_a_payment_given_up_that_went_through_is_the_refund(
    client: httpx.AsyncClient, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host's row says so later. Whoever claims next gets nothing, and is told so."""
    debt = await a_debt_to_elsewhere(client, buyer)
    bolt11 = await an_outside_invoice(SAT)
    node = OddNode(monkeypatch, says_failed)
    assert (await claim(client, debt, bolt11))["status"] == "ERROR"
    await host_says_paid(bolt11)
    answer = await claim(client, debt, await an_outside_invoice(SAT))
    assert (answer["status"], answer["reason"][-1]) == ("ERROR", ".")
    found = await refund_row(debt)
    assert (found["status"], found["payment_hash"]) == ("paid", hash_of(bolt11))
    assert node.paid == [bolt11]
    assert await balance_msat(debt.organiser) == SPARE * 1000


async def host_says_paid(bolt11: str) -> None:
    from lnbits.core.db import db

    await db.execute(
        "UPDATE apipayments SET status = 'success', fee = 0"
        " WHERE payment_hash = :hash AND amount < 0",
        {"hash": hash_of(bolt11)},
    )


async def test_i2_money_somebody_elses_payment_under_our_number_is_not_the_refund(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    """Anybody on the host may give a payment any `external_id`, also the one of our attempts."""
    from lnbits.core.services import pay_invoice

    debt = await a_debt(client, buyer, SAT)
    for attempt in (0, 1, 2):
        await pay_invoice(
            wallet_id=buyer.wallet,
            payment_request=await an_invoice(receiver, 1),
            external_id=f"{debt.id}.{attempt}",
        )
    async with moves(debt.organiser, receiver, SAT):
        assert (await claim(client, debt, await an_invoice(receiver, SAT)))["status"] == "OK"
    assert await status_of(debt) == "paid"


async def test_i3_once_a_failed_attempt_to_an_address_takes_a_new_invoice(
    client: httpx.AsyncClient,
    buyer: Person,
    receiver: Person,
    service: LnurlServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    debt = await a_debt(client, buyer, SAT, service.address("ada"))
    host_pay = ext("refunds.payouts").pay_invoice

    async def refuse(**_: object) -> None:
        from lnbits.exceptions import PaymentError

        raise PaymentError("Payment failed: no route found", status="failed")

    monkeypatch.setattr(ext("refunds.payouts"), "pay_invoice", refuse)
    found = await tried(debt)
    assert (found["status"], found["error_code"], found["payment_hash"]) == (
        "due",
        "no_route",
        None,
    )
    monkeypatch.setattr(ext("refunds.payouts"), "pay_invoice", host_pay)
    async with moves(debt.organiser, receiver, SAT):
        await make_due(debt)
        await tried(debt, 2)
    assert await status_of(debt) == "paid"
    assert (service.invoiced["ada"], len(await outgoing(debt.organiser))) == (2, 1)


async def died_before_paying(client: httpx.AsyncClient, debt: Debt, bolt11: str) -> None:
    """As if the process was killed after the invoice was stored, before the host heard of it."""
    payouts = ext("refunds.payouts")

    async def die(*_: object, **__: object) -> None:
        raise RuntimeError("killed here")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(payouts, "send", die)
        await send_to(client, debt, bolt11)
    found = await refund_row(debt)
    assert (found["status"], found["payment_hash"]) == ("paying", hash_of(bolt11))


async def test_i3_once_after_a_crash_before_paying_the_same_invoice_is_paid(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    debt = await a_debt(client, buyer, SAT)
    bolt11 = await an_invoice(receiver, SAT)
    await died_before_paying(client, debt, bolt11)
    async with moves(debt.organiser, receiver, 0):
        # Another process may still be about to pay it.
        await work()
        assert await status_of(debt) == "paying"
        assert (await claim(client, debt, await an_invoice(receiver, SAT)))["status"] == "ERROR"
    async with moves(debt.organiser, receiver, SAT):
        await work(minutes=2)
        await looks(2)
    found = await refund_row(debt)
    assert (found["status"], found["payment_hash"]) == ("paid", hash_of(bolt11))
    assert await broken_invariants(debt.event_id) == []


async def test_i3_once_after_a_crash_an_invoice_is_given_up_long_after_it_expired(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    debt = await a_debt(client, buyer, SAT)
    await died_before_paying(client, debt, await an_invoice(receiver, SAT, expiry_s=600))
    async with moves(debt.organiser, receiver, 0):
        await work(minutes=11)
        assert await status_of(debt) == "paying"
        await work(minutes=25)
        found = await refund_row(debt)
        assert (found["status"], found["error_code"]) == ("offered", "invoice_expired")
    async with moves(debt.organiser, receiver, SAT):
        assert (await claim(client, debt, await an_invoice(receiver, SAT)))["status"] == "OK"


async def test_i3_once_somebody_elses_payment_of_the_invoice_is_not_the_refund(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    """The buyer's invoice was paid by a friend on the same host while ours was stored."""
    from lnbits.core.services import pay_invoice

    debt = await a_debt(client, buyer, SAT)
    bolt11 = await an_invoice(receiver, SAT)
    await died_before_paying(client, debt, bolt11)
    await pay_invoice(wallet_id=buyer.wallet, payment_request=bolt11)
    async with moves(debt.organiser, receiver, 0):
        await work(minutes=2)
        found = await refund_row(debt)
        assert (found["status"], found["error_code"]) == ("offered", "invoice_used")
    async with moves(debt.organiser, receiver, SAT):
        assert (await claim(client, debt, await an_invoice(receiver, SAT)))["status"] == "OK"
    assert await status_of(debt) == "paid"
