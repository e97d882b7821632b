"""What the routes of an event's listing answer, told in OpenAPI."""

from typing import Any

from pydantic import BaseModel, Field

from ..web import REFUSALS, Refusal

_SECONDS = "in unix seconds, as Nostr has it."


class LinkAnswer(BaseModel):
    name: str
    url: str = Field(..., description="For people to follow; `njump.me` is somebody else's site.")


class RelayAnswer(BaseModel):
    """What one relay has of the listing."""

    url: str
    state: str = Field(
        ...,
        description="`acknowledged`: it has the newest version; `pending`: it will be sent soon;"
        " `refused`: it will not take this version; `failing`: it is tried again.",
    )
    refusal: str | None = Field(
        ..., description="`retry`, `auth`, `parked` or `clock`: what its last answer means."
    )
    acked_created_at: int | None = Field(
        ..., description=f"Of the version it has, {_SECONDS} Null: none."
    )
    attempts: int = Field(..., description="Failed attempts since it last worked.")
    last_error: str | None = Field(..., description="Its words, or what went wrong with it.")
    next_try_at: str | None = Field(
        ..., description="ISO 8601, UTC; null: at once, or there is nothing to send."
    )
    foreign_created_at: int | None = Field(
        ...,
        description="A version that another client wrote under the same address was found there,"
        f" of this time, {_SECONDS} Ours replaced it.",
    )


class DeletionAnswer(BaseModel):
    """A request for deletion (NIP-09) that is not signed yet."""

    address: str = Field(
        ..., description="What is to go, as `kind:pubkey:d`. Only that key can delete it."
    )
    problem: str | None = Field(
        ...,
        description="Why it waits, such as `offline`: the key's signer does not answer. Null: it"
        " will be signed soon.",
    )


class ListingAnswer(BaseModel):
    """An event's listing on Nostr (NIP-52)."""

    published: bool = Field(..., description="Whether the event is to be published.")
    naddr: str | None = Field(..., description="NIP-19, with relays; null: nothing is signed.")
    nevent: str | None = Field(..., description="NIP-19, of the newest version alone.")
    pubkey: str | None = Field(..., description="The key it is signed with, hex.")
    npub: str | None = Field(..., description="The same as people write it (NIP-19).")
    kind: int | None = Field(..., description="31923 with a time of day, else 31922 (NIP-52).")
    revision: int = Field(..., description="Counts what has changed; never goes back.")
    signed_revision: int = Field(..., description="The revision that is in the newest version.")
    created_at: int | None = Field(
        ..., description=f"Of the newest version, {_SECONDS} Null: nothing is signed."
    )
    problem: str | None = Field(
        ...,
        description="Why it cannot be signed; a word. `deletion_first`: one of `deletions_pending`"
        " has to be signed before.",
    )
    deletions_pending: list[DeletionAnswer] = Field(
        ..., description="Requests that wait for the key that published what they delete."
    )
    links: list[LinkAnswer]
    relays: list[RelayAnswer] = Field(..., description="In the order the organiser gave.")


_OWN = {
    401: "`unauthorized`: no key was sent.",
    403: "`forbidden`: of another wallet.",
    404: "`not_found`",
}


def told(**more: str) -> dict[int | str, dict[str, Any]]:
    """What a route answers; `more` are refusals of its own, as `status_400="…"`."""
    own = {int(name.removeprefix("status_")): why for name, why in more.items()}
    refused: dict[int | str, dict[str, Any]] = {
        status: {"model": Refusal, "description": why} for status, why in {**_OWN, **own}.items()
    }
    return {**REFUSALS, **refused, 200: {"model": ListingAnswer}}
