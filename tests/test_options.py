"""Questions of a ticket type: four at most, checked on the server, kept with each ticket."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from support.builders import API, Json, an_event, buy, rows
from support.host import ext
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="session")

HUGE = "x" * 30_000
NO_TEXTS: list[object] = ["", "  ", "x" * 201, HUGE, 7, None, [], "a\x00b", "a\u202eb", "\ud800"]


def where(event: Json, option: Json | None = None) -> str:
    url = f"{API}/events/{event['id']}/packages/{event['packages'][0]['id']}/options"
    return f"{url}/{option['id']}" if option else url


async def send(
    client: httpx.AsyncClient, method: str, url: str, body: object, person: Person
) -> httpx.Response:
    headers = {**person.admin, "Content-Type": "application/json"}
    return await client.request(method, url, content=json.dumps(body).encode(), headers=headers)


async def ask(client: httpx.AsyncClient, organiser: Person, event: Json, **option: object) -> Json:
    answer = await send(client, "POST", where(event), {"label": "Name?"} | option, organiser)
    assert answer.status_code == 201, answer.text
    added: Json = answer.json()
    return added


async def asked(client: httpx.AsyncClient, event: Json) -> list[Json]:
    answer = await client.get(f"{API}/events/{event['id']}")
    found: list[Json] = answer.json()["packages"][0]["options"]
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def quiet(client: httpx.AsyncClient, organiser: Person) -> Json:
    """Stays as it is: what is sent to it is refused."""
    event = await an_event(client, organiser)
    event["option"] = await ask(client, organiser, event)
    return event


async def test_questions_are_added_changed_and_taken_away(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    meal = await ask(
        client, organiser, event, label="Meal", type="single", choices=["Fish", "Tofu"]
    )
    note = await ask(client, organiser, event, label="Note", required=True)
    assert meal == {
        "id": meal["id"],
        "package_id": event["packages"][0]["id"],
        "label": "Meal",
        "type": "single",
        "choices": ["Fish", "Tofu"],
        "required": False,
        "display_order": 0,
    }
    assert (note["type"], note["choices"], note["required"]) == ("text", [], True)
    assert await asked(client, event) == [meal, note]
    more = {"type": "multi", "choices": ["Fish", "Tofu", "Bread"], "required": True}
    changed = await send(client, "PUT", where(event, meal), more, organiser)
    assert changed.json() == meal | more
    plain = await send(client, "PUT", where(event, meal), {"type": "boolean"}, organiser)
    assert plain.json()["choices"] == [], "a boolean has none"
    gone = await client.delete(where(event, meal), headers=organiser.admin)
    assert (gone.status_code, gone.content) == (204, b"")
    assert await asked(client, event) == [note]
    assert_refused(await client.delete(where(event, meal), headers=organiser.admin), 404)
    log = await rows(
        "SELECT action, field FROM events.audit WHERE entity_id = :id AND entity = 'option'"
        " ORDER BY at, id",
        id=meal["id"],
    )
    assert {entry["action"] for entry in log} == {"create", "update", "delete"}
    updates = [entry["field"] for entry in log if entry["action"] == "update"]
    assert updates == ["type", "choices", "required", "type", "choices"]


async def test_a_fifth_question_is_refused_also_when_all_come_at_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    bodies = [{"label": f"Question {number}"} for number in range(9)]
    answers = await asyncio.gather(
        *(send(client, "POST", where(event), body, organiser) for body in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 4 + [400] * 5
    options = await asked(client, event)
    assert [option["display_order"] for option in options] == [0, 1, 2, 3]
    async with nothing_written():
        fifth = await send(client, "POST", where(event), bodies[0], organiser)
        assert assert_refused(fifth, 400) == "invalid_input"
    await client.delete(where(event, options[1]), headers=organiser.admin)
    await ask(client, organiser, event)
    assert len(await asked(client, event)) == 4


BAD_CHOICES: list[object] = ["a", 7, {"a": 1}, ["a", "a"], ["a", " a "], list(map(str, range(51)))]
BAD_CHOICES += [["a", text] for text in NO_TEXTS]
NO_TYPES: list[object] = ["number", "", 7, [], "single", "multi"]
NO_BOOLEANS: list[object] = [1, "yes", []]
BAD_OPTIONS: list[Json] = [
    *({"label": label} for label in NO_TEXTS),
    *({"type": kind} for kind in NO_TYPES),
    *({"required": value} for value in NO_BOOLEANS),
    *({"type": kind, "choices": []} for kind in ("single", "multi")),
    *({"type": kind, "choices": ["a"]} for kind in ("text", "boolean")),
    *({"type": "single", "choices": value} for value in BAD_CHOICES),
]


@pytest.mark.parametrize("wrong", BAD_OPTIONS, ids=lambda body: ascii(body)[:50])
async def test_a_question_that_cannot_be_asked(
    client: httpx.AsyncClient, organiser: Person, quiet: Json, wrong: Json
) -> None:
    async with nothing_written():
        new = await send(client, "POST", where(quiet), {"label": "A"} | wrong, organiser)
        assert_refused(new, 400)
        if wrong != {"label": None}:
            changed = await send(client, "PUT", where(quiet, quiet["option"]), wrong, organiser)
            assert_refused(changed, 400)


async def test_nobody_else_asks(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, quiet: Json
) -> None:
    other = await an_event(client, organiser)
    async with nothing_written():
        for method, url in (
            ("POST", where(quiet)),
            ("PUT", where(quiet, quiet["option"])),
            ("DELETE", where(quiet, quiet["option"])),
        ):
            refused = await send(client, method, url, {"label": "Mine"}, other_organiser)
            assert_refused(refused, 403)
            assert_refused(await client.request(method, url, json={"label": "A"}), 401)
        for method in ("PUT", "DELETE"):
            foreign = await send(client, method, where(other, quiet["option"]), {}, organiser)
            assert_refused(foreign, 404)


def an_option(**changes: Any) -> Any:
    made = ext("catalog.options").Option("o", "p", "Meal", "text", (), False, 0)
    return replace(made, **changes)


CHOICES = ("Fish", "Tofu", "Bread")
ANSWERS: list[tuple[str, object, object]] = [
    ("text", " no nuts ", "no nuts"),
    ("text", "two\nlines", "two\nlines"),
    ("text", "", None),
    ("text", None, None),
    ("boolean", False, False),
    ("boolean", True, True),
    ("single", "Tofu", "Tofu"),
    ("single", "", None),
    ("multi", ["Bread", "Fish", "Fish"], ["Fish", "Bread"]),
    ("multi", [], None),
]
WRONG: dict[str, list[object]] = {
    "text": [7, True, [], {}, "x" * 1001, "a\x00b", "a\u202eb"],
    "boolean": [0, 1, "true", "", [], {}],
    "single": ["fish", "Fish ", ["Fish"], 0, True, {}],
    "multi": ["Fish", ["Fish", "Meat"], [["Fish"]], [1], {"Fish": 1}, 0],
}


@pytest.mark.parametrize(("kind", "answer", "stored"), ANSWERS)
async def test_answers_are_read(kind: str, answer: object, stored: object) -> None:
    check = ext("catalog.option_rules").check_responses
    option = an_option(type=kind, choices=CHOICES if kind in ("single", "multi") else ())
    found = check([option], {"o": answer})
    assert [(a.option_id, a.label, a.value) for a in found] == (
        [] if stored is None else [("o", "Meal", stored)]
    )
    if stored is None:
        with pytest.raises(ext("errors").InvalidInput):
            check([replace(option, is_required=True)], {"o": answer})


@pytest.mark.parametrize(("kind", "answers"), WRONG.items(), ids=WRONG)
async def test_wrong_answers_are_refused(kind: str, answers: list[object]) -> None:
    check, refusal = ext("catalog.option_rules").check_responses, ext("errors").InvalidInput
    option = an_option(type=kind, choices=CHOICES if kind in ("single", "multi") else ())
    for answer in answers:
        with pytest.raises(refusal):
            check([option], {"o": answer})
    for asked, given in (([replace(option, is_required=True)], {}), ([], {"o": "not asked"})):
        with pytest.raises(refusal):
            check(asked, given)


async def test_answers_stay_readable_after_their_question_is_gone(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, price_per_ticket=0)
    meal = await ask(client, organiser, event, label="Meal", type="multi", choices=["Fish", "Tofu"])
    vegan = await ask(client, organiser, event, label="Vegan?", type="boolean", required=True)
    async with nothing_written():
        assert_refused(await buy(client, event["id"]), 400)
        for wrong in ({vegan["id"]: "yes"}, {vegan["id"]: True, "none": 1}):
            assert_refused(await buy(client, event["id"], None, responses=wrong), 400)
    bought = await buy(
        client,
        event["id"],
        None,
        quantity=2,
        responses={vegan["id"]: False},
        attendees=[{"name": "Ada", "responses": {meal["id"]: ["Tofu"]}}],
    )
    assert bought.is_success, bought.text
    await send(client, "PUT", where(event, vegan), {"label": "Vegan or not?"}, organiser)
    for option in (meal, vegan):
        gone = await client.delete(where(event, option), headers=organiser.admin)
        assert gone.status_code == 204
    assert await asked(client, event) == []
    first, second = bought.json()["ticket_ids"]
    async with ext("crud").reading() as tx:
        found = await ext("tickets.responses").of_tickets(tx, [first, second, "none"])
    said = {"option_id": vegan["id"], "label": "Vegan?", "value": False}
    meal_said = {"option_id": meal["id"], "label": "Meal", "value": ["Tofu"]}
    assert found == {first: [meal_said, said], second: [said]}
    # They are asked no more, so new buyers answer nothing; four others fit.
    assert (await buy(client, event["id"])).is_success
    for _ in range(4):
        await ask(client, organiser, event)


async def test_i11_a_public_event_costs_three_statements_however_much_it_asks(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    sent = []
    for packages in (1, 20):
        event = await an_event(client, organiser)
        await fill(event["id"], packages)
        with statements() as seen:
            answer = await client.get(f"{API}/events/{event['id']}")
        options = sum(len(package["options"]) for package in answer.json()["packages"])
        assert options == packages * 4
        sent.append(len(seen))
    assert sent[0] == sent[1]
    assert sent[0] <= 2, "on SQLite a third one opens the file"


async def fill(event_id: str, packages: int) -> None:
    """So many packages with four questions each."""
    async with ext("crud").transaction() as tx:
        await tx.execute("DELETE FROM events.packages WHERE event_id = :id", {"id": event_id})
        plain = {"event_id": event_id, "name": "A", "price_minor": 1, "currency": "sat"}
        ids = [f"{event_id}-{number}" for number in range(packages)]
        await tx.insert("packages", [plain | {"id": i, "wave_id": i, "created_at": 0} for i in ids])
        plain = {"event_id": event_id, "label": "A", "type": "text", "created_at": 0}
        asks = [plain | {"id": f"{i}-{n}", "package_id": i} for i in ids for n in range(4)]
        await tx.insert("options", asks)
