"""What strangers may write into a letter by a name: whoever gets a free ticket chooses both the
name and where the mail goes."""

from typing import Any

import pytest
from fastapi import FastAPI

from support.host import ext
from support.letters import a_letter, a_ticket_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

HONEST = (
    *("Ada Lovelace", "St. John", "J.R.R. Tolkien", "O'Neil", "Anne-Marie", "李雷", "Dr. Müller"),
    *("Dr. J.R. O'Neil-Müller 3.", "J.-P. Martin", "Martin Luther King, Jr.", "Ph.D. Smith"),
    *("María José de la Cruz", "Đặng Thị Ngọc", "महेश कुमार", "Smith (Mr.)", "Wanda W."),
)
LINKS = (
    *("evil.example", "EVIL.COM", "Evil.Com", "evil.xYz", "evil.c0m", "evil.рф", "evil.भारत"),
    *("Win at https://evil.example", "hxxp evil", "hxxps:evil", "www evil", "WWW.evil", "t.me/x"),
    *(
        "mail me@evil.example",
        "evil://x",
        "mailto:evil",
        "evil\u3002com",
        "evil\uff0ecom",
        "evil\u2024com",
    ),
    *("evil.\u200bcom", "evil\uff20x", "http:\\\\evil", "evil.co", "1.2.3.4 evil", "a\uff0fevil"),
    *("Click here: evil.Com now", "evil.xn--p1ai", "evil\uff61com", "\uff57\uff57\uff57 evil"),
)


def write(name: str) -> Any:
    return ext("notifications.rendering").write(
        a_letter("ticket", tickets=[a_ticket_of(1, name=name)])
    )


@pytest.mark.parametrize("name", HONEST)
async def test_people_are_greeted_by_their_names(app: FastAPI, name: str) -> None:
    assert f"Hello {name}," in write(name).text.splitlines()


@pytest.mark.parametrize("name", LINKS, ids=ascii)
async def test_a_stranger_cannot_send_links_to_others_by_a_name(app: FastAPI, name: str) -> None:
    written = write(name)
    assert "Hello," in written.text.splitlines()
    for text in (written.text, written.html, written.short, written.subject):
        assert "evil" not in text.lower()
        assert name not in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a\r\nBcc: b", "Hello a Bcc: b,"), ("\u202eadA", "Hello adA,"), ("", "Hello,")],
)
async def test_a_name_is_one_line_as_it_is_read(app: FastAPI, name: str, expected: str) -> None:
    assert expected in write(name).text.splitlines()
