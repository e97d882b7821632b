"""Words shared by all rooms: statuses, currencies and the checks every text from outside passes."""

import re
import unicodedata
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

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
