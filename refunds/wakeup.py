"""A hint that money is owed, so that nobody waits for the next pass of the worker."""

from ..hints import Hint

_hint = Hint()
wake = _hint.give
wait = _hint.wait
