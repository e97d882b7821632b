"""I1 to I4 after SIGKILL at every await of buying, settling and expiring, and a restart.

The kills run in the background from the start of the test run; see `support/crash_driver.py`.
"""

from typing import Any

import pytest

from support.background import background
from support.crash_scenarios import SCENARIOS

pytestmark = pytest.mark.timeout(180)

# Fewer awaits would mean that the scenario does not reach the database.
LEAST_STEPS = 5


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_i3_once_after_a_kill_at_every_await(scenario: str) -> None:
    """Duplicate announcements, none at all, ones before the row has its hash, repeated requests."""
    found = background.crashes()[scenario]
    assert found["wrong"] == []
    assert found["steps"] >= LEAST_STEPS
    assert found["kills"] >= found["steps"]
    # Before and after its transaction, at least; a purchase has an invoice in between.
    assert found["states"] >= (4 if scenario == "buy" else 2)


@pytest.mark.parametrize("scenario", ["buy", "settle"])
def test_i3_control_without_transactions_a_kill_does_harm(scenario: str) -> None:
    """Shows that the test above would notice: each statement commits by itself."""
    found: dict[str, Any] = background.crashes_without_transactions()[scenario]
    assert found["wrong"]
