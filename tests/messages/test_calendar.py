"""Calendar files: the same moment whatever the zone, one entry per event, only for tickets."""

from datetime import date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import icalendar
import pytest
from fastapi import FastAPI

from support.builders import API, a_purchase, an_event, execute, pay, settled
from support.host import ext
from support.letters import START, an_event_of
from support.people import Person
from support.refusals import assert_refused

pytestmark = pytest.mark.asyncio(loop_scope="session")

BASE, LINK = "https://tickets.example.org", "https://tickets.example.org/events/ticket/T"
STAMP = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def raw_file(**changes: Any) -> bytes:
    made = ext("tickets.calendar").calendar_file(an_event_of(**changes), BASE, LINK, STAMP)
    assert isinstance(made, bytes)
    return made


def entry_of(raw: bytes) -> Any:
    """The one VEVENT, as another program reads it."""
    calendar = icalendar.Calendar.from_ical(raw)
    found = calendar.walk("VEVENT")
    assert len(found) == 1
    assert (calendar["VERSION"], calendar["METHOD"]) == ("2.0", "PUBLISH")
    assert calendar["PRODID"]
    return found[0]


async def test_an_entry_says_what_when_and_where(app: FastAPI) -> None:
    raw = raw_file()
    entry = entry_of(raw)
    assert entry["UID"] == "EventOne@tickets.example.org"
    assert entry["SEQUENCE"] == 7
    assert entry["SUMMARY"] == "Concert"
    assert entry["LOCATION"] == "Town hall, Main Street 1"
    assert entry["URL"] == LINK
    assert entry["DESCRIPTION"] == f"Doors open at seven.\n\n{LINK}"
    assert entry["STATUS"] == "CONFIRMED"
    assert entry["DTSTAMP"].dt == STAMP
    assert b"DTSTART;TZID=Europe/Berlin:20300503T200000\r\n" in raw
    assert b"DTEND;TZID=Europe/Berlin:20300503T233000\r\n" in raw
    assert max(len(line) for line in raw.split(b"\r\n")) <= 75


async def test_a_newer_file_replaces_an_older_one_and_a_cancelled_event_says_so(
    app: FastAPI,
) -> None:
    cancelled = entry_of(raw_file(version=8, status=ext("models").EventStatus.CANCELLED))
    assert cancelled["UID"] == entry_of(raw_file())["UID"]
    assert cancelled["SEQUENCE"] == 8
    assert cancelled["STATUS"] == "CANCELLED"


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia")


def zone_rules(raw: bytes) -> list[tuple[datetime, timedelta]]:
    """When the offset changes, by the local clock before it, and to what: from the file alone."""
    found = []
    for part in icalendar.Calendar.from_ical(raw).walk("VTIMEZONE"):
        for rule in part.subcomponents:
            onsets = [rule["DTSTART"].dt]
            listed = rule.get("RDATE", [])
            for dates in listed if isinstance(listed, list) else [listed]:
                onsets += [moment.dt for moment in dates.dts]
            found += [(onset.replace(tzinfo=None), rule["TZOFFSETTO"].td) for onset in onsets]
    return sorted(found)


def moment_in(raw: bytes, name: str) -> datetime:
    """A moment as a calendar without time zones of its own reads it: by the VTIMEZONE inside."""
    value = entry_of(raw)[name]
    if "TZID" not in value.params:
        return value.dt.astimezone(timezone.utc)  # type: ignore[no-any-return]
    local = value.dt.replace(tzinfo=None)
    offset = [to for onset, to in zone_rules(raw) if onset <= local][-1]
    return (local - offset).replace(tzinfo=timezone.utc)  # type: ignore[no-any-return]


@pytest.mark.parametrize("zone", ZONES)
async def test_the_moment_is_the_same_around_the_change_of_the_clocks(
    app: FastAPI, zone: str
) -> None:
    """Every half hour of the nights in 2030 in which clocks change, some hour of others."""
    first = datetime(2030, 1, 1, tzinfo=timezone.utc)
    info = ZoneInfo(zone)
    hours = [first + timedelta(hours=n) for n in range(365 * 24)]
    changes = [h for h in hours if h.astimezone(info).utcoffset() != _before(h, info)]
    moments = [c + timedelta(minutes=30 * n) for c in changes for n in range(-6, 7)]
    for starts_at in [*moments, *hours[:: 24 * 31]]:
        raw = raw_file(timezone=zone, starts_at=starts_at, ends_at=starts_at + timedelta(hours=2))
        assert moment_in(raw, "DTSTART") == starts_at
        assert moment_in(raw, "DTEND") == starts_at + timedelta(hours=2)


def _before(hour: datetime, info: ZoneInfo) -> timedelta | None:
    return (hour - timedelta(hours=1)).astimezone(info).utcoffset()


@pytest.mark.parametrize(
    ("changes", "starts", "ends"),
    [
        ({}, date(2030, 5, 3), date(2030, 5, 4)),
        ({"event_end_date": "2030-05-05"}, date(2030, 5, 3), date(2030, 5, 6)),
        ({"event_end_date": "2030-05-01"}, date(2030, 5, 3), date(2030, 5, 4)),
        ({"event_end_date": ""}, date(2030, 5, 3), date(2030, 5, 4)),
        ({"event_start_date": ""}, date(2030, 5, 3), date(2030, 5, 4)),
        ({"event_end_date": "9999-12-31"}, date(2030, 5, 3), None),
        ({"ends_at": START}, date(2030, 5, 3), date(2030, 5, 4)),
    ],
)
async def test_whole_days_end_before_the_next_one(
    app: FastAPI, changes: dict[str, Any], starts: date, ends: date | None
) -> None:
    raw = raw_file(**{"starts_at": None, "ends_at": None, **changes})
    entry = entry_of(raw)
    assert entry["DTSTART"].dt == starts
    assert (entry["DTEND"].dt if "DTEND" in entry else None) == ends
    assert b"VALUE=DATE" in raw
    assert b"VTIMEZONE" not in raw


async def test_an_end_is_told_only_where_there_is_one_after_the_start(app: FastAPI) -> None:
    for ends_at in (None, START, START - timedelta(hours=1)):
        assert "DTEND" not in entry_of(raw_file(ends_at=ends_at))
    until_sunday = entry_of(raw_file(ends_at=None, event_end_date="2030-05-05"))
    assert until_sunday["DTEND"].dt == datetime(2030, 5, 5, 22, tzinfo=timezone.utc)
    far = START + timedelta(days=3000)
    assert moment_in(raw_file(ends_at=far), "DTEND") == far
    for year in (1970, 2500, 9998):
        moment = datetime(year, 6, 1, tzinfo=timezone.utc)
        assert entry_of(raw_file(starts_at=moment, ends_at=None))["DTSTART"].dt == moment


async def test_text_of_strangers_stays_text(app: FastAPI) -> None:
    name = "A;B,C\\D\r\nATTENDEE:mailto:x@example.com\nEND:VEVENT\x00\x1b ☃" + "ß" * 200
    raw = raw_file(name=name, location=name, info=name)
    entry = entry_of(raw)
    assert set(entry) == set(entry_of(raw_file()))
    assert "\n" not in entry["SUMMARY"]
    assert entry["SUMMARY"].startswith("A;B,C\\D")
    assert entry["SUMMARY"].endswith("ß")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 75
    online = entry_of(raw_file(location=None, is_online=True))
    assert online["LOCATION"] == "Online"


async def test_no_date_or_no_library_is_no_file(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar = ext("tickets.calendar")
    none = {"starts_at": None, "event_start_date": "soon", "event_end_date": ""}
    dateless = an_event_of(**none)
    assert not calendar.is_possible(dateless)
    assert calendar.calendar_file(dateless, BASE, LINK, STAMP) is None
    assert calendar.is_possible(an_event_of())
    monkeypatch.setattr(calendar, "icalendar", None)
    assert not calendar.is_possible(an_event_of())


async def test_whoever_has_a_valid_ticket_gets_its_calendar_file(
    client: httpx.AsyncClient, organiser: Person, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = await an_event(client, organiser, name="Evening, with; marks")
    purchase = await a_purchase(client, event["id"])
    ticket_id = purchase["ticket_ids"][0]
    url, page = f"{API}/tickets/{ticket_id}/calendar.ics", f"/events/ticket/{ticket_id}"
    assert assert_refused(await client.get(url), 404) == "not_found"
    assert "calendar.ics" not in (await client.get(page)).text
    await pay(buyer, purchase)
    await settled(purchase["order_id"])

    answer = await client.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="event.ics"'
    assert "no-store" in answer.headers["cache-control"]
    entry = entry_of(answer.content)
    assert entry["SUMMARY"] == "Evening, with; marks"
    assert entry["URL"] == f"{ext('settings').base_url()}{page}"
    assert organiser.wallet not in answer.text
    assert f'href="{url}"' in (await client.get(page)).text

    monkeypatch.setattr(ext("tickets.calendar"), "icalendar", None)
    assert assert_refused(await client.get(url), 404) == "calendar_unavailable"
    assert "calendar.ics" not in (await client.get(page)).text
    monkeypatch.undo()
    await execute("UPDATE events.ticket SET status = 'cancelled' WHERE id = :id", id=ticket_id)
    assert assert_refused(await client.get(url), 404) == "not_found"
    for unknown in ("none", "a%00b"):
        answer = await client.get(f"{API}/tickets/{unknown}/calendar.ics")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
