"""What an event (NIP-01) is to say, before its time and signature; and text as tags can hold it."""

import json
import re
from dataclasses import dataclass
from datetime import datetime

from .models import Tags

# Controls, line separators, the bidi overrides that rewrite a line, and halves of characters,
# which no signer takes.
_NOT_IN_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)
_NOT_IN_A_TEXT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+"
)


@dataclass(frozen=True)
class Draft:
    """`changes_at`: when the same rows would say something else. `after` (unix seconds): the time
    of what it has to be newer than, besides the version before it."""

    kind: int
    d: str
    tags: Tags
    content: str
    changes_at: datetime | None = None
    after: int = 0

    def is_said_by(self, event_json: str | None, created_at: int) -> bool:
        """Whether this signed event of that time says just this."""
        if event_json is None:
            return False
        said = json.loads(event_json)
        return bool(
            said["kind"] == self.kind
            and said["created_at"] == created_at
            and said["tags"] == self.tags
            and said["content"] == self.content
        )


@dataclass(frozen=True)
class Nothing:
    """There is nothing to say. `problem`: why, where that is worth telling the organiser."""

    problem: str | None = None


def coordinate(kind: int, pubkey: str, d: str) -> str:
    """The address of something replaceable (NIP-01), as `a` tags have it; `pubkey` is hex."""
    return f"{kind}:{pubkey}:{d}"


def one_line(text: str, max_chars: int) -> str:
    """A text for a tag: one line, nothing unprintable, at most so many characters."""
    line = " ".join(_NOT_IN_A_LINE.sub(" ", text).split())
    return line if len(line) <= max_chars else line[: max_chars - 1].rstrip() + "…"


def many_lines(text: str, max_bytes: int) -> str:
    """A text for `content`, at most so many bytes as JSON: relays count the whole event."""
    clean = _NOT_IN_A_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if _json_bytes(clean) <= max_bytes:
        return clean
    fits, too_long = 0, len(clean)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if _json_bytes(clean[:middle]) <= max_bytes - len("…".encode()):
            fits = middle
        else:
            too_long = middle
    return clean[:fits].rstrip() + "…"


def _json_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())
