"""A letter as a mail: its headers, its parts, and that nothing gets in by a name."""

import email
import email.policy
from collections import Counter
from email.header import decode_header, make_header
from email.message import EmailMessage
from typing import Any

import pytest
from fastapi import FastAPI

from support.host import ext
from support.letters import KINDS, a_letter, a_ticket_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"),
    *("Auto-Submitted", "X-Auto-Response-Suppress"),
}
INJECTIONS = (
    "a\r\nBcc: victim@example.com",
    "a\nBcc: victim@example.com\n\nbody",
    "a\r\n\r\n<html>",
    "=?utf-8?q?a=0D=0ABcc=3A_victim=40example=2Ecom?=",
    "=?utf-8?b?YQ0KQmNjOiB2aWN0aW1AZXhhbXBsZS5jb20=?=",
    "a\u2028Bcc: victim@example.com",
    "a\x85Bcc: victim@example.com\x0b\x0c\x00",
    '"><a@b>, "c" <victim@example.com>, (d) ; : \\',
    "victim@example.com, other@example.com",
    "Größe 李雷 🎫 " * 40,
    "x" * 4000,
    "=?" * 100,
    "\u202e\u2066moc.elpmaxe",
)


def mail_of(letter: Any, name: str = "Concert") -> Any:
    written = ext("notifications.rendering").write(letter)
    mime = ext("notifications.mime")
    return mime.mail_of(letter, written, mime.Sender("tickets@example.org", name))


def read_back(mail: Any) -> tuple[bytes, EmailMessage]:
    raw = mail.as_bytes(policy=email.policy.SMTP)
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return raw, parsed


def kinds_of(mail: EmailMessage) -> list[str]:
    return [part.get_content_type() for part in mail.walk()]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_makes_a_mail_that_any_server_takes(app: FastAPI, kind: str) -> None:
    letter = a_letter(kind, "de")
    raw, mail = read_back(mail_of(letter))
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert set(mail.keys()) == HEADERS
    assert str(mail["From"]) == "Concert <tickets@example.org>"
    assert str(mail["To"]) == letter.message.recipient
    assert mail["Message-ID"] == "<MessageOne@tickets.example.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    # Text comes before HTML, which mail programs prefer by its place (RFC 2046, 5.1.4).
    order = [kind for kind in kinds_of(mail) if kind in ("text/plain", "text/html")]
    assert order == ["text/plain", "text/html"]
    written = ext("notifications.rendering").write(a_letter(kind, "de"))
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == written.text
    assert html.get_content().replace("\r\n", "\n").rstrip() == written.html.rstrip()
    assert mail["Subject"] == written.subject


async def test_the_parts_of_a_mail_with_tickets(app: FastAPI) -> None:
    _, mail = read_back(mail_of(a_letter("order_confirmed")))
    assert kinds_of(mail) == [
        *("multipart/mixed", "multipart/alternative", "text/plain", "multipart/related"),
        *("text/html", "image/png", "image/png", "text/calendar"),
    ]
    html = mail.get_body(("html",))
    assert html is not None
    pictures = [p for p in mail.walk() if p.get_content_type() == "image/png"]
    for picture, ticket in zip(pictures, (a_ticket_of(1), a_ticket_of(2)), strict=True):
        assert f'src="cid:{picture["Content-ID"][1:-1]}"' in html.get_content()
        assert picture.get_content_disposition() == "inline"
        assert isinstance(picture, EmailMessage)
        assert picture.get_content() == ext("tickets.qr").ticket_qr_png(ticket.id)
    calendar = next(p for p in mail.walk() if p.get_content_type() == "text/calendar")
    assert calendar.get_filename() == "event.ics"
    assert calendar.get_content_disposition() == "attachment"
    assert (calendar.get_param("method"), calendar.get_param("charset")) == ("PUBLISH", "utf-8")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_calendar_file_carries_no_secret_page(app: FastAPI, kind: str) -> None:
    """Calendars are shared and synchronised."""
    letter = a_letter(kind)
    _, mail = read_back(mail_of(letter))
    for part in mail.walk():
        if part.get_content_type() == "text/calendar":
            raw = part.get_payload(decode=True)
            assert isinstance(raw, bytes)
            said = raw.replace(b"\r\n ", b"").decode()
            assert f"URL:{letter.links.event}" in said
            secrets = (letter.links.order, *letter.links.tickets.values())
            assert [one for one in secrets if one and one in said] == []


async def test_which_kinds_bring_codes_and_a_calendar(app: FastAPI) -> None:
    found = {}
    for kind in KINDS:
        counted = Counter(kinds_of(read_back(mail_of(a_letter(kind)))[1]))
        found[kind] = (counted["image/png"], counted["text/calendar"])
    assert found == {
        "order_confirmed": (2, 1),
        "ticket": (1, 1),
        "reminder": (2, 1),
        "event_changed": (0, 1),
        "event_cancelled": (0, 1),
        **dict.fromkeys(("refund_due", "refund_paid", "late_payment"), (0, 0)),
        **dict.fromkeys(("tickets_cancelled", "announcement"), (0, 0)),
    }


async def test_many_tickets_are_linked_rather_than_drawn(app: FastAPI) -> None:
    letter = a_letter("order_confirmed", tickets=[a_ticket_of(n) for n in range(1, 31)])
    _, mail = read_back(mail_of(letter))
    assert Counter(kinds_of(mail))["image/png"] == 20
    html = mail.get_body(("html",))
    assert html is not None
    assert html.get_content().count("cid:") == 20
    assert "TicketNumber0000000030" in html.get_content()


async def test_a_cancelled_ticket_has_no_code_any_more(app: FastAPI) -> None:
    gone = a_ticket_of(2, status=ext("models").TicketStatus.CANCELLED)
    _, mail = read_back(mail_of(a_letter("order_confirmed", tickets=[a_ticket_of(1), gone])))
    assert Counter(kinds_of(mail))["image/png"] == 1
    assert gone.id not in str(mail.get_body(("plain",)))


@pytest.mark.parametrize("text", INJECTIONS)
async def test_no_header_gets_in_by_a_name_or_a_subject(app: FastAPI, text: str) -> None:
    letters = [
        a_letter("order_confirmed", event={"name": text}, order={"buyer_name": text}),
        a_letter("ticket", event={"extra": {"notification_subject": text}}),
        a_letter("announcement", message={"payload": {"subject": text, "text": text}}),
    ]
    for letter in letters:
        raw, mail = read_back(mail_of(letter, name=text))
        assert set(mail.keys()) == HEADERS
        assert len(mail.keys()) == len(HEADERS)
        sender, recipient = mail["From"].addresses, mail["To"].addresses
        assert [one.addr_spec for one in sender] == ["tickets@example.org"]
        assert [one.addr_spec for one in recipient] == [letter.message.recipient]
        assert str(mail["Subject"]).isprintable()
        # The newer parser puts spaces between the encoded words of a name.
        shown = str(make_header(decode_header(email.message_from_bytes(raw)["From"])))
        assert shown.isprintable()
        assert shown.endswith("<tickets@example.org>")
        assert len(shown) <= 70 + len(' "" <tickets@example.org>') + shown.count("\\")
        head = raw.split(b"\r\n\r\n", 1)[0]
        assert all(len(line) <= 998 for line in head.split(b"\r\n"))
        assert b"\r\nbcc" not in head.lower()


@pytest.mark.parametrize("host", ["a.example", "x" * 56 + ".onion", "sub." * 40 + "example.org"])
async def test_i9_a_message_id_stays_whole_and_the_same(app: FastAPI, host: str) -> None:
    named = f"<{'A' * 22}@{host}>"
    letter = a_letter("ticket", message={"message_id": named})
    for _ in range(2):
        raw, mail = read_back(mail_of(letter))
        assert mail["Message-ID"] == named
        assert named.encode() in raw


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("köln@example.com", "köln@example.com"),
        ("o'neil+tickets@example.com", "o'neil+tickets@example.com"),
        ("ada@mail.test", "ada@mail.test"),
        *((bad, "") for bad in ("", "ada", "@example.com", "a@b, c@d", "<ada@example.com>")),
        *((bad, "") for bad in ("a@example.com\r\nBcc: b@example.com", "a\x00@example.com")),
        *((bad, "") for bad in ("a b@example.com", "a@exa mple.com", "a@example.com>")),
        *((bad, "") for bad in ("=?utf-8?q?a?= <a@example.com>", "a@" + "x" * 300 + ".com")),
    ],
)
async def test_an_address_is_one_address_or_undeliverable(
    app: FastAPI, recipient: str, expected: str
) -> None:
    letter = a_letter("ticket", message={"recipient": recipient})
    undeliverable = ext("outbox.delivery").Undeliverable
    if not expected:
        with pytest.raises(undeliverable) as refused:
            mail_of(letter)
        assert refused.value.code == "address"
        return
    mail = mail_of(letter)
    assert [address.addr_spec for address in mail["To"].addresses] == [expected]
    raw = mail.as_bytes(policy=email.policy.SMTPUTF8)
    assert f"To: {expected}\r\n".encode() in raw


@pytest.mark.parametrize(
    ("extra", "metadata", "expected"),
    [
        ({"reply_to": "box@example.org"}, {}, "box@example.org"),
        ({}, {"reply_to": "box@bücher.example"}, "box@xn--bcher-kva.example"),
        ({"reply_to": "box@example.org\r\nBcc: x@example.org"}, {}, None),
        ({"reply_to": ["a@example.org"]}, {"reply_to": 7}, None),
        ({}, {}, None),
    ],
)
async def test_answers_go_where_the_organiser_wants_them(
    app: FastAPI, extra: dict[str, Any], metadata: dict[str, Any], expected: str | None
) -> None:
    letter = a_letter("ticket", event={"extra": extra, "metadata": metadata})
    _, mail = read_back(mail_of(letter))
    assert mail["Reply-To"] == expected


async def test_a_source_tree_without_the_calendar_library_mails_without_a_calendar(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ext("tickets.calendar"), "icalendar", None)
    counted = Counter(kinds_of(read_back(mail_of(a_letter("order_confirmed")))[1]))
    assert (counted["image/png"], counted["text/calendar"]) == (2, 0)


async def test_mail_comes_from_the_instances_name_else_the_events(app: FastAPI) -> None:
    from support.mailbox import ADDRESS, Mailbox, pointed_at

    settings, sender = ext("settings"), ext("notifications.email").sender
    async with pointed_at(Mailbox()):
        letter = a_letter("ticket")
        assert sender(settings.InstanceSettings(), letter).name == "Concert"
        named = settings.InstanceSettings(mail_from_name="Box office")
        assert sender(named, letter).name == "Box office"
        assert sender(named, letter).address == ADDRESS
