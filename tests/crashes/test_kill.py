"""I1 to I5 after SIGKILL at every await of buying, paying back and letting in, and a restart.

The kills run in the background from the start of the test run; see `support/crash_driver.py`.
"""

from typing import Any

import pytest

from support import host
from support.background import background
from support.crash_door import DOOR
from support.crash_scenarios import CONTROLS, HERE

pytestmark = pytest.mark.timeout(1800 if host.every_await() else 300)

# Fewer awaits would mean that the scenario does not reach the database.
LEAST_STEPS = 5
# An invoice between two transactions; taken, sent, received; three orders and the event.
# A scan of two tickets, an upload of three entries.
LEAST_STATES = {"buy": 4, "scan": 3, "upload": 4, "claim": 4, "resolve": 3, "book an event": 5}


@pytest.mark.parametrize("scenario", [name for name in HERE if name not in DOOR])
def test_i3_once_after_a_kill_at_every_await(scenario: str) -> None:
    """Duplicate announcements, none at all, ones before the row has its hash, repeated requests;
    wallets that call back again, with the same invoice or another one."""
    goes_on_after_kills(scenario)


@pytest.mark.parametrize("scenario", DOOR)
def test_i5_entry_after_a_kill_at_every_await(scenario: str) -> None:
    """Scans sent again with the same scan ids, or never."""
    goes_on_after_kills(scenario)


def goes_on_after_kills(scenario: str) -> None:
    found = background.crashes()[scenario]
    assert found["wrong"] == []
    assert found["steps"] >= LEAST_STEPS
    assert found["kills"] >= found["steps"]
    # Before and after its transaction, at least; some have more than one.
    assert found["states"] >= LEAST_STATES.get(scenario, 2)


@pytest.mark.parametrize("scenario", CONTROLS)
def test_i3_control_without_transactions_a_kill_does_harm(scenario: str) -> None:
    """Shows that the test above would notice: each statement commits by itself."""
    found: dict[str, Any] = background.crashes_without_transactions()[scenario]
    assert found["wrong"]
