"""Scans as a client makes them, and the rows they leave."""

from collections.abc import Mapping

import httpx

from support.builders import API, Json, Row, a_purchase, an_event, execute, row, rows
from support.people import Person

Headers = Mapping[str, str]


def door(event: Json, path: str) -> str:
    return f"{API}/door/{event['id']}/{path}"


async def post(
    client: httpx.AsyncClient, event: Json, path: str, who: Headers, body: object = None
) -> httpx.Response:
    """Ask at the door, whatever the answer is."""
    return await client.post(door(event, path), json=body, headers=dict(who))


async def scan(
    client: httpx.AsyncClient, event: Json, who: Headers, code: str, **more: object
) -> Json:
    """A check-in, unless `type` says something else; its answer."""
    answer = await post(client, event, "scans", who, {"code": code, "type": "check_in"} | more)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


async def validate(client: httpx.AsyncClient, event: Json, who: Headers, code: str) -> Json:
    answer = await post(client, event, "validate", who, {"code": code})
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


async def annul(client: httpx.AsyncClient, event: Json, who: Headers, scan_id: str) -> Json:
    answer = await post(client, event, f"scans/{scan_id}/annul", who)
    assert answer.status_code == 200, answer.text
    told: Json = answer.json()
    return told


async def a_party(
    client: httpx.AsyncClient, organiser: Person, quantity: int = 1, **changes: object
) -> tuple[Json, list[str]]:
    """A free event, and the valid tickets of one order."""
    event = await an_event(client, organiser, price_per_ticket=0, **changes)
    purchase = await a_purchase(client, event["id"], quantity=quantity)
    return event, purchase["ticket_ids"]


async def ticket_row(ticket_id: str) -> Row:
    return await row("SELECT * FROM events.ticket WHERE id = :id", id=ticket_id)


async def state(ticket_id: str) -> tuple[str, bool, bool]:
    """Status, 1.6.9's `registered`, and whether its holder is out."""
    found = await ticket_row(ticket_id)
    return found["status"], bool(found["registered"]), found["left_at"] is not None


async def set_ticket(ticket_id: str, **values: object) -> None:
    """Columns as another part of the extension, or 1.6.9, would leave them."""
    names = ", ".join(f"{name} = :{name}" for name in values)
    await execute(f"UPDATE events.ticket SET {names} WHERE id = :id", id=ticket_id, **values)  # noqa: S608


async def scan_rows(event: Json) -> list[Row]:
    return await rows(
        "SELECT * FROM events.scans WHERE event_id = :id ORDER BY received_at, id", id=event["id"]
    )


async def scan_row(event: Json, scan_id: str) -> Row:
    return await row(
        "SELECT * FROM events.scans WHERE event_id = :event AND scan_id = :scan",
        event=event["id"],
        scan=scan_id,
    )
