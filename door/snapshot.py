"""The list of tickets that a device keeps, page by page, and what changed since.

Pages are ordered by when a ticket last changed. The last cursor of a pass goes back before the
pass began, because a transaction that stamped its tickets before may commit them after; rows
that come again change nothing.
"""

import asyncio
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..catalog.models import ADMISSION
from ..clock import from_ms, iso
from ..crud import Row, reading
from ..errors import Forbidden, InvalidInput
from ..models import TicketStatus, clean_text
from . import crud_offline
from .crud_offline import Place
from .keys import Presented, require_key
from .sealing import seal, ticket_hash

# Longer than any of our transactions takes from its first ticket to its commit.
OVERLAP_MS = 20_000

_CURSOR = re.compile(r"([fa])([0-9]{1,15})(?:\.([0-9]{1,15})\.([A-Za-z0-9_-]*))?")


@dataclass(frozen=True)
class Cursor:
    """Where the next page begins. `began_ms`: when the pass did, None between two passes."""

    place: Place
    began_ms: int | None = None

    def __str__(self) -> str:
        kind = "f" if self.place.is_first_pass else "a"
        if self.began_ms is None:
            return f"{kind}{self.place.since_ms}"
        from_id = urlsafe_b64encode(self.place.from_id.encode()).rstrip(b"=").decode()
        return f"{kind}{self.place.since_ms}.{self.began_ms}.{from_id}"


def read_cursor(text: str | None) -> Cursor:
    """What an earlier answer gave as `cursor`; the beginning without one. Raises InvalidInput."""
    if not text:
        return Cursor(Place())
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InvalidInput("This cursor is none of this list.")
    kind, since, began, from_id = found.groups()
    place = Place(int(since), _read_id(from_id or ""), kind == "f")
    return Cursor(place, int(began) if began else None)


def _read_id(text: str) -> str:
    try:
        decoded = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (NotBase64, UnicodeDecodeError) as error:
        raise InvalidInput("This cursor is none of this list.") from error
    return clean_text(decoded, "The cursor", 128)


def cursor_after(cursor: Cursor, rows: Sequence[Row], limit: int, now_ms: int) -> Cursor:
    """The cursor of the page of the first `limit` of these rows; one more was asked for."""
    began = now_ms if cursor.began_ms is None else cursor.began_ms
    if len(rows) <= limit:
        return Cursor(Place(began - OVERLAP_MS, is_first_pass=False))
    last, following = rows[limit - 1], rows[limit]
    since = following["changed_at"]
    from_id = _between(last["id"], following["id"]) if since == last["changed_at"] else ""
    return Cursor(Place(since, from_id, cursor.place.is_first_pass), began)


def _between(last: str, following: str) -> str:
    """The shortest text that sorts after one id and not after the next: a cursor lies about on a
    device, and a whole id opens the door."""
    lengths = range(1, len(following) + 1)
    return next(following[:length] for length in lengths if following[:length] > last)


async def read_page(
    event_id: str, shown: Presented, cursor: Cursor, limit: int, now: datetime
) -> bytes:
    """A page as JSON. Raises Forbidden, also for a scanner that may not work offline."""
    async with reading() as tx:
        key = await require_key(tx, event_id, shown, now)
        if not key.may_work_offline:
            raise Forbidden("This scanner may not work offline.")
        # The time first: what is committed after it is read again by the next pass.
        now_ms, packages = await crud_offline.list_packages(tx, event_id)
        rows = await crud_offline.list_changed(tx, event_id, cursor.place, limit + 1)
    following = cursor_after(cursor, rows, limit, now_ms)
    head = {"cursor": str(following), "more": following.began_ms is not None}
    # Sealing thousands of names takes long enough for others to notice.
    return await asyncio.to_thread(
        _encode, event_id, rows[:limit], packages, head, sees_names=key.sees_names
    )


# What a ticket has as its package has it, unless it was changed afterwards. Told once, it keeps
# a list of 20,000 tickets below 5 MB.
_SHARED = ("kind", "valid_from", "valid_until")
_NO_PACKAGE = {"kind": ADMISSION, "valid_from": None, "valid_until": None}


def _encode(
    event_id: str,
    rows: Sequence[Row],
    packages: Sequence[Row],
    head: Mapping[str, object],
    *,
    sees_names: bool,
) -> bytes:
    shared = {row["id"]: row for row in packages}
    tickets = []
    for row in rows:
        ticket = _state(row, shared.get(row["package_id"], _NO_PACKAGE))
        if sees_names:
            content = (row["name"], row["package_name"] or "", row["number"])
            ticket["sealed"] = seal(event_id, row["id"], content)
        tickets.append(ticket)
    told = [{"id": row["id"], "name": row["name"], **_validity(row)} for row in packages]
    page = {"tickets": tickets, "packages": told, **head}
    return json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode()


def _state(row: Row, package: Mapping[str, Any]) -> dict[str, object]:
    told = _validity(row)
    state: dict[str, object] = {
        "h": ticket_hash(row["id"]),
        "status": row["status"],
        "package_id": row["package_id"],
        "sealed": None,
        **{name: told[name] for name in _SHARED if row[name] != package[name]},
    }
    if row["left_at"] is not None and row["status"] == TicketStatus.USED.value:
        state["left"] = True
    return state


def _validity(row: Row) -> dict[str, object]:
    return {
        "kind": row["kind"],
        "valid_from": iso(from_ms(row["valid_from"])),
        "valid_until": iso(from_ms(row["valid_until"])),
    }
