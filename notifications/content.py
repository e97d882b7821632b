"""The parts of a letter, before they are put into text or HTML."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from .lines import one_line
from .models import Letter
from .recipients import is_buyers
from .words import Words


@dataclass(frozen=True)
class Fact:
    label: str
    value: str


@dataclass(frozen=True)
class Button:
    label: str
    url: str


@dataclass(frozen=True)
class Change:
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class OwnWords:
    """What the organiser wrote instead of ours."""

    text: str
    html: Markup


@dataclass(frozen=True)
class TicketBox:
    """`cid` names the picture of its code inside the mail, None where there is none."""

    title: str
    facts: Sequence[Fact]
    link: Button | None
    cid: str | None
    alt: str


@dataclass(frozen=True)
class Content:
    """The parts, in their order."""

    subject: str
    heading: str
    greeting: str
    paragraphs: Sequence[str]
    own: OwnWords | None = None
    facts: Sequence[Fact] = ()
    changes: Sequence[Change] = ()
    tickets: Sequence[TicketBox] = ()
    sums: Sequence[Fact] = ()
    buttons: Sequence[Button] = ()
    notes: Sequence[str] = ()
    footer: str = ""


@dataclass(frozen=True)
class Telling:
    """A letter, and the language it is told in."""

    letter: Letter
    words: Words

    @property
    def event_name(self) -> str:
        listing = self.letter.listing
        return one_line(listing.event.name, 200) if listing else self.words.say("gone_event")

    @property
    def is_buyers(self) -> bool:
        """Also of a ticket whose holder has no address, which is sent to the buyer."""
        message, order = self.letter.message, self.letter.order
        if order is None:
            return False
        return message.ticket_id is None or is_buyers(order, message.channel, message.recipient)

    def said(self, text: str, **values: object) -> str:
        """What a text says of the event."""
        name = self.event_name if self.letter.listing else None
        return self.words.about(text, name, **values)
