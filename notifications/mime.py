"""Letters as mail: MIME (RFC 2045), codes inside it, a calendar file attached.

Drawing codes takes tens of milliseconds: call it from a thread.
"""

from dataclasses import dataclass
from datetime import datetime, timezone
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email

from .. import clock
from ..outbox.delivery import Undeliverable
from ..tickets.calendar import FILE_NAME, MEDIA_TYPE, METHOD, calendar_file
from ..tickets.qr import ticket_qr_png
from .content_parts import code_of, shown_codes
from .lines import one_line
from .models import Kind, Letter, Written

_MAX_NAME = 70
_WITH_CALENDAR = frozenset(
    {
        *(Kind.ORDER_CONFIRMED, Kind.TICKET, Kind.REMINDER),
        *(Kind.EVENT_CHANGED, Kind.EVENT_CANCELLED),
    }
)


@dataclass(frozen=True)
class Sender:
    """An address and the name shown for it."""

    address: str
    name: str


def address_of(text: str) -> str:
    """A bare mail address, its domain in ASCII. Only a name that has no ASCII form stays as it is
    (RFC 6531). Raises Undeliverable."""
    try:
        checked = validate_email(
            text,
            check_deliverability=False,
            test_environment=True,
            # A mail server on the operator's own network knows its own names.
            globally_deliverable=False,
        )
    except EmailNotValidError as exc:
        raise Undeliverable("address", "This is not a mail address.") from exc
    return str(checked.ascii_email or f"{checked.local_part}@{checked.ascii_domain}")


def mail_of(letter: Letter, written: Written, sender: Sender) -> EmailMessage:
    """The whole mail. Raises Undeliverable for a recipient that is no address."""
    mail = EmailMessage(policy=SMTP)
    message = letter.message
    mail["From"] = _mailbox(sender.address, sender.name)
    mail["To"] = _mailbox(address_of(message.recipient))
    reply_to = _reply_to(letter)
    if reply_to:
        mail["Reply-To"] = _mailbox(reply_to)
    mail["Subject"] = _header_text(written.subject)
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = message.message_id or f"<{message.id}@{sender.address.rpartition('@')[2]}>"
    # RFC 3834, and the word Exchange has for it: nobody's holiday notice is wanted.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    # All through in seven bits, so that any server takes it.
    mail.set_content(written.text, cte="quoted-printable")
    mail.add_alternative(written.html, subtype="html", cte="quoted-printable")
    _add_codes(mail, letter)
    _add_calendar(mail, letter)
    return mail


def _mailbox(address: str, name: str = "") -> Address:
    user, _, domain = address.rpartition("@")
    return Address(_header_text(name, _MAX_NAME), user, domain)


def _header_text(text: str, most: int | None = None) -> str:
    """One line without what RFC 2047 would decode into something else."""
    return one_line(text.replace("=?", "= ?"), most)


def _reply_to(letter: Letter) -> str:
    """Where the organiser wants answers, if they say so."""
    if letter.listing is None:
        return ""
    event = letter.listing.event
    wanted = event.metadata.get("reply_to") or event.extra.get("reply_to")
    try:
        return address_of(wanted) if isinstance(wanted, str) and wanted else ""
    except Undeliverable:
        return ""


def _add_codes(mail: EmailMessage, letter: Letter) -> None:
    html = mail.get_body(("html",))
    for index, ticket in enumerate(shown_codes(letter)):
        if html is not None:
            png, name = ticket_qr_png(ticket.id), f"ticket-{ticket.number or index + 1}.png"
            cid = f"<{code_of(letter, index)}>"
            html.add_related(png, "image", "png", cid=cid, disposition="inline", filename=name)


def _add_calendar(mail: EmailMessage, letter: Letter) -> None:
    if letter.message.kind not in _WITH_CALENDAR or letter.listing is None:
        return
    # Calendars are shared and synchronised: the ticket's page is a secret, the event's is none.
    link = letter.links.event or ""
    made_at = letter.message.created_at or datetime.fromtimestamp(0, timezone.utc)
    where = urlsplit(link)
    file = calendar_file(letter.listing.event, f"{where.scheme}://{where.netloc}", link, made_at)
    if file is not None:
        main, _, sub = MEDIA_TYPE.partition("/")
        params = {"charset": "utf-8", "method": METHOD}
        mail.add_attachment(file, main, sub, filename=FILE_NAME, params=params)
