"""What the routes about messages answer, told in OpenAPI."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from .models import Channel, Kind, State

_MOMENT = "ISO 8601, UTC."


class MessageAnswer(BaseModel):
    """A message to one recipient over one channel."""

    id: str
    kind: Kind = Field(..., description="What it says.")
    channel: Channel = Field(..., description="`mail`, or `dm`: a Nostr message (NIP-17).")
    recipient: str = Field(..., description="An e-mail address, or a Nostr name or key.")
    state: State = Field(
        ...,
        description="`failed`: given up, may be sent again, or by `error_code` `outdated`: it was"
        " not true any more; `undeliverable`: there is nowhere to send it to.",
    )
    attempts: int = Field(..., description="How often it was tried.")
    error_code: str | None = Field(..., description="Why it is not sent yet: a word.")
    last_error: str | None = Field(..., description="The same as a sentence.")
    created_at: str = Field(
        ..., description=f"{_MOMENT} Of a letter about a change: from when on it may be sent."
    )
    sent_at: str | None = Field(..., description=f"{_MOMENT} Null: it was not.")
    next_try_at: str | None = Field(..., description=f"{_MOMENT} Null: it does not wait.")
    order_id: str | None = Field(..., description="Null: the organiser's own copy.")
    ticket_number: int | None = Field(
        ..., description="Of the ticket whose holder it goes to; null: to the buyer."
    )


class Summary(BaseModel):
    """How many messages of the event are in which state, whatever was asked for."""

    queued: int = Field(..., description="Messages that wait for their turn.")
    sending: int = Field(..., description="Messages that are being sent.")
    sent: int = Field(..., description="Messages that were taken over.")
    failed: int = Field(..., description="Messages that were given up.")
    undeliverable: int = Field(..., description="Messages that can go nowhere.")
    outdated: int = Field(
        ..., description="Messages that were not true any more; `failed` counts none of them."
    )


class MessageList(BaseModel):
    data: list[MessageAnswer] = Field(..., description="Newest first.")
    total: int = Field(..., description="How many match in all.")
    summary: Summary
    mail_configured: bool = Field(..., description="Whether this host sends mail at all.")


class Delivery(BaseModel):
    """How it went on one channel."""

    attempted: bool = Field(..., description="Whether there was an address to send it to.")
    sent: bool = Field(..., description="Whether all of it was taken over.")
    error: str | None = Field(..., description="A sentence, when it was not.")


class ResentOrder(BaseModel):
    email: Delivery
    nostr: Delivery


class ResentTicket(ResentOrder):
    """1.6.9's answer."""

    ticket: dict[str, Any] = Field(
        ..., description="For its organiser all of it; for its buyer as anybody sees it."
    )


class Reach(BaseModel):
    recipients: int = Field(..., description="Addresses: mail, and Nostr names and keys.")


class Requeued(BaseModel):
    queued: int = Field(..., description="Messages that are on their way again.")
    left: int = Field(..., description="Messages that are failed still: ask again for them.")


class Preview(Reach):
    mail_configured: bool = Field(..., description="Whether this host sends mail at all.")


class MessageRefusal(BaseModel):
    detail: str = Field(..., description="A sentence for a person.")
    code: str = Field(..., description="A word for programs.")


_REFUSALS = {
    400: "`invalid_input`: what was sent is not possible; the sentence says why.",
    401: "`unauthorized`: nothing was shown.",
    403: "`forbidden`: an invoice key, or of another wallet.",
    404: "`not_found`",
}
SAID_TWICE = {409: "`already_announced`: the same was sent to the same less than ten minutes ago."}
_TOO_OFTEN = {429: "`too_many_requests`: it was sent often enough for now."}


def told(
    model: type[BaseModel], more: Mapping[int, str] | None = None, *, bounded: bool = False
) -> dict[int | str, dict[str, Any]]:
    """What a route answers, and why it refuses by status; `more`: reasons of its own."""
    refusals = {**_REFUSALS, **(more or {}), **(_TOO_OFTEN if bounded else {})}
    found: dict[int | str, dict[str, Any]] = {
        status: {"model": MessageRefusal, "description": why} for status, why in refusals.items()
    }
    return {**found, 200: {"model": model}}
