"""Mail servers on loopback: real ones (aiosmtpd), which can also be slow, strict or unwell."""

import asyncio
import email
import email.policy
import functools
import os
import ssl
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from support.host import ext
from support.process import free_port

ADDRESS = "tickets@example.org"
LOGIN = ("tickets", "open sesame")
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Caught:
    """A message as the server took it."""

    sender: str
    recipients: tuple[str, ...]
    mail: EmailMessage
    raw: bytes

    @property
    def message_id(self) -> str:
        return str(self.mail["Message-ID"])

    def part(self, kind: str) -> str:
        """The text of the first part of a type, such as `text/html`."""
        found = next(p for p in self.mail.walk() if p.get_content_type() == kind)
        content = found.get_content() if isinstance(found, EmailMessage) else ""
        return content.decode() if isinstance(content, bytes) else str(content)


class Silence(asyncio.Protocol):
    """Accepts a connection, and says nothing for ever."""


@dataclass
class Mailbox:
    """One server on one port. What it does may be changed while it runs.

    `security` is none, starttls or tls; with `login` it takes mail only from who knows that.
    """

    security: str = "none"
    login: tuple[str, str] | None = None
    takes_utf8: bool = True
    port: int = field(default_factory=free_port)
    # Everything after the connection waits for ever.
    hangs: bool = False
    # After a message has arrived, before the answer to it.
    delay_s: float = 0.0
    # The same, until this is set.
    thinks_until: asyncio.Event | None = None
    # Addresses that are told to come back, so many times each.
    greylist: dict[str, int] = field(default_factory=dict)
    # Answers to RCPT TO by address, and to every MAIL FROM and every message.
    refused: dict[str, str] = field(default_factory=dict)
    sender_answer: str | None = None
    data_answer: str | None = None
    # So many messages end in a broken connection: "before" they are taken or "after".
    dies: int = 0
    dies_when: str = "before"
    # Messages after which a connection is closed by the server.
    most_per_session: int | None = None
    messages: list[Caught] = field(default_factory=list)
    sessions: int = 0
    quits: int = 0
    tried: list[str] = field(default_factory=list)
    # Somebody has connected; a message has arrived, and is not answered yet.
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.AbstractServer | None = None
    _open: set[asyncio.BaseTransport] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def sent_to(self, address: str) -> list[Caught]:
        return [caught for caught in self.messages if address in caught.recipients]

    async def wait(self, count: int) -> list[Caught]:
        """The messages, once there are so many. Fails when they do not come."""

        async def enough() -> None:
            while len(self.messages) < count:
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(enough(), _PATIENCE_S)
        return self.messages

    async def up(self) -> None:
        tls = _certificate() if self.security == "tls" else None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, "127.0.0.1", self.port, ssl=tls)

    async def down(self) -> None:
        """Nobody listens, and who was connected is cut off."""
        if self._server is not None:
            self._server.close()
            for transport in self._open:
                if isinstance(transport, asyncio.Transport):
                    transport.abort()
            self._open.clear()
            self._server = None
            # Connections end in the loop's next rounds.
            for _ in range(5):
                await asyncio.sleep(0)

    def _connection(self) -> asyncio.Protocol:
        self.sessions += 1
        self.connected.set()
        if self.hangs:
            return _Noted(self._open)
        return _Server(self)

    # What aiosmtpd calls.
    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and self.login == (
            data.login.decode(),
            data.password.decode(),
        )
        return AuthResult(success=is_right, handled=False)

    async def handle_MAIL(  # noqa: N802 - its name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender_answer:
            return self.sender_answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - its name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.tried.append(address)
        if self.greylist.get(address, 0) > 0:
            self.greylist[address] -= 1
            return "451 4.7.1 Greylisted, come back"
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - its name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.arrived.set()
        await asyncio.sleep(self.delay_s)
        if self.thinks_until is not None:
            await self.thinks_until.wait()
        dies = self.dies > 0
        self.dies -= dies
        if not self.data_answer and not (dies and self.dies_when == "before"):
            self._take(envelope)
        if dies and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return self.data_answer or "250 OK"

    async def handle_QUIT(  # noqa: N802 - its name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.quits += 1
        return "221 Bye"

    def _take(self, envelope: Envelope) -> None:
        raw = envelope.original_content or b""
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        recipients = tuple(envelope.rcpt_tos)
        self.messages.append(Caught(envelope.mail_from or "", recipients, mail, raw))
        self._news.set()


class _Noted(Silence):
    """A silent connection that can be cut off."""

    def __init__(self, open_ones: set[asyncio.BaseTransport]) -> None:
        self._open = open_ones

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._open.add(transport)


class _Server(SMTP):
    def __init__(self, box: Mailbox) -> None:
        self._box = box
        with warnings.catch_warnings():
            # Passwords without TLS are what some of these servers are for.
            warnings.simplefilter("ignore", UserWarning)
            self._become(box)

    def _become(self, box: Mailbox) -> None:
        super().__init__(
            box,
            enable_SMTPUTF8=box.takes_utf8,
            hostname="mail.example.org",
            tls_context=_certificate() if box.security == "starttls" else None,
            require_starttls=box.security == "starttls",
            auth_required=box.login is not None,
            # aiosmtpd cannot know of a connection that is TLS from its start.
            auth_require_tls=box.security == "starttls",
            authenticator=box.authenticate if box.login else None,
            command_call_limit={"DATA": box.most_per_session} if box.most_per_session else None,
            loop=asyncio.get_running_loop(),
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._box._open.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._box._open -= {self.transport}
        super().connection_lost(error)


@functools.cache
def _authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def _certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _authority().issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@contextmanager
def trusted() -> Iterator[None]:
    """The servers' certificates are valid ones while this lasts."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(_authority().cert_pem.bytes())
        file.flush()
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = file.name
        try:
            yield
        finally:
            os.environ.pop("SSL_CERT_FILE")
            if before is not None:
                os.environ["SSL_CERT_FILE"] = before


@asynccontextmanager
async def a_mail_server(**traits: Any) -> AsyncIterator[Mailbox]:
    """A running server that the host and the extension are set to use, with a valid certificate."""
    box = Mailbox(**traits)
    async with pointed_at(box):
        await box.up()
        try:
            yield box
        finally:
            await box.down()


@asynccontextmanager
async def pointed_at(box: Mailbox, **instance: Any) -> AsyncIterator[None]:
    """The host's mail settings name this server; `instance` are settings of the extension."""
    from lnbits.settings import settings as host

    user, password = box.login or ("", "")
    wanted = {
        "enabled": True,
        "email": ADDRESS,
        "username": user,
        "password": password,
        "server": "127.0.0.1",
        "port": box.port,
    }
    names = {f"lnbits_email_notifications_{name}": value for name, value in wanted.items()}
    before = {name: getattr(host, name) for name in names}
    settings = ext("settings")
    chosen = {"mail_security": box.security, **instance}
    kept = (await settings.get_settings()).dict(include=set(chosen))
    try:
        for name, value in names.items():
            setattr(host, name, value)
        await settings.change_settings(settings.SettingsPatch(**chosen))
        with trusted():
            yield
    finally:
        for name, value in before.items():
            setattr(host, name, value)
        await settings.change_settings(settings.SettingsPatch(**kept))
