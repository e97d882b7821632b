"""The body of a change of Nostr settings."""

from typing import Any

from pydantic import (
    Extra,
    Field,
    SecretStr,
    StrictBool,
    StrictInt,
    StrictStr,
    root_validator,
    validator,
)

from ..errors import InvalidInput
from ..models import Body, clean_relay_url, clean_text
from .models import KeyMode, relays_of

MOST_RELAYS = 5
_MOST_SECRET_CHARS = 2000


class KeyBody(Body, extra=Extra.forbid):
    """Which key signs. It is tried before anything is stored, and never told again."""

    mode: KeyMode = Field(
        ...,
        description="`generated`: a new key of this host's making (where one signs already, it"
        " stays); `nsec`: the organiser's own; `bunker`: a remote signer (NIP-46).",
    )
    nsec: SecretStr | None = Field(
        None, description="With `nsec`: `nsec1…` (NIP-19), or 64 hex digits."
    )
    uri: SecretStr | None = Field(
        None, description="With `bunker`: the address the signer shows, `bunker://…`."
    )

    @validator("nsec", "uri", pre=True)
    def _text(cls, value: object) -> object:
        # pydantic would read a number as its digits.
        if value is not None and not isinstance(value, str):
            raise InvalidInput("A key is a text.")
        if isinstance(value, str) and len(value) > _MOST_SECRET_CHARS:
            raise InvalidInput("The key is too long.")
        return value

    @root_validator(skip_on_failure=True)
    def _what_the_mode_needs(cls, values: dict[str, Any]) -> dict[str, Any]:
        needed = {KeyMode.NSEC: "nsec", KeyMode.BUNKER: "uri"}.get(values["mode"])
        for name in ("nsec", "uri"):
            is_given = values[name] is not None
            if is_given != (name == needed):
                told = "needs" if name == needed else "takes no"
                raise InvalidInput(f"A key of the mode {values['mode'].value} {told} {name}.")
        return values

    @property
    def secret(self) -> SecretStr:
        """The nsec or the address; empty for a generated key."""
        return self.nsec or self.uri or SecretStr("")


class NostrSettingsBody(Body, extra=Extra.forbid):
    """Any subset. Errors: 400 `invalid_input`, `signer_offline`, `signer_denied`,
    `signer_broken`; 409 `stale_version`; 429 `too_many_requests`."""

    relays: list[StrictStr] | None = Field(
        None,
        max_items=MOST_RELAYS,
        description="Where listings are published: at most 5 addresses, wss://…; an empty list:"
        " the host's own choice.",
    )
    key: KeyBody | None = Field(None, description="Which key signs from now on.")
    profile_name: StrictStr | None = Field(
        None, description="What Nostr clients call the organiser, up to 100 characters; null: none."
    )
    has_calendar: StrictBool | None = Field(
        None, description="Whether all published events are listed in a calendar (NIP-52)."
    )
    version: StrictInt | None = Field(
        None, description="The `version` that was read; a stale one is refused with 409."
    )

    @validator("relays", "key", "has_calendar", "version", pre=True)
    def _not_null(cls, value: object) -> object:
        if value is None:
            raise InvalidInput("What is sent needs a value; what stays as it is, is left out.")
        return value

    @validator("relays")
    def _relays(cls, value: list[str]) -> list[str]:
        return list(relays_of([clean_relay_url(url) for url in value]))

    @validator("profile_name")
    def _name(cls, value: str | None) -> str | None:
        return clean_text(value, "The name", 100) or None if value else None
