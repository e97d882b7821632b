"""What a body makes of a package: its columns, checked against those it leaves alone. Pure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ..clock import to_ms
from ..errors import InvalidInput
from ..models import to_major
from .bodies_packages import WHAT, PackageBody, PackagePatch
from .models import Event, Listing, Package
from .rules import Currencies, clean_currency, price_to_minor
from .times import local_day, read_moment, zone_of

_PLAIN = (
    "name",
    "kind",
    "description",
    "min_per_order",
    "max_per_order",
    "is_enabled",
    "is_hidden",
)
# What the log of changes is told of a package, by our own names.
_LOGGED = (*_PLAIN, "currency", "quantity_limit", *WHAT, "image_url")


def new_columns(listing: Listing, body: PackageBody, known: Currencies) -> dict[str, Any]:
    """What a new package's row says of it. Raises InvalidInput."""
    first = listing.package(None)
    default = first.currency if first else listing.event.currency
    currency = default if body.currency is None else clean_currency(body.currency, known)
    moments = {name: _sent(listing.event, body, name) for name in WHAT}
    values = {name: getattr(body, name) for name in _PLAIN}
    _check(values, moments)
    return {
        **values,
        "price_minor": price_to_minor(body.price, currency),
        "currency": currency,
        "quantity_limit": body.quantity_limit,
        **{name: _ms(at) for name, at in moments.items()},
        "legacy": json.dumps(_with_days({}, listing.event, moments)),
    }


def changed_columns(
    event: Event, package: Package, patch: PackagePatch, known: Currencies
) -> dict[str, Any]:
    """The columns a change sets; the limit and the counters are none of them.

    Raises InvalidInput.
    """
    sent = {name: value for name in _PLAIN if (value := getattr(patch, name)) is not None}
    moments: dict[str, datetime | None] = {name: getattr(package, name) for name in WHAT}
    named = {name: _sent(event, patch, name) for name in WHAT if name in patch.__fields_set__}
    moved = {name: at for name, at in named.items() if at != moments[name]}
    moments.update(moved)
    _check({name: sent.get(name, getattr(package, name)) for name in _PLAIN}, moments)
    values = {**sent, **_price(package, patch, known), **{n: _ms(at) for n, at in moved.items()}}
    if {"sale_starts_at", "sale_ends_at"} & moved.keys():
        values["legacy"] = json.dumps(_with_days(package.legacy, event, moved))
    return values


def described(package: Package) -> dict[str, object]:
    """A package as the log of changes names its fields."""
    values: dict[str, object] = {name: getattr(package, name) for name in _LOGGED}
    return {**values, "price": package.price}


def _price(package: Package, patch: PackagePatch, known: Currencies) -> dict[str, Any]:
    if patch.price is None and patch.currency is None:
        return {}
    # A currency that stays is not judged: the host may have stopped converting it since.
    kept = replace(known, allowed={*known.allowed, package.currency})
    currency = package.currency
    if patch.currency is not None:
        currency = clean_currency(patch.currency, kept)
    price: Decimal | None = patch.price
    if price is None:
        price = to_major(package.price_minor, package.currency)
    return {"price_minor": price_to_minor(price, currency), "currency": currency}


def _sent(event: Event, body: PackageBody | PackagePatch, name: str) -> datetime | None:
    text: str | None = getattr(body, name)
    return None if text is None else read_moment(text, zone_of(event), WHAT[name])


def _check(values: Mapping[str, Any], moments: Mapping[str, datetime | None]) -> None:
    if values["min_per_order"] > values["max_per_order"]:
        raise InvalidInput("An order may not need more tickets than it can have.")
    for begin, end, what in (
        ("sale_starts_at", "sale_ends_at", "sale"),
        ("valid_from", "valid_until", "validity"),
    ):
        first, last = moments[begin], moments[end]
        if first and last and last <= first:
            raise InvalidInput(f"The {what} must end after it begins.")


def _with_days(
    legacy: Mapping[str, Any], event: Event, moments: Mapping[str, datetime | None]
) -> dict[str, Any]:
    """1.6.9's days of the sale follow its times: the first and the last day something is sold."""
    days: dict[str, Any] = dict(legacy)
    if "sale_starts_at" in moments:
        starts = moments["sale_starts_at"]
        days["opening_date"] = local_day(starts, zone_of(event)) if starts else None
    if "sale_ends_at" in moments:
        ends = moments["sale_ends_at"]
        last = ends - timedelta(seconds=1) if ends else None
        days["closing_date"] = local_day(last, zone_of(event)) if last else None
    return days


def _ms(moment: datetime | None) -> int | None:
    return to_ms(moment) if moment else None
