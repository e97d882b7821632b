"""The node is away: what was paid meanwhile is found, and nobody learns where the node lives."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from support.builders import (
    API,
    a_purchase,
    an_event,
    buy,
    event_row,
    execute,
    order_row,
    pay,
    send_payment,
)
from support.host import ext
from support.invariants import broken_invariants
from support.people import Person
from support.settling import (
    lapse,
    nobody_listens,
    node_receives,
    sweep,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


def the_node() -> Any:
    from lnbits.wallets import get_funding_source

    return get_funding_source()


def away(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """A back end that cannot reach its node: most say "pending", some raise, some hang."""
    from lnbits.wallets.base import PaymentPendingStatus, StatusResponse

    async def unreachable() -> StatusResponse:
        return StatusResponse("no route to node", 0)

    async def raising() -> StatusResponse:
        raise OSError("no route to node")

    async def hanging() -> StatusResponse:
        await asyncio.sleep(60)
        return StatusResponse(None, 0)

    async def pending(_: str) -> PaymentPendingStatus:
        return PaymentPendingStatus()

    ways: dict[str, Callable[[], Any]] = {
        "says so": unreachable,
        "raises": raising,
        "hangs": hanging,
    }
    monkeypatch.setattr(ext("orders.invoicing"), "_ASK_WITHIN_S", 0.05)
    monkeypatch.setattr(the_node(), "status", ways[how])
    monkeypatch.setattr(the_node(), "get_invoice_status", pending)


@pytest.mark.parametrize("how", ["says so", "raises", "hangs"])
async def test_i2_money_paid_while_the_node_is_away_becomes_tickets_when_it_is_back(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    event = await an_event(client, organiser, amount_tickets=1)
    purchase = await a_purchase(client, event["id"])
    await lapse(purchase["order_id"])
    node_receives(purchase["payment_hash"])
    with monkeypatch.context() as patched:
        away(patched, how)
        done = await sweep()
        assert done.unanswered >= 1
        assert (await order_row(purchase["order_id"]))["status"] == "reserved"
    await sweep()
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"
    assert await broken_invariants(event["id"]) == []


async def test_i2_money_after_a_long_outage_the_next_full_pass_finds_it(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seats were given up unanswered; the money is still asked for."""
    event = await an_event(client, organiser, amount_tickets=1)
    purchase = await a_purchase(client, event["id"])
    await lapse(purchase["order_id"], ago_s=2 * 3600)
    node_receives(purchase["payment_hash"])
    with monkeypatch.context() as patched:
        away(patched, "says so")
        assert (await sweep()).expired == 1
    await sweep()
    assert (await order_row(purchase["order_id"]))["status"] == "expired", "asked for in full only"
    await ext("tasks").sweep_once()
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"
    assert await broken_invariants(event["id"]) == []


async def test_a_full_pass_without_its_answers_is_repeated(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = ext("tasks")
    looked_back: list[bool] = []

    async def pass_over(paid_since: object, lapsed_since: object) -> Any:
        looked_back.append(lapsed_since is None)
        if len(looked_back) == 4:
            raise asyncio.CancelledError
        return ext("orders.sweeper").Sweep(unanswered=1 if len(looked_back) == 1 else 0)

    monkeypatch.setattr(tasks, "sweep_once", pass_over)
    monkeypatch.setattr(tasks, "SWEEP_EVERY_S", 0)
    with pytest.raises(asyncio.CancelledError):
        await tasks.keep_sweeping()
    assert looked_back == [True, True, False, False]


async def test_i3_once_a_payment_of_any_age_that_the_host_knows_is_settled_in_one_sweep(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Days after its hold: too old to be asked for, but the host's own row says it is paid."""
    event = await an_event(client, organiser, amount_tickets=1)
    purchase = await a_purchase(client, event["id"])
    await lapse(purchase["order_id"], ago_s=3600)
    await sweep()
    ages_ago = 9 * 86_400_000
    await execute(
        "UPDATE events.orders SET created_at = created_at - :ms,"
        " hold_expires_at = hold_expires_at - :ms WHERE id = :id",
        ms=ages_ago,
        id=purchase["order_id"],
    )
    with nobody_listens():
        await send_payment(buyer, purchase)
    await sweep()
    assert (await order_row(purchase["order_id"]))["status"] == "confirmed"


async def test_i7_secrets_the_nodes_words_are_not_for_buyers(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lnbits.exceptions import InvoiceError

    async def refuse(**_: object) -> None:
        raise InvoiceError("Unable to connect to https://admin:s3cret@10.0.0.7:8080.")

    monkeypatch.setattr(ext("orders.invoicing"), "create_invoice", refuse)
    event = await an_event(client, organiser)
    answer = await buy(client, event["id"])
    assert (answer.status_code, answer.json()["code"]) == (503, "invoice_failed")
    assert "s3cret" not in answer.text
    assert (await event_row(event["id"]))["held"] == 0


async def test_of_two_equal_requests_whose_invoice_fails_none_looks_paid_or_free(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoicing, failed = ext("orders.invoicing"), ext("errors").InvoiceFailed

    async def fail_slowly(*_: object) -> None:
        await asyncio.sleep(0.3)
        raise failed("no")

    monkeypatch.setattr(invoicing, "make_invoice", fail_slowly)
    event = await an_event(client, organiser)
    headers = {"Idempotency-Key": "the-same"}
    answers = await asyncio.gather(*(buy(client, event["id"], headers) for _ in range(2)))
    assert [answer.status_code for answer in answers] == [503, 503]


async def test_a_name_of_many_bytes_fits_the_invoice(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """BOLT 11 counts bytes: 200 of these signs are 800."""
    event = await an_event(client, organiser, name="🎉" * 200)
    assert (await a_purchase(client, event["id"]))["payment_request"]


async def test_a_paid_ticket_of_1_6_9_without_a_known_price_is_not_free(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    """Before version 6 no price was stored with a ticket."""
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await pay(buyer, purchase)
    ticket_id = purchase["ticket_ids"][0]
    await set_price(ticket_id, 0)
    answer = await client.delete(f"{API}/tickets/{ticket_id}", headers=organiser.admin)
    assert (answer.status_code, answer.json()["code"]) == (409, "has_sales")
    await set_price(ticket_id, purchase["total_sat"])
    assert await broken_invariants(event["id"]) == []


async def set_price(ticket_id: str, price_sat: int) -> None:
    await execute(
        "UPDATE events.ticket SET price_sat = :sat WHERE id = :id", sat=price_sat, id=ticket_id
    )
