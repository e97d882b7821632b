"""One engine's measurements, on a host booted for them alone."""

import asyncio
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from asgi_lifespan import LifespanManager
from benchmarks import crowd
from benchmarks.counting import TRIES, statements_of
from benchmarks.door import Door, add_plain_register
from benchmarks.pairs import WARM_UP, Ratio, ratio, take_turns
from httpx import ASGITransport

from support import host, network, postgres
from support.builders import API, a_purchase, an_event, send_payment
from support.people import Person, a_person
from support.rates import PRICE_PER_BTC
from support.settling import host_payment, nobody_listens

CROWD = 100_000
# At the door it is looked whether fewer make a difference.
HOUSE = 20_000
PRICE_SAT = 100
PER_ORDER = 10
FREE = "FREE"
TENTH = "TENTH"
QUESTIONS = (
    {"label": "Meal", "type": "single", "choices": ["Meat", "Vegan"]},
    {"label": "Allergies", "type": "text"},
)


@dataclass
class Measured:
    """What was found with one filling of the tables."""

    tickets: int
    ratios: dict[str, Ratio] = field(default_factory=dict)
    # How many statements an action sends to the extension's database, and to the host's.
    statements: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class Shop:
    """An organiser's event, and clients that each come from an address of their own."""

    client: httpx.AsyncClient
    transport: ASGITransport
    organiser: Person
    buyer: Person
    event_id: str = ""
    # An event that asks something, and answers to it, by question.
    asking_id: str = ""
    answers: dict[str, object] = field(default_factory=dict)
    strangers: Iterator[int] = field(default_factory=itertools.count)
    admitted: list[str] = field(default_factory=list)

    def stranger(self) -> str:
        """The e-mail of somebody new, whose requests come from a new address: the limits on open
        orders stay as shipped, and nobody reaches them."""
        number = next(self.strangers)
        self.transport.client = (f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 5)
        return f"buyer{number}@example.com"

    async def purchase(self, quantity: int, **more: object) -> dict[str, Any]:
        wish = {"quantity": quantity, "email": self.stranger(), **more}
        return await a_purchase(self.client, self.event_id, **wish)

    def buying(self, quantity: int) -> Callable[[], Awaitable[object]]:
        return lambda: self.purchase(quantity)

    async def buy_asked(self) -> None:
        """With a promo code, and with an answer to each question."""
        wish = {"email": self.stranger(), "promo_code": TENTH, "responses": self.answers}
        await a_purchase(self.client, self.asking_id, **wish)

    async def ask(self, event: dict[str, Any]) -> None:
        url = f"{API}/events/{event['id']}/packages/{event['packages'][0]['id']}/options"
        for question, answer in zip(QUESTIONS, ("Vegan", "None"), strict=True):
            made = await self.client.post(url, json=question, headers=self.organiser.admin)
            assert made.status_code == 201, made.text
            self.answers[made.json()["id"]] = answer

    async def core_invoice(self) -> None:
        """The host's own route, for the same wallet and with the key that may do no more."""
        self.stranger()
        body = {"out": False, "amount": PRICE_SAT, "memo": "1 ticket: Concert"}
        headers = self.organiser.invoice
        answer = await self.client.post("/api/v1/payments", json=body, headers=headers)
        assert answer.status_code == 201, answer.text

    async def wallet_read(self) -> None:
        answer = await self.client.get("/api/v1/wallet", headers=self.organiser.admin)
        assert answer.status_code == 200, answer.text

    async def print_tickets(self, many: int) -> None:
        """Valid tickets in nobody's hands yet."""
        while len(self.admitted) < many:
            found = await self.purchase(PER_ORDER, promo_code=FREE)
            assert found["paid"], found
            self.admitted += found["ticket_ids"]

    async def register(self) -> None:
        url = f"{API}/tickets/register/{self.admitted.pop()}"
        answer = await self.client.put(url, headers=self.organiser.admin)
        assert answer.status_code == 200, answer.text

    async def guest(self) -> str:
        """The order of somebody who has come in."""
        found = await self.purchase(1, promo_code=FREE)
        self.admitted += found["ticket_ids"]
        await (await self.door()).scan()
        return str(found["order_id"])

    async def door(self) -> Door:
        opened = Door(self.client, self.event_id, self.admitted.pop)
        await opened.open(self.organiser)
        return opened

    async def look(self, url: str) -> None:
        answer = await self.client.get(url)
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """Boot the host. Its log is silenced on both sides of every ratio."""
    from lnbits.app import create_app
    from lnbits.utils.cache import cache
    from loguru import logger

    cache.set("btc-price-USD", PRICE_PER_BTC, expiry=10**9)
    created = create_app()
    logger.remove()
    async with LifespanManager(created, startup_timeout=60, shutdown_timeout=30) as running:
        await host.ext("tasks").require_ready()
        await nothing_in_the_background()
        # Where extensions have theirs: the host looks through its routes in order.
        add_plain_register(created)
        transport = ASGITransport(app=running.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
            shop = Shop(client, transport, await a_person(), await a_person(9_000_000))
            shop.event_id = str((await a_big_event(shop, FREE, 100))["id"])
            asking = await a_big_event(shop, TENTH, 10)
            shop.asking_id = str(asking["id"])
            await shop.ask(asking)
            yield shop


async def a_big_event(shop: Shop, code: str, percent: int) -> dict[str, Any]:
    promo = {"code": code, "discount_percent": percent, "active": True}
    return await an_event(
        shop.client,
        shop.organiser,
        amount_tickets=1_000_000,
        price_per_ticket=PRICE_SAT,
        extra={"promo_codes": [promo]},
    )


async def nothing_in_the_background() -> None:
    """Sweeps would come at their own times, and count as statements of whatever runs then."""
    from lnbits.task_manager import task_manager

    tasks = host.ext("tasks")
    # The first sweep starts at boot and is over long before this.
    await asyncio.sleep(1)
    for name in tasks.LOOPS:
        task = task_manager.get_task(name)
        assert task is not None, name
        task_manager.cancel_task(task)


async def measure(shop: Shop, tickets: int, rounds: int) -> Measured:
    """Statements first, while the tables still hold what they should."""
    found = Measured(tickets)
    await count_statements(shop, found)
    buys = {
        "base": shop.core_invoice,
        "buy 1": shop.buying(1),
        "buy 10": shop.buying(PER_ORDER),
        "buy 1 asked": shop.buy_asked,
    }
    took = await take_turns(buys, rounds)
    found.ratios["buy 1"] = ratio(took["buy 1"], took["base"])
    found.ratios["buy 10"] = ratio(took["buy 10"], took["base"])
    found.ratios["buy 1 asked"] = ratio(took["buy 1 asked"], took["buy 1"])

    await shop.print_tickets(rounds + WARM_UP)
    took = await take_turns({"base": shop.wallet_read, "register": shop.register}, rounds)
    found.ratios["register"] = ratio(took["register"], took["base"])
    await measure_door(shop, found, rounds)
    return found


async def measure_door(shop: Shop, found: Measured, rounds: int) -> None:
    door = await shop.door()
    await shop.print_tickets(2 * (rounds + WARM_UP) + TRIES)
    took = await take_turns({"base": door.plain_register, "scan": door.scan}, rounds)
    found.ratios["scan"] = ratio(took["scan"], took["base"])
    found.statements["scan"] = await count(door.scan)


async def count_statements(shop: Shop, found: Measured) -> None:
    await shop.print_tickets(PER_ORDER)
    actions = {
        "buy 1": shop.buying(1),
        "buy 10": shop.buying(PER_ORDER),
        "buy 1 asked": shop.buy_asked,
        "register": shop.register,
        "event (API)": lambda: shop.look(f"{API}/events/{shop.event_id}"),
        "event (page)": lambda: shop.look(f"/events/{shop.event_id}"),
    }
    for name, action in actions.items():
        found.statements[name] = await count(action)
    for quantity in (1, PER_ORDER):
        found.statements[f"settle {quantity}"] = await count_settlement(shop, quantity)


async def count_settlement(shop: Shop, quantity: int) -> tuple[int, int]:
    """From the host's announcement on; what the host does to get paid is not counted."""
    paid: list[Any] = []
    with nobody_listens():
        for _ in range(TRIES):
            purchase = await shop.purchase(quantity)
            await send_payment(shop.buyer, purchase)
            paid.append(await host_payment(str(purchase["payment_hash"])))
    hear = host.ext("tasks").on_invoice_paid
    return await count(lambda: hear(paid.pop()))


async def count(action: Callable[[], Awaitable[object]]) -> tuple[int, int]:
    """Statements for the extension's database, and for the host's."""
    sent = await statements_of(action)
    return len(sent.extension), len(sent.core)


async def measure_all(rounds: int) -> tuple[str, list[Measured]]:
    """The engine's version, and the measurements as the tables fill."""
    async with open_shop() as shop:
        empty = await measure(shop, 0, rounds)
        order_id = await shop.guest()
        await crowd.join(order_id, 0, HOUSE)
        house = Measured(HOUSE)
        await measure_door(shop, house, rounds)
        await crowd.join(order_id, HOUSE, CROWD)
        full = await measure(shop, CROWD, rounds)
        return await engine_version(), [empty, house, full]


async def engine_version() -> str:
    if not host.on_postgres():
        import sqlite3

        return f"SQLite {sqlite3.sqlite_version}"
    return "PostgreSQL " + postgres.sql("\\t on\nSHOW server_version;").strip()


def run(rounds: int, on_disk: bool) -> tuple[str, list[Measured]]:
    """Everything for the engine that `EVENTS_TEST_DB` names."""
    root = host.prepare("bench")
    network.forbid_outside()
    if host.on_postgres():
        # The tests' server never waits for its disk; as installed it does, at each commit.
        if on_disk:
            postgres.sql("ALTER SYSTEM RESET ALL;\nSELECT pg_reload_conf();")
        return asyncio.run(measure_all(rounds))
    with tempfile.TemporaryDirectory(prefix="events-bench-") as folder:
        os.environ["LNBITS_DATA_FOLDER"] = folder if on_disk else str(root / "data")
        return asyncio.run(measure_all(rounds))
