"""Hints between whoever writes messages down, sends them, and waits for their outcome. A hint
never says what happened: the database does."""

from collections.abc import Iterable

from ..hints import Pulse
from .models import Channel


class Queued:
    """A message waits to be sent. Each channel has senders of its own, who look only for theirs."""

    def __init__(self) -> None:
        self._pulses = {channel: Pulse() for channel in Channel}

    def beat(self, channels: Iterable[str] = Channel) -> None:
        for channel in {Channel(name) for name in channels}:
            self._pulses[channel].beat()

    def of(self, channel: Channel) -> Pulse:
        return self._pulses[channel]


queued = Queued()
# A message was sent, or could not be.
tried = Pulse()
