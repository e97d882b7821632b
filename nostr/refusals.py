"""What a relay's OK means for the next try (NIP-01: the word before the colon; NIP-42). Pure."""

import re

from .models import Answer, Refusal

_MAX_WORDS = 200
# "duplicate" and "replaced" say that it has this or a newer version; which one, reading back shows.
_BY_WORD = {
    "duplicate": Refusal.SUPERSEDED,
    "replaced": Refusal.SUPERSEDED,
    "auth-required": Refusal.AUTH,
    "pow": Refusal.PARKED,
    "blocked": Refusal.PARKED,
    "restricted": Refusal.PARKED,
    "payment-required": Refusal.PARKED,
    "mute": Refusal.PARKED,
    "invalid": Refusal.PARKED,
    "deleted": Refusal.PARKED,
    "rate-limited": Refusal.RETRY,
    "error": Refusal.RETRY,
}
# Relays name a wrong time in words of their own, mostly behind `invalid:`.
_ABOUT_TIME = re.compile(r"created.?at|timestamp|future|too (far|late|early)", re.I)
_UNSHOWABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+"
)


def classify(answer: Answer) -> Refusal | None:
    """None: it took this very version. An unknown word is tried again."""
    meant = _BY_WORD.get(_word(answer.message))
    if answer.accepted:
        # One relay says yes to versions it drops for a newer one, and "duplicate" beside it.
        return Refusal.SUPERSEDED if meant is Refusal.SUPERSEDED else None
    may_be_time = meant in (None, Refusal.PARKED, Refusal.RETRY)
    if may_be_time and _ABOUT_TIME.search(answer.message):
        return Refusal.CLOCK
    return meant or Refusal.RETRY


def asks_for_a_pause(answer: Answer) -> bool:
    """It is about everything we send, not about this document."""
    return not answer.accepted and _word(answer.message) == "rate-limited"


def leaves_open(answer: Answer) -> bool:
    """The answer does not tell which version the relay has: some refuse an older one by a bare
    `error:`, so this is found out by reading."""
    refusal = classify(answer)
    is_vague = refusal is Refusal.RETRY and not asks_for_a_pause(answer)
    return refusal is Refusal.SUPERSEDED or is_vague


def showable(words: str) -> str:
    """A relay's words, for the organiser and the database: short, and nothing unprintable."""
    return _UNSHOWABLE.sub(" ", words).strip()[:_MAX_WORDS]


def _word(message: str) -> str:
    return message.split(":", 1)[0].strip().lower()
