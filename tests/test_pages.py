"""The public pages over HTTP: what they show in each state, refuse, and send along."""

import asyncio
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from support.builders import (
    API,
    a_purchase,
    an_event,
    buy,
    day,
    order_row,
    pay,
    ticket_rows,
)
from support.host import ext
from support.people import Person

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOADED = r'<(?:link rel="stylesheet" href|script[^>]* src)="([^"]+)"'
FORM = {"name": "Ada Lovelace", "email": "", "quantity": "1", "promo_code": ""}


async def event_page(client: httpx.AsyncClient, event: Mapping[str, Any]) -> str:
    answer = await client.get(f"/events/{event['id']}")
    assert answer.status_code == 200, answer.text
    return answer.text


async def send(
    client: httpx.AsyncClient, event: Mapping[str, Any], **changes: str
) -> httpx.Response:
    """Send the form as a browser does, with the key of a fresh page."""
    key = form_key(await event_page(client, event)) if "key" not in changes else ""
    return await client.post(f"/events/{event['id']}", data={"key": key, **FORM, **changes})


def form_key(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found, page
    return found[1]


def order_count(found: list[Any]) -> int:
    return len({row["order_id"] for row in found})


async def test_the_event_page_shows_name_days_price_and_stock(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    dates = {"event_start_date": "2099-05-30", "event_end_date": "2099-06-01"}
    event = await an_event(client, organiser, name="O'Neil & Söhne", **dates)
    page = await event_page(client, event)
    assert "<h1>O&#39;Neil &amp; Söhne</h1>" in page
    assert "Saturday 30 May 2099" in page
    assert "Monday 1 June 2099" in page
    assert "100&nbsp;sat" in page
    assert "10 left" in page
    assert "<strong>seven</strong>" in page
    assert page.count("<h1") == 1
    assert 'property="og:title" content="O&#39;Neil &amp; Söhne"' in page
    assert 'property="og:description" content="Doors open at seven."' in page
    assert 'property="og:url" content="http://127.0.0.1:5000/events/' in page


async def test_a_fiat_price_is_shown_with_its_sats(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, currency="EUR", price_per_ticket=19.99)
    page = await event_page(client, event)
    assert "19.99&nbsp;EUR" in page
    assert "about 19,990&nbsp;sat" in page


async def test_an_event_without_a_limit_says_so_without_a_figure(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    page = await event_page(client, await an_event(client, organiser, capacity=None))
    assert '<span class="stock">Available</span>' in page
    assert "Up to 10 in one order" in page


async def test_only_pictures_of_this_host_are_loaded(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    own = await an_event(client, organiser, banner="http://127.0.0.1:5000/api/v1/assets/x/data")
    assert '<img class="banner" src="/api/v1/assets/x/data"' in await event_page(client, own)
    for banner in ("https://elsewhere.example/x.png", "//elsewhere.example/x.png", "/\\e.example"):
        event = await an_event(client, organiser, banner=banner)
        assert "<img" not in await event_page(client, event)


STATES: list[tuple[dict[str, object], str, str]] = [
    ({"amount_tickets": 0}, "Sold out", "All tickets are gone."),
    ({"closing_date": day(-1)}, "Sale ended", "The sale has ended."),
    (
        {"closing_date": day(-2), "event_start_date": day(-3), "event_end_date": day(-1)},
        "Ended",
        "This event is over.",
    ),
    (
        {
            "extra": {
                "ticket_waves": [
                    {
                        "id": "w",
                        "title": "Late",
                        "opening_date": day(2),
                        "closing_date": day(20),
                        "amount_tickets": 5,
                        "price_per_ticket": 100,
                    }
                ]
            }
        },
        "Not on sale yet",
        "Tickets are not on sale yet.",
    ),
]


@pytest.mark.parametrize(("changes", "chip", "words"), STATES)
async def test_an_event_that_sells_nothing_says_why_under_its_name(
    client: httpx.AsyncClient,
    organiser: Person,
    changes: dict[str, object],
    chip: str,
    words: str,
) -> None:
    event = await an_event(client, organiser, name="Winter ball", **changes)
    page = await event_page(client, event)
    assert "<h1>Winter ball</h1>" in page
    assert chip in page
    assert words in page
    assert "<form" not in page


async def test_a_cancelled_event_keeps_its_page_and_refuses_the_form(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, name="Rained off")
    await client.put(f"{API}/events/{event['id']}/cancel", headers=organiser.admin)
    page = await event_page(client, event)
    assert "Rained off" in page
    assert "The organiser cancelled this event." in page
    answer = await send(client, event, key="k1")
    assert answer.status_code == 410
    assert "The organiser cancelled this event." in answer.text


async def test_drafts_and_unknown_things_get_one_page_and_no_code(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    draft = await an_event(client, organiser, name="Not yet told", status="draft")
    paths = (
        f"/events/{draft['id']}",
        "/events/no-such-event",
        "/events/%00",
        "/events/ticket/no-such-ticket",
        "/events/o/no-such-order",
        f"/events/o/{'x' * 500}",
    )
    for path in paths:
        answer = await client.get(path)
        assert answer.status_code == 404, path
        assert "There is no such" in answer.text
        assert "Not yet told" not in answer.text
        assert "<svg" not in answer.text


async def test_pages_let_nothing_in_or_out(client: httpx.AsyncClient, organiser: Person) -> None:
    """Headers, and no script, style or address in the page that they would have to allow."""
    event = await an_event(client, organiser, price_per_ticket=0)
    bought = await a_purchase(client, event["id"])
    secret = [
        f"/events/o/{bought['order_secret']}",
        f"/events/ticket/{bought['ticket_ids'][0]}",
        "/events/nothing",
    ]
    for path in (f"/events/{event['id']}", *secret):
        answer = await client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "private, no-store"
        assert (path in secret) == (answer.headers.get("x-robots-tag") == "noindex")
        assert not re.search(r"<script(?! (type=\"module\" )?src=\"/events/static/)", answer.text)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", answer.text)
        loaded = re.findall(
            r'<(?:link rel="stylesheet" href|script[^>]* src)="([^"]+)"', answer.text
        )
        for address in loaded:
            assert re.fullmatch(r"/events/static/[a-z/]+\.(css|js)\?v=[0-9a-f]{12}", address)
            assert (await client.get(address)).status_code == 200


async def test_the_form_leads_to_the_order_at_its_secret_address(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    answer = await send(client, event, quantity="2", name=" O'Neil-Smith 李雷 ", email="a@b.test")
    assert answer.status_code == 303
    assert re.fullmatch(r"/events/o/[0-9A-Za-z]{43}", answer.headers["location"])
    page = (await client.get(answer.headers["location"])).text
    ticket = (await ticket_rows(event["id"]))[0]
    order = await order_row(ticket["order_id"])
    assert order["buyer_name"] == "O'Neil-Smith 李雷"
    assert order["origin"] == "page"
    assert order["payment_request"] in page
    assert f'href="lightning:{order["payment_request"]}"' in page
    assert "200&nbsp;sat" in page
    assert "about 0.20 USD" in page
    assert 'data-remaining="8' in page
    assert 'aria-label="QR code of the invoice"' in page
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page
    # Unpaid tickets have no code and no link yet.
    assert ticket["id"] not in page
    await pay(buyer, dict(order, order_id=order["id"]))
    page = (await client.get(answer.headers["location"])).text
    assert "You have your tickets" in page
    assert "Keep this link" in page
    assert page.count('href="/events/ticket/') == 2
    assert page.count('href="/events/api/v1/qr/') == 2
    assert order["payment_request"] not in page
    assert "http-equiv" not in page


async def test_a_form_sent_twice_is_one_order(client: httpx.AsyncClient, organiser: Person) -> None:
    """At the same moment, and once more later; with other words it is another order, or none."""
    event = await an_event(client, organiser)
    key = form_key(await event_page(client, event))
    twins = await asyncio.gather(send(client, event, key=key), send(client, event, key=key))
    later = await send(client, event, key=key)
    assert {answer.headers["location"] for answer in (*twins, later)} == {later.headers["location"]}
    assert order_count(await ticket_rows(event["id"])) == 1
    changed = await send(client, event, key=key, name="Grace Hopper")
    assert changed.status_code == 409
    assert "You have placed an order with this form already." in changed.text
    assert form_key(changed.text) != key
    again = await send(client, event, key=form_key(changed.text), name="Grace Hopper")
    assert again.status_code == 303
    assert order_count(await ticket_rows(event["id"])) == 2


async def test_an_order_still_being_made_keeps_the_key_of_its_form(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that sending it again finds that order, instead of making a second one."""
    event = await an_event(client, organiser)

    async def busy(*args: object) -> None:
        raise ext("errors").OrderInProgress("This order is still being made.")

    monkeypatch.setattr(ext("views_event"), "place_order", busy)
    key = form_key(await event_page(client, event))
    answer = await send(client, event, key=key)
    assert answer.status_code == 409
    assert "This order is still being made." in answer.text
    assert form_key(answer.text) == key


async def test_a_free_order_has_its_tickets_at_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    page = await event_page(client, event)
    assert "Get tickets" in page
    assert "promo" not in page
    answer = await send(client, event)
    page = (await client.get(answer.headers["location"])).text
    assert "You have your ticket" in page
    assert "Free" in page


BAD_FIELDS: list[tuple[dict[str, str], str]] = [
    ({"quantity": ""}, "The quantity must be a whole number from 1 to 10."),
    ({"quantity": "0"}, "The quantity must be a whole number from 1 to 10."),
    ({"quantity": "11"}, "The quantity must be a whole number from 1 to 10."),
    ({"quantity": "2.5"}, "The quantity must be a whole number from 1 to 10."),
    ({"quantity": "x"}, "The quantity must be a whole number from 1 to 10."),
    ({"quantity": "9" * 5000}, "The quantity must be a whole number from 1 to 10."),
    ({"name": "  "}, "Please give a name."),
    ({"name": "x" * 100_000}, "The name may have at most 200 characters."),
    ({"name": "a\x00b"}, "The name holds characters that cannot be printed."),
    ({"email": "nobody"}, "The e-mail address is not valid."),
    ({"promo_code": "NOPE"}, "This promo code is not valid."),
    ({"promo_code": "x" * 65}, "The promo code may have at most 64 characters."),
    ({"package_id": "no-such-type"}, "This ticket type does not exist."),
    ({"package_id": "x" * 129}, "The ticket type may have at most 128 characters."),
    ({"key": "not a key"}, "Idempotency-Key must be"),
]


@pytest.mark.parametrize(("changes", "sentence"), BAD_FIELDS)
async def test_bad_input_comes_back_with_a_sentence_and_what_was_typed(
    client: httpx.AsyncClient, organiser: Person, changes: dict[str, str], sentence: str
) -> None:
    event = await an_event(client, organiser)
    answer = await send(client, event, **{"name": "Ada <b> Lovelace", **changes})
    assert answer.status_code == 400
    assert sentence in answer.text
    assert 'id="errors" role="alert" tabindex="-1" autofocus' in answer.text
    if "name" not in changes:
        assert 'value="Ada &lt;b&gt; Lovelace"' in answer.text
    assert await ticket_rows(event["id"]) == []


async def test_all_faults_of_a_form_are_told_at_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    answer = await client.post(f"/events/{event['id']}", content=b"\xff\x00=%zz&name")
    assert answer.status_code == 400
    assert "Please give a name." in answer.text
    assert "The quantity must be" in answer.text


async def test_a_form_that_is_none_is_refused_in_words(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    files = {"name": ("name.txt", b"Ada", "text/plain")}
    answer = await client.post(f"/events/{event['id']}", data={"quantity": "1"}, files=files)
    assert answer.status_code == 400
    assert "The form could not be read." in answer.text
    answer = await client.post(f"/events/{event['id']}", json={"name": "Ada"})
    assert answer.status_code == 400
    assert "<h1" in answer.text


async def test_a_sale_that_ran_out_meanwhile_is_told_with_its_status(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=3)
    answer = await send(client, event, quantity="4")
    assert (answer.status_code, "Only 3 tickets are left." in answer.text) == (400, True)
    assert 'href="#quantity"' in answer.text
    await buy(client, event["id"], quantity=3)
    answer = await send(client, event, key="k2")
    assert (answer.status_code, "All tickets are gone." in answer.text) == (410, True)


async def test_an_event_that_mails_its_tickets_asks_for_an_address(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, extra={"email_notifications": True})
    assert "This event sends its tickets by e-mail." in await event_page(client, event)
    answer = await send(client, event)
    assert answer.status_code == 400
    assert "please give an address" in answer.text
