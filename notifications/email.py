"""Mail by the host's mail settings, through one session that is kept over several messages."""

import asyncio
from email.message import EmailMessage
from email.utils import parseaddr
from ipaddress import ip_address
from urllib.parse import urlsplit

from lnbits.settings import settings as host

from ..crud import reading
from ..outbox.delivery import Undeliverable
from ..settings import InstanceSettings, base_url, read_settings
from .mime import Sender, address_of
from .models import Letter
from .smtp import Outgoing, Session
from .smtp_failures import ServerTrouble
from .smtp_opening import Server

# Until the message itself is on its way a delivery may take so many times as long as the server
# may think about one answer; and so long its outcome is waited for by a host that stops.
_LONGEST, _WHEN_STOPPING = 4, 3
# For the answer to the message (RFC 5321, 4.5.3.2.6): who stops waiting too early sends it twice.
_ANSWER_S = 600.0


def is_configured() -> bool:
    """Whether the host's admin has set up a mail server."""
    return bool(
        host.is_email_notifications_configured()
        and host.lnbits_email_notifications_server
        and host.lnbits_email_notifications_port
    )


def sender(settings: InstanceSettings, letter: Letter) -> Sender:
    """Whom a letter comes from: the host's address, under the name that the instance chose, else
    under the event's. Raises ServerTrouble while that address is none."""
    event_name = letter.listing.event.name if letter.listing else ""
    name = settings.mail_from_name or event_name or str(host.lnbits_site_title)
    return Sender(_own_address(), name)


def _own_address() -> str:
    """Also of one that is set with a name before it, as `Tickets <a@example.org>`."""
    text = str(host.lnbits_email_notifications_email)
    try:
        return address_of(parseaddr(text)[1] if "<" in text else text)
    except Undeliverable as exc:
        raise ServerTrouble("auth", "The host's own mail address is not valid.") from exc


def _server(settings: InstanceSettings) -> Server:
    return Server(
        host=str(host.lnbits_email_notifications_server).strip(),
        port=int(host.lnbits_email_notifications_port),
        username=str(host.lnbits_email_notifications_username),
        password=str(host.lnbits_email_notifications_password),
        security=settings.mail_security,
        verify=settings.mail_verify,
        hello=_hello(base_url()),
    )


def _hello(address: str) -> str:
    """What this host is called towards mail servers: a domain name, or an address in brackets
    (RFC 5321, 4.1.3). smtplib's own default asks the name server for it, which may take long."""
    name = urlsplit(address).hostname or ""
    try:
        number = ip_address(name)
    except ValueError:
        is_domain = "." in name and name.isascii() and not name.endswith(".")
        return name if is_domain else "[127.0.0.1]"
    return f"[IPv6:{number}]" if number.version == 6 else f"[{number}]"


class MailServer:
    """The host's mail server. One message at a time; changed settings hold for the next one.
    `timeout_s` is the patience for an answer, `answer_s` that for the one to a whole message."""

    def __init__(self, timeout_s: float = 10.0, answer_s: float = _ANSWER_S) -> None:
        self._timeout_s = timeout_s
        self._answer_s = answer_s
        self._session: Session | None = None
        self._turn = asyncio.Lock()

    async def send(self, mail: EmailMessage, recipient: str) -> None:
        """Returns when the server has taken the message over. It may take four timeouts before
        the message itself is on its way, and the time for the answer to it.

        Raises what `smtp_failures.meaning_of` returns. Cancelled, it ends at once while the message
        has not left; else with the server's answer to it, as if it had not been cancelled.
        """
        if not is_configured():
            raise ServerTrouble("unreachable", "This host has no mail server set up.")
        to, by = address_of(recipient), _own_address()
        async with reading() as tx:
            settings = await read_settings(tx)
        async with self._turn:
            session = await self._session_with(_server(settings))
            outgoing = Outgoing(mail, by, to)
            session.begin()
            await self._deliver(session, outgoing)

    async def close(self) -> None:
        """End the session, if there is one."""
        async with self._turn:
            await self._end()

    async def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            thread = asyncio.ensure_future(asyncio.to_thread(session.close))
            try:
                await asyncio.wait({thread}, timeout=self._timeout_s)
            finally:
                await self._outlast(thread, session, 0)

    async def _session_with(self, server: Server) -> Session:
        if self._session is None or self._session.server != server:
            await self._end()
            self._session = Session(server, self._timeout_s, self._answer_s)
        return self._session

    async def _deliver(self, session: Session, outgoing: Outgoing) -> None:
        thread = asyncio.ensure_future(asyncio.to_thread(session.deliver, outgoing))
        try:
            await asyncio.wait({thread}, timeout=self._timeout_s * _LONGEST)
            if not thread.done():
                session.call_off()
                await asyncio.wait({thread}, timeout=self._answer_s + self._timeout_s)
            await self._outlast(thread, session, 0)
        except asyncio.CancelledError:
            # What is on its way is waited for, everything else ends at once.
            session.call_off()
            await self._outlast(thread, session, self._timeout_s * _WHEN_STOPPING)
            if not session.has_begun:
                raise
        thread.result()

    async def _outlast(
        self, thread: "asyncio.Task[None]", session: Session, patience_s: float
    ) -> None:
        """A thread cannot be cancelled: it is made to end, and waited for."""
        while not thread.done():
            try:
                await asyncio.wait({thread}, timeout=patience_s)
            except asyncio.CancelledError:
                continue
            if not thread.done():
                session.cut()
            patience_s = self._timeout_s
        # Taken note of, also where nobody asks for it any more.
        thread.exception()
