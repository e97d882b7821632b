"""Fields of an event's body that say what kind of event it is, where, and for whom."""

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field, StrictBool, StrictStr, conint, validator

from ..errors import InvalidInput
from ..models import MAX_COUNT, Body, clean_text
from .models import Entry, EventType

MAX_METADATA_BYTES = 10_000
MAX_METADATA_DEPTH = 10

# Of the fields that 1.6.9 has, or that are told apart only by what they may be left out for.
DESCRIBED = {
    "wallet": "Must be the key's own wallet.",
    "name": "1 to 200 characters.",
    "info": "Markdown, at most 20,000 characters.",
    "closing_date": "Last day of sale, YYYY-MM-DD in `timezone`; else the last day of the event.",
    "event_start_date": "YYYY-MM-DD in `timezone`; follows `starts_at`, needed without it.",
    "event_end_date": "YYYY-MM-DD in `timezone`; follows `ends_at`, else the first day.",
    "currency": "Of `price_per_ticket`: `sat` or an ISO 4217 code that this host converts.",
    "allow_fiat": "1.6.9: whether cards may be taken.",
    "fiat_currency": "Of card payments: ISO 4217.",
    "amount_tickets": "1.6.9: seats that are not paid for. See `capacity`.",
    "price_per_ticket": "In `currency`, in its smallest unit at the finest; 0 is free. For an event"
    " with one ticket type.",
    "banner": "A picture: http, https or a path on this host; at most 2,000 characters.",
    "extra": "1.6.9's settings, `ticket_waves` and `promo_codes`.",
    "capacity": "Seats over all packages; null is unlimited. Never below what is sold and held.",
    "status": "`draft` or `published`.",
    "sold": "1.6.9: as it was read, to tell what `amount_tickets` was meant to be.",
    "version": "As it was read; a stale one is 409 `stale_version`.",
}

if TYPE_CHECKING:
    _AtLeastOne = int
else:
    _AtLeastOne = conint(strict=True, ge=1, le=MAX_COUNT)


def clean_metadata(value: object) -> dict[str, Any]:
    """A JSON object that any reader of JSON can take back. Raises InvalidInput."""
    if not isinstance(value, dict):
        raise InvalidInput("metadata must be a JSON object.")
    if _depth(value) > MAX_METADATA_DEPTH:
        raise InvalidInput(f"metadata may be nested at most {MAX_METADATA_DEPTH} deep.")
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except ValueError as exc:
        # NaN and the infinities, which Python reads and JSON does not know, and giant numbers.
        raise InvalidInput("metadata holds a number that JSON does not know.") from exc
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise InvalidInput(f"metadata may have at most {MAX_METADATA_BYTES:,} bytes as JSON.")
    return value


def _depth(value: object) -> int:
    """How many objects and lists stand in each other; stops counting where it is too much."""
    depth, level = 0, [value]
    while depth <= MAX_METADATA_DEPTH:
        inner = [item for item in level if isinstance(item, (dict, list))]
        if not inner:
            break
        depth += 1
        level = [
            child for item in inner for child in (item.values() if isinstance(item, dict) else item)
        ]
    return depth


class DetailFields(Body):
    """Shared by new and changed events. None is "not said", but clears `location`,
    `max_per_buyer` and `metadata` of a change."""

    event_type: EventType | None = Field(None, description="A new event without one is `other`.")
    location: StrictStr | None = Field(
        None, description="Where it is, for people; at most 300 characters. Empty: none."
    )
    is_online: StrictBool | None = Field(None, description="Whether it takes place online.")
    max_per_buyer: _AtLeastOne | None = Field(
        None,
        description="Tickets one buyer may have of this event, over all orders; null: the"
        " instance's `default_max_per_buyer`.",
    )
    login_required: StrictBool | None = Field(
        None, description="Whether only logins of this host may buy."
    )
    entry: Entry | None = Field(
        None,
        description="`once`: a ticket opens the door once; `reentry`: again after its holder left.",
    )
    listed: StrictBool | None = Field(
        None, description="Whether it stands in the public list; a new event does unless told not."
    )
    nostr_publish: StrictBool | None = Field(
        None, description="Whether it is published on Nostr (NIP-52)."
    )
    nostr_hide_counts: StrictBool | None = Field(
        None, description="On Nostr: tells whether there are tickets, but not how many."
    )
    send_messages: StrictBool | None = Field(
        None,
        description="Whether buyers and attendees get mail and Nostr messages; a new event's do"
        " unless told not. About refunds, cancelled tickets and a cancelled event they are told in"
        " any case.",
    )
    send_reminder: StrictBool | None = Field(
        None,
        description="Whether they are reminded one day before it begins; without a time"
        " at nine in the morning of the day before.",
    )
    metadata: dict[str, Any] | None = Field(
        None,
        description="Whatever the organiser wants to keep with the event: a JSON object of at most"
        f" {MAX_METADATA_BYTES:,} bytes, nested at most {MAX_METADATA_DEPTH} deep. Replaced as a"
        ' whole. Only the organiser reads it, but for `nostr` in it: `{"tags": [words],'
        ' "geohash": …}` is published with the event on Nostr.',
    )

    @validator("location")
    def _location(cls, value: str | None) -> str | None:
        return None if value is None else clean_text(value, "The location", 300)

    @validator("metadata", pre=True)
    def _metadata(cls, value: object) -> object:
        return None if value is None else clean_metadata(value)
