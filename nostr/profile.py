"""What stands beside an organiser's listings: a profile, its relays, a calendar. Pure."""

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..settings import sha256_hex
from .drafts import Draft, Nothing, one_line
from .models import KIND_CALENDAR, KIND_PROFILE, KIND_RELAY_LIST, Account, KeyMode, Tags

_CALENDAR_D = "events"
# Of some 110 bytes each, so that the whole stays below the 65,536 that strfry takes.
MAX_IN_CALENDAR = 400


def shown_name(account: Account, base_url: str) -> str:
    """What the organiser calls the key, else where it sells. Nothing of a wallet is public."""
    return one_line(account.profile_name or "", 100) or f"Events at {_host(base_url)}"


def _host(base_url: str) -> str:
    return one_line(urlsplit(base_url).hostname or "", 100) or "this host"


def profile_draft(account: Account, base_url: str) -> Draft:
    """Kind 0 (NIP-01): who publishes these listings."""
    about = {
        "name": shown_name(account, base_url),
        "about": f"Events with tickets at {_host(base_url)}.",
        "website": base_url,
    }
    return Draft(KIND_PROFILE, "", [], json.dumps(about, ensure_ascii=False))


def relay_list_draft(account: Account) -> Draft:
    """Kind 10002 (NIP-65): where they are to be found."""
    tags: Tags = [["r", relay] for relay in account.relays]
    return Draft(KIND_RELAY_LIST, "", tags, "")


def calendar_d(wallet: str, mode: KeyMode) -> str:
    """`d` of a wallet's calendar. A key from elsewhere may sign for several wallets, and each has
    a calendar of its own; a hash, because the ids of wallets are nobody's business."""
    if mode is KeyMode.GENERATED:
        return _CALENDAR_D
    return f"{_CALENDAR_D}-{sha256_hex(f'calendar:{wallet}')[:12]}"


def calendar_draft(
    account: Account, mode: KeyMode, base_url: str, coordinates: Sequence[str]
) -> Draft | Nothing:
    """Kind 31924 (NIP-52): all published events of an organiser, newest first. None: none."""
    if not account.has_calendar or not coordinates:
        return Nothing()
    named: Tags = [["a", at, *account.relays[:1]] for at in coordinates[:MAX_IN_CALENDAR]]
    d = calendar_d(account.wallet, mode)
    tags: Tags = [["d", d], ["title", shown_name(account, base_url)], *named]
    return Draft(KIND_CALENDAR, d, tags, "")
