"""Letters as text and HTML. Pure CPU, some milliseconds: call it from a thread."""

import functools
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from .content import Content
from .contents import content_of
from .lines import one_line
from .models import Letter, Written
from .words import Words
from .words_de import WORDS as GERMAN
from .words_en import WORDS as ENGLISH
from .words_es import WORDS as SPANISH

LANGUAGES = {words.language: words for words in (ENGLISH, GERMAN, SPANISH)}
_TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "messages"
_MAX_SUBJECT = 150
_GAPS = re.compile(r"\n{3,}")


def write(letter: Letter) -> Written:
    """A letter in its recipient's language, else in English. Links are those of `letter.links`."""
    words = words_of(letter)
    content = content_of(letter, words)
    return Written(
        subject=one_line(content.subject, _MAX_SUBJECT) or one_line(content.heading, _MAX_SUBJECT),
        text=_text("letter.txt", content, words),
        html=_fill("letter.html", content, words),
        short=_text("short.txt", content, words),
    )


def words_of(letter: Letter) -> Words:
    return LANGUAGES.get(letter.message.language, ENGLISH)


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _fill(template: str, content: Content, words: Words) -> str:
    return _environment().get_template(template).render(letter=content, lang=words.language)


def _text(template: str, content: Content, words: Words) -> str:
    return _GAPS.sub("\n\n", _fill(template, content, words)).strip() + "\n"
