"""An event is copied, deleted, or saved by a client of 1.6.9: what of it goes along."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from support.builders import (
    API,
    Json,
    Row,
    a_purchase,
    an_event,
    day,
    event_row,
    execute,
    pay,
    rows,
)
from support.changing import act, changed
from support.invariants import broken_invariants
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.settling import lapse, sweep

pytestmark = pytest.mark.asyncio(loop_scope="session")


def wave(wave_id: str, **changes: object) -> Json:
    return {"id": wave_id, "title": wave_id, "amount_tickets": 5, "price_per_ticket": 10} | changes


async def a_full_event(client: httpx.AsyncClient, organiser: Person) -> Json:
    """Two waves, an add-on, a hidden and a disabled package, options, codes, a picture's id."""
    codes = [{"code": "HALF", "discount_percent": 50}]
    extra = {
        "ticket_waves": [wave("a"), wave("b", closing_date=day(10))],
        "promo_codes": codes,
        "notification_subject": "Welcome",
    }
    event = await an_event(
        client,
        organiser,
        extra=extra,
        starts_at=f"{day(30)}T20:00",
        timezone="Europe/Berlin",
        refund_tiers=[],
        location="Here",
        metadata={"a": 1},
        listed=False,
        conditional=True,
        min_tickets=2,
    )
    url = f"{API}/events/{event['id']}/packages"
    bodies: list[Json] = [
        {"name": "Shirt", "kind": "addon", "price": 20, "quantity_limit": 7},
        {"name": "Friends", "price": 5, "is_hidden": True},
        {"name": "Off", "price": 5, "is_enabled": False},
    ]
    for body in bodies:
        made = (await client.post(url, json=body, headers=organiser.admin)).json()
        for label in ("Size", "Colour"):
            question = {"label": label, "type": "single", "choices": ["S", "M"]}
            target = f"{url}/{made['id']}/options"
            answer = await client.post(target, json=question, headers=organiser.admin)
            assert answer.status_code == 201, answer.text
    [full] = [
        view
        for view in (await client.get(f"{API}/events", headers=organiser.invoice)).json()
        if view["id"] == event["id"]
    ]
    return dict(full)


def comparable(view: Json) -> Json:
    """An event without what a copy has of its own."""
    own = ("id", "name", "status", "time", "version", "sales")
    found = {name: value for name, value in view.items() if name not in own}
    packages = []
    for package in view["packages"]:
        left = {"id", "version", "sales", "options", "image_url"}
        asked = [
            {name: value for name, value in option.items() if name not in ("id", "package_id")}
            for option in package["options"]
        ]
        packages.append({k: v for k, v in package.items() if k not in left} | {"asks": asked})
    waves = [{**w, "opening_date": None} for w in view["extra"]["ticket_waves"]]
    return found | {"packages": packages, "extra": {**view["extra"], "ticket_waves": waves}}


async def test_a_copy_has_all_that_is_described_and_nothing_that_was_sold(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await a_full_event(client, organiser)
    await execute(
        "UPDATE events.packages SET image_id = 'no such picture' WHERE event_id = :id",
        id=event["id"],
    )
    purchase = await a_purchase(client, event["id"], ticket_wave_id="a", promo_code="HALF")
    await pay(buyer, purchase)
    await a_purchase(client, event["id"], ticket_wave_id="a")
    url = f"{API}/events/{event['id']}/duplicate"
    answer = await client.post(url, headers=organiser.admin)
    assert answer.status_code == 201, answer.text
    copy = answer.json()
    assert (copy["name"], copy["status"]) == ("Copy of Concert", "draft")
    assert comparable(copy) == comparable(event)
    ids = {package["id"] for view in (copy, event) for package in view["packages"]}
    assert len(ids) == 2 * len(event["packages"])
    stored: Row = await event_row(copy["id"])
    assert stored["ticket_seq"] == stored["sold"] == stored["held"] == 0
    assert json.loads(stored["extra"])["ticket_waves"] == copy["extra"]["ticket_waves"]
    pictures = "SELECT image_id FROM events.packages WHERE event_id = :id"
    assert {row["image_id"] for row in await rows(pictures, id=copy["id"])} == {None}
    uses = "SELECT uses FROM events.promo_codes WHERE event_id = :id"
    assert [row["uses"] for row in await rows(uses, id=copy["id"])] == [0]
    assert [row["uses"] for row in await rows(uses, id=event["id"])] == [1]
    assert (await client.get(f"{API}/events/{copy['id']}")).status_code == 404
    # It stands on its own feet.
    await act(client, organiser, copy, "publish")
    await pay(buyer, await a_purchase(client, copy["id"], ticket_wave_id="a", promo_code="half"))
    assert (await event_row(copy["id"]))["sold"] == (await event_row(event["id"]))["sold"] == 1
    for one in (event, copy):
        assert await broken_invariants(one["id"]) == []


async def test_a_copy_of_any_state_is_a_draft_with_a_name_that_fits(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser, name="x" * 200)
    await act(client, organiser, event, "cancel")
    url = f"{API}/events/{event['id']}/duplicate"
    copy = (await client.post(url, headers=organiser.admin)).json()
    assert copy["name"] == "Copy of " + "x" * 192
    assert (copy["status"], copy["canceled"], copy["cancelled_at"]) == ("draft", False, None)
    stored = await event_row(copy["id"])
    assert (stored["cancel_reason"], stored["refunds_booked_at"]) == (None, None)
    async with nothing_written():
        assert_refused(await client.post(url, headers=other_organiser.admin), 403)
        assert_refused(await client.post(url, headers=organiser.invoice), 401, 403)
        assert_refused(await client.post(url), 401)
        none = f"{API}/events/none/duplicate"
        assert_refused(await client.post(none, headers=organiser.admin), 404)


async def test_nothing_is_left_of_a_deleted_event(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_full_event(client, organiser)
    url = f"{API}/events/{event['id']}"
    purchase = await a_purchase(client, event["id"], ticket_wave_id="a", promo_code="HALF")
    assert assert_refused(await client.delete(url, headers=organiser.admin), 409) == "has_sales"
    await lapse(purchase["order_id"])
    await sweep()
    assert (await client.delete(url, headers=organiser.admin)).status_code == 200
    for table in ("packages", "options", "promo_codes", "promo_uses"):
        left = await rows(f"SELECT * FROM events.{table} WHERE event_id = :id", id=event["id"])  # noqa: S608
        assert left == [], table


async def test_a_body_of_1_6_9_leaves_alone_what_it_was_not_shown(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await a_full_event(client, organiser)
    shown = event["extra"]["ticket_waves"]
    assert [w["id"] for w in shown] == ["a", "b"]

    async def others() -> list[Any]:
        fields = "name, kind, price_minor, quantity_limit, is_enabled, is_hidden, display_order"
        found = await rows(
            f"SELECT {fields} FROM events.packages"  # noqa: S608 - own names
            " WHERE event_id = :id AND name IN ('Shirt', 'Friends', 'Off') ORDER BY name",
            id=event["id"],
        )
        return [tuple(row.values()) for row in found]

    before = await others()
    assert len(before) == 3
    for waves in ([*shown, wave("c")], [shown[0]], [wave("d")]):
        after = await changed(client, organiser, event, extra={"ticket_waves": waves})
        assert [w["id"] for w in after["extra"]["ticket_waves"]] == [w["id"] for w in waves]
        assert await others() == before
        assert after["capacity"] == 5 * len(waves)
    asked = "SELECT id FROM events.options WHERE event_id = :id"
    assert len(await rows(asked, id=event["id"])) == 6
    # Of one wave: the event's own price is that wave's, not the add-on's.
    await changed(client, organiser, event, price_per_ticket=33)
    assert await others() == before
    shirt = next(package for package in event["packages"] if package["name"] == "Shirt")
    url = f"{API}/events/{event['id']}"
    body = {"extra": {"ticket_waves": [wave("d"), wave(shirt["wave_id"])]}}
    async with nothing_written():
        assert_refused(await client.put(url, json=body, headers=organiser.admin), 400)


async def test_a_wave_that_was_removed_takes_its_questions_along(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    waves = [wave("a"), wave(f"w{uuid4().hex}")]
    event = await an_event(client, organiser, extra={"ticket_waves": waves})
    gone = event["packages"][1]["id"]
    url = f"{API}/events/{event['id']}/packages/{gone}/options"
    await client.post(url, json={"label": "Size"}, headers=organiser.admin)
    await changed(client, organiser, event, extra={"ticket_waves": [wave("a"), wave("b")]})
    for table, column in (("packages", "id"), ("options", "package_id")):
        sql = f"SELECT * FROM events.{table} WHERE {column} = :id"  # noqa: S608 - own names
        assert await rows(sql, id=gone) == []
