"""I10: the log itself. Written with one statement, short, without secrets, never changed."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.builders import API, a_purchase, an_event, pay
from support.host import ext, on_postgres
from support.legacy import Node, empty_node, part
from support.people import Person
from support.refusals import assert_refused
from support.statements import statements

pytestmark = pytest.mark.asyncio(loop_scope="session")

_ROW = {
    "id": "a",
    "at": 1,
    "actor": "system",
    "action": "update",
    "entity": "event",
    "entity_id": "e",
    "event_id": "e",
    "field": "name",
    "old": '"Concert"',
    "new": '"Ball"',
}
_INSERT = (
    "INTO events.audit (id, at, actor, action, entity, entity_id, new)"
    " VALUES ('a', 2, 'me', 'forge', 'event', 'e', '\"forged\"')"
)
_ANY_ENGINE = (
    "UPDATE events.audit SET new = '\"forged\"'",
    "UPDATE events.audit SET id = id WHERE id = 'a'",
    "DELETE FROM events.audit",
    "DELETE FROM events.audit WHERE id = 'a'",
    f"INSERT {_INSERT}",
    f"INSERT {_INSERT} ON CONFLICT (id) DO UPDATE SET new = excluded.new",
)
_SQLITE = (
    f"REPLACE {_INSERT}",
    f"INSERT OR REPLACE {_INSERT}",
    "UPDATE OR REPLACE events.audit SET new = '\"forged\"'",
    "UPDATE OR IGNORE events.audit SET new = '\"forged\"'",
    # The hidden row number is a key as well: taken over, it deletes the row that had it.
    "INSERT OR REPLACE INTO events.audit (rowid, id, at, actor, action, entity, entity_id)"
    " SELECT rowid, 'other', 2, 'me', 'forge', 'event', 'e' FROM events.audit",
)
_POSTGRES = (
    "TRUNCATE events.audit",
    "TRUNCATE events.audit CASCADE",
    "WITH gone AS (DELETE FROM events.audit RETURNING *) SELECT count(*) FROM gone",
)
_ATTACKS = _ANY_ENGINE + (_POSTGRES if on_postgres() else _SQLITE)


async def _the_log(node: Node) -> list[dict[str, Any]]:
    return [dict(row) for row in await node.rows("SELECT * FROM events.audit")]


async def test_i10_audit_no_statement_changes_what_is_written() -> None:
    from sqlalchemy.exc import DBAPIError

    async with empty_node() as node:
        await node.boot()
        await node.insert("audit", **_ROW)
        steps = part("migrations_catalog")
        # As after a crash before the version was stored: the second time nothing is lost.
        for _ in range(2):
            for attack in _ATTACKS:
                with pytest.raises(DBAPIError):
                    await node.run(attack)
                    pytest.fail(attack)
                assert await _the_log(node) == [_ROW], attack
            async with node.ext.connect() as conn:
                await steps.m013_audit(conn)
        await node.insert("audit", **{**_ROW, "id": "b"})
        assert len(await _the_log(node)) == 2


async def test_the_log_does_not_stand_in_the_way_of_deleting_the_extension() -> None:
    async with empty_node() as node:
        await node.boot()
        await node.insert("audit", **_ROW)
        await node.run("DROP TABLE events.audit")
        await node.drop_tables()
        await node.set_versions()
        await node.boot()
        assert await _the_log(node) == []


async def _record(changes: list[Any]) -> list[str]:
    """Write changes; returns the statements that took."""
    async with ext("crud").transaction() as tx:
        with statements() as sent:
            await ext("audit.services").record(tx, changes)
    return sent


async def test_i11_loop_any_number_of_changes_is_one_statement(client: httpx.AsyncClient) -> None:
    change = ext("audit.models").Change
    assert await _record([]) == []
    for many in (1, 2, 300):
        event_id = f"many-{many}"
        changes = [change("update", "package", str(n), event_id, "name") for n in range(many)]
        assert len(await _record(changes)) == 1
        found, total = await ext("audit.services").list_changes(event_id, 1000, 0)
        assert total == many
        assert [entry["entity_id"] for entry in found] == [str(n) for n in range(many)]


async def test_the_log_is_told_page_by_page_newest_first(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, now = ext("audit.services"), ext("clock").now
    change = ext("audit.models").Change
    for second in range(5):
        at = ext("clock").from_ms(1_800_000_000_000 + 1000 * second)
        monkeypatch.setattr(services, "now", lambda at=at: at)
        await _record([change("update", "event", "paged", "paged", "capacity", second, second + 1)])
    monkeypatch.setattr(services, "now", now)
    pages = [await services.list_changes("paged", 2, offset) for offset in (0, 2, 4, 6)]
    assert {total for _, total in pages} == {5}
    assert [entry["new"] for found, _ in pages for entry in found] == [5, 4, 3, 2, 1]
    assert pages[2][0] == [
        {
            "at": "2027-01-15T08:00:00Z",
            "actor": "system",
            "action": "update",
            "entity": "event",
            "entity_id": "paged",
            "field": "capacity",
            "old": 0,
            "new": 1,
        }
    ]


async def test_i6_credentials_the_log_is_for_the_events_own_admin_key(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person, buyer: Person
) -> None:
    event = await an_event(client, organiser)
    purchase = await a_purchase(client, event["id"], name="Ada", email="ada@example.com")
    await pay(buyer, purchase)
    ticket = f"{API}/tickets/{purchase['ticket_ids'][0]}/cancel"
    await client.post(ticket, headers={"X-Order-Secret": purchase["order_secret"]})
    url = f"{API}/events/{event['id']}/audit"
    for headers in ({}, organiser.invoice, other_organiser.admin):
        assert_refused(await client.get(url, headers=headers), 401, 403)
    assert_refused(await client.get(f"{API}/events/none/audit", headers=organiser.admin), 404)
    answer = await client.get(url, params={"limit": 2}, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["total"] > len(told["data"]) == 2
    assert told["data"][0]["actor"] == "buyer"
    whole = (await client.get(url, headers=organiser.admin)).text
    assert purchase["order_secret"] not in whole
    assert "ada@example.com" not in whole


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({}, {}, []),
        ({"a": 1, "b": None}, {"b": None, "a": 1}, []),
        ({"a": 1, "b": 2}, {"b": 3, "a": 1, "c": None}, [("b", 2, 3)]),
        ({}, {"a": 1, "b": None}, [("a", None, 1)]),
        ({"a": 1, "b": 0}, {}, [("a", 1, None), ("b", 0, None)]),
        # SQLite has numbers for truth values.
        ({"a": 1}, {"a": True}, []),
    ],
)
async def test_a_change_per_field_that_differs(
    client: httpx.AsyncClient, before: Any, after: Any, changed: list[Any]
) -> None:
    found = ext("audit.services").differences("update", "event", "e", "e", before, after)
    assert [(one.field, one.old, one.new) for one in found] == changed
    assert {one.action for one in found} <= {"update"}


async def test_i7_secrets_are_not_in_the_log(client: httpx.AsyncClient) -> None:
    written = ext("audit.rules").written
    for field in ("email", "buyer_key", "order_secret", "claim_hash", "scanner_token", "key"):
        assert json.loads(written(field, "ada@example.com")) == "(hidden)"
        assert written(field, None) is None
        inside = written("attendees", [{"name": "Ada", field: "ada@example.com"}])
        assert json.loads(inside) == [{"name": "Ada", field: "(hidden)"}]
    assert json.loads(written("name", "Ada")) == "Ada"
    assert ext("audit.rules").known_as("login:" + 32 * "f") == "login:" + 8 * "f"


async def test_long_values_are_cut_and_still_told_apart(client: httpx.AsyncClient) -> None:
    written = ext("audit.rules").written
    fits = "x" * 2046
    assert json.loads(written("info", fits)) == fits
    one, other = (written("info", 'é\n"<' * 5000 + end) for end in "ab")
    assert one != other
    for text in (one, other, written("metadata", {"a": [*range(5000)]})):
        assert 1500 < len(text.encode()) <= 2048
        assert "… (" in json.loads(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=40)
@given(_JSON, st.integers(1, 3000))
async def test_every_value_can_be_written_and_read(
    client: httpx.AsyncClient, value: Any, times: int
) -> None:
    for one in (value, [value] * times):
        text = ext("audit.rules").written("metadata", one)
        if text is None:
            assert one is None
            continue
        assert len(text.encode("utf-8")) <= 2048
        # What a strict reader refuses would end as a 500 in the answer.
        json.dumps(json.loads(text), allow_nan=False)
