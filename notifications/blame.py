"""Whose trouble it is that a mail server refuses mail: the messages', or the account's with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..crud import transaction
from ..outbox.delivery import TryLater
from . import crud, hints
from .models import Kind, Message
from .sending import MOST_ATTEMPTS, Held, wait_after
from .smtp_failures import ACCOUNT, BROKEN_OFF, Deferred, Rejected

# So many letters in a row with the same trouble are no coincidence.
_TOO_MANY = 3


@dataclass
class _Streak:
    """Letters one after another that had the same trouble, and their messages. What goes to one
    recipient counts once, and so does an announcement: it is one text."""

    sign: str = ""
    letters: set[str] = field(default_factory=set)
    message_ids: list[str] = field(default_factory=list)


class Blame:
    """What was refused in a row, with nobody between who got their message. From then on, and
    until somebody gets one, the same trouble is the server's."""

    def __init__(self) -> None:
        self._streak = _Streak()
        self._blamed = ""
        # Of the last message, where it says that all of them have to wait.
        self._trouble: TryLater | None = None

    def arrived(self) -> None:
        """A message did, so the server takes them."""
        self._streak, self._blamed = _Streak(), ""

    def judge(self, message: Message, trouble: Deferred | Rejected) -> TryLater | Rejected:
        """What the trouble of one message means for it."""
        if trouble.sign and trouble.sign == self._blamed:
            self._trouble = _of_server(trouble)
            return self._trouble
        if trouble.sign and trouble.sign != self._streak.sign:
            self._streak = _Streak(trouble.sign)
        is_to_many = message.kind is Kind.ANNOUNCEMENT
        if trouble.sign:
            letter = message.cause if is_to_many else message.recipient.casefold()
            self._streak.letters.add(letter)
            self._streak.message_ids.append(message.id)
        if len(self._streak.letters) >= _TOO_MANY:
            self._trouble = _of_server(trouble)
        elif is_to_many and trouble.sign == ACCOUNT:
            # Its text is refused, as far as one can tell. Tried again for each of a thousand
            # recipients it would make the account one that is blocked.
            return Rejected(trouble.message)
        return trouble

    async def why_all_wait(self, now: datetime) -> TryLater | None:
        """Why the last message's trouble is all the others'; None: it is not. What was refused in
        a row is not given up for it."""
        trouble, self._trouble = self._trouble, None
        if trouble is not None and len(self._streak.letters) >= _TOO_MANY:
            streak, self._streak = self._streak, _Streak()
            # One that breaks off may do so for a few messages alone: they are tried apart.
            if streak.sign != BROKEN_OFF:
                self._blamed = streak.sign
                await _take_back(streak.message_ids, now, trouble)
        return trouble


def _of_server(trouble: Deferred | Rejected) -> TryLater:
    if trouble.sign == ACCOUNT:
        return Held("auth", trouble.message)
    code = "deferred" if trouble.sign == BROKEN_OFF else "auth"
    return TryLater(code, trouble.message)


async def _take_back(message_ids: Sequence[str], now: datetime, trouble: TryLater) -> None:
    """They wait for another try, as if they had not been given up."""
    async with transaction() as tx:
        for message in await crud.list_messages(tx, message_ids):
            if isinstance(trouble, Held) or message.attempts < MOST_ATTEMPTS:
                at = now + wait_after(message.attempts)
                await crud.take_back(tx, message, at, (trouble.code, trouble.message))
    hints.tried.beat()
