"""A running LNbits with an organiser and a buyer, for tests that look through a browser."""

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from support.builders import API, event_body
from support.process import HostProcess

PASSWORD = "only-for-tests"
ORGANISER = "organiser"


@dataclass(frozen=True)
class Keys:
    """A person's one wallet."""

    wallet: str
    adminkey: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-KEY": self.adminkey}


class Shop:
    """One host process; its events are on sale at `url`."""

    def __init__(self) -> None:
        self.host = HostProcess("browser")
        self.host.start()
        self.host.wait_ready()
        self.url = self.host.url
        self.client = self.host.client
        names = {"username": "admin", "password": PASSWORD, "password_repeat": PASSWORD}
        answer = _ok(self.client.put("/api/v1/auth/first_install", json=names))
        self.admin = {"Authorization": f"Bearer {answer['access_token']}"}
        self.client.cookies.clear()
        self.organiser = self._person(ORGANISER)
        self.buyer = self._person("buyer")
        _ok(
            self.client.put(
                "/users/api/v1/balance",
                json={"id": self.buyer.wallet, "amount": 1_000_000},
                headers=self.admin,
            )
        )
        _ok(self.client.put("/api/v1/extension/events/enable", headers=self.admin))

    def _person(self, name: str) -> Keys:
        body = {
            "username": name,
            "email": f"{name}@example.com",
            "password": PASSWORD,
            "password_repeat": PASSWORD,
        }
        token = _ok(self.client.post("/api/v1/auth/register", json=body))["access_token"]
        self.client.cookies.clear()
        wallets = self.client.get("/api/v1/wallets", headers={"Authorization": f"Bearer {token}"})
        found = wallets.json()[0]
        return Keys(found["id"], found["adminkey"])

    def an_event(self, **changes: object) -> str:
        """A published event at 100 sat, 10 tickets; returns its id."""
        body = event_body(wallet=self.organiser.wallet, **changes)
        headers = self.organiser.headers
        return str(_ok(self.client.post(f"{API}/events", json=body, headers=headers))["id"])

    def event_page(self, event_id: str) -> str:
        return f"{self.url}/events/{event_id}"

    def pay(self, bolt11: str) -> None:
        body = {"out": True, "bolt11": bolt11.strip()}
        _ok(self.client.post("/api/v1/payments", json=body, headers=self.buyer.headers))

    def orders(self, event_id: str) -> list[dict[str, Any]]:
        url = f"{API}/events/{event_id}/orders"
        found: list[dict[str, Any]] = _ok(self.client.get(url, headers=self.organiser.headers))[
            "data"
        ]
        return found

    def buy(self, event_id: str, **changes: object) -> dict[str, Any]:
        """An order placed by the API; a free one has its tickets at once."""
        body = {"name": "Ada Lovelace", "quantity": 1, **changes}
        return _ok(self.client.post(f"{API}/tickets/{event_id}", json=body))

    def bought(self, event_id: str, **changes: object) -> dict[str, Any]:
        """The same, paid, and with its tickets."""
        placed = self.buy(event_id, **changes)
        self.pay(placed["payment_request"])
        give_up = time.monotonic() + 10
        while self.order(placed)["status"] == "reserved":
            assert time.monotonic() < give_up, placed
            time.sleep(0.05)
        return placed

    def order(self, placed: dict[str, Any]) -> dict[str, Any]:
        """An order as its buyer sees it, with its refunds."""
        headers = {"X-Order-Secret": placed["order_secret"]}
        return _ok(self.client.get(f"{API}/orders/{placed['order_id']}", headers=headers))

    def claim_path(self, placed: dict[str, Any]) -> str:
        """Of an order's first refund."""
        return str(urlsplit(self.order(placed)["refunds"][0]["claim_url"]).path)

    def cancel(self, placed: dict[str, Any]) -> None:
        """The buyer cancels all of it."""
        headers = {"X-Order-Secret": placed["order_secret"]}
        _ok(self.client.post(f"{API}/orders/{placed['order_id']}/cancel", headers=headers))

    def invoice(self, sat: int) -> str:
        """Of the buyer's wallet."""
        body = {"out": False, "amount": sat, "memo": "back"}
        made = _ok(self.client.post("/api/v1/payments", json=body, headers=self.buyer.headers))
        return str(made["bolt11"])

    def withdraw(self, claim_path: str) -> None:
        """What the buyer's wallet does with the code on a claim page (LUD-03)."""
        first = _ok(self.client.get(claim_path, headers={"Accept": "application/json"}))
        bolt11 = self.invoice(first["maxWithdrawable"] // 1000)
        params = {"k1": first["k1"], "pr": bolt11}
        answer = _ok(self.client.get(urlsplit(first["callback"]).path, params=params))
        assert answer == {"status": "OK"}, answer

    def set_hold(self, seconds: int) -> None:
        self.set(hold_seconds=seconds)

    def set(self, **settings: object) -> None:
        """Settings of the extension."""
        _ok(self.client.put(f"{API}/settings", json=settings, headers=self.admin))

    def set_mail(self, port: int | None) -> None:
        """The host's mail server; None: it has none."""
        wanted = {
            "enabled": port is not None,
            "email": "tickets@example.org",
            "username": "",
            "password": "",
            "server": "127.0.0.1",
            "port": port or 587,
        }
        names = {f"lnbits_email_notifications_{name}": value for name, value in wanted.items()}
        url = "/admin/api/v1/settings"
        _ok(self.client.patch(url, json=names, headers=self.admin))
        self.set(mail_security="none" if port else "auto")

    def nostr(self, **settings: object) -> dict[str, Any]:
        """Nostr settings of the organiser's wallet."""
        url = f"{API}/nostr/settings"
        return _ok(self.client.put(url, json=settings, headers=self.organiser.headers))

    def listing(self, event_id: str) -> dict[str, Any]:
        """Its state on Nostr."""
        url = f"{API}/events/{event_id}/nostr"
        return _ok(self.client.get(url, headers=self.organiser.headers))

    def lose_key(self, pubkey: str) -> None:
        """As after a restored database whose secret is another one."""
        file = self.host.root / "data" / "ext_events.sqlite3"
        with closing(sqlite3.connect(file, timeout=10)) as database, database:
            lost = "UPDATE nostr_keys SET secret = 'lost' WHERE pubkey = ?"
            assert database.execute(lost, [pubkey]).rowcount == 1

    def events(self) -> list[dict[str, Any]]:
        """As their organiser reads them."""
        answer = self.client.get(f"{API}/events", headers=self.organiser.headers)
        found: list[dict[str, Any]] = answer.json()
        return found

    def stop(self) -> None:
        self.host.stop()


def _ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code < 300, f"{answer.request.url}: {answer.status_code} {answer.text}"
    found: dict[str, Any] = answer.json()
    return found
