"""Names of things and people as they may stand in a line of a letter. Pure."""

import re
import unicodedata

_MAX_NAME = 80
# Overrides of the writing direction let a name rewrite the line it stands in.
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = frozenset({"Cc", "Cs", "Zl", "Zp"})
# What mail programs make a link of, or nearly: a scheme, a path, an address, a host's name in any
# script. Initials, titles and ends of sentences keep their dots.
_LOOKS_LIKE_AN_ADDRESS = re.compile(
    r"[/\\@]|:\S|\bwww|\bh(tt|xx)ps?\b|[.\u3002]\w[^\s.,;:!?)'\"-]|\d[.\u3002]\d", re.IGNORECASE
)


def one_line(text: str, most: int | None = None) -> str:
    """Printable, with single spaces, and cut to so many characters."""
    chars = (
        " " if unicodedata.category(char) in _BREAKS else char
        for char in text
        if char not in _OVERRIDES
    )
    line = " ".join("".join(chars).split())
    return line if most is None or len(line) <= most else line[: most - 1].rstrip() + "…"


def person(name: str) -> str:
    """A person's name; "" for one that is an address. Whoever buys a free ticket chooses both the
    name and where the mail goes: it must not carry links to strangers."""
    line = one_line(name, _MAX_NAME)
    # Wide and other dots stand for plain ones in a host's name (UTS 46); what has no width hides.
    seen = "".join(
        char for char in unicodedata.normalize("NFKC", line) if unicodedata.category(char) != "Cf"
    )
    return "" if _LOOKS_LIKE_AN_ADDRESS.search(seen) else line
