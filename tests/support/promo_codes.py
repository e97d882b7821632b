"""Promo codes as tests need them: made over HTTP, asked about, used by orders that do not exist."""

from typing import Any

import httpx

from support.builders import API, Json, Row, row, rows
from support.host import ext
from support.people import Person

VALUE = {"percent": 10, "fixed": 30}


def codes_url(event_id: str, code_id: str = "") -> str:
    return f"{API}/events/{event_id}/promo-codes" + (f"/{code_id}" if code_id else "")


async def a_code(client: httpx.AsyncClient, organiser: Person, event_id: str, **body: Any) -> Json:
    """A code of an event: 10 % off, or 30 of the event's currency."""
    sent = {"code": "SAVE", "value": VALUE[body.get("kind", "percent")], **body}
    answer = await client.post(codes_url(event_id), json=sent, headers=organiser.admin)
    assert answer.status_code == 201, answer.text
    code: Json = answer.json()
    return code


async def listed(client: httpx.AsyncClient, organiser: Person, event_id: str) -> list[Json]:
    answer = await client.get(codes_url(event_id), headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["data"]
    assert answer.json()["total"] == len(found)
    return found


async def asked(client: httpx.AsyncClient, event_id: str, code: str, **query: Any) -> Json:
    """What the public route says."""
    answer = await client.get(codes_url(event_id, f"{code}/validate"), params=query)
    assert answer.status_code == 200, answer.text
    said: Json = answer.json()
    return said


async def mirror(event_id: str) -> list[Json]:
    """The list that 1.6.9 would read."""
    stored = await row("SELECT extra FROM events.events WHERE id = :id", id=event_id)
    found: list[Json] = ext("catalog.models").read_json(stored["extra"]).get("promo_codes", [])
    return found


async def promo(event_id: str, code: str) -> Any:
    async with ext("crud").reading() as tx:
        return await ext("promos.crud").get_code(tx, event_id, code)


async def code_row(code_id: str) -> Row:
    return await row("SELECT * FROM events.promo_codes WHERE id = :id", id=code_id)


async def uses(code_id: str) -> tuple[int, int]:
    """What the counter says, and how many rows say so."""
    counted = await rows(
        "SELECT id FROM events.promo_uses WHERE code_id = :id AND freed_at IS NULL", id=code_id
    )
    return int((await code_row(code_id))["uses"]), len(counted)


async def take(found: Any, order_id: str, buyer_key: str | None = None) -> str:
    """One transaction that takes a use; the code of the refusal, or ''."""
    now = ext("clock").now()
    try:
        async with ext("crud").transaction() as tx:
            await ext("promos.services").take_use(tx, found, order_id, buyer_key, now)
    except ext("errors").TicketingError as error:
        return str(error.code)
    return ""


async def give_back(order_id: str) -> None:
    async with ext("crud").transaction() as tx:
        await ext("promos.services").free_use(tx, order_id, ext("clock").now())


async def take_again(order_id: str) -> None:
    async with ext("crud").transaction() as tx:
        await ext("promos.services").retake_use(tx, order_id)
