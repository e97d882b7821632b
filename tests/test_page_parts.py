"""What pages are made of: Markdown, prices, QR codes, exchange rates."""

import asyncio
import io
import runpy
import sys
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from PIL import Image

from support.host import ext

TICKET = "Zx8Kq2mN4pR7sT9vW3yB5d"

MARKDOWN = [
    ("**bold** and *slanted*", "<p><strong>bold</strong> and <em>slanted</em></p>\n"),
    ("one\ntwo", "<p>one<br />\ntwo</p>\n"),
    ("<b onclick=x>hi</b>", "<p>&lt;b onclick=x&gt;hi&lt;/b&gt;</p>\n"),
    ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"),
    ("# Big", "<h3>Big</h3>\n"),
    ("###### Small", "<h6>Small</h6>\n"),
    (
        "[a](https://a.example/?b=1&c='\"<)",
        '<p><a href="https://a.example/?b=1&amp;c=\'%22%3C" rel="nofollow noopener">a</a></p>\n',
    ),
    (
        "[a](https://a.example)",
        '<p><a href="https://a.example" rel="nofollow noopener">a</a></p>\n',
    ),
    (
        "<http://a.example>",
        '<p><a href="http://a.example" rel="nofollow noopener">http://a.example</a></p>\n',
    ),
    ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
    ("[a](JaVaScript&#58;alert(1))", "<p>[a](JaVaScript:alert(1))</p>\n"),
    ("[a](data:text/html,x)", "<p>[a](data:text/html,x)</p>\n"),
    ("[a](//a.example)", "<p>[a](//a.example)</p>\n"),
    ("[a](/events/)", "<p>[a](/events/)</p>\n"),
    ('![<i>"alt"](https://a.example/x.png)', "<p>&lt;i&gt;&quot;alt&quot;</p>\n"),
]


@pytest.fixture
def texts(app: FastAPI) -> Any:
    return ext("views_text")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(("text", "expected"), MARKDOWN)
async def test_markdown_becomes_harmless_html(texts: Any, text: str, expected: str) -> None:
    assert texts.description_html(text) == expected


@pytest.mark.asyncio(loop_scope="session")
async def test_a_summary_is_plain_and_short(texts: Any) -> None:
    assert texts.summary("# Title\n\nSome **bold**\nwords, [a link](https://a.example).") == (
        "Title Some bold words, a link."
    )
    long = texts.summary("word " * 200)
    assert len(long) <= 181
    assert long.endswith("word…")


@pytest.mark.asyncio(loop_scope="session")
async def test_old_rows_may_hold_any_date(texts: Any) -> None:
    assert texts.parse_day("2030-05-31") == date(2030, 5, 31)
    assert texts.parse_day("2030-05-31T20:00") == date(2030, 5, 31)
    assert texts.parse_day("31.5.2030") is None
    assert texts.parse_day("") is None


@pytest.mark.asyncio(loop_scope="session")
async def test_prices_are_written_with_their_minor_digits(texts: Any) -> None:
    assert texts.price_text(150_000, "sat") == "150,000"
    assert texts.price_text(1999, "EUR") == "19.99"
    assert texts.price_text(500, "JPY") == "500"
    assert texts.clock_text(845) == "14:05"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("library", ["the vendored one", "the host's"])
async def test_a_ticket_code_is_black_on_white_with_a_quiet_zone(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    module = ext("tickets.qr")
    qr = SimpleNamespace(**vars(module))
    if library == "the host's":
        # A source tree without `_vendor/` on a bare host: the import fails.
        monkeypatch.setitem(sys.modules, "qrcode", None)
        qr = SimpleNamespace(**runpy.run_path(str(module.__file__), run_name="events.tickets.bare"))
        assert qr.qrcode is None
    image = Image.open(io.BytesIO(qr.ticket_qr_png(TICKET)))
    side = image.width // 10
    assert image.size == (side * 10, side * 10)
    dark = {
        (x, y)
        for x in range(side)
        for y in range(side)
        if image.getpixel((x * 10 + 5, y * 10 + 5)) == 0
    }
    # Version 3 (29 modules) holds a ticket's code at level M; around it four modules stay white.
    assert side == 29 + 2 * qr.QUIET
    assert min(min(x, y) for x, y in dark) == qr.QUIET
    assert max(max(x, y) for x, y in dark) == side - qr.QUIET - 1
    svg = qr.qr_svg(qr.ticket_uri(TICKET), 'Ticket of "O\'Neil" <b>')
    assert 'aria-label="Ticket of &quot;O&#x27;Neil&quot; &lt;b&gt;"' in svg
    assert f'viewBox="0 0 {side} {side}"' in svg
    drawn = sum(1 for _ in dark)
    assert drawn > side * side // 5


@pytest.mark.asyncio(loop_scope="session")
async def test_a_page_does_not_wait_for_a_slow_or_silent_rate_source(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = ext("views_rates")
    asked = []
    answer = asyncio.Event()

    async def slowly(currency: str) -> float:
        asked.append(currency)
        if currency == "EUR":
            await answer.wait()
            return 1000.0
        if currency == "GBP":
            raise ValueError("no source")
        return 0.0

    monkeypatch.setattr(rates, "get_fiat_rate_satoshis", slowly)
    monkeypatch.setattr(rates, "_PATIENCE_S", 0.01)
    board = rates.RateBoard()
    assert await board.look(["sat"]) == {}
    assert await board.look(["EUR", "GBP", "USD", "sat"]) == {}
    # The slow one is still being asked, the failed ones are left alone for a while.
    assert await board.look(["EUR", "GBP", "USD"]) == {}
    assert sorted(asked) == ["EUR", "GBP", "USD"]
    answer.set()
    assert await board.look(["EUR", "GBP"]) == {"EUR": 1000}
