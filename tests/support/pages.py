"""The public pages as a browser without scripts asks for them, and what every one must keep."""

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from support.builders import Json, a_purchase, an_event, execute, pay, refund_rows
from support.people import Person
from support.refunding import Debt

BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}
HOSTILE = '<script>alert("1")</script>'


async def bought(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, quantity: int = 1, **event: object
) -> Json:
    made = await an_event(client, organiser, **{"price_per_ticket": 500, **event})
    purchase = await a_purchase(client, made["id"], quantity=quantity)
    if not purchase["paid"]:
        await pay(buyer, purchase)
    return {**purchase, "event_id": made["id"]}


def path_of(order: Json) -> str:
    return f"/events/o/{order['order_secret']}"


async def page_of(client: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers=BROWSER)
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?![^>]* src=)|<style|<[^>]+ (style|on[a-z]+)=", answer.text)
    return words(answer.text)


def words(page: str) -> str:
    return page.replace("&nbsp;", " ")


@asynccontextmanager
async def refund_looks(debt: Debt, **columns: object) -> AsyncIterator[None]:
    """The row of a refund reads like this for a while."""
    [before] = await refund_rows(debt.order_id)
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    sql = f"UPDATE events.refunds SET {sets} WHERE id = :id"  # noqa: S608 - names of this file
    await execute(sql, id=debt.id, **columns)
    yield
    await execute(sql, id=debt.id, **{name: before[name] for name in columns})


async def order_path(debt: Debt) -> str:
    """The order page of a debt, by a secret known here."""
    secret = f"known-{debt.order_id}"
    hashed = hashlib.sha256(secret.encode()).hexdigest()
    await execute(
        "UPDATE events.orders SET secret_hash = :hash WHERE id = :id", hash=hashed, id=debt.order_id
    )
    return f"/events/o/{secret}"
