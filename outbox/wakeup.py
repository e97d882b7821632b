"""A hint that a fact was written down, so that it is carried out at once."""

from ..hints import Hint

_hint = Hint()
wake = _hint.give
wait = _hint.wait
