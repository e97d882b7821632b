"""Words shared by all rooms: statuses, currencies and the checks every text from outside passes."""

import re
import unicodedata
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, conint

from .errors import InvalidInput, NotFound

EXTENSION_ID = "events"

MAX_PER_PURCHASE = 10
# The host refuses invoices above this (HOST: `lnbits_max_incoming_payment_amount_sats`).
MAX_AMOUNT_SAT = 10_000_000
# PostgreSQL INTEGER; also what 1.6.9's column can hold.
MAX_COUNT = 2_147_483_647
if TYPE_CHECKING:
    Count = int
else:
    # A whole number of things. Strict: pydantic would otherwise read 2.5 as 2 and "3" as 3.
    Count = conint(strict=True, ge=0, le=MAX_COUNT)

# 1.6.9 knows no unlimited events: this is what its `amount_tickets` reads for one.
LEGACY_UNLIMITED = 1_000_000

# Of messages to buyers; the first is spoken to whoever says nothing, or something else.
LANGUAGES = ("en", "de", "es")


class EventStatus(str, Enum):
    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class OrderStatus(str, Enum):
    RESERVED = "reserved"
    CONFIRMED = "confirmed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


class TicketStatus(str, Enum):
    RESERVED = "reserved"
    ACTIVE = "active"
    USED = "used"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Sales(str, Enum):
    """Whether an event or package can be bought now."""

    NOT_YET = "not_yet"
    OPEN = "open"
    CLOSED = "closed"
    SOLD_OUT = "sold_out"


# ISO 4217: currencies whose minor unit is not 1/100. "sat" is its own smallest unit here.
_MINOR_DIGITS = {
    **dict.fromkeys(
        "sat BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


def minor_digits(currency: str) -> int:
    """Decimal places of a currency's minor unit (ISO 4217)."""
    return _MINOR_DIGITS.get(currency, 2)


def to_major(amount_minor: int, currency: str) -> Decimal:
    """Minor units to the decimal number people write: 1999 EUR -> 19.99."""
    return Decimal(amount_minor).scaleb(-minor_digits(currency))


# Cc: controls, Cs: lone surrogates (no database stores them), and the bidi overrides that
# let a name rewrite the line it is printed in.
_BIDI_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_text(value: str, what: str, max_length: int, *, multiline: bool = False) -> str:
    """Trim a text from outside; refuse what is too long or not printable.

    Raises InvalidInput naming `what`.
    """
    text = value.strip()
    if len(text) > max_length:
        raise InvalidInput(f"{what} may have at most {max_length} characters.")
    allowed = "\n\r\t" if multiline else ""
    for char in text:
        if char in allowed:
            continue
        if unicodedata.category(char) in ("Cc", "Cs") or char in _BIDI_OVERRIDES:
            raise InvalidInput(f"{what} holds characters that cannot be printed.")
    return text


def _refuse_unstorable(value: object) -> None:
    """Raises InvalidInput for a NUL or half a character in any text, key or value, at any depth.

    PostgreSQL stores neither, and half a character (a lone surrogate) cannot even be answered.
    """
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple)):
            waiting += item
        elif isinstance(item, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in item):
            raise InvalidInput("The request holds characters that cannot be printed.")


class Object(BaseModel):
    """Base of request bodies: an object, not the list of pairs pydantic would take for one."""

    @classmethod
    def validate(cls: type["ObjectT"], value: object) -> "ObjectT":
        if not isinstance(value, (dict, cls)):
            raise InvalidInput("The body and its parts must be JSON objects.")
        return super().validate(value)


ObjectT = TypeVar("ObjectT", bound=Object)


class Body(Object):
    """A request body whose texts, all of them, could be stored."""

    @classmethod
    def validate(cls: type["BodyT"], value: object) -> "BodyT":
        if isinstance(value, dict):
            _refuse_unstorable(value)
        return super().validate(value)


BodyT = TypeVar("BodyT", bound=Body)

_ID = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def clean_id(value: str, what: str) -> str:
    """An id as it may stand in a path. Anything else cannot exist, so it raises NotFound.

    Without this a NUL in a path would reach PostgreSQL, which refuses the statement.
    """
    if not _ID.fullmatch(value):
        raise NotFound(f"{what} does not exist.")
    return value


_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?"
)


def choose_language(named: str | None, accept_language: str | None) -> str:
    """The language a person is written to: the one named, else the first that `Accept-Language`
    prefers (RFC 9110, 12.5.4). Regions are left out."""
    if named:
        return _spoken(named) or LANGUAGES[0]
    found = (_RANGE.fullmatch(part) for part in (accept_language or "")[:1000].split(","))
    wanted = [(float(match[2] or 1), match[1]) for match in found if match]
    wanted.sort(key=lambda pair: -pair[0])
    spoken = (_spoken(tag) for quality, tag in wanted if quality > 0)
    return next((language for language in spoken if language), LANGUAGES[0])


def _spoken(tag: str) -> str | None:
    language = tag.strip().split("-")[0].lower()
    return language if language in LANGUAGES else None


# NIP-01 relays are WebSockets (RFC 6455).
_RELAY_SCHEMES = {"ws": 80, "wss": 443}


def clean_relay_url(value: str) -> str:
    """A relay's address in one spelling: lower case, no default port, no slash alone at the end.

    By form only; where it leads to is judged when it is connected to. Raises InvalidInput.
    """
    text = clean_text(value, "The relay's address", 255)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise InvalidInput(_NO_RELAY) from exc
    has_more = parts.username is not None or parts.password is not None or parts.fragment
    if parts.scheme.lower() not in _RELAY_SCHEMES or not _RELAY_HOST.fullmatch(host) or has_more:
        raise InvalidInput(_NO_RELAY)
    scheme = parts.scheme.lower()
    shown = f"[{host}]" if ":" in host else host
    where = "" if port in (None, _RELAY_SCHEMES[scheme]) else f":{port}"
    path = "" if parts.path == "/" else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{shown}{where}{path}{query}"


_RELAY_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})|[0-9A-Fa-f:.]+")
_NO_RELAY = "A relay's address looks like wss://relay.example.com."
