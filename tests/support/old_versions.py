"""The schema of versions 0 to 8 by hand, each with rows, as the program of that time wrote them."""

from collections.abc import Mapping
from typing import Any

from support.host import on_postgres
from support.legacy import Node, inserting, moment

LAST = 8


def _events(version: int) -> str:
    now = "now()" if on_postgres() else "(strftime('%s', 'now'))"
    columns = [
        "id TEXT PRIMARY KEY",
        "wallet TEXT NOT NULL",
        "name TEXT NOT NULL",
        "info TEXT NOT NULL",
        "closing_date TEXT NOT NULL",
        "event_start_date TEXT NOT NULL",
        "event_end_date TEXT NOT NULL",
        *(["currency TEXT NOT NULL"] if version >= 4 else []),
        "amount_tickets INTEGER NOT NULL",
        f"price_per_ticket {'REAL' if version >= 4 else 'INTEGER'} NOT NULL",
        "sold INTEGER NOT NULL",
        f"time TIMESTAMP NOT NULL DEFAULT {now}",
        *(["banner TEXT"] if version >= 5 else []),
        *(["canceled BOOLEAN NOT NULL DEFAULT FALSE", "extra TEXT"] if version >= 6 else []),
        *(["allow_fiat BOOLEAN NOT NULL DEFAULT FALSE"] if version >= 7 else []),
        *(["fiat_currency TEXT NOT NULL DEFAULT 'GBP'"] if version >= 8 else []),
    ]
    return f"CREATE TABLE events.events ({', '.join(columns)})"


def _tickets(version: int) -> str:
    now = "now()" if on_postgres() else "(strftime('%s', 'now'))"
    columns = [
        "id TEXT PRIMARY KEY",
        "wallet TEXT NOT NULL",
        "event TEXT NOT NULL",
        "name TEXT NOT NULL",
        "email TEXT NOT NULL",
        "registered BOOLEAN NOT NULL",
        *(["paid BOOLEAN NOT NULL"] if version >= 2 else []),
        f"time TIMESTAMP NOT NULL DEFAULT {now}",
        *(["reg_timestamp TIMESTAMP"] if version >= 3 else []),
        *(["extra TEXT"] if version >= 6 else []),
    ]
    return f"CREATE TABLE events.{'ticket' if version >= 2 else 'tickets'} ({', '.join(columns)})"


def event_rows(version: int) -> list[dict[str, Any]]:
    """Two events, with the columns of that version."""
    rows = []
    for number, name in ((1, "Meetup <b>1</b> &amp; more"), (2, "李雷's concert")):
        row: dict[str, Any] = {
            "id": f"event{number}",
            "wallet": "wallet1",
            "name": name,
            "info": "",
            "closing_date": "2030-05-31",
            "event_start_date": "2030-06-01",
            "event_end_date": "2030-06-02",
            "amount_tickets": 5 * number,
            "price_per_ticket": 100 * number,
            "sold": number,
            "time": moment(1_700_000_000 + number),
        }
        if version >= 4:
            row |= {"currency": "EUR" if number == 2 else "sat", "price_per_ticket": 19.5}
        if version >= 5:
            row["banner"] = "https://example.com/b.png"
        if version >= 6:
            row |= {"canceled": number == 2, "extra": '{"promo_codes": []}'}
        if version >= 7:
            row["allow_fiat"] = number == 2
        if version >= 8:
            row["fiat_currency"] = "CHF"
        rows.append(row)
    return rows


def ticket_rows(version: int) -> list[dict[str, Any]]:
    """Of event 1 a paid one; of event 2 one let in, and from version 2 on an unpaid one."""
    rows = []
    for number in (1, 2, 3) if version >= 2 else (1, 2):
        row: dict[str, Any] = {
            "id": f"{number}" * 64,
            "wallet": "wallet1",
            "event": "event1" if number == 1 else "event2",
            "name": "Anne-Marie O'Neil <x>",
            "email": "a@example.com",
            "registered": number == 2,
            "time": moment(1_700_000_100 + number),
        }
        if version >= 2:
            row["paid"] = number != 3
        if version >= 3:
            row["reg_timestamp"] = moment(1_700_000_100 + number)
        if version >= 6:
            row["extra"] = '{"sats_paid": 100}' if number == 1 else None
        rows.append(row)
    return rows


def create(version: int) -> list[tuple[str, Mapping[str, Any]]]:
    """The statements that make the tables of a version."""
    return [(_events(version), {}), (_tickets(version), {})] if version else []


async def make(node: Node, version: int) -> None:
    """Bring a node to a version, with rows."""
    await node.set_versions(**({"events": version} if version else {}))
    await node.drop_tables()
    rows = [("events", row) for row in event_rows(version)]
    rows += [("ticket" if version >= 2 else "tickets", row) for row in ticket_rows(version)]
    await node.script(*create(version), *(inserting(*row) for row in rows if version))
