"""What an answer of a mail server, or the lack of one, means for a message. Pure."""

import re
import smtplib
import ssl
import unicodedata
from dataclasses import dataclass

from ..outbox.delivery import TryLater, Undeliverable

_MAX_WORDS = 200
# RFC 5321 (4.2.2), RFC 4954 (6): the server ends the session; it wants a login, or a better one.
_CLOSING = 421
_WANTS_LOGIN = frozenset({530, 534, 535, 538})
_TOO_LARGE = 552
# RFC 3463: too much traffic, and a policy that is rarely about the message.
_OF_THE_ACCOUNT = frozenset({"5.4.5", "5.7.0", "5.7.1"})
_STATUS = re.compile(rb"\s*(\d\.\d{1,3}\.\d{1,3})\b")
# Statuses that are about this address, its mailbox, or the size or form of this message.
_OF_THE_MESSAGE = re.compile(r"5\.(1\.([12346]|10)|2\.\d+|3\.4|6\.\d+)")
# Signs of trouble that is not a message's own once several in a row had it.
BROKEN_OFF = "broken off"
ACCOUNT = "account"


@dataclass
class Refused(Exception):
    """The server said no. `step` is the command it said it to: MAIL, RCPT or DATA."""

    step: str
    code: int
    words: bytes

    def __str__(self) -> str:
        return f"{self.step}: {self.code}"

    @property
    def is_goodbye(self) -> bool:
        return self.code == _CLOSING


class ServerTrouble(TryLater):
    """Every message would have it: there is no session, or no mail is taken from this sender."""


class Deferred(TryLater):
    """So far this message's own trouble. `sign`: the same for messages that had the same; empty
    where that would say nothing of the server."""

    def __init__(self, code: str, message: str, sign: str = "") -> None:
        super().__init__(code, message)
        self.sign = sign


class Rejected(Undeliverable):
    """The same, for good."""

    def __init__(self, message: str, sign: str = "") -> None:
        super().__init__("refused", message)
        self.sign = sign


class Stopped(Exception):
    """It was called off before the message was handed over."""


def cleaned(words: bytes | str) -> str:
    """A server's words in one printable line, cut short."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    plain = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return " ".join(plain.split())[:_MAX_WORDS]


def is_dead(error: Exception) -> bool:
    """Whether the session has ended, so that another one may well do better."""
    if isinstance(error, Refused):
        return error.is_goodbye
    return isinstance(error, (smtplib.SMTPServerDisconnected, OSError))


def meaning_of(error: Exception, is_welcome: bool) -> TryLater | Undeliverable:
    """Of whatever went wrong while a message was sent: ServerTrouble, Deferred or Rejected.
    `is_welcome`: the server had taken MAIL FROM, so it may be this message that it breaks at."""
    if isinstance(error, Refused):
        is_early = error.step == "MAIL"
        return _refused_sender(error) if is_early else _refused_message(error)
    code, words = _lost(error)
    return Deferred("deferred", words, BROKEN_OFF) if is_welcome else ServerTrouble(code, words)


def _lost(error: Exception) -> tuple[str, str]:
    """Code and sentence for a session that there is none of, or not any more."""
    if isinstance(error, (TimeoutError, Stopped)) or _timed_out(error):
        return "timeout", "The mail server did not answer in time."
    if isinstance(error, (smtplib.SMTPNotSupportedError, ssl.SSLError, ssl.CertificateError)):
        return "tls", f"No safe connection to the mail server: {cleaned(str(error))}"
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "auth", _no_login(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPResponseException):
        said = f"{error.smtp_code} {cleaned(error.smtp_error)}"
        return "unreachable", f"The mail server is not ready: {said}"
    return "unreachable", f"The mail server cannot be reached: {cleaned(str(error))}"


def _timed_out(error: BaseException) -> bool:
    """smtplib tells a timeout as a broken connection, with the reason behind it."""
    before = error.__context__
    return isinstance(error, smtplib.SMTPServerDisconnected) and isinstance(before, TimeoutError)


def _no_login(code: int, words: bytes | str) -> str:
    return f"The mail server refused the login: {code} {cleaned(words)}"


def _refused_sender(error: Refused) -> TryLater | Undeliverable:
    """MAIL FROM names the host's own address, and how large the message is."""
    said = f"{error.code} {cleaned(error.words)}"
    if error.code == _TOO_LARGE:
        return Rejected(f"The mail server refused it: {said}")
    if error.code in _WANTS_LOGIN:
        return ServerTrouble("auth", _no_login(error.code, error.words))
    if error.code >= 500:
        return ServerTrouble("auth", f"The mail server does not take mail from this sender: {said}")
    return ServerTrouble("unreachable", f"The mail server wants it later: {said}")


def _refused_message(error: Refused) -> TryLater | Undeliverable:
    said = f"{error.code} {cleaned(error.words)}"
    if error.is_goodbye:
        return Deferred("deferred", f"The mail server closed the session: {said}", BROKEN_OFF)
    if error.code < 500:
        return Deferred("deferred", f"The mail server wants it later: {said}")
    if error.code in _WANTS_LOGIN:
        return Deferred("auth", _no_login(error.code, error.words), ACCOUNT)
    found = _STATUS.match(error.words)
    status = found.group(1).decode() if found else ""
    if status in _OF_THE_ACCOUNT:
        words = f"The mail server does not take mail from this host: {said}"
        return Deferred("auth", words, ACCOUNT)
    is_own = error.code == _TOO_LARGE or _OF_THE_MESSAGE.fullmatch(status)
    sign = "" if is_own else f"{error.code} {status}"
    return Rejected(f"The mail server refused it: {said}", sign)
