"""Names in the list of a device: readable with a ticket's id, else not; and how large it all is."""

import base64
import json
import re
import secrets
from itertools import cycle, islice

import httpx
import pytest
from cryptography.exceptions import InvalidTag

from support.builders import an_event, execute
from support.door_list import (
    NAMES,
    Device,
    a_device,
    add_package,
    h_of,
    long_ago,
    opened,
    put_tickets,
)
from support.host import REPO, ext
from support.people import Person
from support.scanners import a_scanner, shows

pytestmark = pytest.mark.asyncio


async def test_i7_secrets_a_stolen_list_reveals_no_name_without_an_id(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    package = event["packages"][0]["id"]
    ids = await put_tickets(event, organiser, islice(cycle(NAMES), 60), email="ada@example.com")
    await long_ago(event["id"])
    scanner = await a_scanner(client, organiser, event["id"])
    device, cursors = Device(client, event["id"], shows(scanner)), []
    while await device.take_page(7):
        cursors.append(str(device.cursor))
    stolen = b"".join(device.pages) + "".join(cursors).encode()
    for secret in (*NAMES, *ids, "Lovelace", "example.com", scanner["token"]):
        for shape in (secret, json.dumps(secret)[1:-1], secret.encode().hex()):
            assert shape.encode() not in stolen
    assert_no_cursor_holds_much_of_an_id(cursors)

    # What a thief has: all that is in the list and around it, and as many guesses as he likes.
    known = [event["id"], package, "", scanner["id"], scanner["token"], organiser.wallet]
    guesses = known + [secrets.token_urlsafe(16) for _ in range(100)]
    for ticket_id in ids:
        sealed = device.ticket(ticket_id)["sealed"]
        own = [h_of(ticket_id), h_of(ticket_id)[:22], ticket_id[:-1], ticket_id.lower()]
        for guess in {*guesses, *own, *ids} - {ticket_id}:
            with pytest.raises(InvalidTag):
                opened(sealed, guess, event["id"])
        # Its own id opens it, in this event.
        with pytest.raises(InvalidTag):
            opened(sealed, ticket_id, package)
        assert device.open(ticket_id)[0] in NAMES


def assert_no_cursor_holds_much_of_an_id(cursors: list[str]) -> None:
    for cursor in cursors:
        part = cursor.rpartition(".")[2]
        held = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
        assert 0 < len(held) <= 6


async def test_sealing_again_gives_the_same_text_and_another_name_another_nonce(
    app: object,
) -> None:
    seal = ext("door.sealing").seal
    boxes = [seal("event", "ticket", [name, "Standard", 1]) for name in ("Ada", "Ada", "Eve")]
    assert boxes[0] == boxes[1]
    assert boxes[0][:16] != boxes[2][:16]
    assert boxes[0] != seal("event", "ticke", ["Ada", "Standard", 1])
    lengths = {len(seal("event", "ticket", ["x" * size, "Standard", 1])) for size in range(1, 17)}
    assert len(lengths) == 2


async def test_the_vector_in_the_documentation_is_what_the_code_gives(app: object) -> None:
    document = (REPO / "docs" / "door.md").read_text()
    found = re.search(
        r"ticket `(\w+)` of event `(\w+)`, content\s+`(\[.*\])`:\s+h +(\w+)\s+sealed +([\w-]+)",
        document,
    )
    assert found is not None
    ticket_id, event_id, content, h, sealed = found.groups()
    assert h == h_of(ticket_id)
    assert opened(sealed, ticket_id, event_id) == json.loads(content)
    assert sealed == ext("door.sealing").seal(event_id, ticket_id, json.loads(content))


FIRST = (
    "Anna Ben Chloé Dmitri Émilie Friedrich Gül Håkon Isabella José Maximilian Wei Zoë Jo Li"
).split()
LAST = (
    "Müller Smith García Hernández Nguyễn Schwarzenberger Li O'Connor Kowalczyk Papadopoulos Wang"
    " Иванова Þórsson van-der-Berg Fernandes Ba 山田"
).split()


async def test_20_000_tickets_fit_into_5_mb(client: httpx.AsyncClient, organiser: Person) -> None:
    event = await an_event(client, organiser, amount_tickets=20_000)
    window = {"valid_from": 2_224_828_800_000, "valid_until": 2_224_900_800_000}
    packages = [
        await add_package(
            client,
            organiser,
            event,
            name=name,
            valid_from="2040-07-02T08:00:00Z",
            valid_until="2040-07-03T04:00:00Z",
        )
        for name in ("General admission", "Early bird", "VIP with dinner", "Student (with ID)")
    ]
    names = [f"{first} {last}" for first in FIRST for last in LAST]
    ids = []
    for package in packages:
        ids += await put_tickets(
            event, organiser, islice(cycle(names), 5000), package_id=package["id"], **window
        )
    await execute(
        "UPDATE events.ticket SET number = number + 10000, status = 'used', registered = TRUE"
        " WHERE event = :id",
        id=event["id"],
    )
    device = await (await a_device(client, organiser, event)).catch_up()
    assert set(device.tickets) == set(map(h_of, ids))
    assert len(device.told) == 20_000
    assert sum(map(len, device.pages)) <= 5_000_000
    assert device.open(ids[0])[1] == "General admission"
    assert device.ticket(ids[-1])["valid_until"] == "2040-07-03T04:00:00Z"
