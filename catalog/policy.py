"""What an event promises its buyers, out of a body: when they may cancel, what comes back, and
how many tickets must be sold for it to take place. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from .bodies import EventBody, EventPatch, ExtraBody
from .bodies_policy import PolicyFields
from .models import Event, Listing
from .tiers import RefundTier
from .times import sales_close_at


def new_policy(body: EventBody) -> dict[str, Any]:
    """Columns of a new event. Its buyers may cancel unless it says otherwise."""
    if body.conditional is None and body.min_tickets is None:
        least = _extra(body.extra, None, 1)
    else:
        least = _top(body, None, body.extra.min_tickets)
    return {
        "buyer_can_cancel": body.buyer_can_cancel is not False,
        "refund_tiers": None if body.tiers is None else _stored(body.tiers),
        "min_tickets": least,
    }


def changed_policy(event: Event, patch: EventPatch) -> dict[str, Any]:
    """The columns a change sets."""
    values: dict[str, Any] = {"min_tickets": _changed_minimum(event, patch)}
    if patch.buyer_can_cancel is not None:
        values["buyer_can_cancel"] = patch.buyer_can_cancel
    if patch.tiers is not None:
        values["refund_tiers"] = _stored(patch.tiers)
    return values


def must_decide_again(before: Listing, after: Listing, now: datetime) -> bool:
    """Whether the minimum is open again: it or the end of the sale was moved while there is one."""
    closes = sales_close_at(after.event, after.packages)
    if closes is not None and now >= closes:
        return False
    is_moved = closes != sales_close_at(before.event, before.packages)
    return is_moved or before.event.min_tickets != after.event.min_tickets


def _stored(tiers: Sequence[RefundTier]) -> str:
    return json.dumps([asdict(tier) for tier in tiers])


def _changed_minimum(event: Event, patch: EventPatch) -> int | None:
    """Old clients send back every field they read and change the one in `extra`, so our own
    fields decide only when they say something new, or when `extra` says nothing."""
    stored = event.min_tickets
    spare = event.extra.get("min_tickets")
    spare = spare if isinstance(spare, int) and not isinstance(spare, bool) else 1
    if _says(patch):
        wanted = _top(patch, stored, spare)
        if wanted != stored or patch.extra is None:
            return wanted
    return _extra(patch.extra, stored, spare) if patch.extra else stored


def _says(body: PolicyFields) -> bool:
    return body.conditional is not None or "min_tickets" in body.__fields_set__


def _top(body: PolicyFields, stored: int | None, spare: int) -> int | None:
    """The minimum that our own fields mean. A number alone is a wish for one, null for none."""
    is_wanted = body.conditional
    if is_wanted is None:
        is_wanted = body.min_tickets is not None
    least = body.min_tickets if body.min_tickets is not None else stored or spare
    return _minimum(is_wanted, least)


def _extra(extra: ExtraBody, stored: int | None, spare: int) -> int | None:
    """The minimum that 1.6.9's fields mean; a number alone changes a minimum there is."""
    sent = extra.__fields_set__
    is_wanted = extra.conditional if "conditional" in sent else stored is not None
    least = extra.min_tickets if "min_tickets" in sent else stored or spare
    return _minimum(is_wanted, least)


def _minimum(is_wanted: bool, least: int) -> int | None:
    """A minimum of no tickets is none."""
    return least if is_wanted and least >= 1 else None
