"""What the Nostr settings' routes answer, told in OpenAPI."""

from typing import Any

from pydantic import BaseModel, Field

from .accounts import View
from .keys import npub
from .models import KeyMode


class KeyAnswer(BaseModel):
    """The key that signs. Its secret is never told."""

    mode: KeyMode
    npub: str = Field(..., description="The public key as people write it (NIP-19).")
    pubkey: str = Field(..., description="The same in hex.")
    problem: str | None = Field(
        ..., description="Why nothing can be signed at present; null: nothing is known to be wrong."
    )


class NostrSettings(BaseModel):
    relays: list[str] = Field(..., description="Where listings are published, at most 5.")
    uses_default_relays: bool = Field(
        ..., description="Whether these are the host's, because the organiser has named none."
    )
    key: KeyAnswer | None = Field(
        ..., description="Null until there is something to publish, or a key is set."
    )
    npub: str | None = Field(..., description="The key's, or null.")
    profile_name: str | None
    has_calendar: bool = Field(
        ..., description="Whether all published events are listed in a calendar (NIP-52)."
    )
    version: int = Field(..., description="Counts changes; to be sent with the next one.")


Responses = dict[int | str, dict[str, Any]]


class NostrRefusal(BaseModel):
    detail: str = Field(..., description="A sentence for a person.")
    code: str = Field(..., description="A word for programs.")


_REFUSALS = {
    400: "`invalid_input`: what was sent is not possible; `signer_offline`, `signer_denied`,"
    " `signer_broken`: the remote signer cannot be used. Nothing was changed.",
    401: "`unauthorized`: no key was sent.",
    403: "`forbidden`: an invoice key.",
    404: "`not_found`: a key of no wallet.",
    409: "`stale_version`: changed by somebody else meanwhile.",
    429: "`too_many_requests`: of a remote signer, or of changing the key.",
}
READ: Responses = {200: {"model": NostrSettings}}
CHANGED: Responses = {
    **READ,
    **{code: {"model": NostrRefusal, "description": why} for code, why in _REFUSALS.items()},
}


def settings_answer(view: View) -> dict[str, Any]:
    """A NostrSettings."""
    key = view.key
    shown = None
    if key is not None:
        shown = {
            "mode": key.mode.value,
            "npub": npub(key.pubkey),
            "pubkey": key.pubkey,
            "problem": key.problem,
        }
    return {
        "relays": list(view.account.relays),
        "uses_default_relays": view.uses_default_relays,
        "key": shown,
        "npub": shown["npub"] if shown else None,
        "profile_name": view.account.profile_name,
        "has_calendar": view.account.has_calendar,
        "version": view.version,
    }
