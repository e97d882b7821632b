"""Open a session with a mail server: greeting, TLS and login. It blocks: for threads."""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..settings import MailSecurity

TLS_PORT = 465


@dataclass(frozen=True)
class Server:
    """Where mail is handed in, and how. `hello` is how this host calls itself (EHLO)."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    security: MailSecurity
    verify: bool
    hello: str

    @property
    def begins_with_tls(self) -> bool:
        if self.security is MailSecurity.AUTO:
            return self.port == TLS_PORT
        return self.security is MailSecurity.TLS


Watch = Callable[[smtplib.SMTP], None]


class _Watched(smtplib.SMTP):
    """Tells of its socket whenever it begins to wait, so that the wait can be ended."""

    def __init__(self, watch: Watch, **more: Any) -> None:
        self._watch = watch
        super().__init__(**more)

    def getreply(self) -> tuple[int, bytes]:
        self._watch(self)
        return super().getreply()


class _WatchedTls(_Watched, smtplib.SMTP_SSL):
    """The same with TLS from the start."""


def opened(server: Server, timeout_s: float, watch: Watch) -> smtplib.SMTP:
    """A session that is ready for messages. `watch` is told of it before each answer is waited
    for, and may end it by raising. Raises what smtplib, ssl and sockets raise."""
    smtp: smtplib.SMTP
    where = {"host": server.host, "port": server.port}
    more = {"local_hostname": server.hello, "timeout": timeout_s}
    if server.begins_with_tls:
        smtp = _WatchedTls(watch, **where, **more, context=_tls_context(server.verify))
    else:
        smtp = _Watched(watch, **where, **more)
    try:
        _secure(smtp, server)
        if server.username:
            _log_in(smtp, server)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _secure(smtp: smtplib.SMTP, server: Server) -> None:
    smtp.ehlo_or_helo_if_needed()
    if server.begins_with_tls or server.security is MailSecurity.NONE:
        return
    smtp.starttls(context=_tls_context(server.verify))
    smtp.ehlo_or_helo_if_needed()


def _log_in(smtp: smtplib.SMTP, server: Server) -> None:
    try:
        smtp.login(server.username, server.password)
    except smtplib.SMTPAuthenticationError:
        raise
    except (smtplib.SMTPNotSupportedError, UnicodeError) as exc:
        raise smtplib.SMTPAuthenticationError(504, b"no login of this kind") from exc
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPException as exc:
        raise smtplib.SMTPAuthenticationError(504, b"no kind of login both know") from exc


def _tls_context(verify: bool) -> ssl.SSLContext:
    """The machine's authorities decide, or those of SSL_CERT_FILE."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
