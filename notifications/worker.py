"""What runs beside requests: facts become messages, messages are sent, events are remembered."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from loguru import logger

from .. import clock
from ..outbox import services as outbox
from ..outbox import wakeup
from ..outbox.delivery import DirectMessages
from . import hints
from .dm_lane import AT_ONCE, DmLane
from .facts import HANDLERS
from .mail_lane import MailLane
from .models import Channel
from .reminders import remind_due
from .sending import Passed
from .sweeping import Sweep

_LONGEST_WAIT_S = 60.0
# Between two looks there is always so much, whatever the database says is due.
_SHORTEST_WAIT_S = 0.1


async def keep_delivering() -> None:
    """Facts become messages: at start, whenever one is written down, and every minute."""
    sweep = Sweep()
    while True:
        wait_s = _LONGEST_WAIT_S
        try:
            done = await outbox.drain(HANDLERS, clock.now())
            wait_s = _seconds_until(done.next_at)
        except Exception as exc:  # noqa: BLE001  # the next pass tries again
            logger.error(f"events: facts wait to be told: {exc!r}")
        try:
            await remind_due(clock.now())
            await sweep.forget_old(clock.now())
        except Exception as exc:  # noqa: BLE001  # neither keeps facts from being told
            logger.error(f"events: events are not remembered, or messages not forgotten: {exc!r}")
        await wakeup.wait(wait_s)


async def keep_mailing() -> None:
    """Mail leaves as soon as it is written down."""
    lane = MailLane()
    try:
        await _keep(lane.send_due, Channel.MAIL)
    finally:
        await lane.close()


async def keep_messaging(messages: DirectMessages) -> None:
    """Nostr messages leave as soon as they are written down, by workers that look for themselves:
    one that hangs keeps no other back."""
    lane = DmLane(messages)
    workers = (_keep(lane.work, Channel.DM) for _ in range(AT_ONCE))
    # Stopped, it waits for all of them: what was sent is noted.
    await asyncio.gather(*workers, return_exceptions=True)


async def _keep(send_due: Callable[[datetime], Awaitable[Passed]], channel: Channel) -> None:
    hint = hints.queued.of(channel)
    while True:
        seen, wait_s = hint.beats, _LONGEST_WAIT_S
        try:
            wait_s = _seconds_until((await send_due(clock.now())).next_at)
        except Exception as exc:  # noqa: BLE001  # the next pass tries again
            logger.error(f"events: messages ({channel.value}) could not be sent: {exc!r}")
        await hint.wait(seen, wait_s)


def _seconds_until(moment: datetime | None) -> float:
    if moment is None:
        return _LONGEST_WAIT_S
    left_s = (moment - clock.now()).total_seconds()
    return min(_LONGEST_WAIT_S, max(_SHORTEST_WAIT_S, left_s))
