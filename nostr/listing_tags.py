"""An event as a calendar event of Nostr (NIP-52), with the state of its sale. Pure.

Tags that are no part of NIP-52 are named as other clients read them. None is named `tickets` or
`lud16`: with a price these switch on checkouts of other clients, past this one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from markdown_it import MarkdownIt

from ..catalog.models import Event, EventType, Listing, Package
from ..catalog.times import known_zone
from ..models import EventStatus, minor_digits, to_major
from .drafts import Draft, Nothing, coordinate, many_lines, one_line
from .listing import CANCELLED, COMPLETED, SOLD_OUT, State, Times, days_covered, state_of, times_of
from .models import KIND_CALENDAR, KIND_DATE_EVENT, KIND_TIME_EVENT, Tags

NO_DATE = "no_date"

_MAX_TITLE = 500
_MAX_SUMMARY = 1000
_MAX_PLACE = 500
_MAX_LINK = 2000
_MAX_WORDS = 300
# strfry refuses longer values of tags with a one letter name.
_MAX_SHORT_TAG_BYTES = 1024
# The whole event may have 65,536 bytes at strfry; what the tags can take is left to them.
_MAX_CONTENT_BYTES = 40_000
_MAX_DAYS = 366
_MAX_WORD_TAGS = 20
# What relays that look closely let pass (NIP-52: IANA): not "UTC", nor names of three parts.
_ZONE = re.compile(r"[A-Za-z_]+/[A-Za-z_]+", re.ASCII)
_GEOHASH = re.compile(r"[0-9b-hjkmnp-z]{1,12}")
_WORD = re.compile(r"[^\s#,\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]{1,64}")
_LINK = re.compile(r"https://[^\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


@dataclass(frozen=True)
class Site:
    """Where tickets are sold, and who signs: `pubkey` is hex, `relays` are hints (NIP-01),
    `calendar` the `d` of the organiser's calendar, None: there is none."""

    base_url: str
    pubkey: str
    relays: Sequence[str]
    calendar: str | None


def listing_draft(listing: Listing, site: Site, now: datetime) -> Draft | Nothing:
    """Kind 31923 with exact times, 31922 with days alone. `d` is the event's id, so publishing
    again replaces it. Nothing for drafts, and for what 1.6.9 stored without a date."""
    event = listing.event
    if not event.nostr_publish or event.status is EventStatus.DRAFT:
        return Nothing()
    times = times_of(event)
    if times is None:
        return Nothing(NO_DATE)
    state = state_of(listing, now)
    url = f"{site.base_url}/events/{event.id}"
    tags = [
        ["d", event.id],
        ["title", _title(event, state)],
        ["summary", _summary(event, state, url)],
        *_picture(event, site.base_url),
        *_when(event, times),
        *_where(event),
        *_words(event),
        *_short("r", url),
        *_sale(event, state, url),
        *_calendar(site),
    ]
    return Draft(
        kind=KIND_DATE_EVENT if times.starts_at is None else KIND_TIME_EVENT,
        d=event.id,
        tags=tags,
        content=many_lines(event.info, _MAX_CONTENT_BYTES),
        changes_at=state.changes_at,
    )


def _title(event: Event, state: State) -> str:
    """Of a cancelled event the title says so: it is the one thing that every client shows."""
    prefix = "CANCELLED: " if state.status == CANCELLED else ""
    return one_line(prefix + event.name, _MAX_TITLE) or "Event"


def _summary(event: Event, state: State, url: str) -> str:
    """First words, what it costs or why it cannot be bought, and where: clients that know nothing
    of tickets show this."""
    words = one_line(_plain(event.info), _MAX_WORDS)
    link = one_line(url, _MAX_SUMMARY // 2)
    return one_line(" · ".join(part for part in (words, _offer(state), link) if part), _MAX_SUMMARY)


def _offer(state: State) -> str:
    said = {CANCELLED: "Cancelled", COMPLETED: "Over", SOLD_OUT: "Sold out"}.get(state.status)
    if said or state.wave is None:
        return said or ""
    if state.wave.price_minor == 0:
        return "Free"
    return f"{_amount(state.wave):,f} {state.wave.currency}"


def _amount(package: Package) -> Decimal:
    return to_major(package.price_minor, package.currency)


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False})


def _plain(markdown: str) -> str:
    """The words of a Markdown text's beginning: all of it could take long."""
    words: list[str] = []
    for token in _markdown().parse(markdown[: 2 * _MAX_WORDS]):
        for child in token.children or []:
            words.append(" " if child.type in ("softbreak", "hardbreak") else child.content)
        words.append(" ")
    return "".join(words)


def _picture(event: Event, base_url: str) -> Tags:
    link = event.banner or ""
    if link.startswith("/") and not link.startswith(("//", "/\\")):
        link = base_url + link
    return [["image", link]] if _LINK.fullmatch(link) and len(link) <= _MAX_LINK else []


def _when(event: Event, times: Times) -> Tags:
    if times.starts_at is None or times.ends_at is None:
        tags = [["start", times.first_day.isoformat()]]
        return tags + ([["end", times.last_day.isoformat()]] if times.last_day else [])
    tags = [
        ["start", str(int(times.starts_at.timestamp()))],
        ["end", str(int(times.ends_at.timestamp()))],
    ]
    tags += [["D", str(day)] for day in days_covered(times, _MAX_DAYS)]
    if _ZONE.fullmatch(event.timezone) and known_zone(event.timezone):
        tags += [["start_tzid", event.timezone], ["end_tzid", event.timezone]]
    return tags


def _where(event: Event) -> Tags:
    place = one_line(event.location or "", _MAX_PLACE) or ("Online" if event.is_online else "")
    tags = [["location", place]] if place else []
    geohash = _meant_for_nostr(event).get("geohash")
    if isinstance(geohash, str) and _GEOHASH.fullmatch(geohash):
        tags.append(["g", geohash])
    return tags


def _meant_for_nostr(event: Event) -> dict[str, Any]:
    """`metadata.nostr`: the one part of the organiser's own notes that is made public."""
    meant = event.metadata.get("nostr")
    return meant if isinstance(meant, dict) else {}


def _words(event: Event) -> Tags:
    """Hashtags: the type of the event, and those that the organiser names."""
    words = [] if event.event_type is EventType.OTHER else [event.event_type.value]
    named = _meant_for_nostr(event).get("tags")
    if isinstance(named, list):
        words += [w.lower() for w in named if isinstance(w, str) and _WORD.fullmatch(w)]
    return [["t", word] for word in list(dict.fromkeys(words))[:_MAX_WORD_TAGS]]


def _short(name: str, value: str) -> Tags:
    return [[name, value]] if len(value.encode()) <= _MAX_SHORT_TAG_BYTES else []


def _sale(event: Event, state: State, url: str) -> Tags:
    tags = [["status", state.status]]
    if not event.nostr_hide_counts:
        if state.total is not None:
            tags.append(["tickets_total", str(state.total)])
        tags.append(["tickets_sold", str(state.sold)])
        if state.available is not None:
            tags.append(["tickets_available", str(state.available)])
    if state.wave is not None:
        currency = one_line(state.wave.currency, 8)
        price = f"{_amount(state.wave):.{minor_digits(currency)}f}"
        price = "0" if state.wave.price_minor == 0 else price
        tags += [
            ["tickets_price", price],
            ["tickets_currency", currency],
            # NIP-99 writes it so.
            ["price", price, currency.upper()],
        ]
    return [*tags, ["tickets_url", one_line(url, _MAX_LINK)]]


def _calendar(site: Site) -> Tags:
    if site.calendar is None:
        return []
    return [["a", coordinate(KIND_CALENDAR, site.pubkey, site.calendar), *site.relays[:1]]]
