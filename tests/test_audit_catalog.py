"""I10: each route that changes an event, a package, a question or a promo code is on record."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from support.builders import API, Json, an_event
from support.host import ext
from support.people import Person
from support.pictures import picture
from support.trail import Entry, entries, together

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True)
class Scene:
    """An event with two packages, of which the first asks one question, and a code."""

    event: Json
    packages: list[str]
    option: str
    code: str

    @property
    def ids(self) -> Mapping[str, str]:
        return {
            "event_id": self.event["id"],
            "package_id": self.packages[0],
            "option_id": self.option,
            "code_id": self.code,
        }


@dataclass(frozen=True)
class Row:
    """A route, what is sent to it, and what the log says: the action, the kind of thing, and its
    fields with old and new value; `exactly` these, or these among others."""

    route: str
    sent: object
    action: str
    entity: str
    fields: Mapping[str, tuple[object, object]]
    exactly: bool = True


_EVENT = "/events/{event_id}"
_PACKAGE = f"{_EVENT}/packages/{{package_id}}"
_OPTION = f"{_PACKAGE}/options/{{option_id}}"
_CODE = f"{_EVENT}/promo-codes/{{code_id}}"
_NEW_OPTION = {"label": "Meal", "type": "single", "choices": ["A", "B"], "required": True}

ROUTES = [
    Row(f"PUT {_EVENT}", {"name": "Ball"}, "update", "event", {"name": ("Concert", "Ball")}),
    Row(
        f"PUT {_EVENT}",
        {"capacity": 20, "location": "Hall"},
        "update",
        "event",
        {"capacity": (10, 20), "location": (None, "Hall")},
    ),
    Row(f"PUT {_EVENT}/publish", None, "publish", "event", {"status": ("draft", "published")}),
    Row(
        f"PUT {_EVENT}/complete", None, "complete", "event", {"status": ("published", "completed")}
    ),
    Row(f"PUT {_EVENT}/cancel", None, "cancel", "event", {"status": ("published", "cancelled")}),
    Row(f"DELETE {_EVENT}", None, "delete", "event", {"name": ("Concert", None)}, exactly=False),
    Row(
        f"POST {_EVENT}/packages",
        {"name": "Late", "price": 70},
        "create",
        "package",
        {"name": (None, "Late")},
        exactly=False,
    ),
    Row(f"PUT {_PACKAGE}", {"name": "Soon"}, "update", "package", {"name": ("Ticket", "Soon")}),
    Row(f"DELETE {_PACKAGE}", None, "delete", "package", {}, exactly=False),
    Row(f"PUT {_EVENT}/packages/order", "reversed", "reorder", "event", {}, exactly=False),
    Row(f"PUT {_PACKAGE}/image", "picture", "update", "package", {}, exactly=False),
    Row(
        f"POST {_PACKAGE}/options",
        _NEW_OPTION,
        "create",
        "option",
        {name: (None, value) for name, value in _NEW_OPTION.items()},
        exactly=False,
    ),
    Row(f"PUT {_OPTION}", {"label": "Name"}, "update", "option", {"label": ("Size", "Name")}),
    Row(f"DELETE {_OPTION}", None, "delete", "option", {"label": ("Size", None)}, exactly=False),
    Row(
        f"POST {_EVENT}/promo-codes",
        {"code": "FIVE", "kind": "percent", "value": 5},
        "create",
        "promo_code",
        {"code": (None, "FIVE")},
        exactly=False,
    ),
    Row(f"PUT {_CODE}", {"active": False}, "update", "promo_code", {"active": (True, False)}),
    Row(f"DELETE {_CODE}", None, "delete", "promo_code", {"code": ("TEN", None)}, exactly=False),
]
# The same kind of change by another test, or no change of a thing that is sold.
ELSEWHERE = {
    "POST /events": "test_i10_audit_a_new_event_tells_all_that_it_is",
    "POST /events/{event_id}/duplicate": "test_i10_audit_a_new_event_tells_all_that_it_is",
    f"DELETE {_PACKAGE}/image": "test_i10_audit_a_picture_is_removed",
    "POST /orders/{order_id}/cancel": "test_audit.py",
    "POST /tickets/{ticket_id}/cancel": "test_audit.py",
    "POST /refunds/{refund_id}/pay": "test_audit.py",
    "PUT /settings": "test_audit.py",
    f"POST {_EVENT}/scanners": "test_scanners.py",
    f"POST {_EVENT}/messages": "test_announcements.py",
    f"DELETE {_EVENT}/scanners/{{scanner_id}}": "test_scanners.py",
    "PUT /nostr/settings": "test_nostr_settings.py",
    "POST /door/{event_id}/scans/{scan_id}/annul": "test_scans_annulled.py",
}
NOT_LOGGED = {
    "POST /tickets/{event_id}": "the order is its own record",
    "POST /tickets/{event_id}/{payment_hash}": "changes nothing",
    "PUT /tickets/register/{ticket_id}": "the door keeps a log of its own",
    "POST /door/{event_id}/scans": "the door keeps a log of its own",
    "POST /door/{event_id}/hello": "what a page says of itself",
    "POST /door/{event_id}/validate": "changes nothing",
    "DELETE /tickets/{ticket_id}": "only what nobody paid for",
    "POST /tickets/{ticket_id}/satspay-webhook": "changes nothing",
    "PUT /tickets/{payment_hash}/onchain-confirm": "changes nothing",
    "POST /events/{event_id}/nostr/republish": "what is published stays the same",
    "POST /tickets/{ticket_id}/resend-email": "the list of messages is its record",
    "POST /orders/{order_id}/resend": "the list of messages is its record",
    f"POST {_EVENT}/messages/resend-failed": "the list of messages is its record",
    "POST /messages/{message_id}/resend": "the list of messages is its record",
}


async def _posted(client: httpx.AsyncClient, path: str, body: object, who: Person) -> Any:
    answer = await client.post(f"{API}{path}", json=body, headers=who.admin)
    assert answer.is_success, answer.text
    return answer.json()


async def a_scene(client: httpx.AsyncClient, who: Person, status: str) -> Scene:
    event = await an_event(client, who, status=status)
    path = f"/events/{event['id']}"
    first = event["packages"][0]["id"]
    second = (await _posted(client, f"{path}/packages", {"name": "Early", "price": 50}, who))["id"]
    asked = {"label": "Size", "type": "text"}
    option = await _posted(client, f"{path}/packages/{first}/options", asked, who)
    ten = {"code": "TEN", "kind": "percent", "value": 10}
    code = await _posted(client, f"{path}/promo-codes", ten, who)
    return Scene(event, [first, second], option["id"], code["id"])


def _request(
    client: httpx.AsyncClient, who: Person, scene: Scene, row: Row
) -> Callable[[], Awaitable[httpx.Response]]:
    method, path = row.route.split(" ")
    url = API + path.format(**scene.ids)
    how: dict[str, Any] = {"json": row.sent}
    if row.sent == "reversed":
        how = {"json": {"package_ids": scene.packages[::-1]}}
    elif row.sent == "picture":
        how = {"files": {"file": ("a.png", picture(), "image/png")}}
    return lambda: client.request(method, url, headers=who.admin, **how)


def told(added: list[Entry], row: Row) -> dict[str, tuple[object, object]]:
    """The fields that the log names of the thing that this row is about."""
    mine = {
        field: (old, new)
        for _, action, entity, _, field, old, new in added
        if (action, entity) == (row.action, row.entity)
    }
    assert mine, added
    assert not row.exactly or len(added) == len(mine), added
    return mine


@pytest.mark.parametrize("row", ROUTES, ids=lambda row: f"{row.route} {row.action}")
async def test_i10_audit_a_change_and_its_log_are_one_transaction(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch, row: Row
) -> None:
    scene = await a_scene(client, organiser, "draft" if "publish" in row.route else "published")
    send = _request(client, organiser, scene, row)
    done = await together(send, scene.event["id"], monkeypatch)
    assert {entry[0] for entry in done.added} == {f"admin_key:{organiser.wallet}"}
    fields = told(done.added, row)
    assert {name: fields[name] for name in row.fields} == row.fields
    assert not row.exactly or fields == row.fields
    # A second time, where that is allowed, changes nothing and says nothing.
    if row.route.startswith("PUT") and row.sent != "picture":
        told_once = await entries(scene.event["id"])
        await send()
        assert await entries(scene.event["id"]) == told_once


async def test_i10_audit_a_new_event_tells_all_that_it_is(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    scene = await a_scene(client, organiser, "published")
    copy = await _posted(client, f"/events/{scene.event['id']}/duplicate", None, organiser)
    for event, action in ((scene.event, "create"), (copy, "duplicate")):
        said = {entry[4]: entry[6] for entry in await entries(event["id"]) if entry[2] == "event"}
        assert said["name"] == event["name"]
        assert said["capacity"] == 10
        assert {entry[1] for entry in await entries(event["id"]) if entry[2] == "event"} == {action}


async def test_i10_audit_a_picture_is_removed(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await a_scene(client, organiser, "published")
    url = f"{API}{_PACKAGE}/image".format(**scene.ids)
    shown = {"file": ("a.png", picture(), "image/png")}
    assert (await client.put(url, files=shown, headers=organiser.admin)).is_success
    done = await together(
        lambda: client.delete(url, headers=organiser.admin), scene.event["id"], monkeypatch
    )
    [(_, action, entity, _, _, old, new)] = done.added
    assert (action, entity, new) == ("update", "package", None)
    assert old


async def test_i10_audit_every_route_that_changes_something_is_in_a_table(app: object) -> None:
    """A route that is added without saying what it logs fails here."""
    there = {
        f"{method} {route.path.removeprefix(API)}"
        for route in ext("").events_ext.routes
        if isinstance(route, APIRoute) and route.path.startswith(API)
        for method in route.methods - {"GET"}
    }
    assert there == {row.route for row in ROUTES} | set(ELSEWHERE) | set(NOT_LOGGED)
