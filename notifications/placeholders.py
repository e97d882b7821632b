"""The organiser's own words, with `{name}` and the like filled in. Pure.

Only known names are replaced, and nothing in a value is looked at again: neither as a placeholder
nor as Markdown or HTML.
"""

import re
from collections.abc import Mapping
from html import escape
from urllib.parse import quote

from markupsafe import Markup

from ..catalog.markdown import html_of

# `link` is the order's page for its buyer, else the ticket's; `tickets` how many there are.
NAMES = ("name", "event", "tickets", "link", "when", "where", "order")
_PLACEHOLDER = re.compile(r"\{(" + "|".join(NAMES) + r")\}")
_LINK = re.compile(r"(?P<inside>\]\(\s*<?|<)?\{link\}")
# Private characters that stand for a value while the text is Markdown.
_MARKS = re.compile("[\ue000\ue001]")


def fill_plain(text: str, values: Mapping[str, str]) -> str:
    """As plain text. A name without a value stays as it was written."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def fill_markdown(text: str, values: Mapping[str, str]) -> Markup:
    """As HTML. `values["link"]` must be an address of this host: it becomes a link."""
    text = _MARKS.sub("", text)
    if "link" in values:
        text = _LINK.sub(lambda found: _linked(found["inside"], values["link"]), text)
    marked = _PLACEHOLDER.sub(lambda found: _mark(found[1], found[0], values), text)
    html = str(html_of(marked))
    for name in NAMES:
        mark, value = f"\ue000{name}\ue001", values.get(name, "")
        # Inside the address of a link the renderer has encoded the mark.
        html = html.replace(mark, escape(value)).replace(quote(mark), quote(value, safe=""))
    # Everything the organiser wrote was escaped by the renderer, the values here.
    return Markup(html)  # noqa: S704


def _linked(inside: str | None, address: str) -> str:
    return f"{inside}{address}" if inside else f"<{address}>"


def _mark(name: str, written: str, values: Mapping[str, str]) -> str:
    return f"\ue000{name}\ue001" if name in values else written
