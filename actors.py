"""Who acts: said at the edge (a key, a login, an order's secret), read by the audit log.

It belongs to the request: a task started by it inherits it, all others act for the system.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SYSTEM = "system"
BUYER = "buyer"

_acting: ContextVar[str] = ContextVar("acting", default=SYSTEM)


def acting() -> str:
    """`system`, `buyer`, `admin_key:<wallet>`, `scanner:<id>`, or `login:<user>`."""
    return _acting.get()


def act_as(actor: str) -> None:
    """From here on this request acts as this."""
    _acting.set(actor)


@contextmanager
def nobody_yet() -> Iterator[None]:
    """Around one request: whoever acted before, on the same connection, does not any more."""
    token = _acting.set(SYSTEM)
    try:
        yield
    finally:
        _acting.reset(token)
