"""Reads what 1.6.9 stored: waves, promo codes and tickets, out of rows and their JSON `extra`.

Pure, and it never fails: `extra` may be NULL, broken, or lack any field. What cannot be read gets
a default; a wave whose price or last day cannot be read is not for sale, as it was not in 1.6.9.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from typing import Any

Row = Mapping[str, Any]

MAX_COUNT = 1_000_000_000  # with what is sold on top it still fits PostgreSQL's INTEGER
MAX_AMOUNT = 10**15
SEATED = ("active", "used")  # statuses of tickets that take a seat
_LAST_SECOND = 253_402_300_799  # of the year 9999
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()

# ISO 4217: currencies whose minor unit is not 1/100.
_WHOLE = "sat BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND".split()
_MINOR_DIGITS = dict.fromkeys(_WHOLE, 0) | dict.fromkeys(_THOUSANDTHS, 3) | {"CLF": 4, "UYW": 4}


@dataclass(frozen=True)
class Wave:
    """A ticket wave as a package; `remaining` is what can still be sold."""

    id: str
    wave_id: str
    name: str
    price_minor: int
    currency: str
    remaining: int
    sale_starts_at: int | None
    sale_ends_at: int | None
    is_enabled: bool
    display_order: int
    legacy: str


@dataclass(frozen=True)
class TicketExtra:
    wave_id: str
    sats: int
    refunded: bool
    onchain: bool
    promo_code: str | None
    refund_address: str | None
    nostr_identifier: str | None


def minor_digits(currency: str) -> int:
    """Decimal places of a currency's minor unit (ISO 4217); sats have none."""
    return _MINOR_DIGITS.get(currency, 2)


def read_extra(stored: object) -> dict[str, Any]:
    """The JSON object of an `extra` column; anything else reads as empty."""
    try:
        found = json.loads(str(stored or "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def waves_of(event: Row, extra: Mapping[str, Any]) -> list[Wave]:
    """All waves of an event, at least one: without any, 1.6.9 implies `primary`."""
    listed = [wave for wave in _list(extra, "ticket_waves") if isinstance(wave, dict)]
    created = datetime.fromtimestamp(unix_ms(event["time"]) / 1000, timezone.utc).date()
    implied = {"id": "primary", "title": "Primary wave", "opening_date": created.isoformat()}
    single = {"amount_tickets": event["amount_tickets"]} if len(listed) < 2 else {}
    taken: set[str] = set()
    return [
        _wave(event, position, {**single, **wave}, taken)
        for position, wave in enumerate(listed or [implied])
    ]


def promo_codes_of(event_id: str, extra: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Promo code rows; percents in basis points, rounded down. The first of duplicates wins."""
    found: dict[str, dict[str, Any]] = {}
    for item in _list(extra, "promo_codes"):
        code = read_text(item.get("code")).strip().upper() if isinstance(item, dict) else ""
        percent = _number(item.get("discount_percent")) if code else None
        if percent is None or code in found:
            continue
        found[code] = {
            "id": derived_id(event_id, code),
            "event_id": event_id,
            "code": code,
            "percent_bp": int(min(max(percent, Decimal(0)), Decimal(100)) * 100),
            "is_active": item.get("active", True) is True,
        }
    return list(found.values())


def read_ticket(stored: object) -> TicketExtra:
    extra = read_extra(stored)
    return TicketExtra(
        wave_id=read_text(extra.get("ticket_wave_id")),
        sats=whole(extra.get("sats_paid"), MAX_AMOUNT),
        refunded=extra.get("refunded") is True,
        onchain=extra.get("onchain") is True,
        promo_code=read_text(extra.get("applied_promo_code")) or None,
        refund_address=read_text(extra.get("refund_address")) or None,
        nostr_identifier=read_text(extra.get("nostr_identifier")) or None,
    )


def ticket_status(ticket: Row, extra: TicketExtra) -> str:
    if extra.refunded:
        return "refunded"
    if ticket["registered"]:
        return "used"
    return "active" if ticket["paid"] else "reserved"


def buyer_key(email: str, extra: TicketExtra) -> str | None:
    """Who bought, as orders name a buyer who was not logged in."""
    address = email.strip().lower()
    if address:
        return f"email:{address}"
    return f"nostr:{extra.nostr_identifier}" if extra.nostr_identifier else None


def unix_ms(stored: object) -> int:
    """A TIMESTAMP column: naive UTC on PostgreSQL, unix seconds (also as text) on SQLite."""
    if isinstance(stored, datetime):
        stored = stored.replace(tzinfo=timezone.utc).timestamp()
    seconds = _number(stored)
    if seconds is None:
        return 0
    return int(min(max(seconds, Decimal(0)), Decimal(_LAST_SECOND)) * 1000)


def whole(value: object, highest: int) -> int:
    """A count or an amount of whole sats, 0 when there is none."""
    number = _number(value)
    return 0 if number is None else int(min(max(number, Decimal(0)), Decimal(highest)))


def read_text(value: object) -> str:
    """A text as both engines can store it: JSON may hold NULs and halves of surrogate pairs."""
    if not isinstance(value, str):
        return ""
    return value.replace("\0", "").encode("utf-8", "replace").decode()


def derived_id(*parts: str) -> str:
    """The same id whenever the same thing is adopted; not for secrets."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:22]


def _wave(event: Row, position: int, wave: Mapping[str, Any], taken: set[str]) -> Wave:
    wave_id = _own_wave_id(read_text(wave.get("id")) or "primary", taken)
    currency = _currency(wave.get("currency")) or _currency(event["currency"])
    price = _price_minor(wave.get("price_per_ticket"), event["price"], currency or "sat")
    last_day = _day(wave.get("closing_date"), event["closing_date"])
    first_day = _day(wave.get("opening_date"))
    return Wave(
        id=derived_id(event["id"], wave_id),
        wave_id=wave_id,
        name=read_text(wave.get("title")) or "Ticket",
        price_minor=price or 0,
        currency=currency or "sat",
        remaining=whole(wave.get("amount_tickets"), MAX_COUNT),
        sale_starts_at=None if first_day is None else first_day * _DAY_MS,
        # 1.6.9 sells through the whole closing day.
        sale_ends_at=None if last_day is None else (last_day + 1) * _DAY_MS,
        is_enabled=None not in (currency, price, last_day),
        display_order=position,
        legacy=_legacy(event, wave),
    )


def _legacy(event: Row, wave: Mapping[str, Any]) -> str:
    """What a wave has and a package has not, as JSON."""
    kept = {
        "opening_date": read_text(wave.get("opening_date")),
        "closing_date": read_text(wave.get("closing_date")) or event["closing_date"],
        "allow_fiat": bool(wave.get("allow_fiat", event["allow_fiat"])),
        "fiat_currency": read_text(wave.get("fiat_currency")) or event["fiat_currency"],
        "use_ticket_image": wave.get("use_ticket_image") is True,
        "ticket_image_id": read_text(wave.get("ticket_image_id")) or None,
    }
    return json.dumps(kept)


def _own_wave_id(wanted: str, taken: set[str]) -> str:
    """Ids may repeat in 1.6.9: later ones get a number."""
    wave_id, number = wanted, 1
    while wave_id in taken:
        number += 1
        wave_id = f"{wanted}-{number}"
    taken.add(wave_id)
    return wave_id


def _price_minor(in_wave: object, in_column: object, currency: str) -> int | None:
    """The price in minor units. The column is the second choice: PostgreSQL has it in 4 bytes."""
    price = _number(in_wave)
    if price is None:
        price = _number(in_column)
    if price is None or not 0 <= price <= MAX_AMOUNT:
        return None
    digits = minor_digits(currency)
    rounding = ROUND_FLOOR if currency == "sat" else ROUND_HALF_UP
    minor = int(price.scaleb(digits).to_integral_value(rounding))
    # What had a price is not given away.
    return None if minor > MAX_AMOUNT else max(minor, int(price > 0))


def _currency(value: object) -> str | None:
    code = read_text(value).strip().upper()
    if code in ("SAT", "SATS"):
        return "sat"
    return code if re.fullmatch("[A-Z]{3}", code) else None


def _day(*values: object) -> int | None:
    """The first value that is a date, in days since 1970."""
    for value in values:
        try:
            return date.fromisoformat(read_text(value)).toordinal() - _EPOCH
        except ValueError:
            continue
    return None


def _number(value: object) -> Decimal | None:
    """A finite number, as it was written: floats by their digits, not by their bits."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        number = Decimal(str(value).strip())
    except (ValueError, ArithmeticError):
        return None
    return number if number.is_finite() else None


def _list(extra: Mapping[str, Any], name: str) -> list[Any]:
    found = extra.get(name)
    return found if isinstance(found, list) else []
