"""Who is written to: the buyer of an order, and attendees with an address of their own. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..orders.models import Order
from ..tickets.models import Ticket
from .models import Channel


@dataclass(frozen=True)
class To:
    """An address, and whose it is: the ticket's holder, or without a ticket the buyer."""

    channel: Channel
    recipient: str
    ticket: Ticket | None = None

    @property
    def key(self) -> tuple[Channel, str]:
        """The same for addresses that differ in capitals only."""
        return self.channel, self.recipient.casefold()


def buyer(order: Order) -> list[To]:
    """The buyer's addresses: none, one or both."""
    return [
        To(channel, address) for channel in Channel if (address := buyer_address(order, channel))
    ]


def attendees(order: Order, tickets: Sequence[Ticket]) -> list[To]:
    """Each ticket's own addresses, where it has any that are not the buyer's."""
    return [
        To(channel, address, ticket)
        for ticket in tickets
        for channel in Channel
        if (address := own_address(order, ticket, channel))
    ]


def everybody(order: Order, tickets: Sequence[Ticket]) -> list[To]:
    """The buyer, then the attendees, each address once."""
    return once_each([*buyer(order), *attendees(order, tickets)])


def concerned(
    order: Order, tickets: Sequence[Ticket], package_ids: frozenset[str] | None
) -> list[To]:
    """Whom of an order with these valid tickets the words to holders of some packages go to; None:
    of all packages."""
    chosen = [t for t in tickets if package_ids is None or t.package_id in package_ids]
    return everybody(order, chosen) if chosen else []


def holders(order: Order, ticket: Ticket) -> list[To]:
    """Whoever gets this one ticket: its holder, or the buyer on a channel where its holder has no
    address."""
    own = attendees(order, [ticket])
    covered = {to.channel for to in own}
    return own + [
        To(to.channel, to.recipient, ticket) for to in buyer(order) if to.channel not in covered
    ]


def once_each(found: Iterable[To]) -> list[To]:
    return list({to.key: to for to in reversed(list(found))}.values())[::-1]


def own_address(order: Order, ticket: Ticket, channel: Channel) -> str | None:
    """A ticket's address when it is another one than the buyer's."""
    if channel is Channel.MAIL:
        address = (ticket.email or "").strip()
    else:
        address = _text(ticket.extra.get("nostr_identifier"))
    return address if address and not is_buyers(order, channel, address) else None


def is_buyers(order: Order, channel: Channel, address: str) -> bool:
    """Whether an address is the buyer's, in whatever capitals."""
    return address.casefold() == buyer_address(order, channel).casefold()


def tickets_of(
    order: Order, tickets: Sequence[Ticket], channel: Channel, recipient: str | None
) -> list[Ticket]:
    """The tickets of whoever has this address, None for those left to the buyer."""
    wanted = recipient.casefold() if recipient else None
    found = []
    for ticket in tickets:
        own = own_address(order, ticket, channel)
        if (own.casefold() if own else None) == wanted:
            found.append(ticket)
    return found


def buyer_address(order: Order, channel: Channel) -> str:
    """Empty where none is known."""
    if channel is Channel.MAIL:
        return (order.buyer_email or "").strip()
    return _text(order.nostr_identifier)


def _text(value: object) -> str:
    """1.6.9 stores whatever it was sent."""
    return value.strip() if isinstance(value, str) else ""
