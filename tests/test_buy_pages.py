"""Buying over the pages where a ticket asks questions, is counted, or needs a login."""

import html
import re
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from support.builders import API, Json, an_event, buy, row, rows, ticket_rows
from support.pages import HOSTILE, words
from support.people import Person
from support.pictures import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHIRT = {"label": "Shirt", "type": "single", "choices": ["S", "M", "L"], "required": True}
MEALS = {"label": "Meals", "type": "multi", "choices": ["Lunch", "Dinner & more"]}
RULES = {"label": "I keep the rules", "type": "boolean", "required": True}
NOTE = {"label": "Anything else", "type": "text"}
FORM = {"quantity": "1", "name": "Ada Lovelace", "email": "", "promo_code": ""}


class Form:
    """The form of one event, filled in by a browser without scripts."""

    def __init__(self, client: httpx.AsyncClient, event: Mapping[str, Any]) -> None:
        self.client = client
        self.path = f"/events/{event['id']}"
        self.event_id = str(event["id"])
        self.page = ""
        self.status = 0
        self.location = ""

    async def open(self, **headers: str) -> str:
        answer = await self.client.get(self.path, headers=headers)
        assert answer.status_code == 200, answer.text
        self.page = answer.text
        return words(self.page)

    async def send(
        self, fields: Mapping[str, str | list[str]], headers: Mapping[str, str] | None = None
    ) -> str:
        """Everything that stands hidden on the page goes along."""
        found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.page)
        data = {**{name: html.unescape(value) for name, value in found}, **fields}
        answer = await self.client.post(self.path, data=data, headers=headers)
        self.page, self.status = answer.text, answer.status_code
        self.location = answer.headers.get("location", "")
        return words(self.page)

    async def first(self, **fields: str) -> str:
        await self.open()
        return await self.send({**FORM, **fields})

    async def last(self, **fields: str | list[str]) -> str:
        """Send the second step; returns the page of the order."""
        text = await self.send(fields)
        assert self.status == 303, text
        return words((await self.client.get(self.location)).text)

    async def tickets(self) -> list[Mapping[str, Any]]:
        return list(await ticket_rows(self.event_id))


async def put(client: httpx.AsyncClient, organiser: Person, path: str, body: Json) -> Json:
    answer = await client.post(f"{API}/{path}", json=body, headers=organiser.admin)
    assert answer.status_code in (200, 201), answer.text
    made: Json = answer.json()
    return made


async def asking(
    client: httpx.AsyncClient, organiser: Person, *options: Json, **changes: object
) -> tuple[Form, list[str]]:
    """A free event whose one ticket type asks this; its form, and the ids of the questions."""
    event = await an_event(client, organiser, **{"price_per_ticket": 0, **changes})
    path = f"events/{event['id']}/packages/{event['packages'][0]['id']}/options"
    made = [await put(client, organiser, path, option) for option in options]
    return Form(client, event), [option["id"] for option in made]


async def test_questions_come_in_a_second_step_that_holds_nothing(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    form, [shirt, note] = await asking(client, organiser, SHIRT, NOTE)
    assert "A few questions come next." in await form.open()
    text = await form.first(name="Ada <b>", email="ada@example.com")
    assert form.status == 200
    assert "One more thing" in text
    assert "Ada &lt;b&gt;" in text
    assert await form.tickets() == []
    assert (await row("SELECT held FROM events.events WHERE id = :id", id=form.event_id))[
        "held"
    ] == 0
    order = await form.last(**{f"t1_{shirt}": "M", f"t1_{note}": "No nuts"})
    [ticket] = await form.tickets()
    assert (ticket["name"], ticket["email"]) == ("Ada <b>", "ada@example.com")
    page = (await client.get(f"/events/ticket/{ticket['id']}")).text
    for shown in (order, page):
        assert re.search(r"<dt>Shirt</dt>\s*<dd[^>]*>M</dd>", shown)
        assert re.search(r"<dt>Anything else</dt>\s*<dd[^>]*>No nuts</dd>", shown)


async def test_each_guest_has_a_name_and_answers(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    form, [shirt, meals, rules] = await asking(client, organiser, SHIRT, MEALS, RULES)
    await form.first(quantity="3", email="ada@example.com")
    answers: dict[str, str | list[str]] = {
        f"t1_{shirt}": "S",
        f"t1_{rules}": "Yes",
        "t2_name": "Grace",
        "t2_email": "grace@example.com",
        f"t2_{shirt}": "L",
        f"t2_{meals}": ["Lunch", "Dinner & more"],
        f"t2_{rules}": "Yes",
        "t3_name": "Joan",
        f"t3_{shirt}": "M",
        f"t3_{rules}": "No",
    }
    await form.last(**answers)
    found = await form.tickets()
    people = [(ticket["name"], ticket["email"]) for ticket in found]
    assert people == [
        ("Ada Lovelace", "ada@example.com"),
        ("Grace", "grace@example.com"),
        ("Joan", ""),
    ]
    page = (await client.get(f"/events/ticket/{found[1]['id']}")).text
    assert "Lunch, Dinner &amp; more" in page
    assert re.search(r"<dt>I keep the rules</dt>\s*<dd[^>]*>Yes</dd>", page)
    page = (await client.get(f"/events/ticket/{found[2]['id']}")).text
    assert re.search(r"<dt>I keep the rules</dt>\s*<dd[^>]*>No</dd>", page)


async def test_the_same_answers_for_all_but_who_has_an_own(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    form, [shirt, rules] = await asking(client, organiser, SHIRT, RULES)
    await form.first(quantity="3")
    await form.last(**{"same": "1", f"t1_{shirt}": "S", f"t1_{rules}": "Yes", f"t3_{shirt}": "L"})
    stored = await rows(
        "SELECT r.value FROM events.option_responses r JOIN events.ticket t ON t.id = r.ticket_id"
        " WHERE t.event = :id AND r.option_id = :option ORDER BY t.number",
        id=form.event_id,
        option=shirt,
    )
    assert [answer["value"].strip('"') for answer in stored] == ["S", "S", "L"]


async def test_every_type_of_question_has_its_fields_and_hostile_words_stay_words(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """A choice of few, one of many, and a box that nobody ticked."""
    few = {"label": HOSTILE, "type": "single", "choices": ['"><u>', "plain"]}
    many = {"label": "Row", "type": "single", "choices": [str(n) for n in range(1, 9)]}
    box = {"label": "Vegan", "type": "boolean"}
    form, [few_id, many_id, box_id] = await asking(client, organiser, few, many, box)
    text = await form.first()
    assert text.count(f'name="t1_{few_id}" value=') == 3
    assert "No answer" in text
    assert f'<select class="input" id="t1_{many_id}"' in text
    assert f'<input type="checkbox" id="t1_{box_id}"' in text
    shown = await form.last(**{f"t1_{few_id}": '"><u>', f"t1_{many_id}": ""})
    for page in (text, shown):
        assert HOSTILE not in page
        assert "<u>" not in page
        assert "&lt;script&gt;" in page
    [ticket] = await form.tickets()
    page = (await client.get(f"/events/ticket/{ticket['id']}")).text
    assert re.search(r"<dt>Vegan</dt>\s*<dd[^>]*>No</dd>", page)
    assert "<dt>Row</dt>" not in page
    assert "&#34;&gt;&lt;u&gt;" in page


async def test_a_bad_answer_is_told_at_its_field_with_ticket_and_question(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    form, [shirt, note, rules] = await asking(client, organiser, SHIRT, NOTE, RULES)
    await form.first(quantity="2")
    text = await form.send(
        {
            f"t1_{shirt}": "XXL",
            f"t1_{note}": "x" * 1001,
            f"t1_{rules}": "Yes",
            "t2_email": "nobody",
            f"t2_{shirt}": "M",
            f"t2_{note}": HOSTILE,
        }
    )
    assert form.status == 400
    told = {
        f"t1_{shirt}": "Ticket 1: Shirt: please pick one of the choices.",
        f"t1_{note}": "Ticket 1: Anything else: An answer may have at most 1000 characters.",
        "t2_name": "Ticket 2: Please give a name, or leave the e-mail empty too.",
        "t2_email": "Ticket 2: The e-mail address is not valid.",
        f"t2_{rules}": "Ticket 2: Please answer: I keep the rules",
    }
    for field, sentence in told.items():
        assert f'<a href="#{field}">{sentence}</a>' in text
        assert f'id="{field}-error">{sentence}' in text
        assert f'id="{field}"' in text
    assert text.count('<a href="#t') == len(told)
    assert 'id="errors" role="alert" tabindex="-1" autofocus' in text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert await form.tickets() == []
    order = await form.last(
        **{
            "t1_name": "",
            **{f"t{n}_{shirt}": "M" for n in (1, 2)},
            **{f"t{n}_{rules}": "Yes" for n in (1, 2)},
            f"t2_{note}": HOSTILE,
        }
    )
    assert "&lt;script&gt;" in order
    assert HOSTILE not in order


async def test_going_back_keeps_all_that_was_said(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """A refusal of the first step, found at the last, leads there too."""
    form, [note] = await asking(client, organiser, NOTE, amount_tickets=3, price_per_ticket=100)
    await form.first(quantity="2", email="ada@example.com")
    key = re.findall(r'name="key" value="([^"]+)"', form.page)
    text = await form.send({"back": "1", f"t1_{note}": "No nuts", "t2_name": 'Grace "G"'})
    assert (form.status, "Choose your ticket" in text) == (200, True)
    assert 'id="quantity" name="quantity" value="2"' in text
    assert f'name="t1_{note}" value="No nuts"' in text
    text = await form.send({**FORM, "quantity": "2", "promo_code": "NOPE"})
    assert form.status == 400
    assert '<a href="#promo_code">' in text
    text = await form.send({**FORM, "quantity": "2"})
    assert 'value="Grace &#34;G&#34;"' in text
    assert re.findall(r'name="key" value="([^"]+)"', form.page) == key
    await buy(client, form.event_id, quantity=2, responses={note: "mine"})
    text = await form.send({f"t1_{note}": "No nuts", "t2_name": "Grace"})
    assert (form.status, "Only 1 ticket is left." in text) == (400, True)
    assert 'href="#quantity"' in text
    assert f'name="t1_{note}" value="No nuts"' in text


async def test_the_second_step_sent_twice_is_one_order(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    form, [note] = await asking(client, organiser, NOTE)
    await form.first()
    step = form.page
    places = []
    for _ in range(2):
        form.page = step
        await form.last(**{f"t1_{note}": "No nuts"})
        places.append(form.location)
    assert len(set(places)) == 1
    form.page = step
    text = await form.send({f"t1_{note}": "Nuts"})
    assert (form.status, "You have placed an order with this form already." in text) == (409, True)
    await form.last(**{f"t1_{note}": "Nuts"})
    assert len(await form.tickets()) == 2


async def test_guests_are_named_only_where_somebody_wants_to(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    form, _ = await asking(client, organiser)
    await form.first(quantity="2")
    assert form.status == 303
    await form.first(quantity="1", guests="1")
    assert form.status == 303
    assert "Who is coming?" in await form.first(quantity="2", guests="1")
    await form.last(t2_name="Grace")
    assert [ticket["name"] for ticket in await form.tickets()][-2:] == ["Ada Lovelace", "Grace"]


async def test_what_the_step_before_said_is_judged_again(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Fields that are hidden to people are not to those who mean harm."""
    form, [note] = await asking(client, organiser, NOTE)
    bad: list[tuple[dict[str, str], str]] = [
        ({"quantity": "11"}, "The quantity must be a whole number"),
        ({"name": ""}, "Please give a name."),
        ({"package_id": "no-such"}, "This ticket type does not exist."),
        ({"key": "not a key"}, "Idempotency-Key must be"),
    ]
    for fields, sentence in bad:
        await form.first()
        text = await form.send({f"t1_{note}": "No nuts", **fields})
        assert (form.status, sentence in text) == (400, True), fields
    assert await form.tickets() == []


async def test_tickets_per_buyer_are_counted_on_the_page_too(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    form, _ = await asking(client, organiser, max_per_buyer=2)
    text = await form.open()
    assert "At most 2 tickets per buyer" in text
    assert "Up to 2 in one order" in text
    text = await form.first()
    assert (form.status, "Please give an e-mail address" in text) == (400, True)
    assert 'href="#email"' in text
    await form.first(email="Ada@example.com", quantity="2")
    assert form.status == 303
    text = await form.first(email="ada@example.com")
    assert (form.status, "At most 2 tickets per buyer. You have 2 already" in text) == (400, True)
    assert 'href="#quantity"' in text
    await form.first(email="grace@example.com")
    assert form.status == 303


async def test_an_event_for_logins_leads_there_and_sells_to_the_login(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    form, _ = await asking(client, organiser, login_required=True)
    text = await form.open()
    assert "Log in to buy" in text
    assert '<a class="button" href="/">Log in</a>' in text
    assert "<form" not in text
    text = await form.send({**FORM})
    assert (form.status, "Log in to buy" in text) == (401, True)
    # A login that ran out is none.
    assert "Log in to buy" in await form.open(Authorization="Bearer x.y.z")
    text = await form.open(**buyer.login)
    assert "You are logged in." in text
    await form.send({**FORM}, headers=buyer.login)
    assert form.status == 303
    [ticket] = await form.tickets()
    found = await row("SELECT user_id FROM events.orders WHERE id = :id", id=ticket["order_id"])
    assert found["user_id"] == buyer.id


async def test_the_page_tells_what_is_sold_and_where(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """Times are those of the event's place; an add-on is not taken for a ticket."""
    event = await an_event(
        client,
        organiser,
        timezone="Europe/Berlin",
        location="Café <Zentrum>",
        is_online=True,
        event_type="workshop",
        starts_at="2099-05-30T20:00",
        ends_at="2099-05-31T02:00",
        price_per_ticket=0,
    )
    drink = {
        "name": "Drink",
        "kind": "addon",
        "description": "**Cold**\n\n<img src=x>",
        "price": 0,
        "valid_from": "2099-05-30T20:00",
        "valid_until": "2099-05-31T02:00",
        "sale_ends_at": "2099-05-30T18:00",
    }
    made = await put(client, organiser, f"events/{event['id']}/packages", drink)
    form = Form(client, event)
    text = await form.open()
    assert "Café &lt;Zentrum&gt;" in text
    assert "<span>Online</span>" in text
    assert "<span>Workshop</span>" in text
    assert "<strong>Cold</strong>" in text
    assert "<img" not in text
    assert "Not a ticket for the door." in text
    window = "30 May 2099, 20:00 to 31 May 2099, 02:00 (Europe/Berlin)"
    assert f"Valid {window}" in text
    assert "On sale until 30 May 2099, 17:59 (Europe/Berlin)" in text
    await form.send({**FORM, "package_id": made["id"]})
    [ticket] = await form.tickets()
    order = words((await client.get(form.location)).text)
    page = words((await client.get(f"/events/ticket/{ticket['id']}")).text)
    assert f"Valid {window}" in order
    assert window in page
    assert "not a ticket for the door" in page


async def test_a_ticket_type_shows_its_picture(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    path = f"{API}/events/{event['id']}/packages/{event['packages'][0]['id']}/image"
    files = {"file": ("x.png", picture(), "image/png")}
    answer = await client.put(path, files=files, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    text = await Form(client, event).open()
    shown = re.search(r'<img class="package-image" src="(/api/v1/assets/[^"]+)" alt=""', text)
    assert shown
    assert (await client.get(shown[1])).status_code == 200
