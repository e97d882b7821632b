"""What of the price comes back, and until when: as an event promises it, and as it is stored."""

import json
from dataclasses import dataclass

MAX_DAYS_BEFORE = 3650


@dataclass(frozen=True)
class RefundTier:
    """Until so many days before the start, `percent` of the price comes back."""

    days_before: int
    percent: int


DEFAULT_REFUND_TIERS = (RefundTier(7, 100), RefundTier(3, 50))


def read_tiers(stored: str | None) -> tuple[RefundTier, ...]:
    """The tiers of an event, most days first; the default ones for NULL and for what cannot be
    read, so that nobody loses a refund to a damaged row."""
    if stored is None:
        return DEFAULT_REFUND_TIERS
    try:
        loaded = json.loads(stored)
        pairs = [(tier["days_before"], tier["percent"]) for tier in loaded]
    except (ValueError, TypeError, KeyError, RecursionError):
        return DEFAULT_REFUND_TIERS
    if not isinstance(loaded, list) or not all(_is_tier(*pair) for pair in pairs):
        return DEFAULT_REFUND_TIERS
    return tuple(RefundTier(*pair) for pair in sorted(pairs, reverse=True))


def _is_tier(days_before: object, percent: object) -> bool:
    return (
        type(days_before) is int
        and type(percent) is int
        and 0 <= days_before <= MAX_DAYS_BEFORE
        and 0 <= percent <= 100
    )
