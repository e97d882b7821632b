"""The claim page and the words for money going back, over HTTP and without any script."""

import httpx
import pytest

from support.builders import API, execute, order_row, refund_rows
from support.pages import BROWSER, HOSTILE, bought, order_path, page_of, path_of, refund_looks
from support.people import Person
from support.refunding import (
    Debt,
    a_debt,
    a_wallet_service,
    an_invoice,
    host_setting,
    moves,
    status_of,
)
from support.refusals import nothing_written

pytestmark = pytest.mark.asyncio(loop_scope="session")

RELOAD = 'http-equiv="refresh"'


async def paste(client: httpx.AsyncClient, debt: Debt, text: str) -> httpx.Response:
    return await client.post(
        f"/events/r/{debt.secret}", data={"destination": text}, headers=BROWSER
    )


REASONS = {
    "no_seat_left": ("Your payment came too late for a seat", "no seat was left"),
    "event_cancelled": ("The event was cancelled", "The organiser cancelled the event."),
    "tickets_missing": ("Your payment came too late for a seat", "had been deleted"),
    "order_cancelled": ("Your payment came too late for a seat", "had been cancelled"),
    "paid_twice": ("You paid twice", "You paid twice for the same order."),
    "buyer_cancelled": ("You cancelled this order", "You cancelled."),
    "organiser_cancelled": ("The organiser cancelled this order", "cancelled your ticket"),
    "minimum_not_reached": ("The event does not take place", "Too few tickets were sold"),
}


async def test_each_reason_is_said_in_words(client: httpx.AsyncClient, buyer: Person) -> None:
    debt = await a_debt(client, buyer)
    order_page = await order_path(debt)
    for reason, (heading, sentence) in REASONS.items():
        async with refund_looks(debt, reason=reason):
            page = await page_of(client, order_page)
            assert heading in page
            assert sentence in page
            assert sentence in await page_of(client, f"/events/r/{debt.secret}")


STATES: list[tuple[dict[str, object], str, str, bool]] = [
    ({"status": "offered"}, "Claim 500 sat", "Scan this code", False),
    ({"status": "failed", "error": "No route."}, "Claim 500 sat", "No route.", False),
    ({"status": "due", "destination": "a@b.example"}, "Goes to", "a@b.example", False),
    ({"status": "paying"}, "On its way.", "Your money is on its way", True),
    ({"status": "due", "method": "fiat"}, "pays this back by hand", "by hand", False),
    ({"status": "paid", "paid_at": 1_900_000_000_000}, "Paid back on 17 March 2030", "sent", False),
    ({"status": "paid", "paid_by": "hand"}, "by the organiser", "back by hand", False),
]


async def test_each_state_of_a_refund_is_said_in_words(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    debt = await a_debt(client, buyer)
    order_page = await order_path(debt)
    for columns, on_order, on_claim, reloads in STATES:
        async with refund_looks(debt, **columns):
            page = await page_of(client, order_page)
            claim = await page_of(client, f"/events/r/{debt.secret}")
        assert on_order in page, columns
        assert on_claim in claim, columns
        # Without scripts only a payment under way is worth a reload: it would empty the form.
        assert (RELOAD in page, RELOAD in claim) == (reloads, reloads), columns
        assert ("data-mark" in page) == (columns["status"] != "paid")
        can_claim = columns["status"] in ("due", "offered", "failed") and "method" not in columns
        assert (f"/events/r/{debt.secret}" in page) == can_claim
        assert ('name="destination"' in claim) == can_claim
        assert ("LNURL1" in claim) == can_claim


async def test_money_of_a_deleted_event_can_still_be_claimed(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    debt = await a_debt(client, buyer)
    await execute("DELETE FROM events.packages WHERE event_id = :id", id=debt.event_id)
    await execute("DELETE FROM events.events WHERE id = :id", id=debt.event_id)
    page = await page_of(client, await order_path(debt))
    assert "An event that no longer exists" in page
    assert "Claim 500 sat" in page
    claim = await page_of(client, f"/events/r/{debt.secret}")
    assert "An event that no longer exists" in claim
    async with moves(debt.organiser, buyer, 500):
        assert (await paste(client, debt, await an_invoice(buyer, 500))).status_code == 303
    assert "Paid back" in await page_of(client, f"/events/r/{debt.secret}")


async def test_a_claim_page_shows_the_code_for_wallets(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    debt = await a_debt(client, buyer)
    page = await page_of(client, f"/events/r/{debt.secret}")
    for text in ("Claim your money", "500 sat", "QR code to claim the money", "lightning:LNURL1"):
        assert text in page
    with host_setting(lnbits_baseurl="http://not-for-wallets.test/"):
        page = await page_of(client, f"/events/r/{debt.secret}")
    assert "LNURL1" not in page
    assert "QR code" not in page
    assert 'name="destination"' in page


async def test_a_wallet_that_opens_the_page_itself_gets_lud_03(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    debt = await a_debt(client, buyer)
    for accept in ("*/*", "application/json"):
        answer = await client.get(f"/events/r/{debt.secret}", headers={"Accept": accept})
        assert answer.headers["x-robots-tag"] == "noindex"
        assert answer.headers["cache-control"] == "no-store"
        found = answer.json()
        assert found["tag"] == "withdrawRequest"
        assert found["minWithdrawable"] == found["maxWithdrawable"] == 500_000
    assert (await client.get("/events/r/no-such")).json()["status"] == "ERROR"
    assert "There is no such refund" in await page_of(client, "/events/r/no-such", 404)
    async with refund_looks(debt, status="paid"):
        answer = await client.get(f"/events/r/{debt.secret}")
        assert answer.json()["status"] == "ERROR"


async def test_a_pasted_invoice_is_paid_once(client: httpx.AsyncClient, buyer: Person) -> None:
    debt = await a_debt(client, buyer)
    bolt11 = await an_invoice(buyer, 500)
    async with moves(debt.organiser, buyer, 500):
        for _ in range(2):
            answer = await paste(client, debt, f" {bolt11.upper()}\n")
            assert (answer.status_code, answer.headers["location"]) == (
                303,
                f"/events/r/{debt.secret}",
            )
    page = await page_of(client, f"/events/r/{debt.secret}")
    assert "Paid back" in page
    assert "<form" not in page
    assert "This order was refunded" in await page_of(client, await order_path(debt))
    assert (await order_row(debt.order_id))["status"] == "refunded"


async def test_a_pasted_lightning_address_is_paid(client: httpx.AsyncClient, buyer: Person) -> None:
    debt = await a_debt(client, buyer)
    async with a_wallet_service(buyer) as wallets, moves(debt.organiser, buyer, 500):
        assert (await paste(client, debt, wallets.address("ada"))).status_code == 303
    assert await status_of(debt) == "paid"


async def test_what_cannot_be_paid_is_refused_beside_the_field(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    debt = await a_debt(client, buyer)
    refused = {
        "": "Please paste an invoice",
        HOSTILE: "must be a lightning address or an LNURL",
        "lnbc1nothing": "The invoice could not be read.",
        "x" * 8000: "at most",
        await an_invoice(buyer, 499): "exactly 500 sat",
    }
    for text, sentence in refused.items():
        async with nothing_written():
            answer = await paste(client, debt, text)
        assert answer.status_code == 400
        assert sentence in answer.text
        assert '<a href="#destination">' in answer.text
        assert 'id="destination-error"' in answer.text
        assert HOSTILE not in answer.text
    assert await status_of(debt) == "offered"


async def test_a_failed_payment_says_why_and_can_be_tried_again(
    client: httpx.AsyncClient, buyer: Person
) -> None:
    debt = await a_debt(client, buyer)
    bolt11 = await an_invoice(buyer, 500)
    with host_setting(lnbits_only_allow_incoming_payments=True):
        answer = await paste(client, debt, bolt11)
    assert answer.status_code == 400
    # Not the fault of what was pasted, so it is said of the whole.
    assert "may not send payments" in answer.text
    assert '<a href="#destination">' not in answer.text
    assert bolt11 in answer.text
    assert "may not send payments" in await page_of(client, await order_path(debt))
    async with moves(debt.organiser, buyer, 500):
        assert (await paste(client, debt, await an_invoice(buyer, 500))).status_code == 303


async def test_hostile_names_stay_texts_on_every_page(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    order = await bought(client, organiser, buyer, quantity=2, name=HOSTILE)
    before = await page_of(client, f"{path_of(order)}/cancel")
    sent = {"ticket": "1"}
    await client.post(f"{path_of(order)}/cancel", data=sent, headers=BROWSER)
    after = await page_of(client, path_of(order))
    [row] = await refund_rows(order["order_id"])
    view = await client.get(
        f"{API}/orders/{order['order_id']}", headers={"X-Order-Secret": order["order_secret"]}
    )
    secret = view.json()["refunds"][0]["claim_url"].rsplit("/", 1)[-1]
    debt = Debt(row["id"], order["order_id"], order["event_id"], 500, secret, organiser)
    async with refund_looks(debt, error=HOSTILE, destination=HOSTILE):
        claim = await page_of(client, f"/events/r/{secret}")
        after += await page_of(client, path_of(order))
    async with refund_looks(debt, status="paid", note=HOSTILE, paid_by="hand"):
        claim += await page_of(client, f"/events/r/{secret}")
    for page in (before, after, claim):
        assert HOSTILE not in page
        assert "&lt;script&gt;" in page
