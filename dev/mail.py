"""A mail catcher on loopback: takes every mail, keeps it in `data/mail`, and shows it.

Nothing is passed on. The pages are for one person at this machine, but what a mail holds was
typed by buyers: its HTML is shown in a frame that runs nothing and loads nothing.
"""

import base64
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from host import DATA, kept_port

FOLDER = DATA / "mail"
_NAME = re.compile(r"\d{8}-\d{6}-\d{6}")
_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none';"
    " form-action 'none'"
)
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:;"
    " style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}"
    "iframe{width:100%;height:44rem;border:1px solid #ccc}pre{white-space:pre-wrap}"
    "td{padding:.2rem 1rem .2rem 0;vertical-align:top}"
)


@dataclass(frozen=True)
class Caught:
    """One mail. `name` is that of its file, and sorts by time."""

    name: str
    mail: EmailMessage

    @property
    def recipient(self) -> str:
        """Whom it was delivered to, whatever its headers say."""
        return str(self.mail["X-Envelope-To"] or self.mail["To"] or "")

    @property
    def subject(self) -> str:
        return str(self.mail["Subject"] or "")

    def text(self) -> str:
        body = self.mail.get_body(("plain",))
        return str(body.get_content()) if body is not None else ""

    def html(self) -> str:
        """With its pictures inside, since the frame loads none."""
        body = self.mail.get_body(("html",))
        html = str(body.get_content()) if body is not None else ""
        for part in self.mail.walk():
            name = str(part["Content-ID"] or "").strip("<> ")
            content = part.get_payload(decode=True)
            if name and isinstance(content, bytes):
                shown = (
                    f"data:{part.get_content_type()};base64,{base64.b64encode(content).decode()}"
                )
                html = html.replace(f"cid:{name}", shown)
        return html

    def attachments(self) -> list[str]:
        return [part.get_filename() or part.get_content_type() for part in self._attached()]

    def _attached(self) -> Iterator[EmailMessage]:
        for part in self.mail.iter_attachments():
            if isinstance(part, EmailMessage) and part.get_content_disposition() == "attachment":
                yield part

    def attachment(self, number: int) -> tuple[str, bytes] | None:
        """File name and content."""
        found = list(self._attached())
        if number >= len(found):
            return None
        content = found[number].get_payload(decode=True)
        return found[number].get_filename() or "part", content if isinstance(
            content, bytes
        ) else b""


def caught(after: str = "") -> list[Caught]:
    """Oldest first; those whose name is later than `after`."""
    paths = sorted(FOLDER.glob("*.eml")) if FOLDER.is_dir() else []
    names = [path.stem for path in paths if _NAME.fullmatch(path.stem) and path.stem > after]
    return [one for name in names if (one := read(name)) is not None]


def read(name: str) -> Caught | None:
    path = FOLDER / f"{name}.eml"
    if not _NAME.fullmatch(name) or not path.is_file():
        return None
    with path.open("rb") as file:
        return Caught(name, BytesParser(EmailMessage, policy=policy.default).parse(file))


def newest() -> str:
    """The name of the last mail, "" before the first."""
    found = caught()
    return found[-1].name if found else ""


class _Keep:
    """aiosmtpd's handler: writes each mail down, in one step, before it says that it has it."""

    async def handle_DATA(  # noqa: N802 - aiosmtpd's own name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        name = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S-%f")
        content = envelope.original_content or b""
        head = f"X-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        fresh = FOLDER / f"{name}.new"
        fresh.write_bytes(head + content)
        fresh.rename(FOLDER / f"{name}.eml")
        return "250 Kept"


class MailCatcher:
    """The SMTP server and its page, in threads of their own.

    :param port, page_port: those of the last run; other free ones are taken when they are in use.
    """

    def __init__(self, port: int = 0, page_port: int = 0) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.port = kept_port(port)
        self._smtp = Controller(_Keep(), hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True)
        self._smtp.start()
        self.page_port = kept_port(page_port)
        self._pages = ThreadingHTTPServer(("127.0.0.1", self.page_port), MailPages)
        threading.Thread(target=self._pages.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return page_url(self.page_port)

    def stop(self) -> None:
        self._pages.shutdown()
        self._pages.server_close()
        self._smtp.stop()


def page_url(page_port: int) -> str:
    return f"http://127.0.0.1:{page_port}/"


class MailPages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        # A page of somebody else's, under a name that leads here, could read it all.
        if str(self.headers["Host"]).partition(":")[0] not in ("127.0.0.1", "localhost"):
            self._answer(403, "text/plain; charset=utf-8", b"Not by this name.", "")
            return
        parts = [part for part in self.path.partition("?")[0].split("/") if part]
        one = read(parts[0]) if parts else None
        if not parts:
            self._page("Mail", _list_page())
        elif one is None or len(parts) > 2:
            self._answer(404, "text/plain; charset=utf-8", b"There is no such mail.", "")
        elif len(parts) == 1:
            self._page(one.subject, _mail_page(one))
        elif parts[1] == "html":
            base = '<base target="_blank">'
            self._answer(
                200, "text/html; charset=utf-8", (base + one.html()).encode(), _MAIL_POLICY
            )
        else:
            self._attachment(one, parts[1])

    def _attachment(self, one: Caught, number: str) -> None:
        found = one.attachment(int(number)) if re.fullmatch(r"\d{1,2}", number) else None
        if found is None:
            self._answer(404, "text/plain; charset=utf-8", b"There is no such part.", "")
        else:
            self._answer(200, "application/octet-stream", found[1], "", download=found[0])

    def _page(self, title: str, body: str) -> None:
        page = (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
            f"<style>{_STYLE}</style><body>{body}"
        )
        self._answer(200, "text/html; charset=utf-8", page.encode(), _PAGE_POLICY)

    def _answer(
        self, status: int, media_type: str, body: bytes, content_policy: str, download: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if content_policy:
            self.send_header("Content-Security-Policy", content_policy)
        if download:
            safe = re.sub(r"[^A-Za-z0-9._-]", "_", download)
            self.send_header("Content-Disposition", f'attachment; filename="{safe}"')
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        """One line per look would drown the demo."""


def _list_page() -> str:
    rows = [
        f'<tr><td><a href="/{one.name}">{escape(one.subject) or "(no subject)"}</a>'
        f"<td>{escape(one.recipient)}<td>{escape(str(one.mail['Date'] or ''))}"
        for one in reversed(caught())
    ]
    what = f"<table>{''.join(rows)}</table>" if rows else "<p>Nothing yet."
    return f"<h1>Mail</h1><p>All that this host has sent, newest first.{what}"


def _mail_page(one: Caught) -> str:
    heads = "".join(
        f"<tr><td>{name}<td>{escape(str(one.mail[name]))}"
        for name in ("From", "To", "Subject", "Date", "Message-ID")
        if one.mail[name]
    )
    files = "".join(
        f'<li><a href="/{one.name}/{number}">{escape(name)}</a>'
        for number, name in enumerate(one.attachments())
    )
    frame = f'<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="/{one.name}/html">'
    return (
        f'<p><a href="/">All mail</a><table>{heads}</table><ul>{files}</ul>'
        f"{frame}</iframe><h2>As text</h2><pre>{escape(one.text())}</pre>"
    )
