"""Debts, and what is done about them: with plain names, for tests of paying money back."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from support.builders import API, Json, Row, a_purchase, an_event, eventually, execute, pay, row
from support.host import ext
from support.lnurl_server import (
    LnurlServer,
    invoices_of_this_host,
    private_addresses,
    the_internet,
)
from support.people import Person, a_person

UNPAID = ("due", "offered", "failed")


@dataclass(frozen=True)
class Debt:
    """A refund on the books, and what its people hold of it."""

    id: str
    order_id: str
    event_id: str
    sat: int
    # Of the claim link.
    secret: str
    organiser: Person


async def a_debt(
    client: httpx.AsyncClient,
    buyer: Person,
    sat: int = 500,
    address: str | None = None,
    organiser: Person | None = None,
) -> Debt:
    """Bought, paid, and cancelled in time. A new organiser's wallet has this money, no other."""
    seller = organiser or await a_person()
    event = await an_event(client, seller, price_per_ticket=sat)
    purchase = await a_purchase(client, event["id"])
    await pay(buyer, purchase)
    return await cancelled(client, seller, purchase, event["id"], address)


async def cancelled(
    client: httpx.AsyncClient,
    organiser: Person,
    purchase: Json,
    event_id: str,
    address: str | None = None,
) -> Debt:
    """The buyer cancels a whole order, weeks before the event: all of it goes back."""
    url = f"{API}/orders/{purchase['order_id']}/cancel"
    answer = await client.post(
        url,
        json={"refund_address": address} if address else {},
        headers={"X-Order-Secret": purchase["order_secret"]},
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return Debt(
        id=found["refund"]["id"],
        order_id=purchase["order_id"],
        event_id=event_id,
        sat=found["refund_sat"],
        secret=found["refund"]["claim_url"].rsplit("/", 1)[-1],
        organiser=organiser,
    )


async def refund_row(debt: Debt) -> Row:
    return await row("SELECT * FROM events.refunds WHERE id = :id", id=debt.id)


async def status_of(debt: Debt) -> str:
    return str((await refund_row(debt))["status"])


async def work(**later: float) -> Any:
    """One pass of the worker, now or in some time. It deals with all debts there are, also with
    those that other tests have left: their addresses want `a_wallet_service`."""
    return await ext("refunds.worker").run_once(ext("clock").now() + timedelta(**later))


@asynccontextmanager
async def a_wallet_service(receiver: Person) -> AsyncIterator[LnurlServer]:
    """Where lightning addresses and LNURLs of a wallet on this host lead; all others lead
    nowhere. Loopback addresses are allowed, as an operator may."""
    with (
        LnurlServer(invoices_of_this_host(receiver.wallet)) as running,
        the_internet(running),
        private_addresses(True),
    ):
        yield running


async def tried(debt: Debt, attempts: int = 1) -> Row:
    """The refund after a pass, which was the so many-th attempt to pay it."""
    await work()
    found = await refund_row(debt)
    assert found["attempts"] == attempts
    return found


async def becomes(debt: Debt, status: str) -> Row:
    async def look() -> bool:
        return await status_of(debt) == status

    await eventually(look)
    return await refund_row(debt)


async def make_due(debt: Debt) -> None:
    """Its next attempt is due now: as if the wait after a failure was over."""
    await execute("UPDATE events.refunds SET next_attempt_at = NULL WHERE id = :id", id=debt.id)


async def send_to(
    client: httpx.AsyncClient, debt: Debt, destination: str | None = None, **more: object
) -> httpx.Response:
    """What the organiser's "Try again" and "Other destination" do, whatever the answer is."""
    body: Json = {**more} | ({"destination": destination} if destination else {})
    return await client.post(
        f"{API}/refunds/{debt.id}/pay", json=body, headers=debt.organiser.admin
    )


async def withdraw_request(client: httpx.AsyncClient, debt: Debt) -> Json:
    """LUD-03's first answer."""
    answer = await client.get(f"{API}/refunds/claim/{debt.secret}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def call_back(client: httpx.AsyncClient, request: Json, bolt11: str, **more: str) -> Json:
    """LUD-03's second step, as a wallet does it: `status` OK or ERROR with a reason."""
    url = httpx.URL(request["callback"])
    params = {**url.params, "k1": request["k1"], "pr": bolt11, **more}
    answer = await client.get(url.path, params=params)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def claim(client: httpx.AsyncClient, debt: Debt, bolt11: str) -> Json:
    """What a wallet does with the QR code of a claim page."""
    request = await withdraw_request(client, debt)
    if request.get("status") == "ERROR":
        return request
    return await call_back(client, request, bolt11)


async def an_invoice(person: Person, sat: int, expiry_s: int = 3600) -> str:
    """Of a wallet on this host."""
    from lnbits.core.services import create_invoice

    made = await create_invoice(wallet_id=person.wallet, amount=sat, memo="back", expiry=expiry_s)
    return str(made.bolt11)


async def an_outside_invoice(sat: int) -> str:
    """Of a wallet elsewhere: the node knows the way, the host has never heard of it."""
    made = await the_node().create_invoice(sat, memo="back")
    return str(made.payment_request)


def the_node() -> Any:
    from lnbits.wallets import get_funding_source

    return get_funding_source()


def hash_of(bolt11: str) -> str:
    from bolt11 import decode

    return str(decode(bolt11).payment_hash)


async def balance_msat(person: Person) -> int:
    from lnbits.core.crud import get_wallet

    wallet = await get_wallet(person.wallet)
    assert wallet is not None
    return int(wallet.balance_msat)


@asynccontextmanager
async def moves(organiser: Person, receiver: Person, sat: int) -> AsyncIterator[None]:
    """Exactly this goes from one wallet to the other meanwhile, and nothing else from or to it."""
    before = [await balance_msat(person) for person in (organiser, receiver)]
    yield
    after = [await balance_msat(person) for person in (organiser, receiver)]
    changes = [there - here for here, there in zip(before, after, strict=True)]
    assert changes == [-sat * 1000, sat * 1000]


async def outgoing(person: Person) -> list[Row]:
    """The host's rows of what a wallet has paid, or tried to."""
    from lnbits.core.db import db

    found: list[Row] = await db.fetchall(
        "SELECT * FROM apipayments WHERE wallet_id = :wallet AND amount < 0",
        {"wallet": person.wallet},
    )
    return found


@contextmanager
def host_setting(**changes: object) -> Iterator[None]:
    """Settings of the host, for a while."""
    from lnbits.settings import settings

    before = {name: getattr(settings, name) for name in changes}
    for name, value in changes.items():
        setattr(settings, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)
