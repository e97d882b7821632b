"""I2: what is owed arrives, to the sat, whichever way it is sent."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from support.builders import a_purchase, an_event, execute, order_row, pay, ticket_rows
from support.host import ext
from support.invariants import broken_invariants
from support.lnurl_server import Does, LnurlServer
from support.people import Person, a_person
from support.refunding import (
    Debt,
    a_debt,
    an_invoice,
    an_outside_invoice,
    balance_msat,
    becomes,
    cancelled,
    claim,
    hash_of,
    make_due,
    moves,
    outgoing,
    refund_row,
    send_to,
    the_node,
    tried,
    work,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("service"),
]

SAT = 777


Way = Callable[[httpx.AsyncClient, Debt, LnurlServer, Person], Awaitable[object]]


async def by_bolt11(
    client: httpx.AsyncClient, debt: Debt, service: LnurlServer, receiver: Person
) -> None:
    answer = await send_to(client, debt, await an_invoice(receiver, debt.sat))
    assert answer.status_code == 200, answer.text


async def by_bolt11_from_a_qr_code(
    client: httpx.AsyncClient, debt: Debt, service: LnurlServer, receiver: Person
) -> None:
    bolt11 = await an_invoice(receiver, debt.sat)
    answer = await send_to(client, debt, f"LIGHTNING:{bolt11.upper()}")
    assert answer.status_code == 200, answer.text


async def by_lnurl1(
    client: httpx.AsyncClient, debt: Debt, service: LnurlServer, receiver: Person
) -> None:
    assert (await send_to(client, debt, service.bech32("ada"))).status_code == 200


async def by_lnurlp(
    client: httpx.AsyncClient, debt: Debt, service: LnurlServer, receiver: Person
) -> None:
    assert (await send_to(client, debt, service.lnurlp("ada"))).status_code == 200


async def by_address(
    client: httpx.AsyncClient, debt: Debt, service: LnurlServer, receiver: Person
) -> None:
    assert (await send_to(client, debt, service.address("ada"))).status_code == 200


async def by_claim(
    client: httpx.AsyncClient, debt: Debt, service: LnurlServer, receiver: Person
) -> None:
    assert (await claim(client, debt, await an_invoice(receiver, debt.sat)))["status"] == "OK"


WAYS = [by_bolt11, by_bolt11_from_a_qr_code, by_lnurl1, by_lnurlp, by_address, by_claim]


@pytest.mark.parametrize("way", WAYS)
async def test_i2_money_paid_back_arrives_to_the_sat(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer, way: Way
) -> None:
    debt = await a_debt(client, buyer, SAT)
    async with moves(debt.organiser, receiver, SAT):
        await way(client, debt, service, receiver)
        found = await becomes(debt, "paid")
    assert (found["paid_by"], found["attempts"], found["fee_msat"]) == ("lightning", 1, 0)
    assert (found["error_code"], found["error"], found["next_attempt_at"]) == (None, None, None)
    [payment] = await outgoing(debt.organiser)
    assert payment["payment_hash"] == found["payment_hash"] == hash_of(found["bolt11"])
    assert payment["external_id"] == f"{debt.id}.1"
    assert (await order_row(debt.order_id))["status"] == "refunded"
    assert [t["status"] for t in await ticket_rows(debt.event_id)] == ["refunded"]
    assert await broken_invariants(debt.event_id) == []


async def test_i2_money_paid_back_to_a_wallet_elsewhere(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    """Over the node; the host wants its reserve for fees in the wallet, and gives it back."""
    organiser = await a_person(balance_sat=8)
    debt = await a_debt(client, buyer, SAT, organiser=organiser)
    bolt11 = await an_outside_invoice(SAT)
    assert (await claim(client, debt, bolt11))["status"] == "OK"
    await becomes(debt, "paid")
    assert hash_of(bolt11) in the_node().paid_invoices
    assert await balance_msat(organiser) == 8_000
    assert await broken_invariants(debt.event_id) == []


@pytest.mark.parametrize("said", ["when it was bought", "when it was cancelled"])
async def test_i2_money_for_a_known_address_goes_there_by_itself(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer, said: str
) -> None:
    organiser = await a_person()
    event = await an_event(client, organiser, price_per_ticket=SAT)
    at_once, later = [
        service.address("ada") if said == moment else None
        for moment in ("when it was bought", "when it was cancelled")
    ]
    purchase = await a_purchase(client, event["id"], refund_address=at_once)
    await pay(buyer, purchase)
    async with moves(organiser, receiver, SAT):
        debt = await cancelled(client, organiser, purchase, event["id"], later)
        await work()
        await becomes(debt, "paid")
    # One request for one payment: whoever was paid can tell one refund from two.
    assert service.invoiced["ada"] == 1


async def test_i2_money_a_wallet_loses_exactly_its_refunds(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer
) -> None:
    """All ways, one wallet, different sums; one debt is left open."""
    organiser = await a_person()
    event = await an_event(client, organiser, price_per_ticket=31)
    debts = []
    for quantity in range(1, len(WAYS) + 2):
        purchase = await a_purchase(client, event["id"], quantity=1 + quantity % 2)
        await pay(buyer, purchase)
        debts.append(await cancelled(client, organiser, purchase, event["id"]))
    *paid, left = debts
    async with moves(organiser, receiver, sum(debt.sat for debt in paid)):
        for debt, way in zip(paid, WAYS, strict=True):
            await way(client, debt, service, receiver)
            await becomes(debt, "paid")
    assert await balance_msat(organiser) == left.sat * 1000
    assert await broken_invariants(event["id"]) == []


async def test_an_organiser_may_try_again_at_once(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer
) -> None:
    service.behave("ada", Does.ERROR)
    debt = await a_debt(client, buyer, SAT, service.lnurlp("ada"))
    await tried(debt)
    answer = await send_to(client, debt)
    assert (answer.status_code, (await refund_row(debt))["attempts"]) == (200, 2), answer.text
    assert answer.json()["error_code"] == "destination_unreachable"
    service.behave("ada", Does.HONEST)
    async with moves(debt.organiser, receiver, SAT):
        answer = await send_to(client, debt)
        assert answer.status_code == 200, answer.text
        await becomes(debt, "paid")


async def test_i3_once_a_service_that_gives_one_invoice_twice_is_paid_once(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer
) -> None:
    """Two refunds of the same sum: one invoice cannot pay both."""
    service.behave("ada", Does.SAME_INVOICE)
    organiser = await a_person()
    debts = [await a_debt(client, buyer, SAT, organiser=organiser) for _ in range(2)]
    async with moves(organiser, receiver, SAT):
        for debt in debts:
            await send_to(client, debt, service.lnurlp("ada"))
        await becomes(debts[0], "paid")
        found = await tried(debts[1])
        assert (found["status"], found["error_code"]) == ("due", "invoice_used")
    service.behave("ada", Does.HONEST)
    async with moves(organiser, receiver, SAT):
        await send_to(client, debts[1])
        await becomes(debts[1], "paid")


@pytest.mark.parametrize("way", [Does.TAKES_COMMENTS, Does.TAKES_A_WORD])
async def test_a_wallet_is_told_what_it_gets_if_it_takes_that_many_letters(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer, way: Does
) -> None:
    service.behave("ada", way)
    debt = await a_debt(client, buyer, SAT)
    async with moves(debt.organiser, receiver, SAT):
        assert (await send_to(client, debt, service.lnurlp("ada"))).status_code == 200
        await becomes(debt, "paid")
    said = service.comments["ada"]
    assert said == "" if way is Does.TAKES_A_WORD else "refund" in said.lower()


async def test_i2_money_of_an_address_that_never_answers_is_given_up_and_can_be_claimed(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer
) -> None:
    """Waits grow up to a day; after the last attempt nothing is tried unasked any more."""
    service.behave("ada", Does.ERROR)
    debt = await a_debt(client, buyer, SAT, service.lnurlp("ada"))
    waits = []
    for attempt in range(1, ext("refunds.rules").ATTEMPTS_IN_A_ROW):
        found = await tried(debt, attempt)
        assert found["status"] == "due"
        waits.append(found["next_attempt_at"] - found["attempted_at"])
        await make_due(debt)
    assert waits == sorted(waits)
    assert (waits[0], waits[1], max(waits) <= 86_400_000) == (60_000, 120_000, True)
    found = await tried(debt, len(waits) + 1)
    assert (found["status"], found["next_attempt_at"]) == ("failed", None)
    asked = service.asked["ada"]
    await work(hours=240)
    assert (service.asked["ada"], await balance_msat(receiver)) == (asked, 0)

    async with moves(debt.organiser, receiver, SAT):
        assert (await claim(client, debt, await an_invoice(receiver, SAT)))["status"] == "OK"
    assert (await refund_row(debt))["status"] == "paid"
    assert await broken_invariants(debt.event_id) == []


async def test_i2_money_given_up_is_sent_when_the_organiser_tries_again(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer
) -> None:
    debt = await a_debt(client, buyer, SAT, service.lnurlp("ada"))
    await execute("UPDATE events.refunds SET status = 'failed' WHERE id = :id", id=debt.id)
    await work(hours=1)
    assert (await refund_row(debt))["attempts"] == 0
    async with moves(debt.organiser, receiver, SAT):
        assert (await send_to(client, debt)).json()["status"] == "paid"


async def test_a_refund_without_an_address_keeps_waiting_for_its_claim(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    debt = await a_debt(client, buyer, SAT)
    before = dict(await refund_row(debt))
    await work(hours=1)
    answer = await send_to(client, debt)
    assert (answer.status_code, answer.json()["status"]) == (200, "offered")
    assert dict(await refund_row(debt)) == before


async def test_i2_money_never_goes_to_an_address_that_was_replaced_meanwhile(
    client: httpx.AsyncClient,
    buyer: Person,
    receiver: Person,
    service: LnurlServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A typing error: the organiser corrects it while the worker waits for the wrong wallet."""
    wrong, right = service.lnurlp("wrong"), service.lnurlp("right")
    service.behave("right", Does.ERROR)
    debt = await a_debt(client, buyer, SAT, wrong)
    payouts = ext("refunds.payouts")
    fetch = payouts.fetch_invoice

    async def slowly(destination: str, amount_sat: int, comment: str) -> object:
        invoice = await fetch(destination, amount_sat, comment)
        assert destination == wrong
        monkeypatch.setattr(payouts, "fetch_invoice", fetch)
        assert (await send_to(client, debt, right)).status_code == 200
        return invoice

    monkeypatch.setattr(payouts, "fetch_invoice", slowly)
    async with moves(debt.organiser, receiver, 0):
        await work()
    found = await refund_row(debt)
    assert (found["status"], found["destination"]) == ("due", right)
    service.behave("right", Does.HONEST)
    async with moves(debt.organiser, receiver, SAT):
        await send_to(client, debt)
