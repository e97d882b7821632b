"""What each kind of letter says. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..refunds.models import PAID_BY_HAND, Refund, RefundStatus
from . import content_parts as parts
from .content import Button, Content, OwnWords, Telling
from .lines import one_line, person
from .models import Kind, Letter
from .placeholders import fill_markdown, fill_plain
from .words import Words

_REASONS = frozenset(
    {
        *("no_seat_left", "event_cancelled", "tickets_missing", "order_cancelled", "paid_twice"),
        *("buyer_cancelled", "organiser_cancelled", "minimum_not_reached"),
    }
)


def content_of(letter: Letter, words: Words) -> Content:
    """All a letter says, in one language."""
    telling = Telling(letter, words)
    return _KINDS[letter.message.kind](telling)


def _base(telling: Telling, text: str, *paragraphs: str) -> Content:
    """What all have in common; subject and heading are texts of this name."""
    words = telling.words
    values = {"event": telling.event_name, "amount": _amount(telling)}
    return Content(
        subject=words.say(f"{text}_subject", **values),
        heading=words.say(f"{text}_heading", **values),
        greeting=parts.greeting(telling),
        paragraphs=paragraphs,
        facts=parts.event_facts(telling),
        buttons=parts.buttons(telling),
        footer=parts.footer(telling),
    )


def _order_confirmed(telling: Telling) -> Content:
    words, boxes = telling.words, parts.tickets(telling)
    count, event = len(boxes), telling.event_name
    found = Content(
        subject=words.count("order_subject", count, event=event),
        heading=words.count("order_heading", count, event=event),
        greeting=parts.greeting(telling),
        paragraphs=[words.count("order_intro", count)],
        facts=parts.event_facts(telling),
        tickets=boxes,
        sums=parts.sums(telling),
        buttons=parts.buttons(telling),
        notes=parts.notes(telling),
        footer=parts.footer(telling),
    )
    return _in_own_words(telling, found)


def _ticket(telling: Telling) -> Content:
    intro = "ticket_again" if telling.is_buyers else "ticket_intro"
    found = _base(telling, "ticket", telling.said(intro))
    found = replace(found, tickets=parts.tickets(telling), notes=parts.notes(telling))
    return _in_own_words(telling, found)


def _in_own_words(telling: Telling, found: Content) -> Content:
    """With the subject and the introduction that 1.6.9 lets an organiser write."""
    extra = telling.letter.listing.event.extra if telling.letter.listing else {}
    subject, text = (extra.get(f"notification_{name}") for name in ("subject", "body"))
    return _replaced(telling, found, str(subject or ""), str(text or ""))


def _replaced(telling: Telling, found: Content, subject: str, text: str) -> Content:
    values = _values(telling)
    if subject.strip():
        found = replace(found, subject=fill_plain(subject, values))
    if text.strip():
        own = OwnWords(fill_plain(text, values).strip(), fill_markdown(text, values))
        found = replace(found, own=own)
    return found


def _values(telling: Telling) -> dict[str, str]:
    """What the placeholders stand for; see `placeholders.NAMES`."""
    letter, words = telling.letter, telling.words
    order, listing = letter.order, letter.listing
    own = next((t.name for t in letter.tickets if t.id == letter.message.ticket_id), "")
    event = listing.event if listing else None
    link = letter.links.order or next(iter(letter.links.tickets.values()), letter.links.event)
    values = {
        "name": person(order.buyer_name if telling.is_buyers and order else own),
        "event": telling.event_name,
        "tickets": str(len(letter.tickets)),
        "when": words.when(parts.event_when(event)) if event else "",
        "where": parts.event_where(words, event.location or "", event.is_online) if event else "",
        "order": order.id if order else "",
    }
    return values | ({"link": link} if link else {})


def _event_changed(telling: Telling) -> Content:
    found = _base(telling, "changed", telling.said("changed_intro"))
    changes = parts.changes(telling)
    # What differs is told with what it was; the rest is not repeated.
    return replace(found, changes=changes, facts=[] if changes else found.facts)


def _event_cancelled(telling: Telling) -> Content:
    """The same for all orders of its recipient, who may be buyer of one and guest of another."""
    listing, said = telling.letter.listing, [telling.said("cancelled_intro")]
    if listing is not None and any(package.price_minor for package in listing.packages):
        said.append(telling.words.say("cancelled_money"))
    return _base(telling, "cancelled", *said)


def _tickets_cancelled(telling: Telling) -> Content:
    ask = telling.words.say("void_ask")
    return _base(telling, "void", *parts.gone_tickets(telling), ask)


def _reminder(telling: Telling) -> Content:
    boxes = parts.tickets(telling)
    found = _base(telling, "reminder", telling.words.count("reminder_intro", len(boxes)))
    return replace(found, tickets=boxes, notes=parts.notes(telling))


def _announcement(telling: Telling) -> Content:
    payload = telling.letter.message.payload
    found = replace(_base(telling, "news"), facts=[])
    subject, text = (str(payload.get(name) or "") for name in ("subject", "text"))
    return _replaced(telling, found, subject, text)


def _refund_due(telling: Telling) -> Content:
    return _owed(telling, "due", telling.said("due_intro"))


def _late_payment(telling: Telling) -> Content:
    return _owed(telling, "late", telling.said("late_intro", amount=_amount(telling)))


def _owed(telling: Telling, text: str, said: str) -> Content:
    """Money on its way back: how much, why, and what to do for it."""
    words, refund, claim = telling.words, telling.letter.refund, telling.letter.links.claim
    reason = refund.reason if refund and refund.reason in _REASONS else "other"
    why = words.say(f"reason_{reason}")
    gone = parts.gone_tickets(telling)
    found = _base(telling, text, said, why, *gone, *_way(telling))
    buttons = [Button(words.say("open_claim"), claim)] if claim else []
    return replace(found, facts=[], buttons=[*buttons, *found.buttons])


def _amount(telling: Telling) -> str:
    """Of the refund, where the letter is about one."""
    refund = telling.letter.refund
    return telling.words.sat(refund.amount_sat) if refund else ""


def _way(telling: Telling) -> list[str]:
    """How the money comes, or came; it may have been paid while this letter waited."""
    words, refund = telling.words, telling.letter.refund
    if refund is None:
        return []
    destination = one_line(refund.destination or "", 200)
    if refund.status is RefundStatus.PAID:
        return _paid_how(words, refund)
    if telling.letter.links.claim is None:
        return [words.say("way_by_hand")]
    if destination:
        return [words.say("way_address", destination=destination)]
    return [words.say("way_link")]


def _paid_how(words: Words, refund: Refund) -> list[str]:
    if refund.paid_by == PAID_BY_HAND:
        return [words.say("paid_by_hand")]
    if not refund.destination:
        return []
    return [words.say("paid_to", destination=one_line(refund.destination, 200))]


def _refund_paid(telling: Telling) -> Content:
    # Paid at once, it is all that the buyer is told of the tickets.
    gone = parts.gone_tickets(telling)
    found = _base(telling, "paid", telling.said("paid_intro"), *gone, *_way(telling))
    return replace(found, facts=[])


_KINDS: Mapping[Kind, Callable[[Telling], Content]] = {
    Kind.ORDER_CONFIRMED: _order_confirmed,
    Kind.TICKET: _ticket,
    Kind.EVENT_CHANGED: _event_changed,
    Kind.EVENT_CANCELLED: _event_cancelled,
    Kind.TICKETS_CANCELLED: _tickets_cancelled,
    Kind.REFUND_DUE: _refund_due,
    Kind.REFUND_PAID: _refund_paid,
    Kind.LATE_PAYMENT: _late_payment,
    Kind.REMINDER: _reminder,
    Kind.ANNOUNCEMENT: _announcement,
}
