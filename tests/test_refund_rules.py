"""What comes back, and when a payment is tried again: pure rules, as properties and tables."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from support import builders
from support.host import ext
from support.people import Person

BERLIN = ZoneInfo("Europe/Berlin")


_EVENTS: dict[str, Any] = {}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def _booted(client: httpx.AsyncClient, organiser: Person) -> None:
    """A real event, which `an_event` varies."""
    made = await builders.an_event(
        client, organiser, event_start_date="2030-03-31", event_end_date="2030-03-31"
    )
    _EVENTS["real"] = (await ext("catalog.services").require_listing(made["id"])).event


def an_event(starts_at: datetime | None, zone: str, tiers: list[tuple[int, int]] | None) -> Any:
    changes: dict[str, Any] = {"starts_at": starts_at, "timezone": zone}
    if tiers is not None:
        kind = ext("catalog.models").RefundTier
        changes["refund_tiers"] = tuple(kind(*tier) for tier in tiers)
    return replace(_EVENTS["real"], **changes)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(timezone.utc)


@pytest.mark.parametrize(
    ("now", "percent"),
    [
        ("2030-05-01T00:00:00", 100),
        ("2030-05-24T20:00:00", 100),
        ("2030-05-24T20:00:01", 50),
        ("2030-05-28T20:00:00", 50),
        ("2030-05-28T20:00:01", 0),
        ("2030-05-31T19:59:59", 0),
        ("2030-06-30T00:00:00", 0),
    ],
)
def test_the_default_policy(now: str, percent: int) -> None:
    event = an_event(berlin("2030-05-31T20:00:00"), "Europe/Berlin", None)
    assert ext("refunds.rules").refund_percent(event, berlin(now)) == percent


@pytest.mark.parametrize(
    ("starts", "limit"),
    [
        # Clocks went forward in the night to 31 March 2030, back in the night to 27 October.
        ("2030-04-03T20:00:00", "2030-03-27T20:00:00"),
        ("2030-10-30T20:00:00", "2030-10-23T20:00:00"),
    ],
)
def test_a_limit_keeps_its_hour_when_the_clocks_change(starts: str, limit: str) -> None:
    rules = ext("refunds.rules")
    event = an_event(berlin(starts), "Europe/Berlin", [(7, 100)])
    [tier] = event.refund_tiers
    assert rules.tier_ends_at(event, tier) == berlin(limit)
    assert rules.refund_percent(event, berlin(limit)) == 100
    assert rules.refund_percent(event, berlin(limit) + timedelta(seconds=1)) == 0


def test_an_event_without_a_time_begins_with_its_day_in_its_zone() -> None:
    event = an_event(None, "Pacific/Auckland", [(0, 25)])
    midnight = datetime(2030, 3, 31, tzinfo=ZoneInfo("Pacific/Auckland"))
    rules = ext("refunds.rules")
    assert rules.refund_percent(event, midnight) == 25
    assert rules.refund_percent(event, midnight + timedelta(seconds=1)) == 0


def test_no_tier_gives_nothing_back() -> None:
    event = an_event(berlin("2030-05-31T20:00:00"), "Europe/Berlin", [])
    assert ext("refunds.rules").refund_percent(event, berlin("2029-01-01T00:00:00")) == 0


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=10), st.integers(0, 100))
def test_i2_money_a_share_lies_between_nothing_and_the_price(
    prices: list[int], percent: int
) -> None:
    shares = [ext("refunds.rules").share_sat(price, percent) for price in prices]
    for price, share in zip(prices, shares, strict=True):
        assert 0 <= share <= price
        assert abs(share * 100 - price * percent) <= 50
    if percent in (0, 100):
        assert sum(shares) == sum(prices) * percent // 100


def test_attempts_wait_longer_and_longer_then_end_and_begin_anew_when_asked() -> None:
    backoff = ext("refunds.rules").backoff
    waits = [backoff(attempts) for attempts in range(1, 12)]
    assert waits[0] == timedelta(minutes=1)
    assert waits == sorted(waits)
    assert waits[-1] <= timedelta(hours=24)
    assert backoff(12) is None
    assert backoff(13) == waits[0]
