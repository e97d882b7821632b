"""I1, I2 and I4 through any sequence of holds, payments, lapses, late payments and changes."""

from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.builders import API, Json, an_event, buy, event_row, order_row, send_payment, settled
from support.invariants import broken_invariants
from support.people import Person
from support.settling import lapse, sweep

pytestmark = pytest.mark.asyncio

CAPACITY = 6
LIMIT = 4
orders = st.integers(0, 5)
steps = st.one_of(
    st.tuples(st.just("hold"), st.integers(1, 4), st.sampled_from(["paid", "free"])),
    st.tuples(st.just("pay"), orders),
    st.tuples(st.just("lapse"), orders),
    st.tuples(st.just("cut"), st.integers(0, 8)),
    st.tuples(st.just("delete"), orders),
)


@dataclass
class Sale:
    """What should be, kept beside what is."""

    event_id: str
    capacity: int = CAPACITY
    purchases: list[Json] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)

    def seats(self, state: str) -> int:
        return sum(
            len(purchase["ticket_ids"])
            for purchase in self.purchases
            if self.states[purchase["order_id"]] == state
        )

    def one(self, number: int) -> Json | None:
        return self.purchases[number] if number < len(self.purchases) else None


async def hold(client: httpx.AsyncClient, sale: Sale, quantity: int, wave: str) -> None:
    buyer = f"{len(sale.purchases)}-{quantity}@example.com"
    answer = await buy(client, sale.event_id, quantity=quantity, ticket_wave_id=wave, email=buyer)
    taken = sale.seats("held") + sale.seats("sold")
    if answer.is_success:
        assert taken + quantity <= sale.capacity
        purchase = answer.json()
        sale.purchases.append(purchase)
        sale.states[purchase["order_id"]] = "sold" if purchase["paid"] else "held"
    else:
        assert answer.json()["code"] in ("sold_out", "not_enough_left")


async def pay_for(buyer: Person, sale: Sale, number: int) -> None:
    purchase = sale.one(number)
    if purchase is None or sale.states[purchase["order_id"]] not in ("held", "lapsed"):
        return
    was_held = sale.states[purchase["order_id"]] == "held"
    await send_payment(buyer, purchase)
    state = await settled(purchase["order_id"])
    assert state == "confirmed" or not was_held, "a held order is never refused its seats"
    sale.states[purchase["order_id"]] = "sold" if state == "confirmed" else "owed"


async def let_lapse(sale: Sale, number: int) -> None:
    purchase = sale.one(number)
    if purchase is not None and sale.states[purchase["order_id"]] == "held":
        await lapse(purchase["order_id"])
        await sweep()
        assert (await order_row(purchase["order_id"]))["status"] == "expired"
        sale.states[purchase["order_id"]] = "lapsed"


async def cut(client: httpx.AsyncClient, organiser: Person, sale: Sale, capacity: int) -> None:
    url = f"{API}/events/{sale.event_id}"
    answer = await client.put(url, json={"capacity": capacity}, headers=organiser.admin)
    if capacity >= sale.seats("held") + sale.seats("sold"):
        assert answer.status_code == 200, answer.text
        sale.capacity = capacity
    else:
        assert answer.json()["code"] == "below_sold"


async def delete(client: httpx.AsyncClient, organiser: Person, sale: Sale, number: int) -> None:
    """A single free ticket may go; the seat is for sale again."""
    purchase = sale.one(number)
    if purchase is None or purchase["total_sat"] or len(purchase["ticket_ids"]) != 1:
        return
    url = f"{API}/tickets/{purchase['ticket_ids'][0]}"
    answer = await client.delete(url, headers=organiser.admin)
    known = sale.states[purchase["order_id"]] == "sold"
    assert answer.status_code == (200 if known else 404)
    sale.states[purchase["order_id"]] = "deleted"


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(steps, min_size=4, max_size=14))
async def test_i1_to_i4_hold_after_every_step(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, plan: list[tuple[str, ...]]
) -> None:
    waves = [
        {"id": "paid", "title": "Paid", "amount_tickets": LIMIT, "price_per_ticket": 7},
        {"id": "free", "title": "Free", "amount_tickets": LIMIT, "price_per_ticket": 0},
    ]
    event = await an_event(client, organiser, capacity=CAPACITY, extra={"ticket_waves": waves})
    sale = Sale(event["id"])
    for what, *details in plan:
        if what == "hold":
            await hold(client, sale, int(details[0]), details[1])
        elif what == "pay":
            await pay_for(buyer, sale, int(details[0]))
        elif what == "lapse":
            await let_lapse(sale, int(details[0]))
        elif what == "cut":
            await cut(client, organiser, sale, int(details[0]))
        else:
            await delete(client, organiser, sale, int(details[0]))
        row = await event_row(sale.event_id)
        assert (row["held"], row["sold"]) == (sale.seats("held"), sale.seats("sold"))
        assert await broken_invariants(sale.event_id) == []
