"""How a scan ends, as one table: every kind of ticket, each type of scan, both kinds of entry."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.host import ext

NOW = datetime(2030, 5, 31, 20, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
TYPES = ("check_in", "check_out", "access")
ENTRIES = ("once", "reentry")


@pytest.fixture(scope="module", autouse=True)
def _booted(app: object) -> None:
    """The modules exist once the host has loaded them."""


def a_ticket(status: str | None = "active", **changes: Any) -> Any:
    """A row as the database has it; `paid` and `registered` follow its status."""
    row: dict[str, Any] = dict.fromkeys(
        "time reg_timestamp order_id payment_hash package_id number refund_id valid_from"
        " valid_until extra left_at".split()
    )
    row |= {"id": "t1", "wallet": "w1", "event": "e1", "name": "Ada", "email": ""}
    row |= {"kind": "admission", "status": status, "price_sat": 0, "retained_sat": 0}
    row |= {"paid": status in (None, "active", "used"), "registered": status == "used"}
    for name in ("valid_from", "valid_until", "left_at"):
        if name in changes:
            changes[name] = ext("clock").to_ms(changes[name])
    return ext("tickets.models").Ticket.from_row(row | changes)


def an_event(entry: str = "once", status: str = "published") -> Any:
    models = ext("door.models")
    return models.DoorEvent(
        "e1", "w1", ext("models").EventStatus(status), ext("catalog.models").Entry(entry)
    )


def decided(ticket: Any, event: Any, scan_type: str) -> str:
    scan_type = ext("door.models").ScanType(scan_type)
    return str(ext("door.rules").decide(ticket, event, scan_type, NOW).value)


OUT: dict[str, Any] = {"status": "used", "left_at": NOW - HOUR}
EARLY = {"valid_from": NOW + HOUR}
LATE = {"valid_until": NOW}
IN_TIME = {"valid_from": NOW, "valid_until": NOW + HOUR}
# A ticket, and what it comes to: check_in, check_out, access; then again where guests come back.
TABLE: dict[str, tuple[dict[str, Any], str, str]] = {
    "active": ({}, "admitted not_checked_in access_granted", "="),
    "used": ({"status": "used"}, "already_used left access_granted", "="),
    "gone out": (OUT, "already_used not_checked_in access_granted",
                 "admitted not_checked_in access_granted"),
    "reserved": ({"status": "reserved"}, "unpaid unpaid unpaid", "="),
    "cancelled": ({"status": "cancelled"}, "cancelled cancelled cancelled", "="),
    "cancelled inside": ({"status": "cancelled", "registered": True},
                         "cancelled cancelled cancelled", "="),
    "refunded": ({"status": "refunded"}, "refunded refunded refunded", "="),
    "marked paid no more": ({"paid": False}, "unpaid unpaid unpaid", "="),
    "too early": (EARLY, "not_yet_valid not_checked_in not_yet_valid", "="),
    "too late": (LATE, "expired not_checked_in expired", "="),
    "at the first moment": (IN_TIME, "admitted not_checked_in access_granted", "="),
    "used, too late": ({"status": "used", **LATE}, "expired left expired", "="),
    "reserved, too late": ({"status": "reserved", **LATE}, "unpaid unpaid unpaid", "="),
    "cancelled, too early": ({"status": "cancelled", **EARLY},
                             "cancelled cancelled cancelled", "="),
    "an add-on": ({"kind": "addon"}, "admitted not_checked_in access_granted", "="),
    "of 1.6.9, valid": ({"status": None}, "admitted not_checked_in access_granted", "="),
    "of 1.6.9, unpaid": ({"status": None, "paid": False}, "unpaid unpaid unpaid", "="),
    "of 1.6.9, used": ({"status": None, "registered": True},
                       "already_used left access_granted", "="),
    "let in by 1.6.9": ({"registered": True}, "already_used left access_granted", "="),
    "elsewhere": ({"event": "e2"}, "wrong_event wrong_event wrong_event", "="),
    "elsewhere, unpaid": ({"event": "e2", "status": "reserved"},
                          "wrong_event wrong_event wrong_event", "="),
}  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("name", TABLE)
def test_i5_entry_every_kind_of_ticket_and_scan(name: str, entry: str) -> None:
    changes, once, again = TABLE[name]
    expected = once if entry == "once" or again == "=" else again
    outcomes = [decided(a_ticket(**changes), an_event(entry), of) for of in TYPES]
    assert outcomes == expected.split()


def test_the_table_and_no_ticket_have_every_outcome() -> None:
    assert [decided(None, an_event(), of) for of in TYPES] == ["unknown"] * 3
    told = {word for _, once, again in TABLE.values() for word in f"{once} {again}".split()}
    all_words = {outcome.value for outcome in ext("door.models").Outcome}
    assert (told - {"="}) | {"unknown"} == all_words


@pytest.mark.parametrize("scan_type", TYPES)
def test_a_cancelled_event_lets_nobody_in(scan_type: str) -> None:
    event = an_event(status="cancelled")
    samples: list[dict[str, Any]] = [{}, {"status": "used"}, EARLY]
    for changes in samples:
        assert decided(a_ticket(**changes), event, scan_type) == "cancelled"
    assert decided(a_ticket("reserved"), event, scan_type) == "unpaid"
    assert decided(a_ticket("refunded"), event, scan_type) == "refunded"


@pytest.mark.parametrize("status", ["draft", "completed"])
def test_other_events_scan_as_published_ones(status: str) -> None:
    assert decided(a_ticket(), an_event(status=status), "check_in") == "admitted"


FORCED = {
    "active": ("admitted", False),
    "used": ("admitted", True),
    "too early": ("admitted", True),
    "too late": ("admitted", True),
    "used, too late": ("admitted", True),
    "an add-on": ("admitted", False),
    "reserved": ("unpaid", True),
    "cancelled": ("cancelled", True),
    "refunded": ("refunded", True),
    "elsewhere": ("wrong_event", True),
    "let in by 1.6.9": ("admitted", True),
}


@pytest.mark.parametrize("name", FORCED)
def test_i5_entry_one_that_was_made_offline_is_admitted_or_a_conflict(name: str) -> None:
    verdict = ext("door.rules").entry_made(a_ticket(**TABLE[name][0]), an_event(), NOW)
    assert (verdict.outcome.value, verdict.is_conflict) == FORCED[name]


def test_i5_entry_made_offline_of_a_guest_who_came_back_is_no_conflict() -> None:
    made = ext("door.rules").entry_made
    back = made(a_ticket(**OUT), an_event("reentry"), NOW)
    assert (back.outcome.value, back.is_conflict) == ("admitted", False)
    once = made(a_ticket(**OUT), an_event("once"), NOW)
    assert (once.outcome.value, once.is_conflict) == ("admitted", True)
    unknown = made(None, an_event(), NOW)
    assert (unknown.outcome.value, unknown.is_conflict) == ("unknown", True)


ID = "FnBGkbfSiDYZe4sKKwM3N8"
HASH = "0a" * 32


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (ID, ID),
        (HASH, HASH),
        (f" \t{ID}\n", ID),
        (f"ticket://{ID}", ID),
        (f"TICKET://{ID}", ID),
        (f"ticket://{ID}/", ID),
        (f"https://events.example/events/ticket/{ID}", ID),
        (f"https://events.example/events/t/{ID}", ID),
        (f"http://127.0.0.1:5000/events/ticket/{ID}/", ID),
        (f"https://a.example/lnbits/events/t/{ID}?lang=de#top", ID),
        (f"HTTPS://A.EXAMPLE/events/t/{ID}#x/y?z", ID),
        ("", None),
        ("ticket://", None),
        ("ticket:" + ID, None),
        (f"tickets://{ID}", None),
        (f"https://a.example/events/o/{ID}", None),
        (f"https://a.example/events/t/{ID}/calendar.ics", None),
        (f"https:///events/t/{ID}", None),
        (f"https://a.example/events/t/{ID}%00", None),
        (f"ticket://{ID}\x00", None),
        (f"{ID} {ID}", None),
        (f"a{'b' * 128}", None),
        (f"ticket://{ID}" + "?" + "x" * 2000, None),
        ("\ud800", None),
        ("lnbc1", "lnbc1"),
    ],
)
def test_the_ticket_id_in_a_code(code: str, expected: str | None) -> None:
    assert ext("door.codes").ticket_id_in(code) == expected


@given(code=st.text(st.characters(codec=None, exclude_categories=()), max_size=60))
@example(code="https://" * 250)
@example(code="https://a/" + "/events" * 280)
@example(code="\udfff\x00🎫")
def test_no_code_breaks_the_reader(code: str) -> None:
    codes = ext("door.codes")
    found = codes.ticket_id_in(code)
    assert found is None or found in code
    assert len(codes.code_hash(code)) == 64


def test_what_a_scan_was_told_is_read_back() -> None:
    models, rows = ext("door.models"), ext("door.rows")
    told = models.Told("used", NOW, "Gate A", models.Group(4, 2), NOW - HOUR, (3, 4))
    for sample in (told, models.Told(), models.Told(status="active", others=())):
        assert rows.read_told(rows.written(sample)) == sample
    assert rows.written(models.Told()) is None
