"""Every route with every credential: what is sent, and what each kind of route must answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from support.people import Person

# What a caller may show. The right ones differ per route.
CREDENTIALS = (
    "none",
    "bad key",
    "invoice key",
    "admin key",
    "foreign invoice key",
    "foreign admin key",
    "payment hash as key",
    "order secret",
    "secret of another order",
    "payment hash as secret",
    "preimage as secret",
    "login",
    "login of another",
    "instance admin",
    "scanner token",
    # Of another event of the same organiser.
    "scanner token of another event",
    "revoked scanner token",
    "scanner token as key",
)
Statuses = Mapping[str, int]


@dataclass(frozen=True)
class Secrets:
    """What the credentials of one scene are."""

    organiser: Person
    other: Person
    admin: Person
    order_secret: str
    other_secret: str
    payment_hash: str
    preimage: str
    scanner_token: str
    other_scanner_token: str
    revoked_scanner_token: str

    def headers(self, credential: str) -> dict[str, str]:
        sent: dict[str, dict[str, str]] = {
            "none": {},
            "bad key": {"X-API-KEY": "0" * 32},
            "invoice key": self.organiser.invoice,
            "admin key": self.organiser.admin,
            "foreign invoice key": self.other.invoice,
            "foreign admin key": self.other.admin,
            "payment hash as key": {"X-API-KEY": self.payment_hash},
            "order secret": {"X-Order-Secret": self.order_secret},
            "secret of another order": {"X-Order-Secret": self.other_secret},
            "payment hash as secret": {"X-Order-Secret": self.payment_hash},
            "preimage as secret": {"X-Order-Secret": self.preimage},
            "login": self.organiser.login,
            "login of another": self.other.login,
            "instance admin": self.admin.login,
            "scanner token": {"X-Scanner-Token": self.scanner_token},
            "scanner token of another event": {"X-Scanner-Token": self.other_scanner_token},
            "revoked scanner token": {"X-Scanner-Token": self.revoked_scanner_token},
            "scanner token as key": {"X-API-KEY": self.scanner_token},
        }
        return sent[credential]


@dataclass(frozen=True)
class Guarded:
    """A route, the status it gives to each credential, and who may see what is private."""

    url: str
    statuses: Statuses
    body: object = None
    insiders: frozenset[str] = field(default_factory=frozenset)


def public(url: str, status: int = 200, body: object = None, insider: str = "") -> Guarded:
    """No credential is needed; the `insider`'s may show more."""
    insiders = frozenset({insider} if insider else ())
    return Guarded(url, dict.fromkeys(CREDENTIALS, status), body, insiders)


def public_or_key(url: str) -> Guarded:
    """Everybody sees something; the admin key of the event's wallet more, and no other key."""
    statuses = {**admin_key(url, foreign=403).statuses}
    statuses = {name: 200 if status == 401 else status for name, status in statuses.items()}
    return Guarded(url, statuses, None, frozenset({"admin key"}))


def admin_key(
    url: str, own: int = 200, foreign: int = 404, body: object = None, none: int = 401
) -> Guarded:
    """The admin key of the event's wallet."""
    statuses = dict.fromkeys(CREDENTIALS, none) | {
        "bad key": 404,
        "payment hash as key": 404,
        "scanner token as key": 404,
        "invoice key": 403,
        "foreign invoice key": 403,
        "admin key": own,
        "foreign admin key": foreign,
    }
    return Guarded(url, statuses, body, frozenset({"admin key"}))


def invoice_key(url: str) -> Guarded:
    """Any key lists what is in its own wallet."""
    keys = ("invoice key", "admin key", "foreign invoice key", "foreign admin key")
    statuses = dict.fromkeys(CREDENTIALS, 401) | dict.fromkeys(keys, 200)
    statuses |= dict.fromkeys(("bad key", "payment hash as key", "scanner token as key"), 404)
    return Guarded(url, statuses, None, frozenset({"invoice key", "admin key"}))


def own_invoice_key(url: str) -> Guarded:
    """The invoice key of the event's wallet is enough; another wallet's is not."""
    statuses = {**admin_key(url, foreign=403).statuses, "invoice key": 200}
    return Guarded(url, statuses, None, frozenset({"invoice key", "admin key"}))


def scanner_or_key(url: str, own: int = 200, foreign: int = 403, body: object = None) -> Guarded:
    """A scanner of the event, or the admin key of its wallet."""
    tokens = {
        "scanner token": own,
        "scanner token of another event": foreign,
        "revoked scanner token": 403,
    }
    statuses = {**admin_key(url, own, foreign).statuses, **tokens}
    return Guarded(url, statuses, body, frozenset({"admin key", "scanner token"}))


def order_secret_or_key(url: str, own: int = 200, body: object = None) -> Guarded:
    """The order's secret, or the admin key of its wallet; what is wrong is unknown."""
    found = admin_key(url, own)
    secrets = {name: 404 for name in CREDENTIALS if "secret" in name} | {"order secret": own}
    insiders = frozenset({"admin key", "order secret"})
    return Guarded(url, {**found.statuses, **secrets}, body, insiders)


def instance_admin(url: str, body: object = None) -> Guarded:
    """The login of an instance admin; keys open nothing."""
    statuses = dict.fromkeys(CREDENTIALS, 401)
    statuses |= {"login": 403, "login of another": 403, "instance admin": 200}
    return Guarded(url, statuses, body)


def login(url: str) -> Guarded:
    """Any login of the host."""
    logins = ("login", "login of another", "instance admin")
    statuses = dict.fromkeys(CREDENTIALS, 401) | dict.fromkeys(logins, 200)
    return Guarded(url, statuses, None, frozenset({"login"}))
