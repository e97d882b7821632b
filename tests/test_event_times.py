"""Days and times of an event as properties: any local time, any zone, any damaged column."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.host import ext

ZONES = [
    *["UTC", "Europe/Berlin", "America/New_York", "America/Havana", "Asia/Beirut"],
    *["Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"],
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
locals_ = st.datetimes(datetime(1971, 1, 1), datetime(2199, 12, 31)).map(  # noqa: DTZ001 - local
    lambda at: at.replace(microsecond=0)
)
days = st.dates(date(1970, 1, 2), date(2199, 12, 30))
GAP = datetime(2030, 3, 31, 2, 30)  # noqa: DTZ001 - Berlin's clocks go from 2:00 to 3:00
TWICE = datetime(2030, 10, 27, 2, 30)  # noqa: DTZ001 - and from 3:00 back to 2:00
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module", autouse=True)
def _booted(app: object) -> None:
    """The modules exist once the host has loaded them."""


@given(locals_, zones)
@example(GAP, BERLIN)
@example(TWICE, BERLIN)
def test_a_local_time_comes_back_as_it_was_written(local: datetime, zone: ZoneInfo) -> None:
    """Unless the clocks skip it: then it is as much later as they skip. Of two the first."""
    moment = ext("catalog.times").read_moment(local.isoformat(), zone, "It")
    back = moment.astimezone(zone).replace(tzinfo=None)
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None
    assert after is not None
    assert back - local == max(after - before, timedelta(0))
    earlier = (moment - timedelta(hours=3)).astimezone(zone).replace(tzinfo=None)
    assert earlier < local
    assert moment.astimezone(zone).fold == 0
    with_offset = moment.astimezone(zone).isoformat()
    # Offsets of long ago had seconds, which nobody writes.
    if len(with_offset) == len("2030-05-31T20:00:00+02:00"):
        assert ext("catalog.times").read_moment(with_offset, timezone.utc, "It") == moment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2030-03-31T02:30", "2030-03-31T01:30"),
        ("2030-10-27T02:30", "2030-10-27T00:30"),
        ("2030-10-27T02:30+01:00", "2030-10-27T01:30"),
        ("2030-07-01T20:00", "2030-07-01T18:00"),
        ("2030-07-01 20:00:00", "2030-07-01T18:00"),
        ("2030-07-01t20:00:00.999z", "2030-07-01T20:00"),
        ("2030-07-01T20:00-0330", "2030-07-01T23:30"),
        ("2030-07-01T20:00+05", "2030-07-01T15:00"),
        (" 2030-07-01T20:00:00Z ", "2030-07-01T20:00"),
    ],
)
def test_each_way_to_write_a_time_is_read(text: str, expected: str) -> None:
    found = ext("catalog.times").read_moment(text, BERLIN, "It")
    assert found == datetime.fromisoformat(f"{expected}:00+00:00")


@given(days, zones)
@example(date(2030, 3, 10), ZoneInfo("America/Havana"))  # midnight is skipped
@example(date(2030, 11, 3), ZoneInfo("America/Havana"))  # and comes twice
def test_days_follow_each_other_without_a_gap(day: date, zone: ZoneInfo) -> None:
    times = ext("catalog.times")
    start, end = times.day_start(str(day), zone), times.day_end(str(day), zone)
    assert end == times.day_start(str(day + timedelta(days=1)), zone)
    if day != date(1994, 12, 31) or zone.key != "Pacific/Kiritimati":  # there was no such day
        assert times.local_day(start, zone) == str(day)
        assert times.local_day(end - timedelta(milliseconds=1), zone) == str(day)
    assert times.local_day(start - timedelta(milliseconds=1), zone) < str(day)


def test_a_day_without_a_zone_is_a_day_in_utc_as_before() -> None:
    times = ext("catalog.times")
    assert times.day_start("2030-05-31") == datetime(2030, 5, 31, tzinfo=timezone.utc)
    assert times.day_end("2030-05-31") == datetime(2030, 6, 1, tzinfo=timezone.utc)
    for junk in (None, "", "soon", "31.05.2030", "2030-02-30"):
        assert times.day_start(junk) is times.day_end(junk) is None
    assert times.day_end("9999-12-31", ZoneInfo("Pacific/Pago_Pago")) is None
    assert times.day_start("0001-01-01", ZoneInfo("Asia/Kathmandu")) is None


def an_event(**changes: Any) -> Any:
    models = ext("catalog.models")
    plain = {
        **dict.fromkeys(("id", "wallet", "name", "info", "currency", "fiat_currency"), "x"),
        **{"closing_date": "2030-05-31", "event_start_date": "2030-06-01"},
        **{"event_end_date": "2030-06-02", "price_per_ticket": 1.0, "allow_fiat": False},
        **{"banner": None, "status": ext("models").EventStatus.PUBLISHED, "capacity": 9},
        **{"held": 0, "sold": 0, "version": 1, "created_at": None},
    }
    return models.Event(**{**plain, **changes})


def a_package(**changes: Any) -> Any:
    plain = {
        **dict.fromkeys(("id", "event_id", "wave_id", "name", "description"), "x"),
        "kind": "admission",
        **{"price_minor": 1, "currency": "sat", "quantity_limit": None, "held": 0, "sold": 0},
        **{"display_order": 0, "sale_starts_at": None, "sale_ends_at": None},
        **{"min_per_order": 1, "max_per_order": 10, "is_enabled": True, "is_hidden": False},
    }
    return ext("catalog.models").Package(**{**plain, "version": 1, **changes})


def test_an_event_begins_and_ends_by_its_times_else_by_its_days() -> None:
    times, at = ext("catalog.times"), datetime(2030, 6, 1, 18, tzinfo=timezone.utc)
    event = an_event(timezone="Europe/Berlin")
    assert times.event_begins_at(event) == datetime(2030, 5, 31, 22, tzinfo=timezone.utc)
    assert times.event_is_over_at(event) == datetime(2030, 6, 2, 22, tzinfo=timezone.utc)
    timed = replace(event, starts_at=at, ends_at=at + timedelta(hours=3))
    assert times.event_begins_at(timed) == at
    assert times.event_is_over_at(timed) == at + timedelta(hours=3)
    junk = an_event(event_start_date="soon", event_end_date="", timezone="Atlantis/Capital")
    assert times.event_begins_at(junk) is times.event_is_over_at(junk) is None


@pytest.mark.parametrize(
    ("made", "zone", "opened"),
    [
        ("2030-06-01T01:00", "Pacific/Pago_Pago", "2030-05-31"),  # the day before, there
        ("2030-06-01T20:00", "Pacific/Kiritimati", "2030-06-01"),  # 1.6.9 would wait for the next
        ("2030-06-01T01:00", "UTC", "2030-06-01"),
    ],
)
def test_the_opening_day_that_old_clients_see_closes_no_open_sale(
    made: str, zone: str, opened: str
) -> None:
    created_at = datetime.fromisoformat(f"{made}:00+00:00")
    event = an_event(timezone=zone, created_at=created_at)
    wave = ext("catalog.mirror").wave_of(event, a_package())
    assert wave["opening_date"] == opened
    assert ext("catalog.times").day_start(opened, ZoneInfo(zone)) <= created_at


moments = st.none() | st.integers(-3, 6).map(
    lambda n: datetime.combine(date(2030, 5, 30), time(), timezone.utc) + timedelta(hours=n * 11)
)
closing_days = st.sampled_from(["2030-05-30", "2030-05-31", "9999-12-31", "soon"])


@given(st.lists(st.tuples(moments, st.booleans()), max_size=3), closing_days, zones)
def test_the_end_of_the_sale_is_when_nothing_can_be_bought_any_more(
    sales: list[tuple[datetime | None, bool]], closing_day: str, zone: ZoneInfo
) -> None:
    times, rules, state = ext("catalog.times"), ext("catalog.rules"), ext("models").Sales
    event = an_event(closing_date=closing_day, timezone=zone.key)
    packages = [a_package(sale_ends_at=ends, is_enabled=enabled) for ends, enabled in sales]
    closes = times.sales_close_at(event, packages)

    def any_open(now: datetime) -> bool:
        states = [rules.package_sales(event, package, now) for package in packages]
        return any(found is not state.CLOSED for found in states)

    some = any(package.is_enabled for package in packages)
    if closes is None:
        assert any_open(datetime(9998, 1, 1, tzinfo=timezone.utc)) is some
    else:
        assert not any_open(closes)
        assert any_open(closes - timedelta(milliseconds=1)) is some


@pytest.mark.parametrize(
    "stored",
    [
        *["", "x", "null", "7", "{}", '"x"', "[7]", "[[7, 100]]", "[" * 100_000],
        *['[{"days_before": 7}]', '[{"days_before": true, "percent": 1}]'],
        *['[{"days_before": 7, "percent": 101}]', '[{"days_before": -1, "percent": 1}]'],
        *['[{"days_before": 1e3, "percent": 1}]', '[{"days_before": 1, "percent": null}]', None],
    ],
    ids=lambda stored: str(stored)[:40],
)
def test_damaged_refund_tiers_are_the_default_ones(stored: str | None) -> None:
    models = ext("catalog.models")
    assert models.read_tiers(stored) == models.DEFAULT_REFUND_TIERS


def test_stored_refund_tiers_are_read_with_the_most_days_first() -> None:
    models = ext("catalog.models")
    stored = '[{"days_before": 1, "percent": 0}, {"days_before": 9, "percent": 80}]'
    assert models.read_tiers(stored) == (models.RefundTier(9, 80), models.RefundTier(1, 0))
    assert models.read_tiers("[]") == ()
