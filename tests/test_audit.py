"""I10: every change is on record, in its own transaction, and the record cannot be changed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from support.builders import API, Json, a_purchase, an_event, pay
from support.host import ext
from support.lnurl_server import Does, LnurlServer
from support.people import Person, a_person
from support.refunding import (
    Debt,
    a_debt,
    a_wallet_service,
    an_invoice,
    hash_of,
    make_due,
    refund_row,
    withdraw_request,
    work,
)
from support.refusals import assert_refused
from support.trail import Entry, entries, together

pytestmark = pytest.mark.asyncio(loop_scope="session")

BUYER_REASON, ORGANISER_REASON = "buyer_cancelled", "organiser_cancelled"
# Lightning addresses look like e-mail addresses, and are told as little of.
CLOSED, OPEN, VEILED = "closed", "open", "{}…@wallet.example.org"


@dataclass(frozen=True)
class People:
    client: httpx.AsyncClient
    organiser: Person
    buyer: Person
    instance_admin: Person


@dataclass(frozen=True)
class Try:
    """A request that changes something, and what the log must then say: `(actor, action, entity,
    entity_id, field, old, new)` in this order. `event_id` is None for the whole instance."""

    send: Callable[[], Awaitable[httpx.Response]]
    event_id: str | None
    expected: list[Entry]


async def _paid(people: People, **changes: object) -> tuple[Json, Json]:
    event = await an_event(people.client, people.organiser)
    purchase = await a_purchase(people.client, event["id"], **changes)
    await pay(people.buyer, purchase)
    return event, purchase


@dataclass(frozen=True, eq=False)
class Terms:
    """Equal to what a cancellation tells of its money, whatever the refund's id."""

    percent: int
    amount_sat: int
    reason: str

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, dict) or bool(other["refund_id"]) != bool(self.amount_sat):
            return False
        return vars(self) == {name: other[name] for name in other if name != "refund_id"}


async def buyer_cancels_an_order(people: People) -> Try:
    event, purchase = await _paid(people, quantity=2)
    url, order = f"{API}/orders/{purchase['order_id']}/cancel", purchase["order_id"]
    body = {
        "order_secret": purchase["order_secret"],
        "refund_address": f"{OPEN}@wallet.example.org",
    }
    tickets = purchase["ticket_ids"]
    return Try(
        lambda: people.client.post(url, json=body),
        event["id"],
        [
            *(("buyer", "cancel", "ticket", t, "status", "active", "cancelled") for t in tickets),
            ("buyer", "cancel", "order", order, "refund", None, Terms(100, 200, BUYER_REASON)),
            ("buyer", "cancel", "order", order, "status", "confirmed", "refund_due"),
        ],
    )


async def organiser_cancels_a_ticket(people: People) -> Try:
    event, purchase = await _paid(people, quantity=2)
    ticket, order = purchase["ticket_ids"][0], purchase["order_id"]
    who = f"admin_key:{people.organiser.wallet}"
    headers = people.organiser.admin
    return Try(
        lambda: people.client.post(
            f"{API}/tickets/{ticket}/cancel", json={"percent": 25}, headers=headers
        ),
        event["id"],
        [
            (who, "cancel", "ticket", ticket, "status", "active", "cancelled"),
            (who, "cancel", "order", order, "refund", None, Terms(25, 25, ORGANISER_REASON)),
        ],
    )


async def organiser_keeps_everything(people: People) -> Try:
    event, purchase = await _paid(people)
    [ticket], order = purchase["ticket_ids"], purchase["order_id"]
    who = f"admin_key:{people.organiser.wallet}"
    headers = people.organiser.admin
    return Try(
        lambda: people.client.post(
            f"{API}/orders/{order}/cancel", json={"percent": 0}, headers=headers
        ),
        event["id"],
        [
            (who, "cancel", "ticket", ticket, "status", "active", "cancelled"),
            (who, "cancel", "order", order, "refund", None, Terms(0, 0, ORGANISER_REASON)),
            (who, "cancel", "order", order, "status", "confirmed", "cancelled"),
        ],
    )


def _pay(people: People, debt: Debt, **body: object) -> Callable[[], Awaitable[httpx.Response]]:
    url, headers = f"{API}/refunds/{debt.id}/pay", debt.organiser.admin
    return lambda: people.client.post(url, json=body, headers=headers)


async def organiser_redirects_a_refund(people: People) -> Try:
    """The wallet named pays out nothing, so the refund stays due."""
    debt = await a_debt(people.client, people.buyer)
    who = f"admin_key:{debt.organiser.wallet}"
    return Try(
        _pay(people, debt, destination=f"{CLOSED}@wallet.example.org"),
        debt.event_id,
        [
            (who, "pay", "refund", debt.id, "destination", None, VEILED.format("c")),
            (who, "pay", "refund", debt.id, "status", "offered", "due"),
        ],
    )


async def organiser_pays_an_invoice(people: People) -> Try:
    debt = await a_debt(people.client, people.buyer)
    bolt11 = await an_invoice(people.buyer, debt.sat)
    who = f"admin_key:{debt.organiser.wallet}"
    return Try(
        _pay(people, debt, destination=bolt11),
        debt.event_id,
        [
            (who, "pay", "refund", debt.id, "status", "offered", "paying"),
            (who, "pay", "refund", debt.id, "payment_hash", None, hash_of(bolt11)),
            (who, "paid", "refund", debt.id, "status", "paying", "paid"),
        ],
    )


async def organiser_paid_by_hand(people: People) -> Try:
    debt = await a_debt(people.client, people.buyer)
    who = f"admin_key:{debt.organiser.wallet}"
    return Try(
        _pay(people, debt, by_hand=True, note="in cash"),
        debt.event_id,
        [(who, "pay_by_hand", "refund", debt.id, "status", "offered", "paid")],
    )


async def a_wallet_claims(people: People) -> Try:
    debt = await a_debt(people.client, people.buyer)
    bolt11 = await an_invoice(people.buyer, debt.sat)
    request = await withdraw_request(people.client, debt)
    url = httpx.URL(request["callback"]).path
    return Try(
        lambda: people.client.get(url, params={"k1": request["k1"], "pr": bolt11}),
        debt.event_id,
        [
            ("buyer", "pay", "refund", debt.id, "status", "offered", "paying"),
            ("buyer", "pay", "refund", debt.id, "payment_hash", None, hash_of(bolt11)),
            ("buyer", "paid", "refund", debt.id, "status", "paying", "paid"),
        ],
    )


async def a_person_claims_on_the_page(people: People) -> Try:
    debt = await a_debt(people.client, people.buyer)
    url, sent = f"/events/r/{debt.secret}", {"destination": f"{CLOSED}@wallet.example.org"}
    return Try(
        lambda: people.client.post(url, data=sent),
        debt.event_id,
        [
            ("buyer", "claim", "refund", debt.id, "destination", None, VEILED.format("c")),
            ("buyer", "claim", "refund", debt.id, "status", "offered", "due"),
        ],
    )


async def admin_changes_settings(people: People) -> Try:
    known = await ext("settings").get_settings()
    seconds = known.hold_seconds + 1
    who, login = f"login:{people.instance_admin.id[:8]}", people.instance_admin.login
    return Try(
        lambda: people.client.put(f"{API}/settings", json={"hold_seconds": seconds}, headers=login),
        None,
        [(who, "update", "settings", "instance", "hold_seconds", seconds - 1, seconds)],
    )


CHANGES = [
    buyer_cancels_an_order,
    organiser_cancels_a_ticket,
    organiser_keeps_everything,
    organiser_redirects_a_refund,
    organiser_pays_an_invoice,
    organiser_paid_by_hand,
    a_wallet_claims,
    a_person_claims_on_the_page,
    admin_changes_settings,
]


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def service(buyer: Person) -> AsyncIterator[LnurlServer]:
    async with a_wallet_service(buyer) as running:
        running.behave(CLOSED, Does.ERROR)
        yield running


@pytest.fixture
def people(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, instance_admin: Person
) -> People:
    return People(client, organiser, buyer, instance_admin)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_i10_audit_a_change_and_its_log_are_one_transaction(
    people: People,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[People], Awaitable[Try]],
) -> None:
    """With a log that fails after it wrote, neither the change nor the log is there; then both."""
    settings = await ext("settings").get_settings()
    wanted = await change(people)
    done = await together(wanted.send, wanted.event_id, monkeypatch)
    assert done.added == wanted.expected
    # Nobody else's invoices are to last longer for it.
    if await ext("settings").get_settings() != settings:
        patch = ext("settings").SettingsPatch(hold_seconds=settings.hold_seconds)
        await ext("settings").change_settings(patch)


async def test_i10_audit_a_request_that_is_refused_or_repeated_leaves_nothing(
    people: People, organiser: Person
) -> None:
    event, purchase = await _paid(people, quantity=2)
    debt = await a_debt(people.client, people.buyer, organiser=organiser)
    assert (await _pay(people, debt, by_hand=True, note="")()).status_code == 200
    logs = [await entries(each) for each in (event["id"], debt.event_id, None)]
    order, ticket = purchase["order_id"], purchase["ticket_ids"][0]
    foreign = (await a_person()).admin
    secret = {"X-Order-Secret": purchase["order_secret"]}
    bolt11 = await an_invoice(people.buyer, debt.sat)
    post, login = people.client.post, people.instance_admin.login
    for answer in (
        await post(f"{API}/orders/{order}/cancel", headers={"X-Order-Secret": "guess"}),
        await post(f"{API}/orders/{order}/cancel", headers=foreign),
        await post(f"{API}/tickets/{ticket}/cancel", json={"percent": 99}, headers=secret),
        await post(f"{API}/refunds/{debt.id}/pay", headers=foreign),
        await post(f"{API}/refunds/{debt.id}/pay", headers=organiser.admin),
        await _pay(people, debt, destination=bolt11)(),
        await _pay(people, debt, by_hand=True, note="")(),
        await people.client.put(f"{API}/settings", json={"hold_seconds": 0}, headers=login),
    ):
        assert_refused(answer)
    # A subset that changes nothing, and a cancellation that was carried out before.
    same = {"hold_seconds": (await ext("settings").get_settings()).hold_seconds}
    await people.client.put(f"{API}/settings", json=same, headers=login)
    again = await post(f"{API}/orders/{debt.order_id}/cancel", headers=organiser.admin)
    assert again.json()["refund_sat"] == debt.sat
    assert [await entries(each) for each in (event["id"], debt.event_id, None)] == logs


async def test_i10_audit_of_many_who_cancel_at_once_one_is_on_record(people: People) -> None:
    event, purchase = await _paid(people, quantity=2)
    url, keys = f"{API}/orders/{purchase['order_id']}/cancel", people.organiser.admin
    secret = {"X-Order-Secret": purchase["order_secret"]}
    before = await entries(event["id"])
    await asyncio.gather(
        *(people.client.post(url, headers=who) for who in (keys, secret) for _ in range(8))
    )
    added = (await entries(event["id"]))[len(before) :]
    assert len(added) == 4, "two tickets, the money and the order, once"
    assert len({entry[0] for entry in added}) == 1


async def test_i10_audit_what_happens_by_itself_is_done_by_the_system(people: People) -> None:
    event, purchase = await _paid(people)
    before = len(await entries(event["id"]))
    headers = people.organiser.admin
    await people.client.put(f"{API}/events/{event['id']}/cancel", headers=headers)
    await work()
    [*_, ticket, order, ended] = await entries(event["id"])
    assert len(await entries(event["id"])) >= before + 3
    assert ticket[:4] == ("system", "cancel", "ticket", purchase["ticket_ids"][0])
    assert order[-1] == Terms(100, 100, "event_cancelled")
    assert ended[-2:] == ("confirmed", "refund_due")


async def test_i10_audit_of_a_refund_from_its_cause_to_its_end(people: People) -> None:
    """Sent in vain until it is given up, then elsewhere by the organiser, who needs no retry."""
    debt = await a_debt(people.client, people.buyer, address=f"{CLOSED}@wallet.example.org")
    before = len(await entries(debt.event_id))
    while (await refund_row(debt))["status"] == "due":
        await make_due(debt)
        await work()
    await _pay(people, debt, destination=f"{OPEN}@wallet.example.org")()
    found = await refund_row(debt)
    about, who = ("refund", debt.id), f"admin_key:{debt.organiser.wallet}"
    assert (await entries(debt.event_id))[before:] == [
        ("system", "fail", *about, "status", "due", "failed"),
        ("system", "fail", *about, "error_code", None, "destination_unreachable"),
        (who, "pay", *about, "destination", VEILED.format("c"), VEILED.format("o")),
        (who, "pay", *about, "status", "failed", "due"),
        (who, "pay", *about, "status", "due", "paying"),
        (who, "pay", *about, "payment_hash", None, found["payment_hash"]),
        (who, "paid", *about, "status", "paying", "paid"),
    ]
