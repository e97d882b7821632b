"""The organiser's own words to holders of tickets: counted, written down, sent from there."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..audit import services as audit
from ..catalog.services import lock_event, own_event, read_listing
from ..clock import to_ms
from ..crud import Tx, reading, short_id, transaction
from ..errors import AlreadyAnnounced, InvalidInput, TooManyRequests
from ..orders import holders
from ..outbox import services as outbox
from ..outbox.models import ANNOUNCEMENT
from . import crud_announcements
from .email import is_configured
from .facts import letters, write_down
from .models import Channel, Kind
from .recipients import To, concerned
from .rows import About

_MOST_A_DAY = 10
_DAY = timedelta(days=1)
# So long the same words are taken for a second try of who got no answer to the first.
_SAME_WORDS_FOR = timedelta(minutes=10)
_PAGE = 200


@dataclass(frozen=True)
class Words:
    """What is said (Markdown), and to holders of which packages; None: of all."""

    subject: str
    text: str
    package_ids: Sequence[str] | None = None


async def count_recipients(event_id: str, wallet: str, package_ids: Sequence[str] | None) -> int:
    """How many addresses an announcement to these would reach. Raises NotFound, Forbidden, and
    InvalidInput for packages of another event."""
    async with reading() as tx:
        await own_event(tx, event_id, wallet)
        chosen = await _chosen(tx, event_id, package_ids)
    found: set[tuple[Channel, str]] = set()
    after: str | None = ""
    while after is not None:
        # A step of its own each: sales go on in between.
        async with reading() as tx:
            page = await holders.read_page(tx, event_id, after, _PAGE)
        for holder in page.holders:
            found |= {to.key for to in concerned(holder.order, holder.tickets, chosen)}
        after = page.after
    return len(found)


async def announce(event_id: str, wallet: str, words: Words, now: datetime) -> None:
    """Tell holders of valid tickets. At most ten times a day for each event: TooManyRequests; and
    not the same to the same within ten minutes: AlreadyAnnounced.

    Raises NotFound, Forbidden, and InvalidInput for packages of another event.
    """
    async with transaction() as tx:
        await lock_event(tx, event_id, wallet)
        chosen = await _chosen(tx, event_id, words.package_ids)
        said = await _keep(tx, event_id, words, now, is_test=False)
        told = {
            "subject": words.subject,
            "text": words.text,
            "package_ids": sorted(chosen) if chosen is not None else None,
        }
        await audit.record(tx, audit.differences("send", "announcement", said, event_id, {}, told))
        await outbox.put(tx, ANNOUNCEMENT, said, event_id)


async def announce_to_self(
    event_id: str, wallet: str, words: Words, address: str, now: datetime
) -> None:
    """The same, to the organiser alone, who wants to see it first. Counts like any other."""
    if not is_configured():
        raise InvalidInput("This host sends no mail.")
    async with transaction() as tx:
        await lock_event(tx, event_id, wallet)
        await _chosen(tx, event_id, words.package_ids)
        said = await _keep(tx, event_id, words, now, is_test=True)
        about = About(
            Kind.ANNOUNCEMENT,
            wallet,
            event_id,
            f"{ANNOUNCEMENT}:{said}",
            now,
            payload={"announcement": said},
        )
        await write_down(tx, letters(about, [To(Channel.MAIL, address)]))


async def _chosen(
    tx: Tx, event_id: str, package_ids: Sequence[str] | None
) -> frozenset[str] | None:
    """Raises InvalidInput for packages the event does not have."""
    if package_ids is None:
        return None
    listing = await read_listing(tx, event_id)
    known = {package.id for package in listing.packages} if listing else set()
    if not package_ids or not known.issuperset(package_ids):
        raise InvalidInput("Choose ticket types of this event.")
    return frozenset(package_ids)


async def _keep(tx: Tx, event_id: str, words: Words, now: datetime, *, is_test: bool) -> str:
    """The event's row is locked, so of two at once one sees the other."""
    said = short_id()
    packages = None if words.package_ids is None else json.dumps(sorted(set(words.package_ids)))
    row = {
        "id": said,
        "event_id": event_id,
        "subject": words.subject,
        "text": words.text,
        "package_ids": packages,
        "is_test": is_test,
        "created_at": to_ms(now),
    }
    if not is_test and await crud_announcements.is_said_since(tx, row, now - _SAME_WORDS_FOR):
        raise AlreadyAnnounced(
            "This very message was sent less than ten minutes ago, so it is not sent a second time."
        )
    if await crud_announcements.count_since(tx, event_id, now - _DAY) >= _MOST_A_DAY:
        raise TooManyRequests(f"At most {_MOST_A_DAY} messages a day can be sent to holders.")
    await crud_announcements.insert(tx, row)
    return said
