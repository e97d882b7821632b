"""What a scanner read, and which ticket it names. Pure."""

import hashlib
import re

from ..errors import NotFound
from ..models import clean_id

# Nothing of ours is longer; a QR code holds more.
_LONGEST = 2000
# On any host: an organiser may have moved, and 1.6.9's links stay good.
_TICKET = re.compile(
    r"(?:ticket://|https?://[^/?#\s]+(?:/[^?#\s]*)?/events/(?:t|ticket)/)?(?P<id>[^/?#\s]+)"
    r"/?(?:[?#].*)?",
    re.IGNORECASE | re.DOTALL,
)


def ticket_id_in(code: str) -> str | None:
    """The id in a ticket id, `ticket://id` or a ticket page's URL; None for anything else."""
    if len(code) > _LONGEST:
        return None
    found = _TICKET.fullmatch(code.strip())
    if found is None:
        return None
    try:
        return clean_id(found["id"], "Ticket")
    except NotFound:
        return None


def code_hash(code: str) -> str:
    """SHA-256 hex of any text, half characters included: JSON can carry them."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
