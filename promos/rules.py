"""Pure decisions about promo codes: columns out of bodies, and which code is good for what."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import ROUND_DOWN, Decimal
from typing import Any

from ..catalog.bodies import PromoBody
from ..catalog.models import Listing
from ..catalog.rules import Currencies, clean_currency, price_to_minor
from ..catalog.times import read_moment, zone_of
from ..clock import iso, to_ms
from ..errors import InvalidInput
from .bodies import CodeBody, CodePatch
from .models import FIXED, PERCENT, PromoCode

_WINDOW = {"valid_from": "The start of the code", "valid_until": "The end of the code"}
_CENT = Decimal("0.01")


def percent_to_bp(percent: Decimal) -> int:
    """Percent as basis points, rounded down: 99.999 % must not become a free ticket."""
    return int((percent * 100).to_integral_value(rounding=ROUND_DOWN))


def is_open(promo: PromoCode, now: datetime) -> bool:
    """Whether it can be used now, by its switch and its window."""
    if not promo.is_active or (promo.valid_from and now < promo.valid_from):
        return False
    return promo.valid_until is None or now < promo.valid_until


def covers(promo: PromoCode, package_id: str) -> bool:
    return not promo.package_ids or package_id in promo.package_ids


@dataclass(frozen=True)
class Place:
    """What a code is judged against: its event's packages, currency and time zone."""

    package_ids: Collection[str]
    currency: str
    zone: tzinfo
    known: Currencies


def place_of(listing: Listing, known: Currencies) -> Place:
    packages = {package.id for package in listing.packages}
    return Place(packages, listing.event.currency, zone_of(listing.event), known)


def new_columns(body: CodeBody, place: Place) -> dict[str, Any]:
    """All described columns of a new code. Raises InvalidInput."""
    return {
        "code": body.code,
        **_worth(body.kind, body.value, body.currency or place.currency, place.known),
        **_window(body, place.zone, {}),
        "max_uses": body.max_uses,
        "max_per_buyer": body.max_per_buyer,
        "package_ids": _packages(body.package_ids, place.package_ids),
        "is_active": body.active,
    }


def changed_columns(code: PromoCode, patch: CodePatch, place: Place) -> dict[str, Any]:
    """The columns a patch sets. Raises InvalidInput."""
    sent = patch.__fields_set__
    values: dict[str, Any] = {}
    if patch.code is not None:
        values["code"] = patch.code
    if patch.active is not None:
        values["is_active"] = patch.active
    values |= _changed_worth(code, patch, place)
    stored = {name: _ms(getattr(code, name)) for name in _WINDOW}
    values |= _window(patch, place.zone, stored)
    values |= {name: getattr(patch, name) for name in ("max_uses", "max_per_buyer") if name in sent}
    if "package_ids" in sent:
        # A package that is gone by now may stay where it is.
        known = {*place.package_ids, *code.package_ids}
        values["package_ids"] = _packages(patch.package_ids, known)
    return values


def _changed_worth(code: PromoCode, patch: CodePatch, place: Place) -> dict[str, Any]:
    kind = patch.kind or code.kind
    currency = patch.currency or code.currency or place.currency
    if patch.value is not None:
        return _worth(kind, patch.value, currency, place.known, kept=code.currency)
    if kind != code.kind or (kind == FIXED and currency.lower() != (code.currency or "").lower()):
        raise InvalidInput("Another kind or currency of discount needs a new value.")
    return {}


def _worth(
    kind: str, value: Decimal, currency: str, known: Currencies, kept: str | None = None
) -> dict[str, Any]:
    """`kept`: a currency that stays is not judged, the host may have stopped converting it."""
    if value <= 0:
        raise InvalidInput("The discount must be above 0.")
    if kind == FIXED:
        if not kept or kept.upper() != currency.upper():
            kept = clean_currency(currency, known)
        minor = price_to_minor(value, kept)
        return {"kind": FIXED, "percent_bp": 0, "value_minor": minor, "currency": kept}
    if value > 100:
        raise InvalidInput("A discount is at most 100 percent.")
    if value != value.quantize(_CENT, rounding=ROUND_DOWN):
        raise InvalidInput("A percentage may have at most two decimals.")
    points = percent_to_bp(value)
    return {"kind": PERCENT, "percent_bp": points, "value_minor": None, "currency": None}


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _window(
    body: CodeBody | CodePatch, zone: tzinfo, stored: Mapping[str, int | None]
) -> dict[str, int | None]:
    """The times a body sets, checked together with those that stay."""
    sent: dict[str, int | None] = {}
    for name, what in _WINDOW.items():
        if name in body.__fields_set__ or not stored:
            text: str | None = getattr(body, name)
            sent[name] = _ms(read_moment(text, zone, what)) if text is not None else None
    begin, end = ({**stored, **sent}[name] for name in _WINDOW)
    if sent and begin is not None and end is not None and end <= begin:
        raise InvalidInput("The code must end after it starts.")
    return sent


def _packages(wanted: Sequence[str] | None, known: Collection[str]) -> str | None:
    """Ids as they are stored. Raises InvalidInput for one that is not known."""
    if not set(wanted or ()) <= set(known):
        raise InvalidInput("A promo code can only name packages of its own event.")
    return _stored(wanted or ())


def _stored(package_ids: Sequence[str]) -> str | None:
    """Distinct ids as JSON; None for all packages."""
    return json.dumps(list(dict.fromkeys(package_ids))) if package_ids else None


def columns_of(code: PromoCode, packages: Mapping[str, str]) -> dict[str, Any]:
    """The described columns of a code, for another event. A package that the other one lacks
    stays as it is: without any the code would be good for all."""
    return {
        "code": code.code,
        "kind": code.kind,
        "percent_bp": code.percent_bp,
        "value_minor": code.value_minor,
        "currency": code.currency,
        "valid_from": _ms(code.valid_from),
        "valid_until": _ms(code.valid_until),
        "max_uses": code.max_uses,
        "max_per_buyer": code.max_per_buyer,
        "package_ids": _stored([packages.get(id_, id_) for id_ in code.package_ids]),
        "is_active": code.is_active,
    }


def described(code: PromoCode) -> dict[str, Any]:
    """What an organiser says of a code, as it is answered and logged."""
    return {
        "code": code.code,
        "kind": code.kind,
        "value": code.value,
        "currency": code.currency if code.kind == FIXED else None,
        "valid_from": iso(code.valid_from),
        "valid_until": iso(code.valid_until),
        "max_uses": code.max_uses,
        "max_per_buyer": code.max_per_buyer,
        "package_ids": list(code.package_ids) or None,
        "active": code.is_active,
    }


def as_169(code: PromoCode) -> dict[str, Any]:
    """A plain code as it stands in 1.6.9's `extra.promo_codes`."""
    return {"code": code.code, "discount_percent": code.value, "active": code.is_active}


def mirrored(shown: object, codes: Sequence[PromoCode]) -> list[dict[str, Any]]:
    """1.6.9's list for these codes: what is shown keeps its place, and its percentage where that
    still means the same (12.345 is stored as 12.34)."""
    waiting = {code.code: code for code in codes if code.is_plain}
    found = []
    for item in shown if isinstance(shown, list) else []:
        name = str(item.get("code")).strip().upper() if isinstance(item, dict) else ""
        code = waiting.pop(name, None)
        if code is not None:
            found.append({**as_169(code), **_same_percent(item, code)})
    return found + [as_169(code) for code in waiting.values()]


def _same_percent(item: Mapping[str, Any], code: PromoCode) -> dict[str, Any]:
    percent = item.get("discount_percent")
    if not isinstance(percent, (int, float)) or not 0 <= percent <= 100:
        return {}
    same = percent_to_bp(Decimal(str(percent))) == code.percent_bp
    return {"discount_percent": percent} if same else {}


def columns_of_169(sent: PromoBody) -> dict[str, Any]:
    """What a code of 1.6.9's list sets; all else of the code is ours and stays."""
    return {"percent_bp": percent_to_bp(sent.discount_percent), "is_active": sent.active}
