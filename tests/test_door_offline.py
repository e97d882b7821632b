"""The list that a device works with offline: complete, kept up to date, for whom it is meant."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle, islice
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from support.builders import API, Json, a_purchase, an_event, pay, ticket_rows
from support.door_list import (
    NAMES,
    Device,
    a_device,
    add_package,
    ask_list,
    change,
    h_of,
    long_ago,
    put_tickets,
)
from support.host import ext
from support.people import Person
from support.refusals import assert_refused
from support.scanners import a_scanner, shows
from support.statements import statements

pytestmark = pytest.mark.asyncio


async def test_the_list_has_the_tickets_that_were_ever_paid(
    client: httpx.AsyncClient, organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser, amount_tickets=20)
    valid, unpaid, cancelled = [await a_purchase(client, event["id"]) for _ in range(3)]
    await pay(buyer, valid)
    await pay(buyer, cancelled)
    answer = await client.post(
        f"{API}/orders/{cancelled['order_id']}/cancel",
        json={"percent": 100},
        headers=organiser.admin,
    )
    assert answer.status_code == 200, answer.text
    await put_tickets(await an_event(client, organiser), organiser, NAMES)

    device = await (await a_device(client, organiser, event)).catch_up()
    ids = [purchase["ticket_ids"][0] for purchase in (valid, unpaid, cancelled)]
    assert device.states(ids) == ["active", None, "cancelled"]
    assert len(device.tickets) == 2
    [row] = [row for row in await ticket_rows(event["id"]) if row["id"] == ids[0]]
    assert device.open(ids[0]) == ["Ada Lovelace", event["packages"][0]["name"], row["number"]]

    await pay(buyer, unpaid)
    await device.catch_up()
    assert device.states(ids) == ["active", "active", "cancelled"]


async def test_the_list_tells_what_a_device_decides_by(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    timed = await add_package(
        client,
        organiser,
        event,
        name="Day two",
        valid_from="2040-07-02T08:00:00Z",
        valid_until="2040-07-03T04:00:00Z",
    )
    drink = await add_package(client, organiser, event, name="Drink", kind="addon")
    [plain, gone] = await put_tickets(event, organiser, NAMES[:2])
    window = {"valid_from": 2_224_828_800_000, "valid_until": 2_224_900_800_000}
    [day_two, earlier] = await put_tickets(
        event, organiser, NAMES[:2], package_id=timed["id"], **window
    )
    [a_drink] = await put_tickets(event, organiser, NAMES[:1], package_id=drink["id"], kind="addon")
    [lost] = await put_tickets(event, organiser, NAMES[:1], package_id=None)
    await change(earlier, "valid_from = NULL")
    await change(gone, "status = 'used', registered = TRUE, left_at = 1")

    device = await (await a_device(client, organiser, event)).catch_up()
    seen = {"valid_from": timed["valid_from"], "valid_until": timed["valid_until"]}
    never = {"valid_from": None, "valid_until": None}
    cases: list[tuple[str, Json]] = [
        (plain, {"status": "active", "kind": "admission", "left": False, **never}),
        (gone, {"status": "used", "left": True, **never}),
        (day_two, {"kind": "admission", "package_id": timed["id"], **seen}),
        (earlier, {**seen, "valid_from": None}),
        (a_drink, {"kind": "addon", "package_id": drink["id"], **never}),
        (lost, {"package_id": None, "status": "active"}),
    ]
    for ticket_id, expected in cases:
        told = device.ticket(ticket_id)
        assert {name: told[name] for name in expected} == expected
    assert device.open(lost) == [NAMES[0], "", 1]


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
async def test_pages_have_every_ticket_once_also_those_that_changed_together(
    client: httpx.AsyncClient, organiser: Person, limit: int
) -> None:
    event = await an_event(client, organiser)
    ids = await put_tickets(event, organiser, islice(cycle(NAMES), 30))
    # Ids that no release has made are ordered as well, and alike by database and code.
    for ticket_id, odd in zip(ids, ("", "a", "ab", "abc", "B", "~", "-", "_", "é"), strict=False):
        await change(ticket_id, "id = :new", new=f"{odd}{event['id']}")
    ids = [row["id"] for row in await ticket_rows(event["id"])]
    await long_ago(event["id"])
    for number, ticket_id in enumerate(ids[::3]):
        await change(ticket_id, "changed_at = changed_at + :more", more=number // 3)

    device = await (await a_device(client, organiser, event)).catch_up(limit)
    assert sorted(ticket["h"] for ticket in device.told) == sorted(map(h_of, ids))
    assert len(device.pages) == -(-30 // limit)
    await device.catch_up(limit)
    assert device.told == []


async def test_later_passes_tell_what_changed_and_only_that(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    ids = await put_tickets(event, organiser, islice(cycle(NAMES), 12))
    await long_ago(event["id"])
    device = await (await a_device(client, organiser, event)).catch_up()
    changes: list[tuple[str, Json, Json]] = [
        ("status = 'used', registered = TRUE", {}, {"status": "used", "left": False}),
        ("status = 'used', registered = TRUE, left_at = 5", {}, {"status": "used", "left": True}),
        ("status = 'cancelled', paid = FALSE", {}, {"status": "cancelled"}),
        ("status = 'refunded', paid = FALSE", {}, {"status": "refunded"}),
        ("valid_until = :at", {"at": 2_224_828_800_000}, {"valid_until": "2040-07-02T08:00:00Z"}),
        ("name = :name", {"name": "Grace Hopper"}, {"status": "active"}),
        # 1.6.9 after a roll back knows no status.
        ("registered = TRUE", {}, {"status": "used"}),
    ]
    for ticket_id, (what, values, _) in zip(ids, changes, strict=False):
        await change(ticket_id, what, **values)
    await device.catch_up()
    assert sorted(ticket["h"] for ticket in device.told) == sorted(map(h_of, ids[: len(changes)]))
    for ticket_id, (_, _, expected) in zip(ids, changes, strict=False):
        told = device.ticket(ticket_id)
        assert {name: told[name] for name in expected} == expected
    assert device.open(ids[5])[0] == "Grace Hopper"

    # What is recent is told again, and the same; what is not any more, is not.
    before = list(device.told)
    await device.catch_up()
    assert device.told == before
    await long_ago(event["id"])
    await device.catch_up()
    assert device.told == []


@asynccontextmanager
async def another_process() -> AsyncIterator[Any]:
    """A connection that shares neither lock nor transaction with the extension's."""
    crud = ext("crud")
    async with crud.db.engine.connect() as raw:
        if crud.is_sqlite():
            await raw.execute(text(f"ATTACH '{crud.db.path}' AS {crud.db.schema}"))
        yield crud.Tx(raw)


@pytest.mark.parametrize("limit", [None, 2])
async def test_a_change_that_is_committed_late_is_not_missed(
    client: httpx.AsyncClient, organiser: Person, limit: int | None
) -> None:
    event = await an_event(client, organiser)
    ids = await put_tickets(event, organiser, islice(cycle(NAMES), 5))
    await long_ago(event["id"])
    device = await a_device(client, organiser, event)
    async with another_process() as tx:
        await tx.execute(
            "UPDATE events.ticket SET status = 'cancelled' WHERE id = :id", {"id": ids[0]}
        )
        # Others change, and passes end, while that one is not committed.
        for _ in range(2):
            await device.catch_up(limit)
            assert device.states(ids[:1]) == ["active"]
        await tx.raw.commit()
    await device.catch_up(limit)
    assert device.states(ids[:1]) == ["cancelled"]


async def test_a_change_during_a_long_pass_is_not_missed(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    ids = await put_tickets(event, organiser, islice(cycle(NAMES), 9))
    await long_ago(event["id"])
    device = await a_device(client, organiser, event)
    for ticket_id in ids:
        await device.take_page(2)
        await change(ticket_id, "status = 'used', registered = TRUE")
    await device.catch_up(2)
    assert device.states(ids) == ["used"] * 9


async def test_the_last_cursor_of_a_pass_goes_back_before_its_first_page(app: object) -> None:
    snapshot = ext("door.snapshot")
    listed = [{"id": f"ticket{number}", "changed_at": number // 2} for number in range(5)]
    first = snapshot.cursor_after(snapshot.read_cursor(None), listed, 3, now_ms=100_000)
    second = snapshot.cursor_after(snapshot.read_cursor(str(first)), listed[3:], 3, now_ms=190_000)
    third = snapshot.cursor_after(snapshot.read_cursor(str(second)), [], 3, now_ms=250_000)
    assert [str(first)[0], str(second), str(third)] == ["f", "a80000", "a230000"]


async def test_i11_loop_a_page_takes_three_statements_and_is_sealed_beside_the_loop(
    client: httpx.AsyncClient, organiser: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, threads = ext("door.snapshot"), set()
    seal = snapshot.seal

    def noted(*args: object) -> object:
        threads.add(threading.get_ident())
        return seal(*args)

    monkeypatch.setattr(snapshot, "seal", noted)
    event = await an_event(client, organiser)
    device = await a_device(client, organiser, event)
    counts = []
    for number in (0, 5, 60):
        await put_tickets(event, organiser, islice(cycle(NAMES), number))
        device.cursor = None
        with statements() as seen:
            await device.take_page(40)
        counts.append(len(seen))
    assert counts == [3, 3, 3]
    assert threads
    assert threading.get_ident() not in threads


async def test_i6_credentials_the_list_takes_a_scanner_that_may_work_offline(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event, other = [await an_event(client, organiser) for _ in range(2)]
    await put_tickets(event, organiser, NAMES)
    online = await a_scanner(client, organiser, event["id"], may_work_offline=False)
    foreign = await a_scanner(client, organiser, other["id"])
    for headers in (shows(online), shows(foreign), other_organiser.admin, organiser.invoice):
        assert assert_refused(await ask_list(client, event["id"], headers), 403) == "forbidden"
    assert_refused(await ask_list(client, event["id"], {}), 401)
    assert_refused(await ask_list(client, event["id"], {"X-Scanner-Token": "x"}), 403)

    for rights, names in (({"sees_names": False}, None), ({"sees_names": True}, "sealed")):
        device = await (await a_device(client, organiser, event, **rights)).catch_up()
        assert len(device.tickets) == len(NAMES)
        assert all(bool(ticket["sealed"]) == bool(names) for ticket in device.told)
    own = await Device(client, event["id"], organiser.admin).catch_up()
    assert len(own.tickets) == len(NAMES)


HOSTILE = [
    "x",
    "0",
    "a",
    "f-1",
    "a1.2",
    "a1.2.!",
    "a1.2.gA",
    "f1.2.AA",
    "f" + "9" * 16,
    "é",
    "f0.0.A" * 30,
]


@pytest.mark.parametrize("cursor", [*HOSTILE, "\0", "f1.1." + "A" * 250, " f0", "F0"])
async def test_a_cursor_that_is_none_is_refused(
    client: httpx.AsyncClient, organiser: Person, cursor: str
) -> None:
    event = await an_event(client, organiser)
    answer = await ask_list(client, event["id"], organiser.admin, cursor=cursor)
    assert assert_refused(answer, 400) == "invalid_input"


@pytest.mark.parametrize("limit", [0, -1, 5001, "x", 2**70])
async def test_a_page_has_a_bounded_size(
    client: httpx.AsyncClient, organiser: Person, limit: object
) -> None:
    event = await an_event(client, organiser)
    assert_refused(await ask_list(client, event["id"], organiser.admin, limit=limit), 400)
