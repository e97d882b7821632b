"""Real hosts in processes of their own: a node with money, and shops that are paid through it.

The node runs FakeWallet. A shop's funding source is a wallet on the node (LNbitsWallet), so its
invoices are paid from outside, as on a real Lightning node. The shops share one PostgreSQL
database: they are two processes of one host.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
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


# Loopback addresses are private ones: wallets on this machine may ask each other all the same.
_LOOPBACK = {
    "LNBITS_LNURL_ALLOW_PRIVATE_IPS": "true",
    "LNBITS_CALLBACK_ALLOW_PRIVATE_IPS": "true",
    "LNBITS_CALLBACK_URL_RULES": '["https?://127[.]0[.]0[.]1(:[0-9]+)?"]',
}


class Node:
    """Where the money is."""

    def __init__(self) -> None:
        env = {"FAKE_WALLET_SECRET": "node-of-the-tests", **_LOOPBACK}
        self.process = HostProcess("node", env=env)
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

    def a_wallet(self, name: str) -> Wallet:
        """The empty wallet of somebody who has theirs on the node."""
        return an_account(self.process, name)

    def invoice(self, wallet: Wallet, amount_sat: int) -> str:
        return an_invoice(self.process, wallet, amount_sat)

    def balance_sat(self, wallet: Wallet) -> int:
        return balance_sat(self.process, wallet)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """It reads what it is asked, and can write nothing; afterwards (soon: it waits for at
        most five seconds) it does what it was asked, whether or not anybody waits for that."""
        # Its own database, locked as by another program of its operator.
        with closing(sqlite3.connect(self.process.root / "data" / "database.sqlite3")) as held:
            held.isolation_level = None
            held.execute("BEGIN IMMEDIATE")
            yield
            held.execute("ROLLBACK")


class Shops:
    """One host with this extension, in two processes."""

    def __init__(self, node: Node) -> None:
        url = postgres.new_database(DATABASE)
        env = {
            "LNBITS_BACKEND_WALLET_CLASS": "LNbitsWallet",
            "LNBITS_ENDPOINT": node.process.url,
            "LNBITS_KEY": node.own.adminkey,
            **_LOOPBACK,
        }
        self.node = node
        self.processes = [HostProcess(f"shop{n}", url, env) for n in range(2)]
        for position, process in enumerate(self.processes):
            # One after the other: two first boots at once would both make the host's tables.
            process.start()
            process.wait_ready()
            if position == 0:
                self.login = install(process)
                enable(process, self.login)
                self.organiser = an_account(process, "organiser")
                # Links and LNURLs made by either process lead to this one.
                self.host_settings(lnbits_baseurl=f"{process.url}/")

    @property
    def first(self) -> HostProcess:
        return self.processes[0]

    def set(self, **settings: int) -> None:
        answer = self.first.client.put(f"{API}/settings", json=settings, headers=self.login)
        assert answer.status_code == 200, answer.text

    def host_settings(self, **settings: object) -> None:
        """Settings of the host itself, in its first process."""
        answer = self.first.client.patch(
            "/admin/api/v1/settings", json=settings, headers=self.login
        )
        assert answer.status_code == 200, answer.text

    async def an_organiser(self, balance_sat: int = 0) -> Wallet:
        """Somebody else who sells here, with money that was paid in from outside."""
        organiser = an_account(self.first, "organiser")
        if balance_sat:
            await self.pay_in(organiser, balance_sat)
        return organiser

    async def pay_in(self, wallet: Wallet, amount_sat: int) -> None:
        """From outside, into a wallet here."""
        wanted_sat = self.balance_sat(wallet) + amount_sat
        bolt11 = an_invoice(self.first, wallet, amount_sat)
        await self.node.pay([{"payment_request": bolt11}])
        await becomes(lambda: self.balance_sat(wallet), wanted_sat)

    def balance_sat(self, wallet: Wallet) -> int:
        return balance_sat(self.first, wallet)

    def api(
        self, method: str, path: str, who: Wallet | None = None, body: object = None
    ) -> httpx.Response:
        """A call of this extension's API at the first process, whatever the answer is."""
        headers = who.admin if who else {}
        return self.first.client.request(method, f"{API}{path}", json=body, headers=headers)

    def kill(self) -> None:
        """Both processes at once, by SIGKILL."""
        for process in self.processes:
            process.kill()

    def restart(self) -> None:
        """Start what was killed; the tables are there, so both may boot at once."""
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.wait_ready()

    def an_event(self, seller: Wallet | None = None, **changes: object) -> Json:
        headers = (seller or self.organiser).admin
        answer = self.first.client.post(
            f"{API}/events", json=event_body(**changes), headers=headers
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


def an_invoice(process: HostProcess, wallet: Wallet, amount_sat: int) -> str:
    body = {"out": False, "amount": amount_sat}
    answer = process.client.post("/api/v1/payments", json=body, headers=wallet.admin)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["bolt11"])


def balance_sat(process: HostProcess, wallet: Wallet) -> int:
    """Whole sats; the hosts of the tests pay each other without fees."""
    answer = process.client.get("/api/v1/wallet", headers=wallet.admin)
    assert answer.status_code == 200, answer.text
    whole, rest = divmod(int(answer.json()["balance"]), 1000)
    assert rest == 0
    return whole


def payments_of(process: HostProcess, wallet: Wallet) -> list[Json]:
    """A wallet's payments as its owner sees them, newest first; amounts in msat."""
    url = "/api/v1/payments?limit=1000"
    found: list[Json] = process.client.get(url, headers=wallet.admin).json()
    return found


async def becomes(look: Callable[[], object], wanted: object, timeout_s: float = 20.0) -> None:
    """Wait until a look gives this."""
    give_up = time.monotonic() + timeout_s
    while (found := look()) != wanted:
        assert time.monotonic() < give_up, f"{found!r} never became {wanted!r}"
        await asyncio.sleep(0.02)
