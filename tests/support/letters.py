"""Letters made by hand, for tests of how they are written: no database, the host only booted."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from support.builders import Json
from support.host import ext

BASE = "https://tickets.example.org"
START = datetime(2030, 5, 3, 18, 0, tzinfo=timezone.utc)
KINDS = (
    *("order_confirmed", "ticket", "event_changed", "event_cancelled", "tickets_cancelled"),
    *("refund_due", "refund_paid", "late_payment", "reminder", "announcement"),
)
# They tell of tickets that were taken back.
_OF_GONE = ("tickets_cancelled", "refund_due", "refund_paid")
REASONS = (
    *("no_seat_left", "event_cancelled", "tickets_missing", "order_cancelled", "paid_twice"),
    *("buyer_cancelled", "organiser_cancelled", "minimum_not_reached"),
)


def an_event_of(**changes: Any) -> Any:
    """An `Event` on the evening of 3 May 2030 in Berlin."""
    models = ext("catalog.models")
    event = models.Event(
        id="EventOne",
        wallet="wallet",
        name="Concert",
        info="Doors open at **seven**.",
        closing_date="2030-05-01",
        event_start_date="2030-05-03",
        event_end_date="2030-05-03",
        currency="sat",
        price_per_ticket=1000,
        allow_fiat=False,
        fiat_currency="EUR",
        banner=None,
        status=ext("models").EventStatus.PUBLISHED,
        capacity=100,
        held=0,
        sold=2,
        version=7,
        created_at=None,
        timezone="Europe/Berlin",
        starts_at=START,
        ends_at=START + timedelta(hours=3, minutes=30),
        location="Town hall, Main Street 1",
    )
    return replace(event, **changes)


def a_package_of(**changes: Any) -> Any:
    package = ext("catalog.models").Package(
        id="PackageOne",
        event_id="EventOne",
        wave_id="primary",
        kind="admission",
        name="Balcony",
        description="",
        price_minor=1000,
        currency="sat",
        quantity_limit=None,
        held=0,
        sold=2,
        display_order=0,
        sale_starts_at=None,
        sale_ends_at=None,
        min_per_order=1,
        max_per_order=10,
        is_enabled=True,
        is_hidden=False,
        version=1,
    )
    return replace(package, **changes)


def a_ticket_of(number: int = 1, **changes: Any) -> Any:
    models = ext("tickets.models")
    ticket = models.Ticket(
        id=f"TicketNumber{number:010d}",
        wallet="wallet",
        event_id="EventOne",
        name="Grace Hopper",
        email="grace@example.com",
        registered=False,
        paid=True,
        created_at=START,
        registered_at=None,
        order_id="OrderOne",
        payment_hash="ab" * 32,
        package_id="PackageOne",
        kind="admission",
        status=ext("models").TicketStatus.ACTIVE,
        number=number,
        price_sat=1000,
        retained_sat=0,
        refund_id=None,
        valid_from=None,
        valid_until=None,
    )
    return replace(ticket, **changes)


def an_order_of(**changes: Any) -> Any:
    order = ext("orders.models").Order(
        id="OrderOne",
        payment_hash="ab" * 32,
        wallet="wallet",
        status=ext("models").OrderStatus.CONFIRMED,
        buyer_name="Ada Lovelace",
        buyer_email="ada@example.com",
        secret_hash="cd" * 32,
        request_hash=None,
        promo_code=None,
        quantity=2,
        subtotal_sat=2000,
        discount_sat=0,
        total_sat=2000,
        currency="sat",
        rate=None,
        method="lightning",
        payment_request=None,
        refund_address=None,
        hold_expires_at=None,
        created_at=START,
        confirmed_at=START,
        settled_msat=2_000_000,
    )
    return replace(order, **changes)


def a_refund_of(**changes: Any) -> Any:
    models = ext("refunds.models")
    refund = models.Refund(
        id="RefundOne",
        order_id="OrderOne",
        ticket_id=None,
        event_id="EventOne",
        wallet="wallet",
        amount_sat=1500,
        reason="buyer_cancelled",
        status=models.RefundStatus.OFFERED,
        method="lightning",
        destination=None,
        cause="cause",
        payment_hash=None,
        bolt11=None,
        attempts=0,
        error_code=None,
        error=None,
        fee_msat=None,
        paid_by=None,
        note=None,
        created_at=START,
        attempted_at=None,
        next_attempt_at=None,
        paid_at=None,
    )
    return replace(refund, **changes)


def a_message_of(kind: str, language: str = "en", **changes: Any) -> Any:
    models = ext("notifications.models")
    message = models.Message(
        id="MessageOne",
        wallet="wallet",
        event_id="EventOne",
        order_id="OrderOne",
        ticket_id="TicketNumber0000000001" if kind == "ticket" else None,
        refund_id="RefundOne" if kind in ("refund_due", "refund_paid", "late_payment") else None,
        kind=models.Kind(kind),
        channel=models.Channel.MAIL,
        recipient="grace@example.com" if kind == "ticket" else "ada@example.com",
        language=language,
        cause="cause",
        message_id="<MessageOne@tickets.example.org>",
        state=models.State.SENDING,
        attempts=1,
        next_try_at=None,
        error_code=None,
        last_error=None,
        created_at=START - timedelta(days=30),
        sent_at=None,
        wrap=None,
        wrap_id=None,
        relays=(),
        acked=(),
        payload=_payload(kind),
    )
    return replace(message, **changes)


def _payload(kind: str) -> Json:
    if kind == "announcement":
        return {"subject": "Bring a coat", "text": "It will be **cold**."}
    if kind != "event_changed":
        return {}
    told = ext("catalog.described").when_and_where
    before = an_event_of(location="Barn", starts_at=START - timedelta(days=1), ends_at=None)
    return {"before": told(before), "after": told(an_event_of())}


def _refund(kind: str, changes: Json) -> Json:
    states = ext("refunds.models").RefundStatus
    usual = {
        "refund_paid": {"status": states.PAID, "destination": "ada@wallet.example"},
        "late_payment": {"reason": "no_seat_left"},
    }
    return {**usual.get(kind, {}), **changes.get("refund", {})}


def a_letter(kind: str = "order_confirmed", language: str = "en", **changes: Any) -> Any:
    """A letter of two tickets. Names of its parts, and of their fields by `message=…`, `event=…`,
    `order=…`, `refund=…` as dicts, may be given."""
    models = ext("notifications.models")
    message = a_message_of(kind, language, **changes.pop("message", {}))
    listing = ext("catalog.models").Listing(
        an_event_of(**changes.pop("event", {})), [a_package_of(**changes.pop("package", {}))]
    )
    refund = a_refund_of(**_refund(kind, changes)) if message.refund_id else None
    changes.pop("refund", None)
    count = 1 if kind == "ticket" else 2
    status = getattr(ext("models").TicketStatus, "CANCELLED" if kind in _OF_GONE else "ACTIVE")
    tickets = changes.pop("tickets", [a_ticket_of(n + 1, status=status) for n in range(count)])
    opens_order = message.ticket_id is None and kind != "event_cancelled"
    links = models.Links(
        event=f"{BASE}/events/EventOne",
        order=f"{BASE}/events/o/{'S' * 43}" if opens_order else None,
        claim=f"{BASE}/events/r/{'C' * 43}" if refund and refund.is_claimable else None,
        tickets={ticket.id: f"{BASE}/events/ticket/{ticket.id}" for ticket in tickets},
    )
    letter = models.Letter(
        message=message,
        listing=listing,
        order=an_order_of(**changes.pop("order", {})),
        tickets=tickets,
        refund=refund,
        links=links,
    )
    return replace(letter, **changes)
