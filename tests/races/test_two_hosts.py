"""Real processes: two on one database, and payments that come from outside the host."""

import asyncio
import time
from collections import Counter

import httpx
import pytest

from support import host, postgres
from support.background import background
from support.builders import API, Json, purchase_body
from support.hosts import DATABASE, Node, Shops

pytestmark = [
    pytest.mark.asyncio,
    # The hosts boot while other tests run; whoever comes first may still have to wait for them.
    pytest.mark.timeout(120),
    # Two processes need one PostgreSQL. Kills of a process on SQLite are in tests/crashes.
    pytest.mark.skipif(not host.on_postgres(), reason="real hosts run on PostgreSQL"),
]

SEATS = 20
BUYERS = 200


@pytest.fixture(scope="module")
def node() -> Node:
    return background.hosts()[0]


@pytest.fixture(scope="module")
def shops() -> Shops:
    return background.hosts()[1]


async def buy_in_turns(urls: list[str], event_id: str) -> list[list[httpx.Response]]:
    """All buyers at once, in turns at each process; answers per process."""
    clients = [httpx.AsyncClient(base_url=url, timeout=60) for url in urls]
    for client in clients:
        await client.get(f"{API}/events/{event_id}")
    answers = await asyncio.gather(
        *(
            clients[number % len(clients)].post(
                f"{API}/tickets/{event_id}",
                json=purchase_body(email=f"buyer{number}@example.com"),
            )
            for number in range(BUYERS)
        )
    )
    for client in clients:
        await client.aclose()
    return [list(answers[n :: len(clients)]) for n in range(len(clients))]


async def test_i1_seats_with_two_processes_on_one_database(node: Node, shops: Shops) -> None:
    """Both sell the same 20 seats; every payment is announced in both."""
    shops.set(max_open_orders_per_address=100_000)
    event = shops.an_event(amount_tickets=SEATS)
    answers = await buy_in_turns([process.url for process in shops.processes], event["id"])
    won: list[Json] = [a.json() for part in answers for a in part if a.is_success]
    refused = Counter(
        (a.status_code, a.json()["code"]) for part in answers for a in part if not a.is_success
    )
    assert len(won) == SEATS
    assert refused == {(410, "sold_out"): BUYERS - SEATS}
    assert all(any(a.is_success for a in part) for part in answers), "one process sold nothing"

    await node.pay(won)
    for purchase in won:
        order = await shops.order_becomes(purchase, "confirmed")
        assert [ticket["status"] for ticket in order["tickets"]] == ["active"]
    after = shops.event(event["id"])
    assert (after["sold"], after["held"], after["amount_tickets"]) == (SEATS, 0, 0)
    numbers = {t["number"] for p in won for t in shops.order(p, shops.processes[1])["tickets"]}
    assert numbers == set(range(1, SEATS + 1))
    owed = f"SELECT count(*) FROM events.refunds WHERE event_id = '{event['id']}'"  # noqa: S608
    assert psql(owed) == "0"


def psql(query: str) -> str:
    return postgres.sql(f"\\c {DATABASE}\n\\pset tuples_only on\n{query};").split()[-1]


async def test_i3_once_when_paid_from_outside(node: Node, shops: Shops) -> None:
    """This funding source announces each payment twice."""
    event = shops.an_event(amount_tickets=3)
    purchase = shops.buy(event["id"], quantity=3).json()
    await node.pay([purchase])
    order = await shops.order_becomes(purchase, "confirmed")
    assert len(order["tickets"]) == 3
    assert shops.event(event["id"])["sold"] == 3
    assert shops.buy(event["id"]).json()["code"] == "sold_out"


async def test_i3_once_when_paid_while_the_host_is_down(node: Node, shops: Shops) -> None:
    """Killed; one order is paid meanwhile, the holds of both run out; the start finds out."""
    shops.set(hold_seconds=2)
    event = shops.an_event(amount_tickets=2)
    paid, unpaid = [
        shops.buy(event["id"], email=f"{name}@example.com").json() for name in ("paid", "unpaid")
    ]
    placed = time.monotonic()
    assert shops.buy(event["id"]).json()["code"] == "sold_out"
    for process in shops.processes:
        process.kill()
    with pytest.raises(httpx.TransportError):
        shops.order(paid)
    await node.pay([paid])
    # Holds outlive their invoices by ten seconds.
    await asyncio.sleep(max(0.0, placed + 12.5 - time.monotonic()))
    shops.first.restart()

    order = await shops.order_becomes(paid, "confirmed")
    assert [ticket["status"] for ticket in order["tickets"]] == ["active"]
    assert (await shops.order_becomes(unpaid, "expired"))["tickets"] == []
    after = shops.event(event["id"])
    assert (after["sold"], after["held"]) == (1, 0)
    again = shops.buy(event["id"])
    assert again.status_code == 200, again.text


async def test_a_host_that_cannot_reach_its_node_says_so_and_holds_nothing(
    node: Node, shops: Shops
) -> None:
    """The last test: the node does not come back."""
    event = shops.an_event(amount_tickets=1)
    node.process.kill()
    answer = shops.buy(event["id"])
    assert (answer.status_code, answer.json()["code"]) == (503, "invoice_failed")
    after = shops.event(event["id"])
    assert (after["sold"], after["held"]) == (0, 0)
