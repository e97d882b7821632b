"""Nothing reaches outside: an attempt to do so raises, and fails the test that is running.

Raising alone is not enough, because the host catches network errors and goes on.
"""

import ipaddress
import sys
from collections.abc import Sequence

attempts: list[str] = []


def forbid_outside() -> None:
    """From now on, for the rest of this process (an audit hook cannot be removed)."""
    sys.addaudithook(_watch)


def _watch(event: str, args: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = args[-1]
        host = address[0] if isinstance(address, Sequence) and address else None
        # A path (text or bytes) is a unix socket: it has no host.
        if isinstance(address, (str, bytes)) or host is None:
            return
        _require_loopback(event, host)
    elif event == "socket.getaddrinfo":
        _require_loopback(event, args[0])


def _require_loopback(event: str, host: object) -> None:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if not isinstance(host, str) or host in ("", "localhost"):
        return
    try:
        inside = ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        inside = False
    if not inside:
        attempts.append(f"{event} {host}")
        raise PermissionError(f"Tests stay on this machine; {event} wanted {host}.")
