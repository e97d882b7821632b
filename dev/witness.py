"""What others see of the demo sale: a Nostr client, the people who are mailed, a Nostr friend.

Everything is read where they would read it, from the relay and the mail server.
"""

from nostr_sdk import Coordinate, Event, Kind, Nip19Coordinate, RelayUrl

import mail
import relay
from relay import read_until, tags_of
from state import State
from words import Trouble, short, step

_LISTINGS = [31922, relay.KIND_LISTING]


def expect_listing(state: State, event: str, status: str, sold: int) -> str:
    """:returns: its naddr (NIP-19). :raises Trouble: the relay never has it like that."""
    url = relay.url_of(state.relay_port)

    def look() -> Event | None:
        found = relay.read(url, kinds=_LISTINGS, d=[event])
        matching = [one for one in found if _state_of(one) == (status, str(sold))]
        return matching[0] if matching else None

    found = read_until(look, f"A listing that says {status} and {sold} sold")
    tags = tags_of(found)
    left = tags.get("tickets_available", "?")
    step("on Nostr", f'"{tags["title"]}": {status}, tickets_sold {sold}, tickets_available {left}')
    coordinate = Coordinate(Kind(found.kind().as_u16()), found.author(), event)
    return str(Nip19Coordinate(coordinate, [RelayUrl.parse(url)]).to_bech32())


def _state_of(event: Event) -> tuple[str, str]:
    tags = tags_of(event)
    return tags.get("status", ""), tags.get("tickets_sold", "")


def expect_mail(after: str, recipients: set[str]) -> None:
    """:param after: the name of the last mail before the sale."""

    def look() -> list[mail.Caught]:
        found = mail.caught(after)
        return found if recipients <= {one.recipient for one in found} else []

    for one in sorted(read_until(look, "The mail"), key=lambda one: one.recipient):
        files = "".join(f" + {name}" for name in one.attachments())
        step("mail", f"{one.recipient}: {one.subject}{files}")


def expect_message(state: State, ticket: str) -> None:
    """The guest reads of their ticket over Nostr."""
    url = relay.url_of(state.relay_port)

    def look() -> list[tuple[str, str, str]]:
        return [one for one in relay.messages_for(url, state.guest) if ticket in one[2]]

    sender, subject, text = read_until(look, "The Nostr message")[0]
    step("message", f"from {short(sender)}: {subject or text.splitlines()[0]}")


def prepare_guest(state: State) -> str:
    """Let it be known where the guest reads messages. :returns: their npub."""
    if not state.relay_port or not state.guest:
        raise Trouble("There is no relay yet; start it with: make run")
    relay.announce_inbox(relay.url_of(state.relay_port), state.guest)
    return relay.npub_of(state.guest)
