"""Refunds between two real hosts: sold on one, paid from the other, and back to the other."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
import pytest_asyncio

from support import host, postgres
from support.background import background
from support.builders import API, Json
from support.hosts import DATABASE, Node, Shops, Wallet, becomes, payments_of
from support.lnurl_server import LnurlServer, invoices_of

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    # The hosts boot while other tests run; whoever comes first may still have to wait for them.
    pytest.mark.timeout(180),
    pytest.mark.skipif(not host.on_postgres(), reason="real hosts run on PostgreSQL"),
]

PRICE = 500
# Beside what was sold there is money for the node's fees: payments to elsewhere want a reserve.
SPARE = 1_000


@pytest.fixture(scope="module")
def node() -> Node:
    return background.hosts()[0]


@pytest.fixture(scope="module")
def shops() -> Shops:
    found = background.hosts()[1]
    found.set(max_open_orders_per_address=100_000)
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def organiser(shops: Shops) -> Wallet:
    return await shops.an_organiser(SPARE)


@pytest.fixture
def buyers_wallet(node: Node) -> Wallet:
    """Where the money is to arrive: on the other host, empty."""
    return node.a_wallet("buyer")


@pytest.fixture
def service(node: Node, buyers_wallet: Wallet) -> Iterator[LnurlServer]:
    """The LNURLs of the buyer's wallet."""
    with LnurlServer(invoices_of(node.process.url, buyers_wallet.adminkey)) as running:
        yield running


def an_event(shops: Shops, organiser: Wallet, **changes: object) -> Json:
    return shops.an_event(organiser, wallet=organiser.id, price_per_ticket=PRICE, **changes)


async def bought(
    node: Node, shops: Shops, event: Json, count: int, **changes: object
) -> list[Json]:
    """So many orders, paid from outside and confirmed."""
    purchases = [
        shops.buy(event["id"], email=f"buyer{number}@example.com", **changes).json()
        for number in range(count)
    ]
    await node.pay(purchases)
    for purchase in purchases:
        await shops.order_becomes(purchase, "confirmed")
    return purchases


def cancel(shops: Shops, purchase: Json) -> Json:
    """By its buyer, in time."""
    answer = shops.first.client.post(
        f"{API}/orders/{purchase['order_id']}/cancel",
        headers={"X-Order-Secret": purchase["order_secret"]},
    )
    assert answer.status_code == 200, answer.text
    refund: Json = answer.json()["refund"]
    return refund


def scan(node: Node, wallet: Wallet, lnurl: str) -> Json:
    """What the other host's wallet reads in the QR code of a claim page."""
    answer = node.process.client.post(
        "/api/v1/lnurlscan", json={"lnurl": lnurl}, headers=wallet.admin
    )
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert found["tag"] == "withdrawRequest", found
    return found


def withdraw(node: Node, wallet: Wallet, lnurl: str) -> None:
    """That wallet takes it: it makes an invoice and calls back, all by its own code."""
    request = scan(node, wallet, lnurl)
    answer = node.process.client.post(
        "/api/v1/payments",
        json={
            "out": False,
            "amount": request["maxWithdrawable"] // 1000,
            "lnurl_withdraw": request,
        },
        headers=wallet.admin,
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["extra"]["lnurl_response"] is True, answer.text


def ledger(shops: Shops, organiser: Wallet, event: Json) -> Json:
    answer = shops.api("GET", f"/events/{event['id']}/ledger", organiser)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def is_balanced(
    shops: Shops, organiser: Wallet, event: Json, refunded_sat: int, spare_sat: int = SPARE
) -> None:
    """The report says so, and the organiser's wallet holds what it says was kept."""
    found = ledger(shops, organiser, event)
    assert (found["balanced"], found["difference_sat"], found["differences"]) == (True, 0, [])
    assert (found["refunded_sat"], found["due_sat"]) == (refunded_sat, 0)
    assert found["received_sat"] == found["kept_sat"] + refunded_sat
    assert shops.balance_sat(organiser) == spare_sat + found["kept_sat"]


def arrived(node: Node, wallet: Wallet) -> list[int]:
    """Sats of each payment a wallet got."""
    found = payments_of(node.process, wallet)
    return [p["amount"] // 1000 for p in found if p["status"] == "success" and p["amount"] > 0]


def sql(statement: str) -> None:
    postgres.sql(f"\\c {DATABASE}\n{statement};")


def as_if_later() -> None:
    """While the shops are down: what was begun is old, and what waits may be tried again."""
    sql("UPDATE events.refunds SET attempted_at = attempted_at - 120000 WHERE status = 'paying'")
    sql("UPDATE events.refunds SET next_attempt_at = NULL WHERE status = 'due'")


async def test_i2_money_cancelled_and_claimed_by_a_wallet_on_another_host(
    node: Node, shops: Shops, organiser: Wallet, buyers_wallet: Wallet
) -> None:
    event = an_event(shops, organiser)
    [purchase] = await bought(node, shops, event, 1, quantity=2)
    refund = cancel(shops, purchase)
    assert (refund["status"], refund["amount_sat"]) == ("offered", 2 * PRICE)

    withdraw(node, buyers_wallet, refund["lnurl"])
    order = await shops.order_becomes(purchase, "refunded")
    assert [paid["status"] for paid in order["refunds"]] == ["paid"]
    await becomes(lambda: node.balance_sat(buyers_wallet), 2 * PRICE)
    is_balanced(shops, organiser, event, refunded_sat=2 * PRICE)


async def test_i2_money_paid_late_for_a_seat_that_is_gone_is_claimed(
    node: Node, shops: Shops, organiser: Wallet, buyers_wallet: Wallet
) -> None:
    event = an_event(shops, organiser, amount_tickets=1)
    late = shops.buy(event["id"], email="late@example.com").json()
    sql(f"UPDATE events.orders SET hold_expires_at = 1 WHERE id = '{late['order_id']}'")  # noqa: S608
    await shops.order_becomes(late, "expired")
    await bought(node, shops, event, 1)
    assert shops.buy(event["id"]).json()["code"] == "sold_out"

    await node.pay([late])
    order = await shops.order_becomes(late, "refund_due")
    [refund] = order["refunds"]
    assert (refund["reason"], refund["amount_sat"]) == ("no_seat_left", PRICE)
    withdraw(node, buyers_wallet, refund["lnurl"])
    await shops.order_becomes(late, "refunded")
    await becomes(lambda: node.balance_sat(buyers_wallet), PRICE)
    is_balanced(shops, organiser, event, refunded_sat=PRICE)


async def test_i2_money_of_a_cancelled_event_all_arrives(
    node: Node, shops: Shops, organiser: Wallet, buyers_wallet: Wallet, service: LnurlServer
) -> None:
    """Those with an address are paid by themselves, the others claim."""
    event = an_event(shops, organiser)
    named = await bought(node, shops, event, 4, refund_address=service.lnurlp("ada"))
    unnamed = await bought(node, shops, event, 3)
    assert shops.api("PUT", f"/events/{event['id']}/cancel", organiser).status_code == 200

    for purchase in named:
        await shops.order_becomes(purchase, "refunded")
    assert arrived(node, buyers_wallet) == [PRICE] * 4
    # Each of the two processes may have asked for an invoice; one of them takes it up and pays.
    assert set(service.invoiced) == {"ada"}
    assert 4 <= service.invoiced["ada"] <= 8
    for purchase in unnamed:
        order = await shops.order_becomes(purchase, "refund_due")
        withdraw(node, buyers_wallet, order["refunds"][0]["lnurl"])
        await shops.order_becomes(purchase, "refunded")
    assert arrived(node, buyers_wallet) == [PRICE] * 7
    is_balanced(shops, organiser, event, refunded_sat=7 * PRICE)
    assert ledger(shops, organiser, event)["kept_sat"] == 0
    # Asked again, nothing happens again.
    shops.api("PUT", f"/events/{event['id']}/cancel", organiser)
    assert ledger(shops, organiser, event)["orders"]["to_book"] == 0
    assert arrived(node, buyers_wallet) == [PRICE] * 7


async def test_i2_money_that_the_nodes_reserve_keeps_back_is_paid_when_the_wallet_has_more(
    node: Node, shops: Shops, buyers_wallet: Wallet, service: LnurlServer
) -> None:
    """A wallet that holds the ticket money and no more cannot send the last of it: 1 % is to lie
    beside it. The ledger says so, and the organiser pays in and tries again."""
    organiser = await shops.an_organiser()
    event = an_event(shops, organiser)
    purchases = await bought(node, shops, event, 2, refund_address=service.lnurlp("ada"))
    assert shops.api("PUT", f"/events/{event['id']}/cancel", organiser).status_code == 200
    queue = f"/events/{event['id']}/refunds?status=due"

    def stuck() -> list[str | None]:
        found = shops.api("GET", queue, organiser).json()["data"]
        return [refund["error_code"] for refund in found]

    await becomes(stuck, ["balance_too_low"])
    assert arrived(node, buyers_wallet) == [PRICE]
    assert shops.balance_sat(organiser) == PRICE
    found = ledger(shops, organiser, event)
    assert (found["balanced"], found["refunded_sat"], found["due_sat"]) == (True, PRICE, PRICE)

    await shops.pay_in(organiser, PRICE // 100)
    [left] = shops.api("GET", queue, organiser).json()["data"]
    assert shops.api("POST", f"/refunds/{left['id']}/pay", organiser, {}).status_code == 200
    for purchase in purchases:
        await shops.order_becomes(purchase, "refunded")
    assert arrived(node, buyers_wallet) == [PRICE] * 2
    is_balanced(shops, organiser, event, 2 * PRICE, spare_sat=PRICE // 100)


async def test_i3_once_claimed_at_two_processes_of_one_host(
    node: Node, shops: Shops, organiser: Wallet, buyers_wallet: Wallet
) -> None:
    """No lock of a process decides here: the row in their common database does."""
    event = an_event(shops, organiser)
    [purchase] = await bought(node, shops, event, 1)
    refund = cancel(shops, purchase)
    request = scan(node, buyers_wallet, refund["lnurl"])
    called = httpx.URL(request["callback"])
    invoices = [node.invoice(buyers_wallet, PRICE) for _ in range(20)]
    clients = [httpx.AsyncClient(base_url=each.url, timeout=60) for each in shops.processes]
    answers = await asyncio.gather(
        *(
            clients[number % 2].get(called.path, params={"k1": request["k1"], "pr": bolt11})
            for number, bolt11 in enumerate(invoices)
        )
    )
    for client in clients:
        await client.aclose()
    said = [answer.json()["status"] for answer in answers]
    assert sorted(said) == ["ERROR"] * 19 + ["OK"]
    await shops.order_becomes(purchase, "refunded")
    assert arrived(node, buyers_wallet) == [PRICE]
    is_balanced(shops, organiser, event, refunded_sat=PRICE)


@pytest_asyncio.fixture(loop_scope="session")
async def in_the_background() -> AsyncIterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_i3_once_killed_while_the_node_pays(
    node: Node,
    shops: Shops,
    organiser: Wallet,
    buyers_wallet: Wallet,
    in_the_background: ThreadPoolExecutor,
) -> None:
    """The node has the order to pay when the shop dies, and carries it out: it is not given a
    second one."""
    event = an_event(shops, organiser)
    [purchase] = await bought(node, shops, event, 1)
    refund = cancel(shops, purchase)
    request = scan(node, buyers_wallet, refund["lnurl"])
    bolt11, other = [node.invoice(buyers_wallet, PRICE) for _ in range(2)]

    def call_back() -> None:
        with pytest.raises(httpx.TransportError):
            httpx.get(request["callback"], params={"k1": request["k1"], "pr": bolt11}, timeout=30)

    with node.busy():
        cut_off: Future[None] = in_the_background.submit(call_back)
        await asyncio.sleep(1)
        shops.kill()
    await asyncio.wrap_future(cut_off)
    await becomes(lambda: node.balance_sat(buyers_wallet), PRICE)
    as_if_later()
    shops.restart()

    await shops.order_becomes(purchase, "refunded", timeout_s=30)
    again = shops.first.client.get(
        httpx.URL(request["callback"]).path, params={"k1": request["k1"], "pr": other}
    )
    assert again.json()["status"] == "ERROR", (again.json(), arrived(node, buyers_wallet))
    assert arrived(node, buyers_wallet) == [PRICE]
    is_balanced(shops, organiser, event, refunded_sat=PRICE)


@pytest.mark.timeout(150)
async def test_i3_once_killed_while_a_cancelled_event_is_refunded(
    node: Node, shops: Shops, organiser: Wallet, buyers_wallet: Wallet, service: LnurlServer
) -> None:
    """Killed right after the order to cancel, and again when the first of it has arrived."""
    event = an_event(shops, organiser)
    purchases = await bought(node, shops, event, 6, refund_address=service.lnurlp("ada"))
    assert shops.api("PUT", f"/events/{event['id']}/cancel", organiser).status_code == 200
    shops.kill()
    as_if_later()
    shops.first.restart()
    await becomes(lambda: bool(arrived(node, buyers_wallet)), True, timeout_s=30)
    shops.kill()
    as_if_later()
    shops.restart()

    # One that the node was still paying when it was first asked is asked for a minute later.
    for purchase in purchases:
        await shops.order_becomes(purchase, "refunded", timeout_s=90)
    assert arrived(node, buyers_wallet) == [PRICE] * 6
    is_balanced(shops, organiser, event, refunded_sat=6 * PRICE)
