"""The one source of time: aware UTC. Rules take `now` as an argument and never call this."""

from datetime import datetime, timedelta, timezone


def now() -> datetime:
    """The present, aware UTC, in whole milliseconds: the same once it was stored."""
    moment = datetime.now(timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_ms(moment: datetime) -> int:
    """Unix milliseconds, the form every `_at` column has."""
    return round(moment.timestamp() * 1000)


# 10000-01-01: no calendar of ours goes further.
_END_OF_TIME_MS = 253_402_300_800_000


def from_ms(value: int | None) -> datetime | None:
    """Aware UTC from unix milliseconds; None stays None, and so does what lies past year 9999."""
    if value is None or not -62_135_596_800_000 <= value < _END_OF_TIME_MS:
        return None
    return datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=value)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 with `Z`, to the second (API convention)."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
