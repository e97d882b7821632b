"""Scanners: made, listed and revoked by the organiser; what they say of themselves."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from support.builders import API, Json, an_event, day, execute, row, rows
from support.host import ext
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.scanners import a_scanner, hello, revoke, scanners_url, shows
from support.trail import entries, together

pytestmark = pytest.mark.asyncio

NO_KEY = "This is no key to the door of this event."


async def listed(
    client: httpx.AsyncClient, organiser: Person, event: Json, query: str = ""
) -> Json:
    answer = await client.get(scanners_url(event["id"]) + query, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def stored(scanner: Json) -> Any:
    return await row("SELECT * FROM events.scanners WHERE id = :id", id=scanner["id"])


Later = Callable[[float], None]


@pytest.fixture
def later(app: object, monkeypatch: pytest.MonkeyPatch) -> Later:
    """`later(seconds)`: from then on the clock of the routes is so far ahead."""
    clock = ext("clock")

    def ahead(seconds: float) -> None:
        moved = timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "now", lambda: datetime.now(timezone.utc) + moved)

    return ahead


async def test_i7_secrets_a_scanners_token_is_told_once_and_stored_as_a_hash(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    made = [await a_scanner(client, organiser, event["id"]) for _ in range(3)]
    tokens = [scanner["token"] for scanner in made]
    for scanner, token in zip(made, tokens, strict=True):
        assert len(token) == 43
        assert scanner["door_url"].endswith(f"/events/door/{event['id']}#{token}")
        assert scanner["door_url"].startswith(ext("settings").base_url())
        kept = await stored(scanner)
        assert kept["token_hash"] == hashlib.sha256(token.encode()).hexdigest()
    assert len({token[:6] for token in tokens}) == 3
    for table in ("scanners", "audit"):
        kept = str(await rows(f"SELECT * FROM events.{table}"))  # noqa: S608 - own name
        assert [token for token in tokens if token in kept] == []
    found = await listed(client, organiser, event)
    assert [token for token in tokens if token in str(found)] == []
    for one in found["data"]:
        assert {"token", "door_url", "token_hash"}.isdisjoint(one)


async def test_scanners_are_listed_newest_first_with_what_they_may(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    assert await listed(client, organiser, event) == {"data": [], "total": 0}
    plain = {"may_work_offline": False, "sees_names": False}
    first = await a_scanner(client, organiser, event["id"], name="  Gate B ", **plain)
    second = await a_scanner(client, organiser, event["id"], expires_at=f"{day(2)}T10:00Z")
    await a_scanner(client, organiser, (await an_event(client, organiser))["id"])
    await execute(
        "UPDATE events.scanners SET created_at = created_at - 1000 WHERE id = :id", id=first["id"]
    )
    found = await listed(client, organiser, event)
    assert [one["id"] for one in found["data"]] == [second["id"], first["id"]]
    assert found["total"] == 2
    told = {key: found["data"][1][key] for key in found["data"][1] if key != "created_at"}
    assert told == {
        "id": first["id"],
        "name": "Gate B",
        **plain,
        "expires_at": None,
        "revoked_at": None,
        "last_seen_at": None,
        "page_version": None,
        "pending": None,
        "is_active": True,
    }
    assert found["data"][0]["expires_at"] == f"{day(2)}T10:00:00Z"
    page = await listed(client, organiser, event, "?limit=1&offset=1")
    assert ([one["id"] for one in page["data"]], page["total"]) == ([first["id"]], 2)


async def test_a_scanner_has_no_right_that_nobody_gave_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    url = scanners_url(event["id"])
    made = (await client.post(url, json={"name": "Gate"}, headers=organiser.admin)).json()
    assert (made["may_work_offline"], made["sees_names"]) == (False, False)


BAD: dict[str, list[object]] = {
    "name": ["", "  ", "x" * 101, 7, None, [], "a\x00b", "a\x07b", "a\u202eb", "\ud800"],
    "expires_at": ["", "tomorrow", 7, [], "\x00", "2020-01-01T00:00Z", "9999-12-31T23:59Z"],
    "may_work_offline": ["yes", 1, None, []],
    "sees_names": ["no", 0, None, {}],
}


@pytest.mark.parametrize("field", sorted(BAD))
async def test_a_bad_scanner_is_refused_and_nothing_written(
    client: httpx.AsyncClient, organiser: Person, field: str
) -> None:
    event = await an_event(client, organiser)
    async with nothing_written():
        for value in BAD[field]:
            answer = await client.post(
                scanners_url(event["id"]),
                content=json.dumps({"name": "A", field: value}),
                headers=organiser.admin | {"Content-Type": "application/json"},
            )
            assert assert_refused(answer, 400, about=ascii(value)) == "invalid_input"


async def test_an_expiry_without_an_offset_is_local_to_the_event(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, timezone="Asia/Tokyo")
    made = await a_scanner(client, organiser, event["id"], expires_at="2099-06-01T20:00")
    assert made["expires_at"] == "2099-06-01T11:00:00Z"


async def test_an_event_has_at_most_200_active_scanners_however_many_are_made_at_once(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    first = await a_scanner(client, organiser, event["id"])
    over: dict[str, Json] = {"revoked": {"revoked_at": 1}, "expired": {"expires_at": 1}}
    await copy_scanner(first, {f"{number}": {} for number in range(197)} | over)
    answers = await asyncio.gather(
        *(
            client.post(scanners_url(event["id"]), json={"name": f"{n}"}, headers=organiser.admin)
            for n in range(5)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 400, 400, 400]
    refused = {assert_refused(answer) for answer in answers if answer.is_client_error}
    assert refused == {"too_many_scanners"}
    await revoke(client, organiser, event["id"], first)
    await a_scanner(client, organiser, event["id"])


async def copy_scanner(scanner: Json, copies: dict[str, Json]) -> None:
    """So many more like it, with other columns where some are named."""
    kept = {"revoked_at": None, **await stored(scanner)}
    made = [
        kept | {"id": f"{kept['id']}-{name}", "token_hash": f"{kept['id']}-{name}"} | changes
        for name, changes in copies.items()
    ]
    async with ext("crud").transaction() as tx:
        await tx.insert("scanners", made)


async def test_i6_a_revoked_scanner_opens_nothing_from_then_on(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event, other = await an_event(client, organiser), await an_event(client, organiser)
    scanner = await a_scanner(client, organiser, event["id"])
    url = scanners_url(event["id"], scanner["id"])
    async with nothing_written():
        for wrong in (
            await client.delete(url, headers=other_organiser.admin),
            await client.delete(url, headers=shows(scanner)),
            await client.delete(scanners_url(other["id"], scanner["id"]), headers=organiser.admin),
            await client.delete(scanners_url(event["id"], "none"), headers=organiser.admin),
        ):
            assert_refused(wrong, 401, 403, 404)
    assert (await hello(client, event["id"], shows(scanner))).status_code == 200
    await revoke(client, organiser, event["id"], scanner)
    refused = await hello(client, event["id"], shows(scanner))
    assert assert_refused(refused, 403) == "scanner_revoked"
    before = await stored(scanner)
    await revoke(client, organiser, event["id"], scanner)
    assert await stored(scanner) == before
    [found] = (await listed(client, organiser, event))["data"]
    assert (found["is_active"], found["revoked_at"] is not None) == (False, True)


async def test_i6_an_expired_scanner_opens_nothing(
    client: httpx.AsyncClient, organiser: Person, later: Later
) -> None:
    event = await an_event(client, organiser)
    soon = datetime.now(timezone.utc) + timedelta(hours=1)
    scanner = await a_scanner(client, organiser, event["id"], expires_at=soon.isoformat())
    assert (await hello(client, event["id"], shows(scanner))).status_code == 200
    later(3601)
    refused = await hello(client, event["id"], shows(scanner))
    assert assert_refused(refused, 403) == "scanner_expired"
    [found] = (await listed(client, organiser, event))["data"]
    assert (found["is_active"], found["revoked_at"]) == (False, None)


async def test_i10_scanners_are_on_record_in_the_same_transaction(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser)
    url, body = scanners_url(event["id"]), {"name": "Gate", "sees_names": True}
    done = await together(
        lambda: client.post(url, json=body, headers=organiser.admin), event["id"], monkeypatch
    )
    scanner = done.answer.json()
    about = (f"admin_key:{organiser.wallet}", "create", "scanner", scanner["id"])
    assert done.added == [
        (*about, "name", None, "Gate"),
        (*about, "may_work_offline", None, False),
        (*about, "sees_names", None, True),
    ]
    own = scanners_url(event["id"], scanner["id"])
    done = await together(
        lambda: client.delete(own, headers=organiser.admin), event["id"], monkeypatch
    )
    [(*_, action, entity, entity_id, field, old, new)] = done.added
    assert (action, entity, entity_id, field) == ("revoke", "scanner", scanner["id"], "revoked_at")
    assert (old, bool(new)) == (None, True)
    told_once = await entries(event["id"])
    await revoke(client, organiser, event["id"], scanner)
    assert await entries(event["id"]) == told_once


async def test_hello_tells_a_page_its_event_and_its_rights(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(
        client,
        organiser,
        starts_at="2099-06-01T20:00",
        ends_at="2099-06-01T23:00",
        timezone="Asia/Tokyo",
        entry="reentry",
    )
    await client.post(
        f"{API}/events/{event['id']}/packages",
        json={"name": "Shirt", "kind": "addon", "price": 5},
        headers=organiser.admin,
    )
    scanner = await a_scanner(
        client, organiser, event["id"], sees_names=False, expires_at="2099-06-02T00:00Z"
    )
    told = (await hello(client, event["id"], shows(scanner))).json()
    assert told["event"] == {
        "id": event["id"],
        "name": event["name"],
        "starts_at": "2099-06-01T11:00:00Z",
        "timezone": "Asia/Tokyo",
        "entry": "reentry",
        "status": "published",
    }
    assert told["scanner"] == {
        "id": scanner["id"],
        "name": "Gate A",
        "may_work_offline": True,
        "sees_names": False,
        "expires_at": "2099-06-02T00:00:00Z",
    }
    assert [(one["name"], one["kind"]) for one in told["packages"]] == [
        ("Ticket", "admission"),
        ("Shirt", "addon"),
    ]
    apart = datetime.fromisoformat(told["server_time"][:-1] + "+00:00")
    assert abs(datetime.now(timezone.utc) - apart) < timedelta(seconds=30)
    own = (await hello(client, event["id"], organiser.admin)).json()
    assert own["scanner"] == {
        "id": None,
        "name": "organiser",
        "may_work_offline": True,
        "sees_names": True,
        "expires_at": None,
    }
    assert own["event"] == told["event"]


async def test_hello_is_written_down_once_a_minute_and_news_at_once(
    client: httpx.AsyncClient, organiser: Person, later: Later
) -> None:
    event = await an_event(client, organiser)
    scanner = await a_scanner(client, organiser, event["id"])

    async def after(seconds: int, **said: object) -> tuple[int, object, object]:
        later(seconds)
        answer = await hello(client, event["id"], shows(scanner), **said)
        assert answer.status_code == 200, answer.text
        kept = await stored(scanner)
        ago = kept["last_seen_at"] - start
        return round(ago / 10_000) * 10, kept["page_version"], kept["pending"]

    start = ext("clock").to_ms(datetime.now(timezone.utc))
    assert await after(0) == (0, None, None)
    assert await after(20) == (0, None, None)
    assert await after(30, page_version="1a", pending=3) == (30, "1a", 3)
    assert await after(50, page_version="1a", pending=3) == (30, "1a", 3)
    assert await after(50) == (30, "1a", 3)
    assert await after(60, pending=0) == (60, "1a", 0)
    assert await after(110, pending=0) == (60, "1a", 0)
    assert await after(130) == (130, "1a", 0)
    [found] = (await listed(client, organiser, event))["data"]
    assert (found["page_version"], found["pending"]) == ("1a", 0)
    assert found["last_seen_at"] is not None


_NO_COUNTS: list[object] = [-1, 2.5, "3", True, 10**9, []]
_NO_VERSIONS: list[object] = ["x" * 65, 7, "\x00", "\ud800"]


@pytest.mark.parametrize(
    "said",
    [
        *({"pending": value} for value in _NO_COUNTS),
        *({"page_version": value} for value in _NO_VERSIONS),
        *([], "hello", 7),
    ],
    ids=lambda said: ascii(said)[:40],
)
async def test_a_bad_hello_is_refused_and_nothing_written(
    client: httpx.AsyncClient, organiser: Person, said: object
) -> None:
    event = await an_event(client, organiser)
    scanner = await a_scanner(client, organiser, event["id"])
    async with nothing_written():
        answer = await client.post(
            f"{API}/door/{event['id']}/hello",
            content=json.dumps(said),
            headers=shows(scanner) | {"Content-Type": "application/json"},
        )
        assert assert_refused(answer, 400) == "invalid_input"


async def test_i6_of_a_token_and_a_key_the_token_counts(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event, other = await an_event(client, organiser), await an_event(client, organiser)
    scanner = await a_scanner(client, organiser, event["id"])
    with_key = await hello(client, event["id"], shows(scanner) | other_organiser.admin)
    assert with_key.json()["scanner"]["id"] == scanner["id"]
    elsewhere = await hello(client, other["id"], shows(scanner) | organiser.admin)
    assert assert_refused(elsewhere, 403) == "forbidden"


async def test_i6_no_door_tells_whether_its_event_exists(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event, other = await an_event(client, organiser), await an_event(client, organiser)
    scanner = await a_scanner(client, organiser, other["id"])
    for headers in (
        shows(scanner),
        {"X-Scanner-Token": "x" * 43},
        {"X-Scanner-Token": "~" * 9000},
        {"X-Scanner-Token": scanner["id"]},
        other_organiser.admin,
    ):
        there, nowhere = [
            await hello(client, event_id, headers) for event_id in (event["id"], "no-such-event")
        ]
        assert there.status_code == nowhere.status_code == 403
        assert there.json() == nowhere.json() == {"detail": NO_KEY, "code": "forbidden"}
