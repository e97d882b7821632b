"""The list of tickets as a device has it: loaded, kept up to date and opened as docs/door.md tells.

Nothing of the extension is used for it, so that the document is what is tested.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from support.builders import API, Json, execute
from support.host import ext
from support.people import Person
from support.scanners import a_scanner, shows

NAMES = ("Ada Lovelace", "Émilie du Châtelet", "李清照", 'Bobby "; DROP TABLE', "<b>Zoë</b>")


def h_of(ticket_id: str) -> str:
    return hashlib.sha256(ticket_id.encode()).hexdigest()


def opened(sealed: str, ticket_id: str, event_id: str) -> Any:
    """`[name, package name, number]`. Raises InvalidTag for another id."""
    kdf = HKDF(SHA256(), 32, salt=event_id.encode(), info=b"events/door/1")
    box = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    return json.loads(AESGCM(kdf.derive(ticket_id.encode())).decrypt(box[:12], box[12:], None))


async def ask_list(
    client: httpx.AsyncClient, event_id: str, headers: Mapping[str, str], **query: object
) -> httpx.Response:
    params: Any = {name: value for name, value in query.items() if value is not None}
    return await client.get(f"{API}/door/{event_id}/snapshot", params=params, headers=dict(headers))


class Device:
    """Keeps the list of one event."""

    def __init__(
        self, client: httpx.AsyncClient, event_id: str, headers: Mapping[str, str]
    ) -> None:
        self.client, self.event_id, self.headers = client, event_id, headers
        self.tickets: dict[str, Json] = {}
        self.cursor: str | None = None
        # Of the last pass: its pages as they were sent, and the tickets in them.
        self.pages: list[bytes] = []
        self.told: list[Json] = []

    async def catch_up(self, limit: int | None = None) -> "Device":
        self.pages, self.told = [], []
        while await self.take_page(limit):
            assert len(self.pages) < 1000
        return self

    async def take_page(self, limit: int | None = None) -> bool:
        """One page; whether there are more."""
        answer = await ask_list(
            self.client, self.event_id, self.headers, cursor=self.cursor, limit=limit
        )
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert set(page) == {"tickets", "packages", "cursor", "more"}
        assert limit is None or len(page["tickets"]) <= limit
        packages = {package["id"]: package for package in page["packages"]}
        for ticket in page["tickets"]:
            self.tickets[ticket["h"]] = _with_package(ticket, packages)
        self.pages.append(answer.content)
        self.told += page["tickets"]
        self.cursor = page["cursor"]
        return bool(page["more"])

    def ticket(self, ticket_id: str) -> Json:
        return self.tickets[h_of(ticket_id)]

    def states(self, ticket_ids: Iterable[str]) -> list[str | None]:
        found = (self.tickets.get(h_of(ticket_id)) for ticket_id in ticket_ids)
        return [ticket["status"] if ticket else None for ticket in found]

    def open(self, ticket_id: str) -> Any:
        return opened(self.ticket(ticket_id)["sealed"], ticket_id, self.event_id)


def _with_package(ticket: Json, packages: Mapping[str, Json]) -> Json:
    package = packages.get(ticket["package_id"], {})
    shared = {name: value for name, value in package.items() if name not in ("id", "name")}
    return {"left": False, **shared, **ticket}


async def put_tickets(
    event: Json, organiser: Person, names: Iterable[str], **columns: object
) -> list[str]:
    """Paid tickets straight into the table, numbered from 1; their ids."""
    crud, now = ext("crud"), ext("clock").now()
    row: Json = {
        "wallet": organiser.wallet,
        "event": event["id"],
        "email": "",
        "registered": False,
        "paid": True,
        "time": crud.legacy_time(now),
        "reg_timestamp": None,
        "extra": "{}",
        "payment_hash": "",
        "order_id": None,
        "package_id": event["packages"][0]["id"],
        "kind": "admission",
        "status": "active",
        "price_sat": 0,
    }
    rows = [
        {**row, "id": crud.short_id(), "name": name, "number": number, **columns}
        for number, name in enumerate(names, 1)
    ]
    async with crud.transaction() as tx:
        for start in range(0, len(rows), 1000):
            await tx.insert("ticket", rows[start : start + 1000])
    return [str(row["id"]) for row in rows]


async def a_device(
    client: httpx.AsyncClient, organiser: Person, event: Json, **rights: object
) -> Device:
    scanner = await a_scanner(client, organiser, event["id"], **rights)
    return Device(client, event["id"], shows(scanner))


async def long_ago(event_id: str) -> None:
    """All that changed so far did so at one and the same moment, an hour ago."""
    at = ext("clock").to_ms(ext("clock").now()) - 3_600_000
    await execute("UPDATE events.ticket SET changed_at = :at WHERE event = :id", at=at, id=event_id)


async def change(ticket_id: str, what: str, **values: object) -> None:
    # The tests' own words.
    await execute(
        f"UPDATE events.ticket SET {what} WHERE id = :id",  # noqa: S608
        id=ticket_id,
        **values,
    )


async def add_package(
    client: httpx.AsyncClient, organiser: Person, event: Json, **body: object
) -> Json:
    answer = await client.post(
        f"{API}/events/{event['id']}/packages",
        json={"price": 0, "currency": "sat", **body},
        headers=organiser.admin,
    )
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made
