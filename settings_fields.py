"""What an instance admin may set, and how it is checked."""

import re
from enum import Enum

from pydantic import BaseModel, Extra, Field, StrictBool, StrictStr, validator
from pydantic.fields import ModelField

from .errors import InvalidInput
from .models import MAX_COUNT, Body, clean_relay_url, clean_text


class MailSecurity(str, Enum):
    """How the mail server is spoken to."""

    AUTO = "auto"
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class InstanceSettings(BaseModel, extra=Extra.forbid):
    """What an instance admin may set. Times in whole seconds."""

    hold_seconds: int = Field(
        900, ge=2, le=86_400, description="How long an unpaid order keeps its seats, in seconds."
    )
    max_open_orders_per_buyer: int = Field(
        5, ge=1, le=10_000, description="Unpaid orders one buyer may have open per event."
    )
    max_open_orders_per_address: int = Field(
        50, ge=1, le=1_000_000, description="Unpaid orders one network address may have open."
    )
    max_free_orders_per_address: int = Field(
        200, ge=1, le=1_000_000, description="Free orders one network address may make in an hour."
    )
    default_max_per_buyer: int | None = Field(
        None,
        ge=1,
        le=MAX_COUNT,
        description="Tickets one buyer may have per event, over all orders, where the event itself"
        " says nothing; null: as many as there are.",
    )
    allow_private_relays: bool = Field(
        False,
        description="Whether Nostr relays and signers may stand in private networks, or be reached"
        " without TLS.",
    )
    default_relays: list[str] = Field(
        [], max_items=5, description="Relays of organisers who have named none."
    )
    mail_from_name: str | None = Field(
        None, max_length=100, description="The sender's name in mail; null: the event's name."
    )
    mail_security: MailSecurity = Field(
        MailSecurity.AUTO,
        description="How the mail server is spoken to. `auto`: TLS from the start on port 465, else"
        " STARTTLS; `tls`, `starttls`, or `none` where nobody listens in between.",
    )
    mail_verify: bool = Field(
        True, description="Whether the mail server's certificate must be a valid one."
    )


# null is a value of these; for the others it is none.
_NULLABLE = frozenset({"default_max_per_buyer", "mail_from_name"})
_WHOLE = re.compile("hold_seconds|(default_)?max_\\w+")


class SettingsPatch(Body, extra=Extra.forbid):
    """Any subset of InstanceSettings."""

    hold_seconds: int | None = Field(
        None, ge=2, le=86_400, description="How long seats wait for their payment."
    )
    max_open_orders_per_buyer: int | None = Field(
        None, ge=1, le=10_000, description="Unpaid orders of one buyer for one event."
    )
    max_open_orders_per_address: int | None = Field(
        None, ge=1, le=1_000_000, description="Unpaid orders of one network address."
    )
    max_free_orders_per_address: int | None = Field(
        None, ge=1, le=1_000_000, description="Free orders of one network address in an hour."
    )
    default_max_per_buyer: int | None = Field(
        None, ge=1, le=MAX_COUNT, description="Tickets per buyer and event; null: any number."
    )
    allow_private_relays: StrictBool | None = Field(
        None, description="Whether relays may stand in private networks, or have no TLS."
    )
    default_relays: list[StrictStr] | None = Field(
        None, max_items=5, description="Relays of organisers who have named none."
    )
    mail_from_name: StrictStr | None = Field(
        None, max_length=100, description="The sender's name in mail; null: the event's name."
    )
    mail_security: MailSecurity | None = Field(None, description="`auto`, `tls`, … as it is told.")
    mail_verify: StrictBool | None = Field(
        None, description="Whether the mail server's certificate must be a valid one."
    )

    @validator("*", pre=True)
    def _whole(cls, value: object, field: ModelField) -> object:
        if value is None and field.name in _NULLABLE:
            return None
        if value is None:
            raise InvalidInput(f"{field.name} needs a value.")
        # pydantic would read 2.5 as 2.
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if _WHOLE.fullmatch(field.name) and not is_whole:
            raise InvalidInput(f"{field.name} is a whole number.")
        return value

    @validator("mail_from_name")
    def _name(cls, value: str | None) -> str | None:
        return clean_text(value, "The sender's name", 100) or None if value else None

    @validator("default_relays")
    def _relays(cls, value: list[str] | None) -> list[str] | None:
        return value if value is None else [clean_relay_url(url) for url in value]
