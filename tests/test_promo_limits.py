"""Limits of promo codes: exact however many buy at once, and what is told before buying."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from support.builders import API, a_purchase, an_event, buy, execute, pay, send_payment, settled
from support.host import ext, on_postgres
from support.invariants import broken_invariants
from support.people import Person
from support.promo_codes import (
    a_code,
    asked,
    code_row,
    codes_url,
    give_back,
    promo,
    take,
    take_again,
    uses,
)
from support.refusals import assert_refused
from support.settling import lapse, sweep

pytestmark = pytest.mark.asyncio

BUYERS = 100
INVALID = {"valid": False, "code": "promo_invalid", "detail": "This promo code is not valid."}


@pytest.fixture(autouse=True)
def nobody_has_asked(app: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All tests ask from one address."""
    monkeypatch.setattr(ext("promos.views_api"), "tries", ext("promos.tries").Tries())
    yield


async def at_once(work: list[Callable[[Any], Awaitable[None]]]) -> Counter[str]:
    """Each in a transaction of its own, all together; how they ended, by code.

    On PostgreSQL beside the extension's lock, as the processes of several hosts would do it;
    SQLite writes one at a time anyway.
    """
    crud, errors = ext("crud"), ext("errors")

    async def one(do: Callable[[Any], Awaitable[None]]) -> str:
        try:
            if on_postgres():
                async with crud.db.engine.begin() as raw:
                    await do(crud.Tx(raw))
            else:
                async with crud.transaction() as tx:
                    await do(tx)
        except errors.TicketingError as error:
            return str(error.code)
        return ""

    return Counter(await asyncio.gather(*(one(do) for do in work)))


def taking(found: Any, order_id: str, buyer_key: str | None) -> Callable[[Any], Awaitable[None]]:
    async def take_one(tx: Any) -> None:
        await ext("promos.services").take_use(tx, found, order_id, buyer_key, ext("clock").now())

    return take_one


def buyers(found: Any, many: int, buyer_key: str | None = None) -> list[Any]:
    return [taking(found, f"{found.id}-{n}", buyer_key or f"email:{n}@x") for n in range(many)]


async def test_max_uses_is_exact_under_100_concurrent_transactions(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"], max_uses=13)
    ended = await at_once(buyers(await promo(event["id"], "SAVE"), BUYERS))
    assert ended == {"": 13, "promo_invalid": BUYERS - 13}
    assert await uses(code["id"]) == (13, 13)


async def test_control_without_its_guard_max_uses_is_exceeded(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shows that the test above would notice."""
    crud = ext("promos.crud")
    guard = " AND (max_uses IS NULL OR uses < max_uses)"
    assert guard in crud.TAKE
    monkeypatch.setattr(crud, "TAKE", crud.TAKE.replace(guard, ""))
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"], max_uses=13)
    assert await at_once(buyers(await promo(event["id"], "SAVE"), BUYERS)) == {"": BUYERS}
    assert await uses(code["id"]) == (BUYERS, BUYERS)


async def test_max_per_buyer_is_exact_under_concurrent_transactions(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"], max_per_buyer=2)
    found = await promo(event["id"], "SAVE")
    ended = await at_once(buyers(found, 40, "email:one@x"))
    assert ended == {"": 2, "promo_invalid": 38}
    assert await uses(code["id"]) == (2, 2)
    assert await take(found, "another-order", "email:two@x") == ""
    assert await take(found, "nobodys-order", None) == "invalid_input"
    assert await uses(code["id"]) == (3, 3)


async def test_control_without_its_guard_max_per_buyer_is_exceeded(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    crud = ext("promos.crud")
    guard = "c.max_per_buyer > ("
    assert guard in crud.ADD_USE
    monkeypatch.setattr(crud, "ADD_USE", crud.ADD_USE.replace(guard, "-1 < ("))
    event = await an_event(client, organiser)
    await a_code(client, organiser, event["id"], max_per_buyer=2)
    ended = await at_once(buyers(await promo(event["id"], "SAVE"), 10, "email:one@x"))
    assert ended == {"": 10}


async def test_a_use_is_given_back_once_and_taken_again_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"], max_uses=1, max_per_buyer=1)
    found = await promo(event["id"], "SAVE")
    first, second = f"{code['id']}-1", f"{code['id']}-2"
    assert await take(found, first, "email:one@x") == ""
    assert await take(found, second, "email:two@x") == "promo_invalid"
    now = ext("clock").now()
    free = [lambda tx: ext("promos.services").free_use(tx, first, now)] * 10
    await at_once(list(free))
    assert await uses(code["id"]) == (0, 0)
    assert await take(found, second, "email:one@x") == ""
    # Paid late: the buyer keeps the price, although the code is used up by now.
    for _ in range(2):
        await take_again(first)
        assert await uses(code["id"]) == (2, 2)
    for order in ("unknown", second, second, first):
        await give_back(order)
    assert await uses(code["id"]) == (0, 0)


async def test_an_event_has_at_most_as_many_codes_as_169_can_send_back(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser)
    monkeypatch.setattr(ext("promos.editing"), "MAX_CODES", 2)
    bodies = [{"code": f"C{number}", "value": 1} for number in range(4)]
    url = codes_url(event["id"])
    sent = (client.post(url, json=body, headers=organiser.admin) for body in bodies)
    answers = [answer.status_code for answer in await asyncio.gather(*sent)]
    assert sorted(answers) == [201, 201, 400, 400]


async def test_a_code_that_was_changed_meanwhile_is_judged_as_it_is(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"])
    found, url = await promo(event["id"], "SAVE"), codes_url(event["id"], code["id"])
    await client.put(url, json={"active": False}, headers=organiser.admin)
    assert await take(found, "late-order") == "promo_invalid"
    await client.put(url, json={"active": True, "max_per_buyer": 1}, headers=organiser.admin)
    assert await take(found, "late-order") == "promo_invalid"
    await client.delete(url, headers=organiser.admin)
    assert await take(found, "late-order") == "promo_invalid"


async def test_100_concurrent_buyers_share_the_uses_there_are(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """A use is an order, from its hold on; it comes back when the hold lapses."""
    event = await an_event(client, organiser, amount_tickets=500)
    code = await a_code(client, organiser, event["id"], max_uses=7)
    many = (
        buy(client, event["id"], email=f"b{n}@example.com", quantity=2, promo_code="save")
        for n in range(BUYERS)
    )
    answers = await asyncio.gather(*many)
    won = [answer.json() for answer in answers if answer.is_success]
    assert [purchase["total_sat"] for purchase in won] == [180] * 7
    refused = Counter(a.json()["code"] for a in answers if not a.is_success)
    assert refused == {"promo_invalid": BUYERS - 7}
    assert await uses(code["id"]) == (7, 7)
    assert await asked(client, event["id"], "SAVE") == INVALID
    await lapse(*(purchase["order_id"] for purchase in won[:2]))
    await sweep()
    assert await uses(code["id"]) == (5, 5)
    assert await broken_invariants(event["id"]) == []


async def test_a_use_follows_its_order_to_the_end(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"], max_uses=1)
    late = await a_purchase(client, event["id"], promo_code="SAVE")
    await lapse(late["order_id"])
    await sweep()
    second = await a_purchase(client, event["id"], promo_code="SAVE", email="b@example.com")
    await pay(buyer, second)
    await send_payment(buyer, late)
    assert await settled(late["order_id"]) == "confirmed"
    assert await uses(code["id"]) == (2, 2)
    for purchase, left in ((late, 1), (second, 0)):
        url, secret = f"{API}/orders/{purchase['order_id']}/cancel", purchase["order_secret"]
        answer = await client.post(url, headers={"X-Order-Secret": secret})
        assert answer.status_code == 200, answer.text
        assert await uses(code["id"]) == (left, left)
    assert await broken_invariants(event["id"]) == []


@pytest.mark.parametrize(
    ("terms", "price", "quantity", "discount_sat", "total_sat"),
    [
        ({"value": 12.5}, 101, 3, 37, 266),
        ({"value": 100}, 101, 3, 303, 0),
        ({"kind": "fixed", "value": 30}, 101, 3, 30, 273),
        ({"kind": "fixed", "value": 0.25, "currency": "EUR"}, 101, 3, 250, 53),
        ({"kind": "fixed", "value": 999}, 101, 2, 202, 0),
    ],
)
async def test_what_is_told_before_buying_is_what_it_costs(
    client: httpx.AsyncClient,
    organiser: Person,
    terms: dict[str, Any],
    price: int,
    quantity: int,
    discount_sat: int,
    total_sat: int,
) -> None:
    event = await an_event(client, organiser, price_per_ticket=price)
    await a_code(client, organiser, event["id"], **terms)
    told = await asked(client, event["id"], "save", quantity=quantity)
    assert told == {"valid": True, "discount_sat": discount_sat, "total_sat": total_sat}
    purchase = await a_purchase(client, event["id"], quantity=quantity, promo_code="SAVE")
    assert (purchase["discount_sat"], purchase["total_sat"]) == (discount_sat, total_sat)


async def test_without_a_rate_nothing_is_told_and_nothing_breaks(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser)
    await a_code(client, organiser, event["id"], kind="fixed", value=1, currency="EUR")

    async def no_rates(currency: str) -> float:
        raise ValueError(currency)

    monkeypatch.setattr(ext("orders.invoicing"), "get_fiat_rate_satoshis", no_rates)
    told = await asked(client, event["id"], "SAVE")
    assert (told["valid"], told["code"]) == (False, "rate_unavailable")


async def test_every_code_that_is_not_valid_is_answered_alike(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, other = await an_event(client, organiser), await an_event(client, organiser)
    package, foreign = event["packages"][0]["id"], other["packages"][0]["id"]
    now = datetime.now(timezone.utc)
    past, soon = ((now + timedelta(hours=hours)).isoformat() for hours in (-1, 1))
    await a_code(client, organiser, event["id"], code="off", active=False)
    await a_code(client, organiser, event["id"], code="over", valid_until=past[:19] + "Z")
    await a_code(client, organiser, event["id"], code="soon", valid_from=soon[:19] + "Z")
    gone = await a_code(client, organiser, event["id"], code="gone", package_ids=[package])
    await execute(
        "UPDATE events.promo_codes SET package_ids = :ids WHERE id = :id",
        ids='["other"]',
        id=gone["id"],
    )
    await a_code(client, organiser, event["id"], code="open", package_ids=[package])
    await a_code(client, organiser, other["id"], code="theirs")
    for code in ("off", "over", "soon", "gone", "theirs", "nope", "a/b", "%00", "x" * 300, "ÄÖ"):
        assert await asked(client, event["id"], code) == INVALID, code
        answer = await buy(client, event["id"], promo_code=code[:64].replace("%00", "zero"))
        assert assert_refused(answer, 400) == "promo_invalid"
    for package_id in (foreign, "unknown", "x" * 100, "\x00"):
        assert await asked(client, event["id"], "open", package_id=package_id) == INVALID
    assert (await asked(client, event["id"], "OPEN", package_id=package))["valid"] is True
    assert (await asked(client, event["id"], "open", quantity=0))["code"] == "invalid_input"
    assert (await asked(client, event["id"], "nope", quantity=11))["code"] == "invalid_input"
    draft = await an_event(client, organiser, status="draft")
    for event_id in ("unknown", draft["id"], "%00"):
        assert_refused(await client.get(codes_url(event_id, "open/validate")), 404)


async def test_a_buyer_who_has_used_a_code_is_told_so_by_name_alone(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"], max_per_buyer=1)
    await a_purchase(client, event["id"], email="Ada@example.com", promo_code="SAVE")
    assert await asked(client, event["id"], "SAVE", email="ada@EXAMPLE.com") == INVALID
    for email in ("", "bob@example.com"):
        assert (await asked(client, event["id"], "SAVE", email=email))["valid"] is True
    assert (await asked(client, event["id"], "SAVE", email="x"))["code"] == "invalid_input"
    answer = await buy(client, event["id"], email="", promo_code="SAVE")
    assert assert_refused(answer, 400) == "invalid_input"
    assert (await code_row(code["id"]))["uses"] == 1


async def test_guessing_codes_is_bounded_per_address(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    await a_code(client, organiser, event["id"])
    said = [await asked(client, event["id"], "guess") for _ in range(30)]
    assert said == [INVALID] * 30
    for code in ("guess", "SAVE"):
        assert (await asked(client, event["id"], code))["code"] == "too_many_tries"


async def test_tries_come_back_with_time_and_are_kept_for_few_addresses() -> None:
    tries = ext("promos.tries").Tries(per_minute=6, most=3)
    assert [tries.take("1.2.3.4", 100.0) for _ in range(7)] == [True] * 6 + [False]
    assert [tries.take("1.2.3.4", 109.9), tries.take("1.2.3.4", 110.1)] == [False, True]
    assert tries.take("1.2.3.4", 50.0) is False
    assert [tries.take("1.2.3.4", 10_000.0) for _ in range(7)] == [True] * 6 + [False]
    # One customer has a whole network of IPv6 addresses.
    assert [tries.take(f"2001:db8::{n}", 0.0) for n in range(7)] == [True] * 6 + [False]
    assert [tries.take(f"::ffff:9.9.9.{n}", 0.0) for n in range(7)] == [True] * 7
    assert tries.take("no address " * 100, 0.0) is True
    assert len(tries) == 3
