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
from host import DATA, LOG, ROOT, Host, check_port_is_free, local_settings, port_number
from rates import RateSource
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


def prepare(client: Client, state: State, host_settings: dict[str, object]) -> None:
    """Accounts, sats and the open event: whatever of them is missing."""
    state.save()  # the passwords, before anything is made with them
    token = prepare_admin(client, state.admin)
    client.as_user(token, "PATCH", "/admin/api/v1/settings", host_settings)
    prepare_account(client, state.organiser)
    prepare_account(client, state.buyer)
    wait_for_extension(client, state)
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
    say(f"\nLogins, at {url}/")
    for login in (state.organiser, state.buyer, state.admin):
        step(login.username, f"password {login.password}")


def serve(port: int) -> None:
    """Start, play the sale if it was never played, and wait for Stopped.

    :raises Trouble: the port is taken, the host failed, or the sale did not go as it must.
    """
    check_port_is_free(port)
    state = states.load() or State()
    rates = RateSource(state.rates_port)
    state.port, state.rates_port = port, rates.port
    started = time.monotonic()
    say(f"Starting LNbits on port {port} (log: {LOG.relative_to(ROOT)}) ...")
    host = Host(port, rates.url)
    try:
        host.wait_until_up()
        with Client(host.url) as client:
            prepare(client, state, local_settings(port, rates.url))
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
        rates.stop()


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
