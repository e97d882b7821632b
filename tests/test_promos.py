"""Promo codes over HTTP: the organiser's routes, 1.6.9's list of them, and the public question."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.builders import API, Json, an_event, event_row, rows
from support.host import ext
from support.people import Person
from support.promo_codes import a_code, asked, codes_url, give_back, listed, mirror, promo, take
from support.refusals import assert_refused, nothing_written

pytestmark = pytest.mark.asyncio

PLAIN = {"code": "PLAIN", "discount_percent": 10.0, "active": True}


async def change(
    client: httpx.AsyncClient, organiser: Person, code: Json, /, **body: Any
) -> httpx.Response:
    url = codes_url(code["event_id"], code["id"])
    return await client.put(url, json=body, headers=organiser.admin)


async def changed(client: httpx.AsyncClient, organiser: Person, code: Json, /, **body: Any) -> Json:
    answer = await change(client, organiser, code, **body)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def delete(client: httpx.AsyncClient, organiser: Person, code: Json) -> httpx.Response:
    url = codes_url(code["event_id"], code["id"])
    return await client.delete(url, headers=organiser.admin)


async def put_list(
    client: httpx.AsyncClient, organiser: Person, event_id: str, codes: list[Json]
) -> Json:
    """What a client of 1.6.9 does: it sends the whole list."""
    url, body = f"{API}/events/{event_id}", {"extra": {"promo_codes": codes}}
    answer = await client.put(url, json=body, headers=organiser.admin)
    assert answer.status_code == 200, answer.text
    after: Json = answer.json()
    return after


async def log(event_id: str) -> list[tuple[Any, ...]]:
    """What the audit log says of the event's codes, oldest first."""
    found, _ = await ext("audit.services").list_changes(event_id, 1000, 0)
    names = ("actor", "action", "field", "old", "new")
    codes = [entry for entry in found if entry["entity"] == "promo_code"]
    return [tuple(entry[name] for name in names) for entry in reversed(codes)]


async def test_a_code_is_made_read_changed_and_deleted(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, timezone="Europe/Berlin")
    package = event["packages"][0]["id"]
    code = await a_code(
        client,
        organiser,
        event["id"],
        code=" early ",
        value=12.5,
        valid_from="2030-07-01T20:00",
        valid_until="2030-07-02T20:00Z",
        max_uses=5,
        max_per_buyer=1,
        package_ids=[package, package],
    )
    id_, created_at = code["id"], code["created_at"]
    assert code == {
        "id": id_,
        "event_id": event["id"],
        "code": "EARLY",
        "kind": "percent",
        "value": 12.5,
        "currency": None,
        "valid_from": "2030-07-01T18:00:00Z",
        "valid_until": "2030-07-02T20:00:00Z",
        "max_uses": 5,
        "max_per_buyer": 1,
        "package_ids": [package],
        "active": True,
        "uses": 0,
        "version": 1,
        "created_at": created_at,
    }
    assert await listed(client, organiser, event["id"]) == [code]
    patch: Json = {"kind": "fixed", "value": 7, "valid_from": None, "max_uses": None}
    after = await changed(client, organiser, code, version=1, package_ids=[], **patch)
    assert after == code | {
        "kind": "fixed",
        "value": 7.0,
        "currency": "sat",
        "valid_from": None,
        "max_uses": None,
        "package_ids": None,
        "version": 2,
    }
    assert await changed(client, organiser, code) == after
    gone = await delete(client, organiser, code)
    assert (gone.status_code, gone.content) == (204, b"")
    assert await listed(client, organiser, event["id"]) == []
    assert assert_refused(await delete(client, organiser, code), 404) == "not_found"


async def test_codes_are_unique_in_their_event_whatever_their_case(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, other = await an_event(client, organiser), await an_event(client, organiser)
    first = await a_code(client, organiser, event["id"], code="Save")
    second = await a_code(client, organiser, event["id"], code="more")
    await a_code(client, organiser, other["id"], code="SAVE")
    async with nothing_written():
        body = {"code": "sAVE", "value": 1}
        again = await client.post(codes_url(event["id"]), json=body, headers=organiser.admin)
        assert assert_refused(again, 409) == "code_exists"
        renamed = await change(client, organiser, second, code=" save")
        assert assert_refused(renamed, 409) == "code_exists"
    assert (await changed(client, organiser, first, code="save", value=20))["value"] == 20
    assert (await changed(client, organiser, second, code="less"))["code"] == "LESS"


async def test_a_stale_version_and_a_limit_below_the_uses_are_refused(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"], max_uses=3)
    for number in (1, 2):
        assert await take(await promo(event["id"], "SAVE"), f"{code['id']}-{number}") == ""
    answer = await change(client, organiser, code, max_uses=1)
    assert assert_refused(answer, 409) == "below_used"
    after = await changed(client, organiser, code, max_uses=2, version=1)
    assert (after["uses"], after["version"]) == (2, 2)
    stale = await change(client, organiser, code, active=False, version=1)
    assert assert_refused(stale, 409) == "stale_version"


async def test_a_used_code_is_deactivated_not_deleted(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"])
    order = f"{code['id']}-1"
    await take(await promo(event["id"], "SAVE"), order)
    for _ in range(2):
        kept = await delete(client, organiser, code)
        assert (kept.status_code, kept.json()["active"], kept.json()["uses"]) == (200, False, 1)
    assert (await asked(client, event["id"], "SAVE"))["code"] == "promo_invalid"
    await give_back(order)
    assert (await delete(client, organiser, code)).status_code == 204


BAD: dict[str, list[Any]] = {
    "code": ["", "  ", "x" * 65, None, 7, ["A"], "\x00", "a\nb"],
    "value": [
        0,
        -1,
        100.01,
        12.345,
        1e-9,
        1e300,
        "Infinity",
        "x",
        None,
        True,
        [],
        "NaN",
        "1e999999",
        "1e-999",
    ],
    "kind": ["free", None, 7],
    "valid_from": ["tomorrow", 7, "2030-02-30T10:00", "9999-12-31T00:00Z"],
    "valid_until": ["", "2020", True],
    "max_uses": [0, -1, 1.5, "3", True, 2**31],
    "max_per_buyer": [0, -1, 1.5, "3", 2**31],
    "package_ids": ["x", ["unknown"], [None], 7, ["x"] * 101],
    "active": ["yes", 1, None],
}


async def test_bad_codes_are_refused_and_nothing_is_written(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event, other = await an_event(client, organiser), await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"])
    foreign = other["packages"][0]["id"]
    odd: list[Json] = [{field: value} for field, values in BAD.items() for value in values]
    odd += [
        {"package_ids": [foreign]},
        {"valid_from": "2030-01-01T00:00Z", "valid_until": "2030-01-01T00:00Z"},
        {"kind": "fixed", "value": 0.5, "currency": "sat"},
        {"kind": "fixed", "value": 1, "currency": "XXX"},
        {"kind": "fixed", "value": 1.999, "currency": "EUR"},
        {"kind": "fixed", "value": 1e300, "currency": "EUR"},
    ]
    async with nothing_written():
        for body in odd:
            sent = {"code": "NEW", "value": 5, **body}
            answer = await client.post(codes_url(event["id"]), json=sent, headers=organiser.admin)
            assert_refused(answer, 400, about=str(body))
            if None not in body.values():
                assert_refused(await change(client, organiser, code, **body), 400, about=str(body))
        for body in ({"kind": "fixed"}, {"currency": "EUR", "kind": "fixed"}):
            assert_refused(await change(client, organiser, code, **body), 400)
    fixed = await a_code(client, organiser, event["id"], code="F", kind="fixed", currency="eur")
    assert (fixed["currency"], fixed["value"]) == ("EUR", 30)
    assert_refused(await change(client, organiser, fixed, currency="USD"), 400)
    assert (await changed(client, organiser, fixed, value=0.01))["value"] == 0.01
    late = await a_code(client, organiser, event["id"], code="L", valid_from="2030-01-01T00:00Z")
    answer = await change(client, organiser, late, valid_until="2029-01-01T00:00Z")
    assert_refused(answer, 400)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["percent", "fixed", "sat", "EUR", "2030-01-01T10:00", "-1", "1e400", "\0"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
odd_bodies = st.fixed_dictionaries({}, optional=dict.fromkeys(BAD, anything))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=odd_bodies)
async def test_bodies_nobody_thought_of_are_taken_or_refused(
    client: httpx.AsyncClient, organiser: Person, body: Json
) -> None:
    event = await an_event(client, organiser)
    sent = {"code": "A", "value": 5, **body}
    answer = await client.post(codes_url(event["id"]), json=sent, headers=organiser.admin)
    if not answer.is_success:
        assert_refused(answer, 400)
        made = await a_code(client, organiser, event["id"])
    else:
        made = answer.json()
    after = await change(client, organiser, made, **body)
    if not after.is_success:
        assert_refused(after, 400)
    [code] = await listed(client, organiser, event["id"])
    assert (code["value"] > 0, code["uses"]) == (True, 0)


async def test_a_list_of_169_keeps_ids_uses_and_what_it_cannot_say(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    old = [PLAIN, {"code": "GONE", "discount_percent": 5, "active": True}]
    event = await an_event(client, organiser, extra={"promo_codes": old})
    by_code = {code["code"]: code for code in await listed(client, organiser, event["id"])}
    await take(await promo(event["id"], "PLAIN"), f"{event['id']}-1")
    await a_code(client, organiser, event["id"], code="FIXED", kind="fixed", value=3)
    await a_code(client, organiser, event["id"], code="LIMITED", max_uses=2)
    late = await a_code(client, organiser, event["id"], code="LATE", valid_from="2030-01-01T00:00Z")
    ours = {code["code"]: code for code in await listed(client, organiser, event["id"])}
    # What it has read is what it sends, here with one percentage changed and one code removed.
    assert [code["code"] for code in await mirror(event["id"])] == ["PLAIN", "GONE"]
    sent = [{"code": "new", "discount_percent": 12.345}, {**PLAIN, "discount_percent": 20}]
    sent += [{"code": "LATE", "discount_percent": 33, "active": False}]
    sent += [{"code": "FIXED", "discount_percent": 99}]
    after = await put_list(client, organiser, event["id"], sent)
    found = {code["code"]: code for code in await listed(client, organiser, event["id"])}
    assert set(found) == {"NEW", "PLAIN", "LATE", "FIXED", "LIMITED"}
    assert found["PLAIN"] == by_code["PLAIN"] | {"value": 20.0, "uses": 1, "version": 2}
    assert found["LATE"] == late | {"value": 33.0, "active": False, "version": 2}
    assert (found["FIXED"], found["LIMITED"]) == (ours["FIXED"], ours["LIMITED"])
    assert found["NEW"]["value"] == 12.34
    assert after["extra"]["promo_codes"] == await mirror(event["id"])
    assert await mirror(event["id"]) == [
        {"code": "NEW", "discount_percent": 12.345, "active": True},
        {"code": "PLAIN", "discount_percent": 20, "active": True},
    ]
    await put_list(client, organiser, event["id"], [])
    assert len(await listed(client, organiser, event["id"])) == 3
    assert await mirror(event["id"]) == []


async def test_what_169_reads_follows_every_change_over_the_routes(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    """An operator may go back at any time; then only plain codes work, and those as they are."""
    event = await an_event(client, organiser, extra={"promo_codes": [PLAIN]})
    version = (await event_row(event["id"]))["version"]
    code = await a_code(client, organiser, event["id"], code="two", value=5)
    assert [c["code"] for c in await mirror(event["id"])] == ["PLAIN", "TWO"]
    assert (await event_row(event["id"]))["version"] == version + 1
    await changed(client, organiser, code, active=False, value=7.25)
    two = {"code": "TWO", "discount_percent": 7.25, "active": False}
    assert await mirror(event["id"]) == [PLAIN, two]
    await changed(client, organiser, code, max_uses=9)
    assert await mirror(event["id"]) == [PLAIN]
    await changed(client, organiser, code, max_uses=None, code="three")
    assert await mirror(event["id"]) == [PLAIN, {**two, "code": "THREE"}]
    await delete(client, organiser, code)
    assert await mirror(event["id"]) == [PLAIN]
    version = (await event_row(event["id"]))["version"]
    await a_code(client, organiser, event["id"], code="four", kind="fixed")
    assert (await event_row(event["id"]))["version"] == version
    row = await event_row(event["id"])
    assert ext("catalog.models").read_json(row["extra"])["ticket_waves"][0]["id"] == "primary"


async def test_i10_audit_each_change_of_a_code_is_logged_with_it(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    who = f"admin_key:{organiser.wallet}"
    code = await a_code(client, organiser, event["id"], max_uses=2)
    made = await log(event["id"])
    assert {entry[:2] for entry in made} == {(who, "create")}
    assert {entry[2]: entry[4] for entry in made} == {
        "code": "SAVE",
        "kind": "percent",
        "value": 10,
        "max_uses": 2,
        "active": True,
    }
    assert_refused(await change(client, organiser, code, value=20, code=""), 400)
    await changed(client, organiser, code, value=20, active=True)
    await take(await promo(event["id"], "SAVE"), f"{code['id']}-1")
    await delete(client, organiser, code)
    await give_back(f"{code['id']}-1")
    await delete(client, organiser, code)
    later = (await log(event["id"]))[len(made) :]
    assert later[:2] == [(who, "update", "value", 10, 20), (who, "update", "active", True, False)]
    assert {entry[:2] for entry in later[2:]} == {(who, "delete")}
    await put_list(client, organiser, event["id"], [{"code": "old", "discount_percent": 1}])
    await put_list(client, organiser, event["id"], [{"code": "old", "discount_percent": 2}])
    await put_list(client, organiser, event["id"], [])
    actions = [entry[1:4] for entry in await log(event["id"])]
    assert ("create", "code", None) in actions
    assert ("update", "value", 1) in actions
    assert ("delete", "code", "OLD") in actions


async def test_a_list_that_169_left_odd_is_put_right_by_the_next_change() -> None:
    codes = ext("promos.models").PromoCode.from_row
    names = "value_minor currency valid_from valid_until max_uses max_per_buyer package_ids"
    row: dict[str, Any] = dict.fromkeys((*names.split(), "created_at"))
    row |= {"id": "1", "event_id": "e", "kind": "percent", "percent_bp": 1000, "is_active": 1}
    plain = codes({**row, "code": "PLAIN", "uses": 0, "version": 1})
    odd: list[Any] = [None, 7, "", {}, {"code": None}, {"code": "OTHER"}]
    shown = [*odd, {"code": " plain ", "discount_percent": "10"}, {"code": "PLAIN"}]
    every: list[Any] = [shown, None, 7, {}, []]
    for found in every:
        assert ext("promos.rules").mirrored(found, [plain]) == [PLAIN]


async def test_a_deleted_event_takes_its_codes_and_their_uses_along(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser)
    code = await a_code(client, organiser, event["id"], kind="fixed")
    await take(await promo(event["id"], "SAVE"), f"{code['id']}-1")
    answer = await client.delete(f"{API}/events/{event['id']}", headers=organiser.admin)
    assert answer.is_success
    for table in ("promo_codes", "promo_uses"):
        sql = f"SELECT id FROM events.{table} WHERE event_id = :id"  # noqa: S608 - ours
        assert await rows(sql, id=event["id"]) == []


async def test_a_copied_event_has_the_same_codes_without_their_uses(
    client: httpx.AsyncClient, organiser: Person
) -> None:
    event = await an_event(client, organiser, extra={"promo_codes": [PLAIN]})
    copy = await an_event(client, organiser)
    package, twin = event["packages"][0]["id"], copy["packages"][0]["id"]
    await a_code(client, organiser, event["id"], kind="fixed", max_uses=3, package_ids=[package])
    await take(await promo(event["id"], "SAVE"), f"{event['id']}-1")
    async with ext("crud").transaction() as tx:
        codes, now = ext("promos.services").EventCodes(), ext("clock").now()
        await codes.copy(tx, event["id"], copy["id"], {package: twin}, now)
    copied = {code["code"]: code for code in await listed(client, organiser, copy["id"])}
    assert copied["SAVE"]["package_ids"] == [twin]
    assert (copied["SAVE"]["uses"], copied["SAVE"]["max_uses"]) == (0, 3)
    assert await mirror(copy["id"]) == [PLAIN]


async def test_codes_are_listed_in_pages_to_their_organiser(
    client: httpx.AsyncClient, organiser: Person, other_organiser: Person
) -> None:
    event = await an_event(client, organiser)
    for number in range(3):
        await a_code(client, organiser, event["id"], code=f"C{number}")
    url = codes_url(event["id"])
    answer = await client.get(url, params={"limit": 2, "offset": 2}, headers=organiser.admin)
    assert ([c["code"] for c in answer.json()["data"]], answer.json()["total"]) == (["C2"], 3)
    assert_refused(await client.get(url, headers=other_organiser.admin), 403)
    assert_refused(await client.get(url, headers=organiser.invoice), 403)
    assert_refused(await client.get(codes_url("none"), headers=organiser.admin), 404)
