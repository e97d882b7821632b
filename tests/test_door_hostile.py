"""Codes, bodies and keys nobody should send: no 5xx, no entry, nothing told of other events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.builders import API, Json, a_purchase, an_event
from support.hostile_codes import accepted, around, hostile
from support.odd import moments, some_of, texts
from support.people import Person
from support.refusals import assert_refused, nothing_written
from support.scanners import a_scanner, shows
from support.scanning import door, post, scan_rows, state

pytestmark = pytest.mark.asyncio

PER_EXAMPLE = 100
fuzz = settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
anything = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)
# White space before an id is no part of what was read.
visible = anything.filter(str.strip)
TOLD = {"outcome", "scan_id", "type", "scanned_at", "conflict", "annulled"}


@dataclass(frozen=True)
class Door:
    """A door with a scanner that may do everything, and a valid ticket; and another event, of
    somebody else, with all that is to stay unknown here."""

    event: Json
    gate: Mapping[str, str]
    ticket: str
    foreign_ticket: str
    secrets: Sequence[str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def at(client: httpx.AsyncClient, organiser: Person, other_organiser: Person) -> Door:
    event, other = [
        await an_event(client, who, price_per_ticket=0, name=name)
        for who, name in ((organiser, "Here"), (other_organiser, "Elsewhere"))
    ]
    gate, foreign_gate = [
        await a_scanner(client, who, held["id"])
        for who, held in ((organiser, event), (other_organiser, other))
    ]
    [ticket] = (await a_purchase(client, event["id"]))["ticket_ids"]
    purchase = await a_purchase(client, other["id"], name="Zsuzsanna Hidden", quantity=2)
    secrets = [other["id"], other["packages"][0]["id"], purchase["order_id"]]
    secrets += [purchase["order_secret"], foreign_gate["id"], foreign_gate["token"]]
    secrets += [other_organiser.wallet, other_organiser.adminkey]
    return Door(event, shows(gate), ticket, purchase["ticket_ids"][0], secrets)


async def send(
    client: httpx.AsyncClient,
    url: str,
    headers: Mapping[Any, Any],
    body: object,
    method: str = "POST",
) -> httpx.Response:
    """What no client library would: any text, any header."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **headers}
    return await client.request(method, url, content=content, headers=sent)


async def refused_by_the_door(
    client: httpx.AsyncClient, at: Door, codes: Sequence[str], outcome: str = "unknown"
) -> None:
    """All of them at once, scanned and told as entries made; each leaves its row."""
    before = len(await scan_rows(at.event))
    for forced in (False, True):
        scans = [{"code": code, "force": forced} for code in codes]
        answer = await send(client, door(at.event, "scans"), at.gate, {"scans": scans})
        assert answer.status_code == 200, answer.text
        for code, told in zip(codes, answer.json()["results"], strict=True):
            assert (told["outcome"], told["conflict"]) == (outcome, forced), repr(code)
            assert {name for name in told if told[name] is not None} == TOLD, told
        assert "Zsuzsanna" not in answer.text
    assert len(await scan_rows(at.event)) == before + 2 * len(codes)
    assert await state(at.ticket) == ("active", False, False)


async def test_i5_entry_no_code_made_by_hand_lets_anybody_in(
    client: httpx.AsyncClient, at: Door
) -> None:
    codes = hostile(at.ticket)
    assert len(set(codes)) > 300
    async with nothing_written("scans"):
        await refused_by_the_door(client, at, codes)


async def test_i6_what_belongs_to_another_event_is_no_ticket_here(
    client: httpx.AsyncClient, at: Door
) -> None:
    async with nothing_written("scans"):
        await refused_by_the_door(client, at, at.secrets)
        await refused_by_the_door(client, at, accepted(at.foreign_ticket), "wrong_event")
        await refused_by_the_door(client, at, around(at.foreign_ticket))
    assert await state(at.foreign_ticket) == ("active", False, False)
    left = {row["ticket_id"] for row in await scan_rows(at.event)}
    assert left == {None}


@fuzz
@given(codes=st.lists(anything, min_size=PER_EXAMPLE, max_size=PER_EXAMPLE))
@example(codes=["\udfff\x00🎫"])
async def test_i5_entry_no_code_at_all_lets_anybody_in(
    client: httpx.AsyncClient, at: Door, codes: list[str]
) -> None:
    """1,000 of them, with those below."""
    await refused_by_the_door(client, at, codes)


@fuzz
@given(wraps=st.lists(st.tuples(visible, anything), min_size=30, max_size=30))
async def test_i5_entry_no_text_around_a_ticket_lets_anybody_in(
    client: httpx.AsyncClient, at: Door, wraps: list[tuple[str, str]]
) -> None:
    codes = [f"{before}{at.ticket}{after}" for before, after in wraps]
    await refused_by_the_door(client, at, codes)


async def test_no_code_breaks_any_route_that_takes_one(client: httpx.AsyncClient, at: Door) -> None:
    """One at a time, also as parts of addresses."""
    codes = hostile(at.ticket)
    async with nothing_written("scans"):
        for code in codes[::6]:
            looked = await send(client, door(at.event, "validate"), at.gate, {"code": code})
            told = looked.json()
            assert (looked.status_code, told.pop("outcome")) == (200, "unknown"), repr(code)
            assert set(told.values()) == {None}
            # A surrogate cannot be sent at all; its bytes can.
            part = quote(code.encode("utf-8", "surrogatepass")[:2000], safe="")
            for method, url in (
                ("PUT", f"{API}/tickets/register/{part}"),
                ("POST", door(at.event, f"scans/{part}/annul")),
                ("POST", f"{API}/door/{part}/scans"),
                ("GET", door(at.event, f"search?q={part}")),
                ("GET", door(at.event, f"snapshot?cursor={part}")),
            ):
                answer = await send(client, url, at.gate, {"code": at.ticket}, method)
                assert answer.status_code < 500, f"{method} {url}: {answer.text[:200]}"
                assert "Zsuzsanna" not in answer.text
    assert await state(at.ticket) == ("active", False, False)


async def test_i6_no_text_is_a_scanner_token(client: httpx.AsyncClient, at: Door) -> None:
    token = at.gate["X-Scanner-Token"]
    tries = [*around(token), *hostile(token)[::5], *at.secrets, token + " " * 9 + "x", "é" * 9]
    url = door(at.event, "scans")
    async with nothing_written():
        for text in tries:
            # The host itself refuses other bytes than UTF-8, before it asks any extension.
            value = text[:4000].encode("utf-8", "replace")
            if any(byte in value for byte in b"\0\r\n") or not value.strip():
                # No server takes such a header, and an empty one is none.
                continue
            answer = await send(client, url, {b"X-Scanner-Token": value}, {"code": at.ticket})
            assert assert_refused(answer, 401, 403, about=repr(text)) in (
                "unauthorized",
                "forbidden",
            )


bodies = some_of(
    "type",
    "location",
    "scan_id",
    "force",
    "whole_order",
    "scans",
    "unknown",
    code=texts,
    scanned_at=moments,
)


@settings(fuzz, max_examples=30)
@given(odd=bodies, path=st.sampled_from(["scans", "validate", "hello", "scans/none/annul"]))
@example(odd={"scans": [{"code": "\x00", "scan_id": "a" * 8}, {"code": None}]}, path="scans")
async def test_no_body_breaks_the_door(
    client: httpx.AsyncClient, at: Door, odd: Json, path: str
) -> None:
    for body in ({"code": "none"} | odd, {"scans": [{"code": "none"} | odd]}):
        async with nothing_written("scans", "scanners"):
            answer = await send(client, door(at.event, path), at.gate, body)
        if not answer.is_success:
            assert_refused(answer, about=f"{path} {body}")
    # Hello notes what a page says of itself; no scan but these is made.
    assert await state(at.ticket) == ("active", False, False)


RAW: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"code",
    "half of it": b'{"code": "',
    "no UTF-8": b'{"code": "\xff\xfe"}',
    "a packed body": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "a number too long": b'{"code": 1e999999}',
    "digits without end": b'{"code": ' + b"9" * 10_000 + b"}",
    "far too deep": b'{"code": ' + b"[" * 100_000,
    "deep and whole": b'{"scans": ' + b"[" * 900 + b"]" * 900 + b"}",
    "a name twice": b'{"code": "none", "code": 1}',
}


@pytest.mark.parametrize("name", RAW)
async def test_no_bytes_break_the_door(client: httpx.AsyncClient, at: Door, name: str) -> None:
    for path in ("scans", "validate"):
        async with nothing_written():
            answer = await send(client, door(at.event, path), at.gate, RAW[name])
        assert 400 <= answer.status_code < 500, answer.text[:300]


async def test_i5_entry_after_all_that_the_ticket_still_lets_its_holder_in(
    client: httpx.AsyncClient, at: Door
) -> None:
    """In each form that is read, and nothing of what was sent is stored as it was."""
    for code in accepted(at.ticket):
        answer = await post(client, at.event, "validate", at.gate, {"code": code})
        assert answer.json()["outcome"] == "admitted", code
    answer = await post(client, at.event, "scans", at.gate, {"code": accepted(at.ticket)[-1]})
    assert answer.json()["outcome"] == "admitted"
    kept = [scan["code_hash"] for scan in await scan_rows(at.event) if scan["ticket_id"] is None]
    assert all(len(digest) == 64 for digest in kept)
