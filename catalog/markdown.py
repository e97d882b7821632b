"""An organiser's Markdown as safe HTML, and its first words as plain text. Pure."""

import functools
import re
from collections.abc import Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

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


def html_of(text: str) -> Markup:
    """Markdown as HTML that may stand in a page below its own `h1` and `h2`."""
    tokens = _markdown().parse(text)
    for token in tokens:
        if token.type.startswith("heading_"):
            token.tag = f"h{min(6, int(token.tag[1:]) + 2)}"
    markdown = _markdown()
    # Everything the organiser wrote was escaped by the renderer.
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704


@functools.lru_cache(256)
def description_html(text: str) -> Markup:
    """The same, kept: pages are asked for more than once."""
    return html_of(text)


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
