"""Ask a host whether the money of its events adds up: `make ledger`.

Exit code: 0 all of it does, 1 something does not, 2 the host did not answer or refused.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import httpx

from client import Client, Refused
from words import Trouble, say

API = "/events/api/v1"
KEY_VARIABLE = "EVENTS_ADMIN_KEY"
BALANCED, DIFFERS, NO_ANSWER = 0, 1, 2
# The host allows so many requests a minute and address; a wallet may have more events.
_WAIT_S = 10.0
_WAITS = 12
_NAME_WIDTH = 32
_NOT_THEIRS = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND)
_HEADS = ("received", "kept", "refunded", "due")
# What is told below the table, where there is any of it.
_MORE = {
    "difference_sat": "sat received that nothing stands for (negative: the other way round)",
    "unsettled_sat": "sat paid, but not settled yet",
    "refunded_by_hand_sat": "sat of the refunds were paid by hand",
    "fees_sat": "sat of routing fees were paid for refunds",
    "legacy_unknown_sat": "sat received by 1.6.9, which did not write down what for",
    "onchain_sat": "sat were paid on-chain and passed no wallet of the host",
}


def plain(text: object) -> str:
    """A text from the host as one harmless line: names may hold anything."""
    return "".join(char if char.isprintable() else "?" for char in str(text))


def fetch(client: Client, path: str, key: str) -> Any:
    """:raises Trouble: no answer, or a refusal other than "too many requests"."""
    for _ in range(_WAITS):
        try:
            return client.call("GET", f"{API}{path}", key=key)
        except Refused as refusal:
            if refusal.status != httpx.codes.TOO_MANY_REQUESTS:
                raise
        time.sleep(_WAIT_S)
    raise Trouble("The host keeps answering that these are too many requests.")


def reports(client: Client, key: str, event: str) -> list[dict[str, Any]]:
    """The ledger of one event, or of all events of the key's wallet, newest first."""
    events = [event] if event else [found["id"] for found in fetch(client, "/events", key)]
    return [fetch(client, f"/events/{quote(event_id, safe='')}/ledger", key) for event_id in events]


def say_table(found: Sequence[dict[str, Any]]) -> None:
    say(
        "  " + "event".ljust(_NAME_WIDTH) + "".join(f"{head:>12}" for head in _HEADS) + "  balanced"
    )
    for report in found:
        name = plain(report["event_name"])
        if len(name) >= _NAME_WIDTH:
            name = name[: _NAME_WIDTH - 2] + "…"
        figures = "".join(f"{report[f'{head}_sat']:>12}" for head in _HEADS)
        say(f"  {name:<{_NAME_WIDTH}}{figures}  {'yes' if report['balanced'] else 'NO'}")


def say_details(report: dict[str, Any]) -> None:
    """What the table does not show of an event; nothing when there is nothing to tell."""
    lines = [f"{report[name]} {words}" for name, words in _MORE.items() if report[name]]
    orders = report["orders"]
    if orders["to_book"]:
        lines.append(f"{orders['to_book']} orders of the cancelled event wait for their refund")
    lines += [
        f"order {plain(found['order_id'])}: received {found['received_sat']},"
        f" kept {found['kept_sat']}, refunded {found['refunded_sat']}, due {found['due_sat']}:"
        f" {plain(found['note'])}"
        for found in report["differences"]
    ]
    if report["differences_left_off"]:
        lines.append(f"and {report['differences_left_off']} more orders")
    if lines:
        say()
        say(f"  {plain(report['event_name'])} ({plain(report['event_id'])})")
    for line in lines:
        say(f"    {line}")


def tell(client: Client, key: str, event: str) -> int:
    """Print everything. :returns: the exit code. :raises Trouble: there was no report."""
    found = reports(client, key, event)
    say(f"Ledger of {client.url}, in sats")
    if not found:
        say("  This wallet has no events.")
        return BALANCED
    say_table(found)
    for report in found:
        say_details(report)
    wrong = sum(not report["balanced"] for report in found)
    say()
    if wrong:
        say(f"{wrong} of {len(found)} events do not balance. See docs/operations.md, The ledger.")
        return DIFFERS
    say("Balanced, against the host's own payments.")
    return BALANCED


def explain(trouble: Exception) -> str:
    """A sentence for whoever gave the key."""
    if isinstance(trouble, Refused) and trouble.status in _NOT_THEIRS:
        return (
            f"The host refused: {plain(trouble.detail).rstrip('.') or trouble.status}. Is it the"
            " admin key of the event's wallet, and is the extension switched on?"
        )
    if isinstance(trouble, (Trouble, httpx.InvalidURL)):
        return plain(trouble)
    return "What answers there is not this extension."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:5000", help="default: %(default)s")
    parser.add_argument("--event", default="", help="an event's id; default: all of the wallet")
    options = parser.parse_args(arguments)
    key = os.environ.get(KEY_VARIABLE, "").strip()
    try:
        if not key:
            raise Trouble(f"Name the wallet's admin key: KEY=… or the variable {KEY_VARIABLE}.")
        with Client(options.url.rstrip("/")) as client:
            return tell(client, key, options.event)
    # An answer of another program has another shape, or is no JSON at all.
    except (Trouble, httpx.InvalidURL, ValueError, KeyError, TypeError) as trouble:
        print(explain(trouble), file=sys.stderr)
        return NO_ANSWER


if __name__ == "__main__":
    sys.exit(main())
