"""A small node of 1.6.9 that has everything: what its program wrote, and what it does later."""

import json
from typing import Any

from support.legacy import Node, inserting, moment
from support.old_versions import create

MIDNIGHT = 1_700_006_400  # 2023-11-15 00:00 UTC


def wave(id_: str = "primary", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "title": "Primary wave",
        "opening_date": "2023-11-15",
        "closing_date": "2030-05-31",
        "currency": "sat",
        "use_ticket_image": False,
        "ticket_image_id": None,
        "allow_fiat": False,
        "fiat_currency": "GBP",
        "amount_tickets": 7,
        "price_per_ticket": 100.0,
    } | changes


def event(id_: str = "event1", extra: Any = None, **changes: Any) -> dict[str, Any]:
    """A row of `events.events`, as 1.6.9 inserts it; `extra` as text or as what it says."""
    return {
        "id": id_,
        "wallet": "wallet1",
        "name": "Meetup",
        "info": "",
        "closing_date": "2030-05-31",
        "event_start_date": "2030-06-01",
        "event_end_date": "2030-06-02",
        "currency": "sat",
        "amount_tickets": 7,
        "price_per_ticket": 100.0,
        "sold": 0,
        "time": moment(MIDNIGHT + 1.5),
        "banner": None,
        "canceled": False,
        "extra": extra if isinstance(extra, str) or extra is None else json.dumps(extra),
        "allow_fiat": False,
        "fiat_currency": "GBP",
    } | changes


def ticket(id_: str, event_id: str = "event1", extra: Any = None, **changes: Any) -> dict[str, Any]:
    """A row of `events.ticket`, paid, as 1.6.9 inserts it. `id_` becomes a payment hash."""
    number = int(id_, 16)
    return {
        "id": f"{number:064x}",
        "wallet": "wallet1",
        "event": event_id,
        "name": "Ada",
        "email": "ada@example.com",
        "registered": False,
        "paid": True,
        "time": moment(MIDNIGHT + 100 + number),
        "reg_timestamp": moment(MIDNIGHT + 100 + number),
        "extra": extra if isinstance(extra, str) or extra is None else json.dumps(extra),
    } | changes


def hash_of(id_: str) -> str:
    return f"{int(id_, 16):064x}"


async def a_1_6_9(node: Node, *rows: dict[str, Any]) -> None:
    """A node of version 8 with these events and tickets, as its program left it."""
    await node.set_versions(events=8)
    await node.drop_tables()
    await node.script(*create(8), *map(_insert, rows))


async def rewrite(node: Node, *rows: dict[str, Any]) -> None:
    """The same in tables that have our columns already: nothing is adopted yet."""
    ours = ("packages", "promo_codes", "orders", "order_lines")
    empty: list[tuple[str, Any]] = [
        (f"DELETE FROM events.{table}", {})  # noqa: S608 - names from above
        for table in ("events", "ticket", *ours)
    ]
    await node.script(*empty, *map(_insert, rows))


async def write(node: Node, *rows: dict[str, Any]) -> None:
    """What 1.6.9 writes after a roll-back: it knows its own columns only."""
    await node.script(*map(_insert, rows))


def _insert(row: dict[str, Any]) -> tuple[str, Any]:
    return inserting("ticket" if "registered" in row else "events", row)


def busy() -> list[dict[str, Any]]:
    """Two waves, codes, tickets of each state; a cancelled event; tickets without an event."""
    extra = {
        "ticket_waves": [wave("early", amount_tickets=4), wave("late", price_per_ticket=150.0)],
        "promo_codes": [{"code": "HALF", "discount_percent": 50.0, "active": True}],
    }
    early = {"ticket_wave_id": "early", "sats_paid": 100}
    return [
        event("event1", extra, amount_tickets=11, sold=3),
        event("event2", None, canceled=True),
        ticket("1", extra=early),
        ticket("2", extra={**early, "refund_address": "a@b.example"}, registered=True),
        ticket("3", extra={**early, "ticket_wave_id": "late", "sats_paid": 150}),
        ticket("4", extra=early, paid=False),
        ticket("5", "event2", {"refunded": True}),
        ticket("6", "gone"),
    ]
