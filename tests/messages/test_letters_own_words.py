"""The organiser's own subject and text, with placeholders, in place of ours."""

from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI

from support.host import ext
from support.letters import BASE, a_letter, a_ticket_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

ORDER_PAGE = f"{BASE}/events/o/{'S' * 43}"
TICKET_PAGE = f"{BASE}/events/ticket/TicketNumber0000000001"


def own(subject: str, body: str, kind: str = "order_confirmed", **changes: Any) -> Any:
    extra = {"notification_subject": subject, "notification_body": body}
    event = {"extra": extra, **changes.pop("event", {})}
    return ext("notifications.rendering").write(a_letter(kind, event=event, **changes))


async def test_known_placeholders_are_filled_in_and_others_stay(app: FastAPI) -> None:
    unknown = "{unknown} {0} {name.x} {name!r} {} {{}"
    every = "{name}|{event}|{tickets}|{link}|{when}|{where}|{order}"
    written = own(f"Hi {every}", f"Dear {every} {unknown}")
    values = (
        f"Ada Lovelace|Concert|2|{ORDER_PAGE}|Friday, 3 May 2030, 20:00 to 23:30"
        " (Europe/Berlin)|Town hall, Main Street 1|OrderOne"
    )
    assert written.subject == f"Hi {values}"[:149].rstrip() + "…"
    assert f"Dear {values} {unknown}" in written.text
    assert unknown in written.html
    assert f'<a href="{ORDER_PAGE}"' in written.html
    # Ours are replaced, the tickets stay.
    assert "Thank you!" not in written.text + written.html
    assert TICKET_PAGE in written.text


async def test_a_ticket_holder_gets_a_page_of_their_own(app: FastAPI) -> None:
    written = own("For {name}", "[Your ticket]({link}) or {link}, {tickets}.", kind="ticket")
    assert written.subject == "For Grace Hopper"
    assert f'<a href="{TICKET_PAGE}" rel="nofollow noopener">Your ticket</a>' in written.html
    assert ORDER_PAGE not in written.text + written.html
    assert f"or {TICKET_PAGE}, 1." in written.text


async def test_only_these_two_kinds_are_in_the_organisers_words(app: FastAPI) -> None:
    for kind in ("refund_due", "event_cancelled", "tickets_cancelled", "reminder"):
        written = own("MINE", "MINE", kind=kind)
        assert "MINE" not in written.subject + written.text + written.html


async def test_values_are_neither_markdown_nor_html_nor_placeholders(app: FastAPI) -> None:
    name = "*a* <b>b `c` {event} [d](e)"
    written = own("{name}", "Hello {name}! **{where}**", order={"buyer_name": name})
    assert written.subject == name
    assert f"Hello {name}!" in written.text
    told = "Hello *a* &lt;b&gt;b `c` {event} [d](e)!"
    assert told in written.html
    assert "<strong>Town hall, Main Street 1</strong>" in written.html


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        ("<script>x()</script>", "<script>"),
        ("<img src=https://evil.example/x.png>", "<img src=https"),
        ("![see](https://evil.example/x.png)", "evil.example"),
        ("[x](javascript:alert(1))", "<a href"),
        ("[x](data:text/html,hi)", '<a href="data'),
        ('<https://evil.example/"onclick="x>', 'onclick="x"'),
        ("[x](https://a.example/{name})", "<b>"),
    ],
)
async def test_the_organisers_html_and_pictures_are_only_text(
    app: FastAPI, text: str, absent: str
) -> None:
    written = own("", text, order={"buyer_name": '<b>&"x'}, tickets=[a_ticket_of(1, name="")])
    body = written.html.split("<h1", 1)[1].split("</div>", 1)[0]
    assert absent not in body
    if "{name}" in text:
        assert 'href="https://a.example/%3Cb%3E%26%22x"' in body


async def test_private_characters_in_a_text_do_not_become_values(app: FastAPI) -> None:
    written = own("", "\ue000name\ue001 and {name}")
    assert "<p>name and Ada Lovelace</p>" in written.html


async def test_an_empty_text_leaves_ours(app: FastAPI) -> None:
    written = own("  ", " \n")
    assert written.subject == "Your 2 tickets for Concert"
    assert "Thank you!" in written.text


async def test_an_announcement_is_told_whole_everywhere(app: FastAPI) -> None:
    text = "# Big news\n\nHello {name},\n\n- one\n- two\n\nSee {link}" + "\n\nword " * 1000 + "END"
    payload = {"subject": "Bring *a* coat, {name}", "text": text}
    letter = a_letter("announcement", message={"payload": payload})
    written = ext("notifications.rendering").write(letter)
    assert written.subject == "Bring *a* coat, Ada Lovelace"
    for told in (written.text, written.short):
        assert "Hello Ada Lovelace," in told
        assert "END" in told
    assert "<h3>Big news</h3>" in written.html
    assert "<li>one</li>" in written.html
    # The organiser's own copy is about no order.
    links = replace(letter.links, order=None, tickets={})
    alone = replace(letter, order=None, tickets=[], links=links)
    copy = ext("notifications.rendering").write(alone)
    assert "END" in copy.text
    assert "Only you got it" in copy.text
