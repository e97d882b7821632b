"""What the audit log tells of an event and its packages: all that is described, no counters."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from enum import Enum

from ..audit.models import Change
from ..audit.services import differences
from ..clock import iso
from .models import Event, Listing, Package
from .package_rules import described

# What a row is known by, what sales and the clock change, and 1.6.9's copies of other fields.
_REST = frozenset(
    {
        *("id", "wallet", "held", "sold", "version", "created_at", "currency", "price_per_ticket"),
        *("min_decided_at", "cancelled_at", "refunds_booked_at", "refund_tiers", "extra"),
        "reminded_at",
    }
)
_EXTRA_REST = frozenset({"ticket_waves", "promo_codes", "conditional", "min_tickets"})


def event_fields(event: Event) -> dict[str, object]:
    """Field by field, as JSON can say it; `extra` of 1.6.9 as `extra.<name>`."""
    names = [field.name for field in fields(event) if field.name not in _REST]
    found = {name: _value(getattr(event, name)) for name in names}
    found["refund_tiers"] = [asdict(tier) for tier in event.refund_tiers]
    for name, value in event.extra.items():
        if name not in _EXTRA_REST:
            found[f"extra.{name}"] = value
    return found


def _value(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def when_and_where(event: Event) -> dict[str, object]:
    """What a guest has to know to be there. Times are ISO 8601, days as the event stores them."""
    return {
        "starts_at": iso(event.starts_at),
        "ends_at": iso(event.ends_at),
        "first_day": event.event_start_date,
        "last_day": event.event_end_date,
        "timezone": event.timezone,
        "location": event.location,
        "is_online": event.is_online,
    }


def status_changed(action: str, event: Event, status: str) -> list[Change]:
    """Nothing for a status that stays."""
    before = {"status": event.status.value}
    return differences(action, "event", event.id, event.id, before, {"status": status})


def listing_made(action: str, listing: Listing, **more: object) -> list[Change]:
    """All that a new event and its packages are."""
    event = listing.event
    said = {**more, **event_fields(event)}
    changes = differences(action, "event", event.id, event.id, {}, said)
    return changes + _packages_changed(event.id, {}, _packages(listing))


def event_deleted(event: Event) -> list[Change]:
    """All that it was."""
    return differences("delete", "event", event.id, event.id, event_fields(event), {})


def listing_changed(before: Listing, after: Listing) -> list[Change]:
    """Each field of the event and of its packages that an update changed."""
    id_ = before.event.id
    was, is_ = event_fields(before.event), event_fields(after.event)
    changes = differences("update", "event", id_, id_, was, is_)
    return changes + _packages_changed(id_, _packages(before), _packages(after))


def _packages(listing: Listing) -> dict[str, Package]:
    return {package.id: package for package in listing.packages}


def _packages_changed(
    event_id: str, before: Mapping[str, Package], after: Mapping[str, Package]
) -> list[Change]:
    changes = []
    for id_ in [*before, *(id_ for id_ in after if id_ not in before)]:
        action = "update" if id_ in before and id_ in after else "create"
        if id_ not in after:
            action = "delete"
        was = described(before[id_]) if id_ in before else {}
        is_ = described(after[id_]) if id_ in after else {}
        changes += differences(action, "package", id_, event_id, was, is_)
    return changes
