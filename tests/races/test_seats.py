"""I1: 0 <= held + sold <= limit, however many buy at once."""

import asyncio
from collections import Counter

import httpx
import pytest

from support.builders import (
    an_event,
    buy,
    day,
    event_row,
    execute,
    package_row,
    send_payment,
    settled,
    ticket_rows,
)
from support.host import ext
from support.invariants import broken_invariants, broken_seats
from support.people import Person

pytestmark = pytest.mark.asyncio

SEATS = 20
BUYERS = 200


def wave(**changes: object) -> dict[str, object]:
    return {
        "id": "front",
        "title": "Front row",
        "opening_date": day(-1),
        "closing_date": day(10),
        "amount_tickets": SEATS,
        "price_per_ticket": 100,
    } | changes


async def buyers(
    client: httpx.AsyncClient, event_id: str, quantities: list[int]
) -> list[httpx.Response]:
    """All at once, each under an address of their own."""
    return list(
        await asyncio.gather(
            *(
                buy(client, event_id, email=f"buyer{n}@example.com", quantity=quantity)
                for n, quantity in enumerate(quantities)
            )
        )
    )


def refusals(answers: list[httpx.Response]) -> Counter[tuple[int, str]]:
    return Counter((a.status_code, a.json()["code"]) for a in answers if not a.is_success)


async def test_i1_seats_200_concurrent_buyers_of_20_seats(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=SEATS)
    answers = await buyers(client, event["id"], [1] * BUYERS)

    won = [answer.json() for answer in answers if answer.is_success]
    assert len(won) == SEATS
    assert refusals(answers) == {(410, "sold_out"): BUYERS - SEATS}
    held = await event_row(event["id"])
    assert (held["held"], held["sold"]) == (SEATS, 0)

    await asyncio.gather(*(send_payment(buyer, purchase) for purchase in won))
    states = [await settled(purchase["order_id"]) for purchase in won]
    assert states == ["confirmed"] * SEATS
    sold = await event_row(event["id"])
    assert (sold["held"], sold["sold"], sold["amount_tickets"]) == (0, SEATS, 0)
    tickets = await ticket_rows(event["id"])
    assert [t["number"] for t in tickets] == list(range(1, SEATS + 1))
    assert {t["status"] for t in tickets} == {"active"}
    assert (await buy(client, event["id"])).json()["code"] == "sold_out"
    assert await broken_invariants(event["id"]) == []


async def test_i1_seats_of_a_package_with_mixed_quantities(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, extra={"ticket_waves": [wave()]})
    answers = await buyers(client, event["id"], [1, 2, 3] * 15)

    package = await package_row(event["id"])
    seats = sum(len(a.json()["ticket_ids"]) for a in answers if a.is_success)
    assert package["held"] == seats == SEATS
    for answer in answers:
        if answer.status_code == 400:
            assert str(answer.json()["remaining"]) in answer.json()["detail"]
    assert set(refusals(answers)) <= {(410, "sold_out"), (400, "not_enough_left")}
    assert await broken_seats(event["id"]) == []


async def test_i1_seats_of_a_free_event(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser, amount_tickets=5, price_per_ticket=0)
    answers = await buyers(client, event["id"], [1] * 30)

    assert refusals(answers) == {(410, "sold_out"): 25}
    row = await event_row(event["id"])
    assert (row["held"], row["sold"], row["amount_tickets"]) == (0, 5, 0)
    assert await broken_invariants(event["id"]) == []


async def test_i1_control_without_the_events_guard_seats_are_sold_twice(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above would notice: without the condition it oversells."""
    crud = ext("catalog.crud")
    guard = "AND (capacity IS NULL OR sold + held + :seats <= capacity)"
    assert guard in crud.HOLD_EVENT
    monkeypatch.setattr(crud, "HOLD_EVENT", crud.HOLD_EVENT.replace(guard, ""))
    event = await an_event(client, organiser, amount_tickets=2)

    answers = await buyers(client, event["id"], [1] * 4)
    assert [answer.is_success for answer in answers] == [True] * 4
    assert len(await broken_seats(event["id"])) == 1

    # Nothing of it may stay: other tests look at all events.
    for table, column in (
        ("ticket", "event"),
        ("order_lines", "event_id"),
        ("packages", "event_id"),
        ("events", "id"),
    ):
        await execute(f"DELETE FROM events.{table} WHERE {column} = :id", id=event["id"])  # noqa: S608
    for answer in answers:
        await execute("DELETE FROM events.orders WHERE id = :id", id=answer.json()["order_id"])
    assert await broken_seats(event["id"]) == []


async def test_i1_control_without_the_packages_guard_the_table_refuses(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CHECK of the table is the second line: it stops what a forgotten condition lets pass."""
    crud = ext("catalog.crud")
    guard = "AND (quantity_limit IS NULL OR sold + held + :quantity <= quantity_limit)"
    assert guard in crud.HOLD_PACKAGE
    waves = [wave(amount_tickets=1)]
    event = await an_event(client, organiser, extra={"ticket_waves": waves}, capacity=10)
    monkeypatch.setattr(crud, "HOLD_PACKAGE", crud.HOLD_PACKAGE.replace(guard, ""))

    answers = await buyers(client, event["id"], [1] * 4)
    # Not 410: the unguarded statement was tried, and the table said no.
    assert sorted(answer.status_code for answer in answers) == [200, 500, 500, 500]
    assert (await package_row(event["id"]))["held"] == 1
    assert await broken_seats(event["id"]) == []
