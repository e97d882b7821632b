"""An event with a wallet of its own, and whether its money adds up, on the books and in wallets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from support.builders import event_body, event_row, rows
from support.host import ext
from support.invariants import broken_invariants
from support.lnurl_server import LnurlServer
from support.people import Person
from support.refunding import balance_msat, outgoing

CAPACITY = 8
PRICES = {"cheap": 7, "dear": 101, "free": 0}


@dataclass
class World:
    """An event, whose wallet holds its money and no other; and what was moved out of there."""

    event_id: str
    organiser: Person
    buyer: Person
    receiver: Person
    service: LnurlServer
    # Where money goes that the organiser spends.
    vault: Person
    # Of its only tier, which holds.
    percent: int
    purchases: list[Any] = field(default_factory=list)
    # The last invoice each refund was claimed with.
    invoices: dict[str, str] = field(default_factory=dict)
    drained_sat: int = 0
    # Whether the wallet service behind the buyers' addresses makes invoices.
    answers: bool = True

    def purchase(self, number: int) -> Any | None:
        return self.purchases[number % len(self.purchases)] if self.purchases else None


def now() -> datetime:
    moment: datetime = ext("clock").now()
    return moment


async def open_world(
    organiser: Person,
    buyer: Person,
    receiver: Person,
    service: LnurlServer,
    vault: Person,
    percent: int,
) -> World:
    waves = [
        {"id": name, "title": name, "amount_tickets": CAPACITY, "price_per_ticket": price}
        for name, price in PRICES.items()
    ]
    body = ext("catalog.bodies").EventBody(
        **event_body(
            extra={"ticket_waves": waves},
            capacity=CAPACITY,
            refund_tiers=[{"days_before": 7, "percent": percent}],
        )
    )
    known = ext("catalog.rules").Currencies({"GBP"}, {"GBP"})
    codes = ext("promos.services").EventCodes()
    listing = await ext("catalog.services").create_event(
        organiser.wallet, body, codes, known, now()
    )
    return World(listing.event.id, organiser, buyer, receiver, service, vault, percent)


async def check(world: World) -> None:
    """The ledger is balanced to the sat, and against the wallets: what came in and was not paid
    back is there; what was paid back has arrived."""
    assert await broken_invariants(world.event_id) == []
    report = await ext("refunds.report").ledger_report(world.event_id, world.organiser.wallet)
    assert report["balanced"], report["differences"]
    assert report["difference_sat"] == 0
    received, kept, refunded, due = (
        report[f"{name}_sat"] for name in ("received", "kept", "refunded", "due")
    )
    assert received == kept + refunded + due
    sent_sat = refunded - report["refunded_by_hand_sat"] + await _sent_and_not_noted(world)
    assert await balance_msat(world.receiver) == sent_sat * 1000
    here_sat = received - sent_sat - world.drained_sat
    assert await balance_msat(world.organiser) == here_sat * 1000


async def _sent_and_not_noted(world: World) -> int:
    """The host has paid it; the process died before it could write that down."""
    hashes = {r["payment_hash"]: r["amount_sat"] for r in await refunds(world, "paying")}
    paid = [p for p in await outgoing(world.organiser) if p["status"] == "success"]
    return sum(hashes.get(payment["payment_hash"], 0) for payment in paid)


async def refunds(world: World, *states: str) -> list[Mapping[str, Any]]:
    found = await rows(
        "SELECT * FROM events.refunds WHERE event_id = :id ORDER BY created_at, id",
        id=world.event_id,
    )
    return [refund for refund in found if not states or refund["status"] in states]


async def one_refund(world: World, number: int, *states: str) -> Any | None:
    found = await refunds(world, *states)
    if not found:
        return None
    return await ext("refunds.paying").get(found[number % len(found)]["id"])


async def is_cancelled(world: World) -> bool:
    return bool((await event_row(world.event_id))["status"] == "cancelled")
