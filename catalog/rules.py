"""Pure decisions about events and packages: drafts out of bodies, and what is on sale when."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from ..errors import InvalidInput
from ..models import MAX_COUNT, EventStatus, Sales, minor_digits
from .bodies import EventBody, WaveBody
from .models import ADMISSION, Event, Package
from .schedule import Schedule
from .times import day_end, day_start, zone_of

PRIMARY_WAVE = "primary"
DEFAULT_CAPACITY = 1000
MAX_PRICE_MINOR = 10**15


@dataclass(frozen=True)
class Currencies:
    """ISO 4217 codes: those prices may be in on this host, and all it has heard of."""

    allowed: Collection[str]
    existing: Collection[str]


@dataclass(frozen=True)
class PackageDraft:
    """A package as an organiser describes it; `stock` is what may still be sold, None unlimited."""

    wave_id: str
    name: str
    price_minor: int
    currency: str
    stock: int | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    legacy: dict[str, Any]


def clean_currency(value: str, known: Currencies) -> str:
    """`sat` or an ISO 4217 code the host can convert. Raises InvalidInput."""
    text = value.strip()
    if text.lower() in ("sat", "sats"):
        return "sat"
    if text.upper() in known.allowed:
        return text.upper()
    raise InvalidInput("This currency is not known here.")


def clean_fiat(value: str | None, known: Currencies) -> str | None:
    """The currency of card payments. 1.6.9's clients send "GBP" whatever is allowed here."""
    if value is None or value in known.existing:
        return value
    raise InvalidInput("This currency for card payments is not known.")


def price_to_minor(price: Decimal, currency: str) -> int:
    """A price in minor units; nothing is rounded, so what is shown is what is charged.

    Raises InvalidInput for a price finer than the currency's minor unit.
    """
    if price > MAX_PRICE_MINOR:
        raise InvalidInput("The price is too high.")
    minor = price.scaleb(minor_digits(currency))
    if minor != minor.to_integral_value():
        unit = "whole sats" if currency == "sat" else f"the smallest unit of {currency}"
        raise InvalidInput(f"The price must be in {unit}.")
    if minor > MAX_PRICE_MINOR:
        raise InvalidInput("The price is too high.")
    return int(minor)


def wave_draft(wave: WaveBody, known: Currencies, zone: tzinfo) -> PackageDraft:
    """A package out of a wave of 1.6.9; the days of its sale are those of `zone`."""
    if wave.opening_date and wave.closing_date and wave.closing_date < wave.opening_date:
        raise InvalidInput("The sale of a ticket wave ends before it starts.")
    currency = clean_currency(wave.currency, known)
    return PackageDraft(
        wave_id=wave.id,
        name=wave.title,
        price_minor=price_to_minor(wave.price_per_ticket, currency),
        currency=currency,
        stock=wave.amount_tickets,
        sale_starts_at=day_start(wave.opening_date, zone),
        sale_ends_at=day_end(wave.closing_date, zone),
        legacy={
            "opening_date": wave.opening_date,
            "closing_date": wave.closing_date,
            "allow_fiat": wave.allow_fiat,
            "fiat_currency": clean_fiat(wave.fiat_currency, known),
            "use_ticket_image": wave.use_ticket_image,
            "ticket_image_id": wave.ticket_image_id,
        },
    )


def new_packages(body: EventBody, known: Currencies, schedule: Schedule) -> list[PackageDraft]:
    """The packages of a new event: its waves, or the one 1.6.9 implies."""
    if body.extra.ticket_waves:
        return [wave_draft(wave, known, schedule.zone) for wave in body.extra.ticket_waves]
    closing = body.closing_date or schedule.last_day
    currency = clean_currency(body.currency, known)
    return [
        PackageDraft(
            wave_id=PRIMARY_WAVE,
            name="Ticket",
            price_minor=price_to_minor(body.price_per_ticket, currency),
            currency=currency,
            # One package of one event: the event's own capacity is the only limit there is.
            stock=None,
            sale_starts_at=None,
            sale_ends_at=day_end(closing, schedule.zone),
            legacy={
                "allow_fiat": body.allow_fiat,
                "fiat_currency": clean_fiat(body.fiat_currency, known),
            },
        )
    ]


def new_capacity(body: EventBody, drafts: Sequence[PackageDraft]) -> int | None:
    """Seats of a new event; None is unlimited, and only said by an explicit null."""
    if "capacity" in body.__fields_set__:
        return body.capacity
    stocks = [draft.stock for draft in drafts if draft.stock is not None]
    if stocks:
        return min(sum(stocks), MAX_COUNT)
    return DEFAULT_CAPACITY if body.amount_tickets is None else body.amount_tickets


def package_sales(event: Event, package: Package, now: datetime) -> Sales:
    """Whether a package can be bought now."""
    if event.status is not EventStatus.PUBLISHED or not package.is_enabled:
        return Sales.CLOSED
    event_closes_at = day_end(event.closing_date, zone_of(event))
    if event_closes_at and now >= event_closes_at:
        return Sales.CLOSED
    if package.sale_ends_at and now >= package.sale_ends_at:
        return Sales.CLOSED
    if package.sale_starts_at and now < package.sale_starts_at:
        return Sales.NOT_YET
    if seats_left(event, package) == 0:
        return Sales.SOLD_OUT
    return Sales.OPEN


def event_sales(event: Event, packages: Sequence[Package], now: datetime) -> Sales:
    """The state of the whole event: the best of the packages that let one in."""
    shown = [p for p in packages if p.kind == ADMISSION and not p.is_hidden]
    states = {package_sales(event, package, now) for package in shown}
    for state in (Sales.OPEN, Sales.NOT_YET, Sales.SOLD_OUT):
        if state in states:
            return state
    return Sales.CLOSED


def seats_left(event: Event, package: Package) -> int | None:
    """Seats of a package that can still be held, under both limits; None when unlimited."""
    if package.kind != ADMISSION:
        return package.remaining
    known = [left for left in (event.remaining, package.remaining) if left is not None]
    return min(known) if known else None
