"""Mail, one after another over one session with the server. When the server has a problem all of
it waits, and no message's tries are used up.

What goes wrong once the server has taken MAIL FROM may be the message: a server that ends the
session whenever it sees it looks broken. So such a message waits alone, and the server is to blame
only when several in a row had the same.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage

from loguru import logger

from ..crud import reading
from ..settings import InstanceSettings, read_settings
from . import email, hints, mime, rendering, sending
from .blame import Blame
from .models import Channel, Letter, Message
from .sending import Moving, Passed, Waits
from .smtp_failures import Deferred, Rejected, ServerTrouble
from .waiting import WithoutServer

_BATCH = 50
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=5)


class MailLane:
    """One worker. `make_server`: how a session with the mail server is made."""

    def __init__(self, make_server: Callable[[], email.MailServer] = email.MailServer) -> None:
        self._server = make_server()
        self._pauses = 0
        self._paused_until: datetime | None = None
        self._blame = Blame()
        self._without_server = WithoutServer()

    async def send_due(self, now: datetime) -> Passed:
        """Send all that is due, until the server has a problem. Without one mail waits."""
        if not email.is_configured():
            await self._without_server.give_up(now)
            return Passed()
        if self._paused_until is not None and now < self._paused_until:
            return Passed(0, self._paused_until)
        clock, sent = Moving(now), 0
        try:
            while True:
                seen = hints.queued.of(Channel.MAIL).beats
                due = await sending.list_due(Channel.MAIL, clock.now(), _BATCH)
                if not due:
                    break
                async with reading() as tx:
                    settings = await read_settings(tx)
                for message_id in due:
                    sent += await self._send(message_id, clock, settings)
                    if hints.queued.of(Channel.MAIL).beats != seen:
                        # It may be more urgent than the rest of these.
                        break
        except Waits as trouble:
            return Passed(sent, self._pause(clock.now(), trouble))
        return Passed(sent, await sending.next_due_at(Channel.MAIL))

    async def close(self) -> None:
        """End the session with the server."""
        await self._server.close()

    async def _send(self, message_id: str, clock: Moving, settings: InstanceSettings) -> bool:
        async def send(message: Message, letter: Letter) -> None:
            try:
                mail = await asyncio.to_thread(_write, letter, settings)
                await self._server.send(mail, message.recipient)
            except ServerTrouble as trouble:
                raise Waits(trouble) from trouble
            except (Deferred, Rejected) as trouble:
                judged = self._blame.judge(message, trouble)
                if judged is trouble:
                    raise
                raise judged from trouble

        done = await sending.carry(message_id, clock, send)
        if done:
            self._pauses, self._paused_until = 0, None
            self._blame.arrived()
        elif why := await self._blame.why_all_wait(clock.now()):
            raise Waits(why)
        return done

    def _pause(self, now: datetime, trouble: Waits) -> datetime:
        wait = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self._pauses, 20))
        if self._pauses == 0:
            logger.warning(f"events: mail waits ({trouble.code}): {trouble.message}")
        self._pauses += 1
        self._paused_until = now + wait
        return self._paused_until


def _write(letter: Letter, settings: InstanceSettings) -> EmailMessage:
    return mime.mail_of(letter, rendering.write(letter), email.sender(settings, letter))
