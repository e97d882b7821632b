"""Every kind of letter in every language: nothing missing, every link, nobody's HTML."""

import copy
import re
import string
from dataclasses import replace
from datetime import date, timedelta
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
from fastapi import FastAPI

from support.host import ext
from support.letters import BASE, KINDS, REASONS, START, a_letter, a_ticket_of, an_event_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

LANGUAGES = ("en", "de", "es")
EVENT_PAGE, ORDER_PAGE = f"{BASE}/events/EventOne", f"{BASE}/events/o/{'S' * 43}"
CLAIM_PAGE = f"{BASE}/events/r/{'C' * 43}"
TICKET_PAGES = [f"{BASE}/events/ticket/TicketNumber{n:010d}" for n in (1, 2)]
HOSTILE = '"><script>alert(1)</script><img src=x onerror=y>{{7*7}}{event}%s'


class Page(HTMLParser):
    """What a mail program finds in the HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def values(self, name: str) -> list[str]:
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


def write(*args: Any, **changes: Any) -> Any:
    return ext("notifications.rendering").write(a_letter(*args, **changes))


def links_of(kind: str) -> set[str]:
    """Those a letter of this kind must have."""
    if kind == "ticket":
        return {EVENT_PAGE, TICKET_PAGES[0]}
    found = {EVENT_PAGE} if kind == "event_cancelled" else {EVENT_PAGE, ORDER_PAGE}
    if kind in ("order_confirmed", "reminder"):
        found |= set(TICKET_PAGES)
    return found | ({CLAIM_PAGE} if kind in ("refund_due", "late_payment") else set())


async def test_every_language_has_the_same_texts_with_the_same_placeholders(app: FastAPI) -> None:
    languages = ext("notifications.rendering").LANGUAGES
    assert tuple(languages) == ext("models").LANGUAGES

    def shape(words: Any) -> dict[str, set[str]]:
        read = string.Formatter().parse
        return {
            name: {field for _, field, _, _ in read(text) if field is not None}
            for name, text in words.texts.items()
        }

    shapes = {name: shape(words) for name, words in languages.items()}
    # `{count}` may be said or not: "your ticket".
    assert shapes["de"] == shapes["es"] == shapes["en"]
    for words in languages.values():
        assert (len(words.months), len(words.weekdays)) == (12, 7)
        assert all(text.strip() == text and text for text in words.texts.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_has_all_its_parts_in_every_language(
    app: FastAPI, kind: str, language: str
) -> None:
    written = write(kind, language)
    page = Page(written.html)
    assert dict(page.tags[0][1])["lang"] == language
    # Nothing is loaded from anywhere: no picture but those inside the mail, no font, no script.
    assert {tag for tag, _ in page.tags} <= set(
        "html head meta title style body div h1 h2 p table tr td a img br span strong".split()
    )
    assert all(src.startswith("cid:") for src in page.values("src"))
    assert "url(" not in written.html
    assert "@import" not in written.html
    # In order, without a gap.
    assert next(tag for tag, _ in page.tags if tag in ("h1", "h2")) == "h1"
    assert set(page.values("href")) == links_of(kind)
    for text in (written.text, written.short):
        assert set(re.findall(r"https?://\S+", text)) == links_of(kind)
        assert not re.search(r"\{\w*\}|None|Undefined", text)
    assert "{" not in page.text
    # The address stands there to be read, too.
    assert all(link in page.text for link in links_of(kind))
    assert 0 < len(written.subject) <= 150
    assert written.subject.isprintable()
    assert len(written.short) < len(written.text)


@pytest.mark.parametrize("language", ["fr", "", "EN"])
async def test_an_unknown_language_is_english(app: FastAPI, language: str) -> None:
    assert write("ticket", language) == write("ticket", "en")


async def test_days_and_times_are_told_in_the_events_zone_and_the_readers_language(
    app: FastAPI,
) -> None:
    words = ext("notifications.rendering").LANGUAGES
    event_when = ext("notifications.content_parts").event_when

    def told(language: str, **changes: Any) -> str:
        return str(words[language].when(event_when(an_event_of(**changes))))

    assert told("en") == "Friday, 3 May 2030, 20:00 to 23:30 (Europe/Berlin)"
    assert told("de") == "Freitag, 3. Mai 2030, 20:00 bis 23:30 Uhr (Europe/Berlin)"
    assert told("es") == "viernes, 3 de mayo de 2030, de 20:00 a 23:30 h (Europe/Berlin)"
    assert told("en", timezone="America/New_York") == (
        "Friday, 3 May 2030, 14:00 to 17:30 (America/New York)"
    )
    assert told("de", ends_at=None) == "Freitag, 3. Mai 2030, 20:00 Uhr (Europe/Berlin)"
    assert told("es", ends_at=START + timedelta(hours=9)) == (
        "del viernes, 3 de mayo de 2030, a las 20:00 h al sábado, 4 de mayo de 2030, a las 05:00 h"
        " (Europe/Berlin)"
    )
    days = {"starts_at": None, "ends_at": None}
    assert told("en", **days) == "Friday, 3 May 2030"
    assert told("de", **days, event_end_date="2030-05-05") == (
        "Freitag, 3. Mai 2030 bis Sonntag, 5. Mai 2030"
    )
    assert told("es", **days, event_start_date="soon", event_end_date="") == "Fecha por confirmar"


async def test_a_ticket_tells_when_it_is_valid(app: FastAPI) -> None:
    until = a_ticket_of(1, valid_until=START, name="")
    both = a_ticket_of(2, valid_from=START, valid_until=START + timedelta(hours=2))
    text = write("order_confirmed", "de", tickets=[until, both]).text
    assert "Gültig: bis Freitag, 3. Mai 2030, 20:00 Uhr (Europe/Berlin)" in text
    assert "Gültig: Freitag, 3. Mai 2030, 20:00 bis 22:00 Uhr (Europe/Berlin)" in text
    assert text.count("Für: ") == 1


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "1,234,567 sat (800.02 EUR, 1 EUR = 1,543 sat)"),
        ("de", "1.234.567 sat (800,02 EUR, 1 EUR = 1.543 sat)"),
        ("es", "1.234.567 sat (800,02 EUR, 1 EUR = 1.543 sat)"),
    ],
)
async def test_an_order_tells_its_sum_its_rate_and_its_code(
    app: FastAPI, language: str, expected: str
) -> None:
    order = {"total_sat": 1_234_567, "currency": "EUR", "rate": "1543.17", "promo_code": "EARLY"}
    written = write("order_confirmed", language, order=order)
    assert expected in written.text
    assert "EARLY" in written.text
    free = write("order_confirmed", language, order={"total_sat": 0}).text
    assert "0 sat" not in free
    # Who only holds a ticket of it is not told what it cost.
    assert "EARLY" not in write("ticket", language, order=order).text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_refund_says_why_and_how_the_money_comes(app: FastAPI, language: str) -> None:
    states = ext("refunds.models").RefundStatus
    reasons = {
        reason: write("refund_due", language, refund={"reason": reason}).text
        for reason in (*REASONS, "something_else")
    }
    assert len(set(reasons.values())) == len(reasons)
    for kind in ("refund_due", "late_payment"):
        offered = write(kind, language)
        assert "1,500 sat" in offered.text or "1.500 sat" in offered.text
        assert CLAIM_PAGE in offered.text
        sent = write(kind, language, refund={"destination": "ada@wallet.example"})
        assert "ada@wallet.example" in sent.text
        assert CLAIM_PAGE in sent.text
        by_hand = write(kind, language, refund={"method": "fiat", "status": states.DUE})
        paid = write(kind, language, refund={"status": states.PAID})
        assert CLAIM_PAGE not in by_hand.text + paid.text
        assert len({found.text for found in (offered, sent, by_hand, paid)}) == 4
    paid = write("refund_paid", language)
    assert "ada@wallet.example" in paid.text
    assert paid.text != write("refund_paid", language, refund={"paid_by": "hand"}).text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_money_back_and_cancellations_name_the_tickets_that_are_void(
    app: FastAPI, language: str
) -> None:
    cancelled = ext("models").TicketStatus.CANCELLED
    gone = [a_ticket_of(n, status=cancelled, name=name) for n, name in ((7, "Bob"), (8, ""))]
    ticket = "Entrada" if language == "es" else "Ticket"
    for kind in ("refund_due", "refund_paid", "tickets_cancelled"):
        written = write(kind, language, tickets=gone)
        for text in (written.text, Page(written.html).text, written.short):
            assert f": {ticket} 7 (Bob), {ticket} 8." in text
        old = write(kind, language, tickets=[replace(gone[0], number=None)])
        assert f": {ticket} (Bob)." in old.text
        assert old.text != written.text
        # Their codes and pages are of no use.
        assert not any(page in written.text for page in TICKET_PAGES)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_that_an_event_is_cancelled_tells_of_money_where_its_tickets_cost_any(
    app: FastAPI, language: str
) -> None:
    """Whoever reads it may have other orders of it, and be another's guest."""
    paid = {write("event_cancelled", language, order={"total_sat": n}).text for n in (0, 2000)}
    free = write("event_cancelled", language, package={"price_minor": 0}).text
    assert len(paid) == 1
    assert len(free) < len(*paid)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_change_tells_what_was_and_what_is(app: FastAPI, language: str) -> None:
    text = write("event_changed", language).text
    assert text.index("Barn") < text.index("Town hall")
    told = ext("catalog.described").when_and_where
    online = {"location": None, "is_online": True}
    payload = {"before": told(an_event_of()), "after": told(an_event_of())}
    changes: Any = {"message": {"payload": payload}, "event": online}
    text = write("event_changed", language, **changes).text
    assert "20:00" not in text
    assert "Town hall" in text
    # Whatever is in the row, a letter comes of it.
    for odd in ({}, {"before": 1, "after": [2]}, {"before": {"starts_at": "x", "timezone": "y"}}):
        assert write("event_changed", language, message={"payload": odd}).text


async def test_hostile_names_are_text_and_nothing_else(app: FastAPI) -> None:
    hostile: dict[str, Any] = {
        "event": {"name": HOSTILE, "location": HOSTILE},
        "package": {"name": HOSTILE},
        "order": {"buyer_name": HOSTILE, "promo_code": HOSTILE},
        "refund": {"destination": HOSTILE},
        "tickets": [a_ticket_of(1, name=HOSTILE)],
    }
    for kind in KINDS:
        written = write(kind, "en", **copy.deepcopy(hostile))
        page = Page(written.html)
        assert "script" not in {tag for tag, _ in page.tags}
        assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
        assert all(src.startswith("cid:") for src in page.values("src"))
        assert "49" not in written.html
        if kind not in ("announcement", "refund_due", "refund_paid"):
            assert escape(HOSTILE, quote=False) in written.html.replace("&#34;", '"')
            assert HOSTILE in written.text


async def test_a_ticket_sent_to_its_buyer_is_not_told_as_theirs(app: FastAPI) -> None:
    """Its holder has no address. The guest's name stands at the ticket alone."""
    said = {"en": "for you", "de": "Für Sie", "es": "para usted"}
    for language, words in said.items():
        buyers = {"recipient": "ADA@example.com"}
        guests = write("ticket", language).text
        assert words in guests
        text = write("ticket", language, message=buyers).text
        assert words not in text
        assert "Ada Lovelace" in text
        assert text.count("Grace Hopper") == 1
        assert TICKET_PAGES[0] in text


@pytest.mark.parametrize("kind", ["refund_due", "late_payment", "refund_paid"])
async def test_an_event_that_is_gone_has_no_name_to_quote(app: FastAPI, kind: str) -> None:
    for language, quotes in (("de", "„“"), ("es", "«»")):
        assert all(mark in write(kind, language).text for mark in quotes)
        text = write(kind, language, listing=None).text
        assert not any(mark in text for mark in quotes)


async def test_a_zone_this_machine_does_not_know_is_told_as_what_it_is_read_as(
    app: FastAPI,
) -> None:
    limited = a_ticket_of(1, valid_until=START)
    text = write("order_confirmed", event={"timezone": "Mars/Olympus"}, tickets=[limited]).text
    assert "18:00 to 21:30 (UTC)" in text
    assert "until Friday, 3 May 2030, 18:00 (UTC)" in text
    assert "Mars" not in text


async def test_subjects_are_one_short_printable_line(app: FastAPI) -> None:
    for name in ("x" * 5000, "a\r\nBcc: x@example.com", "\x00\x1b[0m\u2028\u2029\u202e", " "):
        for kind in KINDS:
            subject = write(kind, "de", event={"name": name}).subject
            assert subject.isprintable()
            assert 0 < len(subject) <= 150


async def test_words_read_a_year_of_days(app: FastAPI) -> None:
    for words in ext("notifications.rendering").LANGUAGES.values():
        days = {words.day(date(2030, 1, 1) + timedelta(days=n)) for n in range(365)}
        assert len(days) == 365
        assert words.window(None, None, None) == ""
