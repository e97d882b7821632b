"""Text for pages: dates, times and prices."""

from datetime import date, datetime, tzinfo

from .catalog.markdown import description_html as description_html
from .catalog.markdown import summary as summary
from .models import minor_digits, to_major


def parse_day(text: str) -> date | None:
    """A `YYYY-MM-DD` day; None for what old rows may hold instead."""
    try:
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None


def price_text(amount_minor: int, currency: str) -> str:
    """The number people write: `19.99`, `1,500`."""
    return f"{to_major(amount_minor, currency):,.{minor_digits(currency)}f}"


def clock_text(seconds: int) -> str:
    """Minutes and seconds, `14:05`."""
    return f"{seconds // 60}:{seconds % 60:02d}"


def zone_name(name: str) -> str:
    """A time zone as people read it: `America/New York`."""
    return name.replace("_", " ")


def moment_text(at: datetime, zone: tzinfo, name: str) -> str:
    """`3 May 2030, 20:00 (Europe/Berlin)`: by the clock on the wall of that time zone."""
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y, %H:%M} ({zone_name(name)})"


def times_text(starts: datetime | None, ends: datetime | None, zone: tzinfo, name: str) -> str:
    """`20:00 to 23:30 (Europe/Berlin)`; the end only where it is on the same day. "" without."""
    if starts is None:
        return ""
    begins, over = starts.astimezone(zone), ends.astimezone(zone) if ends else None
    if over is not None and over.date() == begins.date() and over > begins:
        return f"{begins:%H:%M} to {over:%H:%M} ({zone_name(name)})"
    return f"{begins:%H:%M} ({zone_name(name)})"
