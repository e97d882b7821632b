"""I3 for money going out: however many claim or pay one refund at once, it is paid once."""

import asyncio
from collections import Counter

import httpx
import pytest

from support.builders import Json, execute
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
    moves,
    outgoing,
    refund_row,
    send_to,
    status_of,
    the_node,
    withdraw_request,
    work,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("service"),
]

SAT = 210
CALLBACKS = 50


async def all_at_once(client: httpx.AsyncClient, debt: Debt, invoices: list[str]) -> list[Json]:
    """The QR code is read once, and called back with all of these at the same time."""
    request = await withdraw_request(client, debt)
    return list(await asyncio.gather(*(call_back(client, request, one) for one in invoices)))


def answers(found: list[Json]) -> Counter[str]:
    return Counter(answer["status"] for answer in found)


async def is_paid_once(debt: Debt) -> str:
    """By one invoice, which this says, and by no other."""
    found = await refund_row(debt)
    assert (found["status"], found["attempts"]) == ("paid", 1)
    [payment] = await outgoing(debt.organiser)
    assert payment["payment_hash"] == found["payment_hash"]
    assert payment["amount"] == -debt.sat * 1000
    assert await broken_invariants(debt.event_id) == []
    return str(found["bolt11"])


async def test_i3_once_50_callbacks_with_different_invoices(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    debt = await a_debt(client, buyer, SAT)
    invoices = [await an_invoice(receiver, SAT) for _ in range(CALLBACKS)]
    async with moves(debt.organiser, receiver, SAT):
        found = await all_at_once(client, debt, invoices)
    assert answers(found) == {"OK": 1, "ERROR": CALLBACKS - 1}
    won = await is_paid_once(debt)
    assert found[invoices.index(won)] == {"status": "OK"}
    assert all(answer["reason"].endswith(".") for answer in found if answer["status"] == "ERROR")


async def test_i3_once_50_callbacks_when_the_wallet_has_money_for_all(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    """Not the empty wallet is what stops the second payment."""
    organiser = await a_person(balance_sat=SAT * CALLBACKS)
    debt = await a_debt(client, buyer, SAT, organiser=organiser)
    invoices = [await an_invoice(receiver, SAT) for _ in range(CALLBACKS)]
    async with moves(organiser, receiver, SAT):
        found = await all_at_once(client, debt, invoices)
    assert answers(found) == {"OK": 1, "ERROR": CALLBACKS - 1}
    await is_paid_once(debt)


async def test_i3_once_50_callbacks_with_the_same_invoice(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    """A wallet that calls back more than once is told each time that its invoice is paid."""
    organiser = await a_person(balance_sat=SAT * CALLBACKS)
    debt = await a_debt(client, buyer, SAT, organiser=organiser)
    bolt11 = await an_invoice(receiver, SAT)
    async with moves(organiser, receiver, SAT):
        found = await all_at_once(client, debt, [bolt11] * CALLBACKS)
        assert answers(found) == {"OK": CALLBACKS}
        # The QR code of a refund that was paid leads to nothing any more.
        assert (await claim(client, debt, bolt11))["status"] == "ERROR"
    assert await is_paid_once(debt) == bolt11


async def test_i3_once_two_wallets_elsewhere(client: httpx.AsyncClient, buyer: Person) -> None:
    """Over the node, whose payments take a moment each."""
    organiser = await a_person(balance_sat=SAT * CALLBACKS)
    debt = await a_debt(client, buyer, SAT, organiser=organiser)
    wallets = [await an_outside_invoice(SAT) for _ in range(2)]
    found = await all_at_once(client, debt, wallets * (CALLBACKS // 2))
    won = await is_paid_once(debt)
    assert [one for one in wallets if hash_of(one) in the_node().paid_invoices] == [won]
    told = {one: answers(found[n::2]) for n, one in enumerate(wallets)}
    assert told.pop(won) == {"OK": CALLBACKS // 2}
    assert list(told.values()) == [{"ERROR": CALLBACKS // 2}]
    assert await balance_msat(organiser) == SAT * CALLBACKS * 1000


async def test_i3_once_one_invoice_for_two_refunds_at_once(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    organiser = await a_person()
    debts = [await a_debt(client, buyer, SAT, organiser=organiser) for _ in range(2)]
    bolt11 = await an_invoice(receiver, SAT)
    async with moves(organiser, receiver, SAT):
        found = await asyncio.gather(*(claim(client, debt, bolt11) for debt in debts))
    assert answers(list(found)) == {"OK": 1, "ERROR": 1}
    assert sorted([await status_of(debt) for debt in debts]) == ["offered", "paid"]


@pytest.mark.parametrize("first", ["claim", "organiser", "worker"])
async def test_i3_once_a_claim_the_organiser_and_the_worker_at_the_same_time(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer, first: str
) -> None:
    organiser = await a_person(balance_sat=10 * SAT)
    debt = await a_debt(client, buyer, SAT, service.address("ada"), organiser=organiser)
    bolt11 = await an_invoice(receiver, SAT)
    doing = {
        "claim": claim(client, debt, bolt11),
        "organiser": send_to(client, debt),
        "worker": work(),
    }
    chosen = doing.pop(first)
    async with moves(organiser, receiver, SAT):
        await asyncio.gather(chosen, *doing.values(), work(), send_to(client, debt))
    await is_paid_once(debt)


async def test_i3_once_a_worker_that_is_being_answered_slowly_and_a_claim(
    client: httpx.AsyncClient,
    buyer: Person,
    receiver: Person,
    service: LnurlServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The claim comes while the worker holds an invoice, and before it takes the row."""
    organiser = await a_person(balance_sat=10 * SAT)
    debt = await a_debt(client, buyer, SAT, service.address("ada"), organiser=organiser)
    bolt11 = await an_invoice(receiver, SAT)
    payouts = ext("refunds.payouts")
    known, claimed = payouts.is_known, False

    async def claim_first(payment_hash: str) -> bool:
        nonlocal claimed
        if not claimed:
            claimed = True
            assert (await claim(client, debt, bolt11))["status"] == "OK"
        return bool(await known(payment_hash))

    monkeypatch.setattr(payouts, "is_known", claim_first)
    async with moves(organiser, receiver, SAT):
        await work()
    assert claimed
    assert await is_paid_once(debt) == bolt11


async def test_i3_once_by_hand_or_over_lightning_never_both(
    client: httpx.AsyncClient, buyer: Person, receiver: Person
) -> None:
    ways: Counter[str] = Counter()
    for turn in range(6):
        debt = await a_debt(client, buyer, SAT)
        before = await balance_msat(receiver)
        both = [
            send_to(client, debt, by_hand=True),
            claim(client, debt, await an_invoice(receiver, SAT)),
        ]
        by_hand_first = turn % 2 == 0
        await asyncio.gather(*(both if by_hand_first else reversed(both)))
        found = await refund_row(debt)
        assert found["status"] == "paid"
        moved = await balance_msat(receiver) - before
        assert moved == {"hand": 0, "lightning": SAT * 1000}[found["paid_by"]]
        ways[found["paid_by"]] += 1
    assert sum(ways.values()) == 6


async def test_i3_control_without_the_guard_a_refund_is_paid_more_than_once(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the tests above would notice."""
    crud = ext("refunds.crud")
    guard = "AND status IN ('due', 'offered', 'failed')"
    assert guard in crud.TAKE
    organiser = await a_person(balance_sat=SAT * CALLBACKS)
    debt = await a_debt(client, buyer, SAT, organiser=organiser)
    invoices = [await an_invoice(receiver, SAT) for _ in range(4)]
    before = await balance_msat(receiver)
    with monkeypatch.context() as patched:
        patched.setattr(crud, "TAKE", crud.TAKE.replace(guard, ""))
        await all_at_once(client, debt, invoices)
    assert await balance_msat(receiver) - before > SAT * 1000
    assert len(await outgoing(organiser)) > 1

    # Nothing of it may stay: other tests look at all debts.
    for table, column, value in (
        ("refunds", "order_id", debt.order_id),
        ("ticket", "order_id", debt.order_id),
        ("order_lines", "order_id", debt.order_id),
        ("orders", "id", debt.order_id),
        ("packages", "event_id", debt.event_id),
        ("events", "id", debt.event_id),
    ):
        await execute(f"DELETE FROM events.{table} WHERE {column} = :id", id=value)  # noqa: S608
