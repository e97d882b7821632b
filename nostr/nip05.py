"""The key behind a name such as `bob@example.com` (NIP-05), asked of that domain's own server.

The name is a stranger's word, so: https only, no redirects (the NIP forbids them), one connection
to an address that was judged, a bound on time and size, and no proxy that would resolve again.

Where an operator allows private relays, servers in private networks may be asked too, under any
name and port, and without TLS where they have none: that is for closed networks.
"""

import json
import re
import time
from collections import OrderedDict
from contextlib import AsyncExitStack

import httpx

from ..outbox.delivery import TryLater, Undeliverable
from .addresses import is_public, named_by_buyers, resolve, tls_context, within
from .models import RelayFailed
from .recipients import MAX_HINTS, Recipient, clean_hints, is_key
from .transport import Reach

_LOCAL = r"(?P<local>[a-z0-9._-]{1,64})"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# At least two labels, and the last one is no number: `bob@127.0.0.1` names no domain.
_PUBLIC = re.compile(rf"{_LOCAL}@(?P<host>(?=.{{4,253}}\Z)(?:{_LABEL}\.)+(?![0-9]+\Z){_LABEL})")
# A closed network may use short names, addresses and ports.
_PRIVATE = re.compile(rf"{_LOCAL}@(?P<host>(?:{_LABEL}\.)*{_LABEL}(?::[0-9]{{1,5}})?)")
_MAX_BYTES = 64 * 1024
_BUSY = frozenset({429, *range(500, 600)})
_HEX_KEY = re.compile(r"[0-9a-f]{64}")
_KEPT_S = 300.0
_MAX_KEPT = 500
_kept: OrderedDict[tuple[str, bool], tuple[float, Recipient]] = OrderedDict()


async def look_up(name: str, bounds: Reach) -> Recipient:
    """Whom a name means; an answer holds for five minutes.

    Raises Undeliverable (`name_unknown`) when it means nobody, TryLater (`name_unreachable`) when
    its server did not answer.
    """
    asked = name.strip().lower()
    known = _kept.get((asked, bounds.allow_private))
    if known is not None and time.monotonic() < known[0]:
        return known[1]
    form = (_PRIVATE if bounds.allow_private else _PUBLIC).fullmatch(asked)
    if form is None or not 0 < int(form["host"].partition(":")[2] or 443) < 65_536:
        raise _unknown("has not the form of one")
    try:
        with named_by_buyers():
            body = await within(_fetch(form["local"], form["host"], bounds), bounds.timeout_s)
    except RelayFailed as exc:
        if exc.code == "not_allowed":
            raise _unknown("leads to no public address") from exc
        raise _unreachable() from exc
    # The second: an address that no URL has room for, such as a link-local one.
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise _unreachable() from exc
    found = _read(body, form["local"])
    _keep((asked, bounds.allow_private), found)
    return found


async def _fetch(local: str, host: str, bounds: Reach) -> bytes:
    """The answer of the name's server, from the first of its addresses that can be reached."""
    name, _, port = host.partition(":")
    path = f"/.well-known/nostr.json?name={local}"
    for address in await resolve(name, int(port or 443), bounds.allow_private):
        ip = str(address.where[0])
        where = f"[{ip}]" if ":" in ip else ip
        try:
            return await _get(f"https://{where}:{address.where[1]}{path}", host, bounds)
        except httpx.TransportError:
            if is_public(ip):
                continue
        try:
            return await _get(f"http://{where}:{port or 80}{path}", host, bounds)
        except httpx.TransportError:
            continue
    raise _unreachable()


async def _get(url: str, host: str, bounds: Reach) -> bytes:
    """The body at an address, up to 64 kB, for this host. Nothing in it leads elsewhere."""
    async with AsyncExitStack() as stack:
        # No proxy of the environment: it would resolve the name again.
        client = httpx.AsyncClient(
            verify=await tls_context(),
            trust_env=False,
            # The next address is to have its turn.
            timeout=httpx.Timeout(bounds.timeout_s, connect=bounds.timeout_s / 2),
        )
        await stack.enter_async_context(client)
        asking = client.stream(
            "GET",
            url,
            headers={"Host": host, "Accept-Encoding": "identity"},
            extensions={"sni_hostname": host.partition(":")[0]},
            follow_redirects=False,
        )
        answer = await stack.enter_async_context(asking)
        if answer.status_code in _BUSY:
            raise _unreachable()
        # Packed, a few bytes would become any number.
        if answer.status_code != 200 or answer.headers.get("Content-Encoding"):
            raise _unknown("is not known to its server")
        body = b""
        async for part in answer.aiter_raw():
            body += part
            if len(body) > _MAX_BYTES:
                raise _unknown("has a server that says too much")
    return body


def _read(body: bytes, local: str) -> Recipient:
    """Whom the answer names, by a key in hex, with the relays it tells of."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise _unknown("has a server that does not answer as NIP-05 says") from exc
    names = answer.get("names") if isinstance(answer, dict) else None
    if not isinstance(names, dict):
        raise _unknown("has a server that does not answer as NIP-05 says")
    # Names have no capitals, but some servers' lists do.
    pubkey = next(
        (names[key] for key in (local, *names) if key.lower() == local and key in names), None
    )
    if not isinstance(pubkey, str) or not _HEX_KEY.fullmatch(pubkey) or not is_key(pubkey):
        raise _unknown("is not known to its server")
    relays = answer.get("relays")
    told = relays.get(pubkey) if isinstance(relays, dict) else None
    return Recipient(pubkey, clean_hints(told, MAX_HINTS))


def _keep(asked: tuple[str, bool], found: Recipient) -> None:
    _kept[asked] = (time.monotonic() + _KEPT_S, found)
    _kept.move_to_end(asked)
    while len(_kept) > _MAX_KEPT:
        _kept.popitem(last=False)


def forget() -> None:
    """Ask all names anew."""
    _kept.clear()


def _unknown(why: str) -> Undeliverable:
    return Undeliverable("name_unknown", f"The recipient's Nostr name {why}.")


def _unreachable() -> TryLater:
    return TryLater("name_unreachable", "The server of the recipient's Nostr name cannot be asked.")
