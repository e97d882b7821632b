"""`make run`: an LNbits with this extension, accounts, events and a demo sale, until Ctrl-C."""

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import demo
import state as states
from client import (
    Client,
    give_sats,
    prepare_account,
    prepare_admin,
    wait_for_extension,
)
from host import DATA, LOG, ROOT, Beside, Host, check_port_is_free, local_settings, port_number
from mail import MailCatcher, page_url
from rates import RateSource
from relay import RelayServer, new_person
from relay import url_of as relay_url
from state import State
from words import Trouble, say, step

DEFAULT_PORT = 5000
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OPEN_EVENT_INFO = """A day about **money without borders**.

- talks in the morning, workshops in the afternoon
- coffee is paid in sats

More on [lightning](https://lightning.network). Promo code: `EARLY10`.
"""


class Stopped(Exception):
    """One of STOPPING came, or the parent process is gone."""


def stop_on_signals() -> None:
    """Turn the first signal into Stopped; the second one ends everything at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        for again in STOPPING:
            signal.signal(again, signal.SIG_DFL)
        raise Stopped

    for number in STOPPING:
        signal.signal(number, stop)


@contextmanager
def only_one() -> Iterator[None]:
    """:raises Trouble: another `make run` uses the same data."""
    DATA.mkdir(exist_ok=True)
    with (DATA / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Trouble("This folder's host is running already; stop it first.") from error
        yield


def open_event_body(state: State) -> dict[str, object]:
    """Fifty seats in two ticket types, one of them priced in euros, and a promo code."""
    early = {
        "id": "early",
        "title": "Early bird",
        "opening_date": demo.day(0),
        "closing_date": demo.day(29),
        "currency": "sat",
        "amount_tickets": 20,
        "price_per_ticket": demo.PRICE_SAT,
    }
    supporter = early | {
        "id": "supporter",
        "title": "Supporter",
        "currency": "EUR",
        "amount_tickets": 30,
        "price_per_ticket": 12.5,
    }
    extra = {
        "ticket_waves": [early, supporter],
        "promo_codes": [{"code": "EARLY10", "discount_percent": 10, "active": True}],
    }
    return demo.event_body(state, "Lightning Day", OPEN_EVENT_INFO, 50) | {"extra": extra}


class Neighbours:
    """What runs beside the host, in threads of this process: rates, mail and a Nostr relay.

    Each has the port of the last run, if it is free.
    """

    def __init__(self, state: State) -> None:
        self._rates = RateSource(state.rates_port)
        self._mail = MailCatcher(state.mail_port, state.mail_page_port)
        self._relay = RelayServer(state.relay_port)
        state.rates_port, state.relay_port = self._rates.port, self._relay.port
        state.mail_port, state.mail_page_port = self._mail.port, self._mail.page_port
        self.beside = Beside(self._rates.url, self._mail.port, self._relay.url)

    def stop(self) -> None:
        for one in (self._rates, self._mail, self._relay):
            one.stop()


def prepare(client: Client, state: State, beside: Beside) -> None:
    """Accounts, settings, sats and the open event: whatever of them is missing."""
    state.guest = state.guest or new_person()
    state.save()  # the passwords, before anything is made with them
    token = prepare_admin(client, state.admin)
    host_settings = local_settings(state.port, beside)
    client.as_user(token, "PATCH", "/admin/api/v1/settings", host_settings)
    prepare_account(client, state.organiser)
    prepare_account(client, state.buyer)
    wait_for_extension(client, state)
    own_settings = {"allow_private_relays": True, "mail_security": "none"}
    client.as_user(token, "PUT", f"{demo.API}/settings", own_settings)
    nostr = {"relays": [beside.relay_url], "profile_name": "Demo organiser"}
    client.call("PUT", f"{demo.API}/nostr/settings", nostr, key=state.organiser.adminkey)
    give_sats(client, state)
    if not state.open_event:
        key = state.organiser.adminkey
        event = client.call("POST", f"{demo.API}/events", open_event_body(state), key=key)
        state.open_event = event["id"]
    state.save()


def say_links(url: str, state: State) -> None:
    say("\nTo look at")
    step("organiser", f"{url}/events/")
    step("on sale", f"{url}/events/{state.open_event}")
    if state.sale is not None:
        demo.say_sale_links(url, state.sale)
    step("mail", page_url(state.mail_page_port))
    step("relay", relay_url(state.relay_port))
    say(f"\nLogins, at {url}/")
    for login in (state.organiser, state.buyer, state.admin):
        step(login.username, f"password {login.password}")


def serve(port: int) -> None:
    """Start, play the sale if it was never played, and wait for Stopped.

    :raises Trouble: the port is taken, the host failed, or the sale did not go as it must.
    """
    check_port_is_free(port)
    state = states.load() or State()
    neighbours = Neighbours(state)
    state.port = port
    started = time.monotonic()
    say(f"Starting LNbits on port {port} (log: {LOG.relative_to(ROOT)}) ...")
    host = Host(port, neighbours.beside)
    try:
        host.wait_until_up()
        with Client(host.url) as client:
            prepare(client, state, neighbours.beside)
            say(f"Up after {time.monotonic() - started:.1f} s.")
            if state.sale is None:
                say()
                demo.play(client, state)
                demo.say_result()
        say_links(host.url, state)
        say("\nServing until Ctrl-C. `make demo` plays the sale again.")
        watch(host)
    finally:
        host.stop()
        neighbours.stop()


def watch(host: Host) -> None:
    """Return never: a signal, a dead host or a lost parent ends it by an exception."""
    parent = os.getppid()
    while os.getppid() == parent:
        host.check_alive()
        time.sleep(0.5)
    raise Stopped


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=port_number, default=0)
    port = parser.parse_args().port or DEFAULT_PORT
    stop_on_signals()
    try:
        with only_one():
            serve(port)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except Stopped:
        say("\nStopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
