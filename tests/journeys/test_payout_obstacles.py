"""I2: what stands in the way of paying back is told, costs nothing, and passes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest

from support.builders import Json, a_purchase, an_event, order_row, pay
from support.host import ext
from support.invariants import broken_invariants
from support.lnurl_server import (
    INSIDE,
    PRIVATE_DOMAIN,
    Does,
    LnurlServer,
    nowhere,
    private_addresses,
)
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
    host_setting,
    make_due,
    moves,
    outgoing,
    refund_row,
    send_to,
    tried,
    work,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("service"),
]

SAT = 777


# What may stand in the way. Each is told of the organiser and the buyer's service, and removes
# itself at its end.


@asynccontextmanager
async def a_sat_too_little(organiser: Person, buyer: Person) -> AsyncIterator[None]:
    from lnbits.core.services import pay_invoice

    spent = await an_invoice(buyer, 1)
    await pay_invoice(wallet_id=organiser.wallet, payment_request=spent)
    yield
    back = await an_invoice(organiser, 1)
    await pay_invoice(wallet_id=buyer.wallet, payment_request=back)


@asynccontextmanager
async def sending_is_off(organiser: Person, buyer: Person) -> AsyncIterator[None]:
    with host_setting(lnbits_only_allow_incoming_payments=True):
        yield


@asynccontextmanager
async def a_days_limit(organiser: Person, buyer: Person) -> AsyncIterator[None]:
    # The host lets the first payment of a day pass.
    async with a_sat_too_little(organiser, buyer):
        pass
    with host_setting(lnbits_wallet_limit_daily_max_withdraw=SAT):
        yield


@asynccontextmanager
async def a_pause_between_payments(organiser: Person, buyer: Person) -> AsyncIterator[None]:
    with host_setting(lnbits_wallet_limit_secs_between_trans=3600):
        yield


@asynccontextmanager
async def a_limit_per_payment(organiser: Person, buyer: Person) -> AsyncIterator[None]:
    with host_setting(lnbits_max_outgoing_payment_amount_sats=SAT - 1):
        yield


@asynccontextmanager
async def the_wallet_is_deleted(organiser: Person, buyer: Person) -> AsyncIterator[None]:
    from lnbits.core.crud import delete_wallet
    from lnbits.core.db import db

    await delete_wallet(user_id=organiser.id, wallet_id=organiser.wallet)
    yield
    await db.execute("UPDATE wallets SET deleted = FALSE WHERE id = :id", {"id": organiser.wallet})


@asynccontextmanager
async def private_networks_are_refused(organiser: Person, buyer: Person) -> AsyncIterator[None]:
    with private_addresses(False):
        yield


Obstacle = Callable[[Person, Person], AbstractAsyncContextManager[None]]
OBSTACLES: list[tuple[Obstacle, str]] = [
    (a_sat_too_little, "balance_too_low"),
    (sending_is_off, "outgoing_disabled"),
    (a_days_limit, "limit_reached"),
    (a_pause_between_payments, "limit_reached"),
    (a_limit_per_payment, "limit_reached"),
    (the_wallet_is_deleted, "wallet_unavailable"),
    (private_networks_are_refused, "destination_unreachable"),
]


async def is_unpaid_and_says_why(debt: Debt, code: str) -> None:
    """Due again, later, with a word for programs and a sentence for people; no money has moved."""
    found = await tried(debt)
    assert (found["status"], found["error_code"], found["attempts"]) == ("due", code, 1)
    assert len(found["error"]) > 20 and found["error"].endswith(".")
    assert "127.0.0.1" not in found["error"] and "Exception" not in found["error"]
    assert found["next_attempt_at"] > ext("clock").to_ms(ext("clock").now())
    assert (found["paid_at"], found["paid_by"]) == (None, None)
    assert (await order_row(debt.order_id))["status"] == "refund_due"
    assert await broken_invariants(debt.event_id) == []
    # A pass before its time leaves it alone.
    await work()
    assert (await refund_row(debt))["attempts"] == 1


async def a_sale(client: httpx.AsyncClient, organiser: Person, buyer: Person) -> tuple[Json, str]:
    event = await an_event(client, organiser, price_per_ticket=SAT)
    purchase = await a_purchase(client, event["id"])
    await pay(buyer, purchase)
    return purchase, event["id"]


@pytest.mark.parametrize(("obstacle", "code"), OBSTACLES)
async def test_i2_money_that_cannot_be_sent_stays_due_until_it_can(
    client: httpx.AsyncClient,
    buyer: Person,
    receiver: Person,
    service: LnurlServer,
    obstacle: Obstacle,
    code: str,
) -> None:
    organiser = await a_person()
    purchase, event_id = await a_sale(client, organiser, buyer)
    async with obstacle(organiser, buyer):
        async with moves_nothing(receiver):
            debt = await cancelled(client, organiser, purchase, event_id, service.lnurlp("ada"))
            await is_unpaid_and_says_why(debt, code)
    async with moves(organiser, receiver, SAT):
        await make_due(debt)
        await work()
        assert (await becomes(debt, "paid"))["error_code"] is None
    assert await balance_msat(organiser) == 0


@asynccontextmanager
async def moves_nothing(receiver: Person) -> AsyncIterator[None]:
    before = await balance_msat(receiver)
    yield
    assert await balance_msat(receiver) == before


async def test_i2_money_the_hosts_reserve_for_fees_is_needed_to_the_sat(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    """1 % of 777 sat: 8 sat must lie beside what is sent to another node."""
    from lnbits.core.crud import get_wallet
    from lnbits.core.services import update_wallet_balance

    organiser = await a_person(balance_sat=7)
    debt = await a_debt(client, buyer, SAT, organiser=organiser)
    answer = await claim(client, debt, await an_outside_invoice(SAT))
    assert answer["status"] == "ERROR"
    found = await refund_row(debt)
    assert (found["status"], found["error_code"]) == ("offered", "balance_too_low")
    assert await balance_msat(organiser) == (SAT + 7) * 1000

    wallet = await get_wallet(organiser.wallet)
    assert wallet is not None
    await update_wallet_balance(wallet, 1)
    assert (await claim(client, debt, await an_outside_invoice(SAT)))["status"] == "OK"
    await becomes(debt, "paid")
    assert await balance_msat(organiser) == 8_000


@pytest.mark.parametrize(
    ("way", "code"),
    [
        (Does.TOO_MUCH, "destination_unreachable"),
        (Does.TOO_LITTLE, "destination_unreachable"),
        (Does.ERROR, "destination_unreachable"),
        (Does.ERROR_AT_CALLBACK, "destination_unreachable"),
        (Does.OUT_OF_RANGE, "destination_refused"),
        (Does.HANGS_UP, "destination_unreachable"),
        (Does.GARBAGE, "destination_unreachable"),
        (Does.NOT_AN_INVOICE, "destination_unreachable"),
        (Does.EXPIRED, "invoice_expired"),
        (Does.SILENT, "destination_unreachable"),
        (Does.DRIPS, "destination_unreachable"),
        (Does.REDIRECTS_INSIDE, "destination_unreachable"),
        (Does.CALLBACK_INSIDE, "destination_unreachable"),
    ],
)
async def test_i2_money_a_wallet_service_that_misbehaves_gets_nothing_until_it_behaves(
    client: httpx.AsyncClient,
    buyer: Person,
    receiver: Person,
    service: LnurlServer,
    monkeypatch: pytest.MonkeyPatch,
    way: Does,
    code: str,
) -> None:
    monkeypatch.setattr(ext("refunds.payouts"), "_FETCH_WITHIN_S", 3.0)
    if way in (Does.SILENT, Does.DRIPS):
        monkeypatch.setattr(ext("refunds.payouts"), "_FETCH_WITHIN_S", 0.3)
    organiser = await a_person()
    purchase, event_id = await a_sale(client, organiser, buyer)
    service.behave("ada", way)
    # A lightning address on the internet: private networks are off limits, as by default.
    with private_addresses(False):
        debt = await cancelled(client, organiser, purchase, event_id, service.address("ada"))
        async with moves(organiser, receiver, 0):
            await is_unpaid_and_says_why(debt, code)
        assert await outgoing(organiser) == []
        assert service.asked[INSIDE] == service.invoiced[INSIDE] == 0
        service.behave("ada", Does.HONEST)
        async with moves(organiser, receiver, SAT):
            await make_due(debt)
            await work()
            await becomes(debt, "paid")


@pytest.mark.parametrize("where", ["nobody listens", "a private network", "no such name"])
async def test_i2_money_of_an_address_that_leads_nowhere_goes_to_another_one(
    client: httpx.AsyncClient, buyer: Person, receiver: Person, service: LnurlServer, where: str
) -> None:
    addresses = {
        "nobody listens": nowhere(),
        "a private network": f"ada@{PRIVATE_DOMAIN}",
        "no such name": "ada@nowhere.example.org",
    }
    with private_addresses(where == "nobody listens"):
        debt = await a_debt(client, buyer, SAT, addresses[where])
        await is_unpaid_and_says_why(debt, "destination_unreachable")
        async with moves(debt.organiser, receiver, SAT):
            answer = await send_to(client, debt, service.address("ada"))
            assert answer.status_code == 200, answer.text
            await becomes(debt, "paid")
    assert (await refund_row(debt))["destination"] == service.address("ada")
