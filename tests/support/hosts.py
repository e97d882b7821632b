"""Real hosts in processes of their own: a node with money, and shops that are paid through it.

The node runs FakeWallet. A shop's funding source is a wallet on the node (LNbitsWallet), so its
invoices are paid from outside, as on a real Lightning node. The shops share one PostgreSQL
database: they are two processes of one host.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from support import postgres
from support.builders import API, Json, event_body, purchase_body
from support.process import HostProcess

DATABASE = "shops"
_PASSWORD = {"password": "only for tests", "password_repeat": "only for tests"}


@dataclass(frozen=True)
class Wallet:
    id: str
    adminkey: str

    @property
    def admin(self) -> dict[str, str]:
        return {"X-API-KEY": self.adminkey}


class Node:
    """Where the money is."""

    def __init__(self) -> None:
        self.process = HostProcess("node", env={"FAKE_WALLET_SECRET": "node-of-the-tests"})
        self.process.start()
        self.process.wait_ready()
        login = install(self.process)
        self.own, self.payer = [an_account(self.process, name) for name in ("node", "payer")]
        body = {"id": self.payer.id, "amount": 9_000_000}
        answer = self.process.client.put("/users/api/v1/balance", json=body, headers=login)
        answer.raise_for_status()

    async def pay(self, purchases: Sequence[Json]) -> None:
        """Pay invoices of a shop; the shop hears of it from its funding source, if it runs."""
        async with httpx.AsyncClient(base_url=self.process.url, timeout=30) as client:
            answers = await asyncio.gather(
                *(
                    client.post(
                        "/api/v1/payments",
                        json={"out": True, "bolt11": purchase["payment_request"]},
                        headers=self.payer.admin,
                    )
                    for purchase in purchases
                )
            )
        assert {answer.status_code for answer in answers} == {201}, answers[0].text


class Shops:
    """One host with this extension, in two processes."""

    def __init__(self, node: Node) -> None:
        url = postgres.new_database(DATABASE)
        env = {
            "LNBITS_BACKEND_WALLET_CLASS": "LNbitsWallet",
            "LNBITS_ENDPOINT": node.process.url,
            "LNBITS_KEY": node.own.adminkey,
        }
        self.processes = [HostProcess(f"shop{n}", url, env) for n in range(2)]
        for position, process in enumerate(self.processes):
            # One after the other: two first boots at once would both make the host's tables.
            process.start()
            process.wait_ready()
            if position == 0:
                self.login = install(process)
                enable(process, self.login)
                self.organiser = an_account(process, "organiser")

    @property
    def first(self) -> HostProcess:
        return self.processes[0]

    def set(self, **settings: int) -> None:
        answer = self.first.client.put(f"{API}/settings", json=settings, headers=self.login)
        assert answer.status_code == 200, answer.text

    def an_event(self, **changes: object) -> Json:
        answer = self.first.client.post(
            f"{API}/events", json=event_body(**changes), headers=self.organiser.admin
        )
        assert answer.status_code == 200, answer.text
        event: Json = answer.json()
        return event

    def event(self, event_id: str) -> Json:
        """The organiser's view."""
        answer = self.first.client.get(f"{API}/events", headers=self.organiser.admin)
        found: Json = next(event for event in answer.json() if event["id"] == event_id)
        return found

    def buy(self, event_id: str, **changes: object) -> httpx.Response:
        body = purchase_body(**changes)
        return self.first.client.post(f"{API}/tickets/{event_id}", json=body)

    def order(self, purchase: Json, process: HostProcess | None = None) -> Json:
        client = (process or self.first).client
        headers = {"X-Order-Secret": purchase["order_secret"]}
        answer = client.get(f"{API}/orders/{purchase['order_id']}", headers=headers)
        assert answer.status_code == 200, answer.text
        order: Json = answer.json()
        return order

    async def order_becomes(self, purchase: Json, status: str, timeout_s: float = 15.0) -> Json:
        """Ask for the order as its buyer's page does, until it has this status."""
        give_up = time.monotonic() + timeout_s
        while True:
            order = self.order(purchase)
            if order["status"] == status:
                return order
            assert time.monotonic() < give_up, f"{order}\n{self.first.log()[-3000:]}"
            await asyncio.sleep(0.1)


def install(process: HostProcess) -> dict[str, str]:
    """What an operator does first; returns the super user's login."""
    body = {"username": "operator", **_PASSWORD}
    answer = process.client.put("/api/v1/auth/first_install", json=body)
    answer.raise_for_status()
    process.client.cookies.clear()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def enable(process: HostProcess, login: dict[str, str]) -> None:
    """An operator made at the first install has no extension enabled, unlike all others."""
    process.client.put("/api/v1/extension/events/enable", headers=login).raise_for_status()


def an_account(process: HostProcess, name: str) -> Wallet:
    answer = process.client.post("/api/v1/account", json={"name": name})
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    process.client.cookies.clear()
    return Wallet(found["id"], found["adminkey"])
