"""Text for pages: an organiser's Markdown as safe HTML, a plain summary, dates and prices."""

import functools
import re
from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from .models import minor_digits, to_major

_SUMMARY_LENGTH = 180


class _Markdown(MarkdownIt):
    """CommonMark without raw HTML and images; links lead to http and https only."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "breaks": True})
        self.add_render_rule("image", _image)
        self.add_render_rule("link_open", _link_open)

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library calls this name
        return url.lower().startswith(("http://", "https://"))


def _image(self: RendererHTML, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
    """Only the words: loading a picture would tell its server who looks at the event."""
    return escape(tokens[idx].content)


def _link_open(
    self: RendererHTML, tokens: Sequence[Token], idx: int, options: Any, env: Any
) -> str:
    tokens[idx].attrSet("rel", "nofollow noopener")
    return self.renderToken(tokens, idx, options, env)


@functools.cache
def _markdown() -> _Markdown:
    return _Markdown()


@functools.lru_cache(256)
def description_html(text: str) -> Markup:
    """Markdown as HTML that may stand in a page below its own `h1` and `h2`."""
    tokens = _markdown().parse(text)
    for token in tokens:
        if token.type.startswith("heading_"):
            token.tag = f"h{min(6, int(token.tag[1:]) + 2)}"
    markdown = _markdown()
    # Everything the organiser wrote was escaped by the renderer.
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704


@functools.lru_cache(256)
def summary(text: str) -> str:
    """The first words of a Markdown text, plain, for previews of the page."""
    words: list[str] = []
    for token in _markdown().parse(text):
        for child in token.children or []:
            words.append(" " if child.type in ("softbreak", "hardbreak") else child.content)
        words.append(" ")
    plain = re.sub(r"\s+", " ", "".join(words)).strip()
    if len(plain) <= _SUMMARY_LENGTH:
        return plain
    return plain[:_SUMMARY_LENGTH].rsplit(" ", 1)[0] + "…"


def parse_day(text: str) -> date | None:
    """A `YYYY-MM-DD` day; None for what old rows may hold instead."""
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None


def price_text(amount_minor: int, currency: str) -> str:
    """The number people write: `19.99`, `1,500`."""
    return f"{to_major(amount_minor, currency):,.{minor_digits(currency)}f}"


def clock_text(seconds: int) -> str:
    """Minutes and seconds, `14:05`."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def zone_name(name: str) -> str:
    """A time zone as people read it: `America/New York`."""
    return name.replace("_", " ")


def moment_text(at: datetime, zone: tzinfo, name: str) -> str:
    """`3 May 2030, 20:00 (Europe/Berlin)`: by the clock on the wall of that time zone."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y, %H:%M} ({zone_name(name)})"


def times_text(starts: datetime | None, ends: datetime | None, zone: tzinfo, name: str) -> str:
    """`20:00 to 23:30 (Europe/Berlin)`; the end only where it is on the same day. "" without."""
    if starts is None:
        return ""
    begins, over = starts.astimezone(zone), ends.astimezone(zone) if ends else None
    if over is not None and over.date() == begins.date() and over > begins:
        return f"{begins:%H:%M} to {over:%H:%M} ({zone_name(name)})"
    return f"{begins:%H:%M} ({zone_name(name)})"
