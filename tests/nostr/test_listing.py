"""I8, what a listing says: NIP-52 with the state of the sale, for every event there can be."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.host import ext
from support.listings import (
    BASE_URL,
    KEYS,
    START,
    a_package_row,
    an_event_row,
    assert_sound,
    draft_of,
    signed,
    value,
    values,
)

TIMED, DATED = 31923, 31922
DAY = timedelta(days=1)


@pytest.fixture(scope="module", autouse=True)
def _booted(app: object) -> None:
    """The modules exist once the host has loaded them."""


def test_i8_a_timed_event_has_exactly_the_agreed_tags() -> None:
    event = an_event_row(
        location="Main Hall",
        timezone="Europe/Berlin",
        sold=3,
        banner="/banner.png",
        event_type=ext("catalog.models").EventType.WORKSHOP,
        metadata={
            "nostr": {"tags": ["Jazz", "two words", 7, "jazz", "live"], "geohash": "u33d"},
            "tags": ["private"],
            "geohash": "gcpv",
        },
    )
    draft = draft_of(event, has_calendar=True)
    url = f"{BASE_URL}/events/ev1"
    at_s = int(event.starts_at.timestamp())
    assert (draft.kind, draft.d, draft.content) == (TIMED, "ev1", "Doors open at **seven**.")
    assert draft.tags == [
        ["d", "ev1"],
        ["title", "Concert"],
        ["summary", f"Doors open at seven. · 21,000 sat · {url}"],
        ["image", f"{BASE_URL}/banner.png"],
        ["start", str(at_s)],
        ["end", str(at_s + 7200)],
        ["D", str(at_s // 86_400)],
        ["start_tzid", "Europe/Berlin"],
        ["end_tzid", "Europe/Berlin"],
        ["location", "Main Hall"],
        ["g", "u33d"],
        ["t", "workshop"],
        ["t", "jazz"],
        ["t", "live"],
        ["r", url],
        ["status", "published"],
        ["tickets_total", "10"],
        ["tickets_sold", "3"],
        ["tickets_available", "7"],
        ["tickets_price", "21000"],
        ["tickets_currency", "sat"],
        ["price", "21000", "SAT"],
        ["tickets_url", url],
        ["a", f"31924:{KEYS.public_key().to_hex()}:events", "wss://relay.example.com"],
    ]
    assert draft.changes_at == event.ends_at


def test_i8_an_event_of_days_alone_has_no_times() -> None:
    """NIP-52: `end` is exclusive; a client that needs it (Coracle) gets one for a single day."""
    one_day = draft_of(an_event_row(starts_at=None, ends_at=None))
    assert one_day.kind == DATED
    assert (value(one_day.tags, "start"), value(one_day.tags, "end")) == (
        "2030-05-31",
        "2030-06-01",
    )
    assert not values(one_day.tags, "D") + values(one_day.tags, "start_tzid")
    longer = draft_of(an_event_row(starts_at=None, ends_at=None, event_end_date="2030-06-02"))
    assert value(longer.tags, "end") == "2030-06-03"
    last = {"event_start_date": "9999-12-31", "event_end_date": "9999-12-31"}
    assert value(draft_of(an_event_row(starts_at=None, ends_at=None, **last)).tags, "end") is None


@pytest.mark.parametrize(("ends_after", "expected_s"), [(None, 6 * 3600), (0, 3600), (7, 7)])
def test_i8_a_timed_event_always_ends_after_it_starts(
    ends_after: int | None, expected_s: int
) -> None:
    """Without an end it is that of its day, where it takes place."""
    starts = an_event_row().starts_at
    ends = None if ends_after is None else starts + timedelta(seconds=ends_after)
    tags = draft_of(an_event_row(ends_at=ends)).tags
    start, end = int(value(tags, "start") or 0), int(value(tags, "end") or 0)
    assert end - start == expected_s


def test_i8_every_day_it_touches_is_named_but_not_without_end() -> None:
    starts = datetime(2030, 5, 31, 23, tzinfo=timezone.utc)
    first = int(starts.timestamp()) // 86_400
    over_midnight = an_event_row(starts_at=starts, ends_at=starts + timedelta(hours=2))
    assert values(draft_of(over_midnight).tags, "D") == [str(first), str(first + 1)]
    until_midnight = an_event_row(starts_at=starts, ends_at=starts + timedelta(hours=1))
    assert values(draft_of(until_midnight).tags, "D") == [str(first)]
    for_years = an_event_row(starts_at=starts, ends_at=datetime(2050, 1, 1, tzinfo=timezone.utc))
    assert values(draft_of(for_years).tags, "D") == [str(first + n) for n in range(366)]


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("Europe/Berlin", True),
        ("Etc/UTC", True),
        ("UTC", False),
        ("America/Argentina/Buenos_Aires", False),
        ("Etc/GMT+5", False),
        ("No/Where", False),
    ],
)
def test_i8_a_time_zone_is_told_only_in_the_form_that_all_relays_take(
    zone: str, told: bool
) -> None:
    tags = draft_of(an_event_row(timezone=zone)).tags
    assert values(tags, "start_tzid") == values(tags, "end_tzid") == ([zone] if told else [])


@pytest.mark.parametrize(
    ("banner", "base_url", "image"),
    [
        ("https://img.example/a.png", BASE_URL, "https://img.example/a.png"),
        ("/api/v1/assets/x/data", BASE_URL, f"{BASE_URL}/api/v1/assets/x/data"),
        ("/a.png", "http://localhost:5000", None),
        ("http://img.example/a.png", BASE_URL, None),
        ("data:image/png;base64,AAAA", BASE_URL, None),
        ("//evil.example/a.png", BASE_URL, None),
        ("https://img.example/a b.png", BASE_URL, None),
        (None, BASE_URL, None),
    ],
)
def test_i8_a_picture_is_an_https_address_or_left_out(
    banner: str | None, base_url: str, image: str | None
) -> None:
    assert value(draft_of(an_event_row(banner=banner), base_url=base_url).tags, "image") == image


def status(**changes: Any) -> str | None:
    now = changes.pop("now", START)
    return value(draft_of(an_event_row(**changes), now=now).tags, "status")


def test_i8_cancelled_comes_before_completed_before_sold_out() -> None:
    states = ext("models").EventStatus
    after = an_event_row().ends_at
    assert status() == status(sold=9) == status(now=after - timedelta(seconds=1)) == "published"
    assert status(sold=10) == status(sold=11) == "sold_out"
    assert status(capacity=0) == "sold_out"
    assert status(now=after) == status(sold=10, now=after) == "completed"
    assert status(status=states.COMPLETED) == "completed"
    assert status(status=states.CANCELLED, sold=10, now=after) == "cancelled"
    assert status(capacity=None, sold=10**6) == "published"


@pytest.mark.parametrize("starts_at", [None, datetime(2030, 5, 31, 18, tzinfo=timezone.utc)])
def test_i8_without_an_exact_end_it_is_over_when_its_sale_is(starts_at: datetime | None) -> None:
    """1.6.9 sells until the closing date, whatever the days of the event are."""
    event = an_event_row(starts_at=starts_at, ends_at=None, closing_date="2030-07-31")
    on_sale, over = (
        datetime(2030, 6, 2, tzinfo=timezone.utc),
        datetime(2030, 8, 1, tzinfo=timezone.utc),
    )
    draft = draft_of(event, now=on_sale)
    assert (value(draft.tags, "status"), draft.changes_at) == ("published", over)
    assert "21,000 sat" in str(value(draft.tags, "summary"))
    before = draft_of(event)
    for name in ("end", "D"):
        assert values(draft.tags, name) == values(before.tags, name)
    assert value(draft_of(event, now=over).tags, "status") == "completed"


@pytest.mark.parametrize("closing_date", ["9999-12-31", "soon"])
def test_i8_without_a_last_day_of_sale_it_is_never_over(closing_date: str) -> None:
    """Its page sells tickets for ever, too."""
    event = an_event_row(starts_at=None, ends_at=None, closing_date=closing_date)
    later = datetime(2031, 6, 1, tzinfo=timezone.utc)
    assert value(draft_of(event, now=later).tags, "status") == "published"
    assert draft_of(event).changes_at is None


def test_i8_a_cancelled_event_says_so_in_its_title_and_goes_on_standing() -> None:
    event = an_event_row(status=ext("models").EventStatus.CANCELLED)
    tags = draft_of(event).tags
    assert value(tags, "title") == "CANCELLED: Concert"
    assert "Cancelled" in str(value(tags, "summary"))
    assert draft_of(event).changes_at is None


def test_i8_of_a_draft_and_of_what_is_not_published_there_is_nothing() -> None:
    nothing = ext("nostr.drafts").Nothing
    draft = ext("models").EventStatus.DRAFT
    assert draft_of(an_event_row(status=draft)) == nothing()
    assert draft_of(an_event_row(nostr_publish=False)) == nothing()
    undated = an_event_row(starts_at=None, event_start_date="soon")
    assert draft_of(undated) == nothing("no_date")


def test_i8_an_unlimited_event_tells_no_total_and_no_rest() -> None:
    tags = draft_of(an_event_row(capacity=None, sold=4)).tags
    assert value(tags, "tickets_sold") == "4"
    assert not values(tags, "tickets_total") + values(tags, "tickets_available")


def test_i8_hidden_counts_leave_the_status() -> None:
    tags = draft_of(an_event_row(sold=10, nostr_hide_counts=True)).tags
    assert value(tags, "status") == "sold_out"
    counts = {"tickets_total", "tickets_sold", "tickets_available"}
    assert not counts & {tag[0] for tag in tags}
    assert "10" not in str(value(tags, "summary"))


def test_i8_packages_bound_what_there_is_where_they_are_less() -> None:
    packages = [
        a_package_row(id="a", quantity_limit=3, sold=3),
        a_package_row(id="b", quantity_limit=4, sold=1),
        a_package_row(id="c", quantity_limit=50, sold=2, is_enabled=False),
        a_package_row(id="d", quantity_limit=90, kind="addon"),
    ]
    tags = draft_of(an_event_row(capacity=100, sold=6), packages).tags
    assert value(tags, "tickets_total") == "9"
    assert value(tags, "tickets_available") == "3"
    tags = draft_of(an_event_row(capacity=8, sold=6), packages).tags
    assert value(tags, "tickets_total") == "8"


def test_i8_sold_out_when_nobody_can_buy_any_package() -> None:
    sold = a_package_row(id="a", quantity_limit=3, sold=3)
    over = a_package_row(id="b", quantity_limit=9, sale_ends_at=START - DAY)
    later = a_package_row(id="c", quantity_limit=9, sale_starts_at=START + DAY)
    event = an_event_row(capacity=100, sold=3)
    assert value(draft_of(event, [sold, over]).tags, "status") == "sold_out"
    assert value(draft_of(event, [sold, over, later]).tags, "status") == "published"


def test_i8_unpaid_orders_change_nothing() -> None:
    free = draft_of(an_event_row(), [a_package_row(quantity_limit=10)])
    held = draft_of(an_event_row(held=10), [a_package_row(quantity_limit=10, held=10)])
    assert held == free


def test_i8_the_price_is_that_of_the_wave_on_sale() -> None:
    """And the listing says when that will be another one."""
    early_until, regular_from = START + DAY, START + 2 * DAY
    packages = [
        a_package_row(id="vip", price_minor=1, is_hidden=True),
        a_package_row(id="shirt", price_minor=2, kind="addon"),
        a_package_row(id="early", price_minor=5, sale_ends_at=early_until),
        a_package_row(id="late", price_minor=1999, currency="EUR", sale_starts_at=regular_from),
    ]
    seen = [draft_of(an_event_row(), packages, now=at) for at in (START, early_until, regular_from)]
    assert [value(draft.tags, "tickets_price") for draft in seen] == ["5", "5", "19.99"]
    assert [draft.changes_at for draft in seen] == [
        early_until,
        regular_from,
        an_event_row().ends_at,
    ]
    assert ["price", "19.99", "EUR"] in seen[2].tags
    assert value(seen[2].tags, "tickets_currency") == "EUR"
    assert "19.99 EUR" in str(value(seen[2].tags, "summary"))
    between = draft_of(an_event_row(), packages[3:], now=START)
    assert value(between.tags, "tickets_price") == "19.99"


def test_i8_free_is_zero_and_no_package_is_no_price() -> None:
    tags = draft_of(an_event_row(), [a_package_row(price_minor=0, currency="EUR")]).tags
    assert ["price", "0", "EUR"] in tags
    assert value(tags, "tickets_price") == "0"
    assert "Free" in str(value(tags, "summary"))
    names = {tag[0] for tag in draft_of(an_event_row(), []).tags}
    assert not {"price", "tickets_price", "tickets_currency"} & names


# Anything a row of 1.6.9, or a body of ours, could have left there.
long_texts = st.text('a\n*[]#"😀\u202e\x00\x9fé', min_size=1, max_size=20).map(
    lambda text: text * 999
)
texts = st.text(max_size=60) | long_texts
# Milliseconds, as rows have them.
moments = st.integers(86_400_000, 253_370_000_000_000).map(lambda at: ext("clock").from_ms(at))
days = st.dates(date(1970, 1, 2), date(9999, 12, 31)).map(date.isoformat)
counts = st.integers(0, 2_147_483_647)
meant_for_nostr = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.lists(texts | st.integers()) | texts,
        "geohash": texts | st.sampled_from(["u33d", "", "a", "U33"]),
    },
)
metadata = st.fixed_dictionaries({}, optional={"nostr": meant_for_nostr | texts})


@st.composite
def odd_events(draw: st.DrawFn) -> Any:
    models, statuses = ext("catalog.models"), ext("models").EventStatus
    return an_event_row(
        name=draw(texts),
        info=draw(texts),
        location=draw(st.none() | texts),
        banner=draw(st.none() | texts.map(lambda text: "https://" + text)),
        timezone=draw(st.sampled_from(["UTC", "Asia/Kolkata", "Etc/GMT+5", "junk"])),
        starts_at=draw(st.none() | moments),
        ends_at=draw(st.none() | moments),
        event_start_date=draw(days | texts),
        event_end_date=draw(days | texts),
        closing_date=draw(days | texts),
        capacity=draw(st.none() | counts),
        sold=draw(counts),
        status=draw(st.sampled_from([s for s in statuses if s is not statuses.DRAFT])),
        event_type=draw(st.sampled_from(list(models.EventType))),
        is_online=draw(st.booleans()),
        metadata=draw(metadata),
        nostr_hide_counts=draw(st.booleans()),
    )


@st.composite
def odd_packages(draw: st.DrawFn) -> Any:
    return a_package_row(
        price_minor=draw(counts),
        currency=draw(st.sampled_from(["sat", "EUR", "JPY", "KWD"])),
        quantity_limit=draw(st.none() | counts),
        sold=draw(counts),
        kind=draw(st.sampled_from(["admission", "addon"])),
        is_enabled=draw(st.booleans()),
        is_hidden=draw(st.booleans()),
        sale_starts_at=draw(st.none() | moments),
        sale_ends_at=draw(st.none() | moments),
    )


@given(odd_events(), st.lists(odd_packages(), max_size=3), moments)
def test_i8_whatever_the_event_is_its_listing_is_sound(
    event: Any, packages: list[Any], now: datetime
) -> None:
    draft = draft_of(event, packages, now=now, has_calendar=True)
    if isinstance(draft, ext("nostr.drafts").Nothing):
        assert draft.problem == "no_date"
        return
    said = assert_sound(signed(draft))
    tags = said["tags"]
    start, end = value(tags, "start"), value(tags, "end")
    assert start is not None
    if draft.kind == TIMED:
        assert end is not None and int(start) < int(end)
        assert 1 <= len(values(tags, "D")) <= 366
    else:
        assert end is None or date.fromisoformat(start) < date.fromisoformat(end)
    assert len(str(value(tags, "title"))) <= 500
    assert len(str(value(tags, "summary"))) <= 1000
    assert f"{BASE_URL}/events/ev1" in str(value(tags, "summary"))
    assert draft.changes_at is None or draft.changes_at > now


@given(odd_events(), st.lists(odd_packages(), max_size=3), moments)
def test_i8_a_listing_changes_by_time_only_when_it_says_so(
    event: Any, packages: list[Any], now: datetime
) -> None:
    """Until `changes_at` the same rows make the same listing."""
    draft = draft_of(event, packages, now=now)
    if isinstance(draft, ext("nostr.drafts").Nothing):
        return
    until = draft.changes_at or datetime(9999, 1, 1, tzinfo=timezone.utc)
    just_before = max(now, until - timedelta(milliseconds=1))
    for later in (now + (just_before - now) / 2, just_before):
        assert draft_of(event, packages, now=later) == draft
