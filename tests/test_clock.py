"""The one source of time."""

import pytest

from support.host import ext


@pytest.mark.usefixtures("app")
def test_the_present_is_the_same_after_it_was_stored() -> None:
    """Columns have milliseconds. An answer and its repeat would else differ, by a second where the
    rounding ends one."""
    clock = ext("clock")
    for _ in range(50):
        moment = clock.now()
        assert clock.from_ms(clock.to_ms(moment)) == moment
