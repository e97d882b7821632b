"""What the development host's accounts and last sale are, kept in `data/run.json`.

Passwords are made up at the first run. They are written down before they are used, so a first
run that was cut off can be picked up by the next.
"""

import dataclasses
import json
import os
import secrets
from dataclasses import dataclass, field

from host import DATA
from words import Trouble

FILE = DATA / "run.json"


def new_password() -> str:
    return secrets.token_urlsafe(9)


@dataclass
class Login:
    username: str
    password: str = field(default_factory=new_password)
    wallet: str = ""
    adminkey: str = ""


@dataclass
class Sale:
    """A demo sale that was played to its end."""

    event: str
    order_secret: str
    tickets: list[str]
    naddr: str = ""  # of its listing on Nostr (NIP-19)


@dataclass
class State:
    port: int = 0
    rates_port: int = 0
    mail_port: int = 0
    mail_page_port: int = 0
    relay_port: int = 0
    admin: Login = field(default_factory=lambda: Login("admin"))
    organiser: Login = field(default_factory=lambda: Login("organiser"))
    buyer: Login = field(default_factory=lambda: Login("buyer"))
    guest: str = ""  # nsec of the one demo guest who reads Nostr messages
    open_event: str = ""  # the event that a person can buy from
    sale: Sale | None = None

    def save(self) -> None:
        """Replace the file in one step; it holds wallet keys, so only its owner may read it."""
        fresh = FILE.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(dataclasses.asdict(self), file, indent=2)
        fresh.replace(FILE)


def load() -> State | None:
    """:raises Trouble: the file is there, but not as save() writes it."""
    try:
        content = json.loads(FILE.read_text())
        for name in ("admin", "organiser", "buyer"):
            content[name] = Login(**content[name])
        if content["sale"] is not None:
            content["sale"] = Sale(**content["sale"])
        return State(**content)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise Trouble(f"{FILE} cannot be read ({error}); remove data/ to start anew.") from error
