"""What letters tell of an event, its tickets and an order, part by part. Pure."""

from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from ..catalog.described import when_and_where
from ..catalog.models import ADDON, ADMISSION, UTC_NAME, Event
from ..catalog.times import known_zone
from ..models import TicketStatus, minor_digits
from ..orders.models import Order
from ..tickets.models import Ticket
from .content import Button, Change, Fact, Telling, TicketBox
from .lines import one_line, person
from .models import Kind, Letter
from .words import When, Words, Zone

_VALID = (TicketStatus.ACTIVE, TicketStatus.USED)
_GONE = (TicketStatus.CANCELLED, TicketStatus.REFUNDED)
# More codes than this would make a mail that some servers refuse; their pages are linked.
_MAX_CODES = 20
_WITH_CODES = frozenset({Kind.ORDER_CONFIRMED, Kind.TICKET, Kind.REMINDER})


def code_of(letter: Letter, index: int) -> str:
    """The Content-ID (RFC 2392) of the picture of a ticket's code."""
    return f"qr{index}.{letter.message.id}@tickets"


def shown_codes(letter: Letter) -> list[Ticket]:
    """The tickets whose codes a mail shows, in order."""
    if letter.message.kind not in _WITH_CODES:
        return []
    return [ticket for ticket in letter.tickets if ticket.status in _VALID][:_MAX_CODES]


def greeting(telling: Telling) -> str:
    letter = telling.letter
    own = next((t.name for t in letter.tickets if t.id == letter.message.ticket_id), "")
    name = person(letter.order.buyer_name if telling.is_buyers and letter.order else own)
    return telling.words.say("hello", name=name) if name else telling.words.say("hello_nobody")


def footer(telling: Telling) -> str:
    links = telling.letter.links
    known = (links.event, links.order, links.claim, *links.tickets.values())
    site = next((urlsplit(link).netloc for link in known if link), "")
    if telling.letter.order is None:
        return telling.words.say("footer_test")
    text = "footer_buyer" if telling.is_buyers else "footer_holder"
    return telling.words.say(text, site=site) if site else ""


def shown_zone(name: str) -> Zone:
    """UTC, and called so, where this machine does not know the name."""
    zone = known_zone(name)
    return Zone(zone, name) if zone else Zone(timezone.utc, UTC_NAME)


def event_when(event: Event) -> When:
    zone = shown_zone(event.timezone)
    first, last = read_day(event.event_start_date), read_day(event.event_end_date)
    return When(event.starts_at, event.ends_at, first, last, zone)


def event_where(words: Words, location: str, is_online: bool) -> str:
    """Empty where nothing is known."""
    place = one_line(location, 300)
    if not is_online:
        return place
    return words.say("place_online", place=place) if place else words.say("online")


def event_facts(telling: Telling) -> list[Fact]:
    """When and where it takes place."""
    listing, words = telling.letter.listing, telling.words
    if listing is None:
        return []
    event = listing.event
    facts = [Fact(words.say("when"), words.when(event_when(event)))]
    where = event_where(words, event.location or "", event.is_online)
    return facts + ([Fact(words.say("where"), where)] if where else [])


def changes(telling: Telling) -> list[Change]:
    """What the event is now and was before, by the payload (`catalog.described.when_and_where`)."""
    listing, words = telling.letter.listing, telling.words
    before = _state(telling.letter.message.payload.get("before"))
    after = when_and_where(listing.event) if listing else {}
    found = []
    told = (("when", _told_when, "no_date"), ("where", _told_where, "no_place"))
    for label, tell, unknown in told:
        was, now = (tell(words, state) or words.say(unknown) for state in (before, after))
        if was != now:
            said = words.say("before", value=was), words.say("after", value=now)
            found.append(Change(words.say(label), *said))
    return found


def _state(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _told_when(words: Words, state: dict[str, Any]) -> str:
    shown = shown_zone(str(state.get("timezone") or UTC_NAME))
    starts, ends = (read_moment(state.get(key)) for key in ("starts_at", "ends_at"))
    first, last = (read_day(state.get(key)) for key in ("first_day", "last_day"))
    return words.when(When(starts, ends, first, last, shown))


def _told_where(words: Words, state: dict[str, Any]) -> str:
    return event_where(words, str(state.get("location") or ""), bool(state.get("is_online")))


def read_day(text: object) -> date | None:
    """A `YYYY-MM-DD` day; None for what old rows may hold instead."""
    try:
        return date.fromisoformat(str(text or "").strip()[:10])
    except ValueError:
        return None


def read_moment(text: object) -> datetime | None:
    """ISO 8601 with `Z`, as it is stored; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def tickets(telling: Telling) -> list[TicketBox]:
    """Those that are valid, each with its page and the picture of its code."""
    codes = {t.id: code_of(telling.letter, n) for n, t in enumerate(shown_codes(telling.letter))}
    valid = [ticket for ticket in telling.letter.tickets if ticket.status in _VALID]
    return [_ticket(telling, ticket, codes.get(ticket.id)) for ticket in valid]


def gone_tickets(telling: Telling) -> list[str]:
    """Which tickets are void: one sentence, none where there are no such tickets."""
    words = telling.words
    gone = [_named(words, t) for t in telling.letter.tickets if t.status in _GONE]
    return [words.count("gone", len(gone), tickets=", ".join(gone))] if gone else []


def _named(words: Words, ticket: Ticket) -> str:
    title, name = _title(words, "ticket", ticket), person(ticket.name)
    return words.say("named", ticket=title, name=name) if name else title


def _title(words: Words, text: str, ticket: Ticket) -> str:
    """A text with the ticket's number, where it has one."""
    return words.say(text if ticket.number else f"{text}_unnumbered", number=ticket.number)


def notes(telling: Telling) -> list[str]:
    """What to do with the codes."""
    kinds = {ticket.kind for ticket in shown_codes(telling.letter)}
    known = (("keep", ADMISSION), ("keep_addon", ADDON))
    return [telling.words.say(text) for text, kind in known if kind in kinds]


def _ticket(telling: Telling, ticket: Ticket, cid: str | None) -> TicketBox:
    words, listing = telling.words, telling.letter.listing
    package = listing.package(ticket.package_id) if listing and ticket.package_id else None
    zone = shown_zone(listing.event.timezone) if listing else None
    known = {
        "type": one_line(package.name, 200) if package else "",
        "holder": person(ticket.name),
        "valid": words.window(ticket.valid_from, ticket.valid_until, zone) if zone else "",
    }
    page = telling.letter.links.tickets.get(ticket.id)
    return TicketBox(
        title=_title(words, "ticket", ticket),
        facts=[Fact(words.say(label), value) for label, value in known.items() if value],
        link=Button(words.say("open_ticket"), page) if page else None,
        cid=cid,
        alt=_title(words, "qr", ticket),
    )


def sums(telling: Telling) -> list[Fact]:
    """What the order cost, and what it is called."""
    order, words = telling.letter.order, telling.words
    if order is None:
        return []
    facts = [Fact(words.say("total"), _total(words, order))]
    if order.promo_code:
        facts.append(Fact(words.say("promo"), one_line(order.promo_code, 100)))
    return [*facts, Fact(words.say("order_number"), order.id)]


def _total(words: Words, order: Order) -> str:
    if not order.total_sat:
        return words.say("free")
    sat = words.sat(order.total_sat)
    rate = Decimal(order.rate) if order.rate else Decimal(0)
    if not order.currency or order.currency == "sat" or rate <= 0:
        return sat
    worth = words.number(order.total_sat / rate, minor_digits(order.currency))
    return words.say(
        "fiat",
        sat=sat,
        fiat=f"{worth} {order.currency}",
        currency=order.currency,
        rate=words.number(rate, 0 if rate >= 100 else 2),
    )


def buttons(telling: Telling) -> list[Button]:
    """The order's page for its buyer, and the event's."""
    links, words = telling.letter.links, telling.words
    known = (("open_order", links.order), ("open_event", links.event))
    return [Button(words.say(label), url) for label, url in known if url]
