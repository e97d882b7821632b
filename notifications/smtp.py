"""A session with a mail server (RFC 5321), kept over several messages. It blocks: for threads."""

import smtplib
import socket
import threading
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from ..outbox.delivery import Undeliverable
from .smtp_failures import Refused, Stopped, is_dead, meaning_of
from .smtp_opening import Server, opened


@dataclass(frozen=True)
class Outgoing:
    """A mail with its envelope: bare addresses, in ASCII where they have such a form."""

    mail: EmailMessage
    sender: str
    recipient: str

    @property
    def needs_utf8(self) -> bool:
        return not (self.sender + self.recipient).isascii()

    def content(self) -> bytes:
        return self.mail.as_bytes(policy=SMTPUTF8 if self.needs_utf8 else SMTP)


class Session:
    """`deliver` and `close` run in one thread at a time. The others are called beside it: `begin`
    before a delivery is given to a thread, `call_off` and `cut` to end it."""

    def __init__(self, server: Server, timeout_s: float, answer_s: float) -> None:
        self.server = server
        self._timeout_s = timeout_s
        self._answer_s = answer_s
        self._smtp: smtplib.SMTP | None = None
        self._socket: socket.socket | None = None
        self._guard = threading.Lock()
        self._is_called_off = False
        # Whether the server takes mail from this sender: what fails after that may be the message.
        self._is_welcome = False
        # Whether the message itself is on its way.
        self.has_begun = False

    def begin(self) -> None:
        """Nothing is called off any more."""
        with self._guard:
            self._is_called_off = self.has_begun = False

    def deliver(self, outgoing: Outgoing) -> None:
        """Returns when the server has taken it over. Raises Undeliverable or TryLater."""
        try:
            content = outgoing.content()
        except (ValueError, LookupError) as exc:
            raise Undeliverable("unwritable", "This mail cannot be written as it is.") from exc
        try:
            self._send(outgoing, content)
        except (smtplib.SMTPException, OSError, ValueError, Refused, Stopped) as exc:
            self._tidy(exc)
            raise meaning_of(exc, self._is_welcome) from exc

    def _send(self, outgoing: Outgoing, content: bytes) -> None:
        """By the session there is; by a new one where the server had ended it. Servers do that to
        sessions that were idle, or had enough messages."""
        was_open = self._smtp is not None
        try:
            self._transact(outgoing, content)
        except (smtplib.SMTPException, OSError, Refused) as exc:
            # Broken off without a word after the message, it may have been taken.
            is_unknown = self.has_begun and not isinstance(exc, Refused)
            if not was_open or not is_dead(exc) or is_unknown:
                raise
            self._drop()
            self.has_begun = False
            self._transact(outgoing, content)

    def call_off(self) -> None:
        """Give up, unless the message is on its way already: then its answer is waited for."""
        with self._guard:
            self._is_called_off = True
            if not self.has_begun:
                self._shut()

    def cut(self) -> None:
        """Give up in any case."""
        with self._guard:
            self._is_called_off = True
            self._shut()

    def close(self) -> None:
        """End the session politely, if there is one."""
        if self._smtp is not None:
            try:
                self._smtp.quit()
            except (smtplib.SMTPException, OSError, ValueError, Stopped):
                self._smtp.close()
            self._forget()

    def _shut(self) -> None:
        """Wakes up a thread that waits for the server. Past TLS, which is used by that thread."""
        if self._socket is not None:
            try:
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
            except OSError:
                return

    def _transact(self, outgoing: Outgoing, content: bytes) -> None:
        self._is_welcome = False
        if self._smtp is None:
            self._smtp = opened(self.server, self._timeout_s, self._watch)
        smtp = self._smtp
        self._check()
        options = ["SMTPUTF8", "BODY=8BITMIME"] if outgoing.needs_utf8 else []
        if outgoing.needs_utf8 and not smtp.has_extn("smtputf8"):
            raise Undeliverable("refused", "The mail server takes only plain Latin addresses.")
        if smtp.has_extn("size"):
            options.append(f"SIZE={len(content)}")
        _require("MAIL", smtp.mail(outgoing.sender, options))
        self._is_welcome = True
        _require("RCPT", smtp.rcpt(outgoing.recipient))
        with self._guard:
            self._check()
            self.has_begun = True
            self._patience(self._answer_s)
        try:
            answer = smtp.data(content)
        except smtplib.SMTPDataError as exc:
            raise Refused("DATA", exc.smtp_code, _as_bytes(exc.smtp_error)) from exc
        _require("DATA", answer)
        self._patience(self._timeout_s)

    def _watch(self, smtp: smtplib.SMTP) -> None:
        """Before each answer is waited for."""
        with self._guard:
            self._socket = smtp.sock
            if self._is_called_off and not self.has_begun:
                smtp.close()
                raise Stopped("called off")

    def _patience(self, seconds: float) -> None:
        if self._socket is not None:
            self._socket.settimeout(seconds)

    def _check(self) -> None:
        if self._is_called_off:
            raise Stopped("called off")

    def _tidy(self, error: Exception) -> None:
        """Ready for the next message; a session that is not is forgotten."""
        if not isinstance(error, Refused) or error.is_goodbye or self._smtp is None:
            return self._drop()
        try:
            self._smtp.rset()
            self._patience(self._timeout_s)
        except (smtplib.SMTPException, OSError, Stopped):
            self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
        self._forget()

    def _forget(self) -> None:
        with self._guard:
            self._smtp = self._socket = None


def _as_bytes(words: bytes | str) -> bytes:
    return words if isinstance(words, bytes) else words.encode()


def _require(step: str, answer: tuple[int, bytes]) -> None:
    code, words = answer
    if not 200 <= code < 300:
        raise Refused(step, code, words)
