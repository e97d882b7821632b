"""I9: a fact is written with what makes it true, and carried out exactly once after that."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from support.builders import API, a_purchase, an_event, buy, pay, rows
from support.host import ext
from support.people import Person
from support.stepping import Stepped

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOPIC = "of_this_test"


async def facts_of(event_id: str) -> list[tuple[str, str]]:
    found = await rows(
        "SELECT topic, subject_id FROM events.outbox WHERE event_id = :id ORDER BY created_at, id",
        id=event_id,
    )
    return [(fact["topic"], fact["subject_id"]) for fact in found]


async def put(subject: str, **payload: object) -> None:
    async with ext("crud").transaction() as tx:
        await ext("outbox.services").put(tx, TOPIC, subject, None, payload)


class Told:
    """A handler that writes down what it was told in a table, as the real ones do."""

    def __init__(self, pages: int = 1, fails: int = 0) -> None:
        self.fails = fails
        self._pages = pages

    async def __call__(self, tx: Any, fact: Any, now: datetime) -> Mapping[str, Any] | None:
        page = fact.payload.get("page", 1)
        row = {"id": f"{fact.subject_id}-{page}-{ext('crud').short_id()}", "value": "{}"}
        await tx.insert("settings", [row])
        if self.fails > 0:
            self.fails -= 1
            raise RuntimeError("cannot be carried out")
        return {"page": page + 1} if page < self._pages else None


async def done(subject: str) -> list[str]:
    """The pages that were carried out."""
    found = await rows("SELECT id FROM events.settings WHERE id LIKE :like", like=f"{subject}-%")
    return sorted(str(row["id"]).split("-")[1] for row in found)


async def drain(handler: Told, later_s: float = 0) -> Any:
    async def leave(tx: Any, fact: Any, now: datetime) -> None:
        """Facts of other tests: nobody looks at them."""

    handlers = {topic: leave for topic in ("order_confirmed", "refund_due", "refund_paid")}
    handlers |= {
        topic: leave for topic in ("event_changed", "event_cancelled", "tickets_cancelled")
    }
    now = ext("clock").now() + timedelta(seconds=later_s)
    return await ext("outbox.services").drain({**handlers, TOPIC: handler}, now)


async def test_i9_a_confirmed_order_is_a_fact(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], quantity=2)
    assert await facts_of(event["id"]) == []
    await pay(buyer, purchase)
    assert await facts_of(event["id"]) == [("order_confirmed", purchase["order_id"])]


async def test_i9_a_free_order_is_one_at_once(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    order = (await buy(client, event["id"])).json()
    assert await facts_of(event["id"]) == [("order_confirmed", order["order_id"])]


async def test_i9_a_refused_order_is_none(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser, amount_tickets=1, price_per_ticket=0)
    assert (await buy(client, event["id"], quantity=2)).status_code == 400
    assert await facts_of(event["id"]) == []


async def test_i9_what_is_owed_and_paid_back_are_facts(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"])
    await pay(buyer, purchase)
    order = f"{API}/orders/{purchase['order_id']}"
    body = {"percent": 100}
    answer = await client.post(f"{order}/cancel", json=body, headers=organiser.admin)
    refund = answer.json()["refund"]["id"]
    assert ("refund_due", refund) in await facts_of(event["id"])
    paid = {"by_hand": True, "note": "in cash"}
    answer = await client.post(f"{API}/refunds/{refund}/pay", json=paid, headers=organiser.admin)
    assert answer.json()["status"] == "paid"
    assert ("refund_paid", refund) in await facts_of(event["id"])


async def test_i9_holders_are_told_of_another_time_or_place_only(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    url = f"{API}/events/{event['id']}"

    async def change(**fields: object) -> list[str]:
        answer = await client.put(url, json=fields, headers=organiser.admin)
        assert answer.status_code == 200, answer.text
        return [topic for topic, _ in await facts_of(event["id"])]

    assert await change(location="Old hall") == [], "nobody has a ticket"
    await buy(client, event["id"])
    assert await change(name="Another name") == ["order_confirmed"]
    assert await change(location="New hall") == ["order_confirmed", "event_changed"]
    await change(location="New hall")
    assert len(await facts_of(event["id"])) == 2, "it stayed the same"


async def test_i9_a_cancelled_event_is_a_fact_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    for _ in range(2):
        url = f"{API}/events/{event['id']}/cancel"
        assert (await client.put(url, headers=organiser.admin)).status_code == 200
    assert await facts_of(event["id"]) == [("event_cancelled", event["id"])]


async def test_i9_a_fact_is_carried_out_once(client: httpx.AsyncClient) -> None:
    await put("once")
    await asyncio.gather(drain(Told()), drain(Told()))
    await drain(Told())
    assert await done("once") == ["1"]


async def test_i9_a_failed_one_leaves_nothing_and_is_tried_again_later(
    client: httpx.AsyncClient,
) -> None:
    await put("fails")
    handler = Told(fails=2)
    first = await drain(handler)
    assert first.failed == 1
    assert first.next_at is not None
    assert await done("fails") == [], "its transaction was rolled back"
    assert (await drain(handler)).failed == 0, "it waits"
    assert (await drain(handler, later_s=6)).failed == 1
    assert (await drain(handler, later_s=8)).failed == 0, "it waits longer"
    await drain(handler, later_s=60)
    assert await done("fails") == ["1"]


async def test_i9_one_that_fails_keeps_no_other_back(client: httpx.AsyncClient) -> None:
    await put("bad")
    await put("good")
    await drain(Told(fails=1))
    assert len(await done("bad") + await done("good")) == 1
    await drain(Told(), later_s=60)


async def test_i9_a_long_one_goes_on_where_it_was(client: httpx.AsyncClient) -> None:
    await put("long")
    await drain(Told(pages=3))
    assert await done("long") == ["1", "2", "3"]


async def test_i9_two_processes_share_a_long_one_page_by_page(client: httpx.AsyncClient) -> None:
    await put("shared")
    await asyncio.gather(*(drain(Told(pages=6)) for _ in range(3)))
    assert await done("shared") == ["1", "2", "3", "4", "5", "6"]


async def test_what_comes_meanwhile_is_told_between_the_pages_of_a_long_one(
    client: httpx.AsyncClient,
) -> None:
    """A buyer's confirmation does not wait for thousands of holders to be told of a change."""
    seen: list[str] = []

    class Seeing(Told):
        async def __call__(self, tx: Any, fact: Any, now: datetime) -> Mapping[str, Any] | None:
            page = fact.payload.get("page", 1)
            seen.append(f"{fact.subject_id}-{page}")
            if seen[-1] == "thousands-2":
                await ext("outbox.services").put(tx, TOPIC, "fresh", None, {"page": 6})
            return await super().__call__(tx, fact, now)

    await put("thousands")
    await put("other")
    await drain(Seeing(pages=6))
    assert sorted(seen[:2]) == ["other-1", "thousands-1"]
    assert seen.index("fresh-6") <= seen.index("thousands-4")
    for subject in ("thousands", "other"):
        assert await done(subject) == ["1", "2", "3", "4", "5", "6"]
    assert await done("fresh") == ["6"]


async def test_i9_cut_off_at_every_await_each_page_is_carried_out_once(
    client: httpx.AsyncClient,
) -> None:
    cut = 0
    for step in range(1, 200):
        name = f"cut{step}"
        await put(name)
        stepped = Stepped(drain(Told(pages=2)), cancel_at=step)
        task = asyncio.ensure_future(_run(stepped))
        try:
            await task
        except asyncio.CancelledError:
            cut += 1
        await drain(Told(pages=2), later_s=60)
        assert await done(name) == ["1", "2"], f"cut off at {step}"
        if stepped.steps < step:
            break
    assert cut >= 10


async def _run(stepped: Stepped[Any]) -> Any:
    return await stepped
