"""Request bodies of buying: API.md's, which contains 1.6.9's."""

import re
from typing import Any

from email_validator import EmailNotValidError, validate_email
from nostr_sdk import Nip19Profile, NostrSdkError, PublicKey
from pydantic import Field, StrictInt, StrictStr, validator

from ..errors import InvalidInput, MethodUnsupported
from ..models import MAX_PER_PURCHASE, Body, choose_language, clean_text
from .models import Attendee, PurchaseRequest

_NOSTR = re.compile(r"(npub1|nprofile1)[02-9ac-hj-np-z]{20,600}|[^@\s]{1,64}@[^@\s]{3,255}")
_PAYBACK = re.compile(
    r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+|(lightning:)?lnurl1[02-9ac-hj-np-z]+|lnurlp://[^\s@]+", re.I
)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def clean_email(value: str) -> str:
    """A mail address by form (RFC 5321), or '' for none; nothing is looked up."""
    text = clean_text(value, "The e-mail address", 254)
    if not text:
        return ""
    try:
        # `test_environment` allows the reserved name .test; deliverability is not ours to judge.
        checked = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError as exc:
        raise InvalidInput("The e-mail address is not valid.") from exc
    return str(checked.normalized)


def clean_name(value: str) -> str:
    """A person's name: anything printable, in any script, 1 to 200 characters."""
    name = clean_text(value, "The name", 200)
    if not name:
        raise InvalidInput("Please give a name.")
    return name


def clean_nostr(value: str | None) -> str | None:
    """NIP-05 name by form, npub or nprofile with its checksum (NIP-19). Raises InvalidInput."""
    text = clean_text(value or "", "The Nostr address", 700)
    if text and not _NOSTR.fullmatch(text):
        raise InvalidInput("The Nostr address must be name@domain, an npub1… or an nprofile1…")
    try:
        if text.startswith("npub1"):
            PublicKey.parse(text)
        elif text.startswith("nprofile1"):
            Nip19Profile.from_bech32(text)
    except NostrSdkError as exc:
        raise InvalidInput("The Nostr address has a typing error: its checksum is wrong.") from exc
    return text or None


def clean_payback(value: str | None) -> str | None:
    """Where a refund may go: lightning address (LUD-16) or LNURL (LUD-01, LUD-17), by form."""
    text = clean_text(value or "", "The refund address", 2000)
    if text and not _PAYBACK.fullmatch(text):
        raise InvalidInput("The refund address must be a lightning address or an LNURL.")
    return text or None


def clean_idempotency_key(value: str | None) -> str | None:
    """1 to 255 visible ASCII characters. Raises InvalidInput."""
    if value is None:
        return None
    if not _KEY.fullmatch(value):
        raise InvalidInput("Idempotency-Key must be 1 to 255 visible ASCII characters.")
    return value


class AttendeeBody(Body):
    """Whom one ticket is for."""

    name: StrictStr = Field(..., description="Who comes.")
    email: StrictStr = Field("", description="Of this attendee; optional.")
    nostr_identifier: str | None = Field(None, description="NIP-05, npub or nprofile.")
    responses: dict[str, Any] | None = Field(
        None, description="Answers of this attendee, by option id."
    )

    _name = validator("name", allow_reuse=True)(clean_name)
    _email = validator("email", allow_reuse=True)(clean_email)
    _nostr = validator("nostr_identifier", allow_reuse=True)(clean_nostr)


class PurchaseBody(Body):
    """`POST /tickets/{event_id}`. `ticket_wave_id` of 1.6.9 names a package."""

    name: StrictStr = Field(..., description="The buyer's name.")
    email: StrictStr = Field("", description="Optional unless the event sends its tickets by mail.")
    quantity: StrictInt = Field(1, description="1 to 10 tickets, one row and one id each.")
    package_id: str | None = Field(
        None, max_length=128, description="The ticket type; null: the first on sale."
    )
    ticket_wave_id: str | None = Field(None, max_length=128, description="1.6.9's word for it.")
    promo_code: str | None = Field(None, max_length=64, description="Case does not matter.")
    refund_address: str | None = Field(
        None, description="A lightning address (LUD-16) or LNURL (LUD-06) for money back."
    )
    nostr_identifier: str | None = Field(None, description="NIP-05, npub or nprofile.")
    attendees: list[AttendeeBody] = Field([], description="At most one per ticket.")
    language: str | None = Field(
        None,
        max_length=64,
        description="Of the messages: `en`, `de` or `es`; else what `Accept-Language` says.",
    )
    responses: dict[str, Any] = Field(
        {}, description="Answers for all tickets, by option id: text, true/false, or choices."
    )
    payment_method: str = Field(
        "lightning", max_length=32, description="Others are refused with `method_unsupported`."
    )
    fiat_provider: str | None = Field(None, max_length=32, description="1.6.9's; without effect.")

    _name = validator("name", allow_reuse=True)(clean_name)
    _payback = validator("refund_address", allow_reuse=True)(clean_payback)
    _nostr = validator("nostr_identifier", allow_reuse=True)(clean_nostr)

    @validator("email", pre=True)
    def _no_email(cls, value: object) -> object:
        return "" if value is None else value

    @validator("email")
    def _email(cls, value: str) -> str:
        return clean_email(value)

    @validator("quantity")
    def _quantity(cls, value: int) -> int:
        if not 1 <= value <= MAX_PER_PURCHASE:
            raise InvalidInput(f"The quantity must be a whole number from 1 to {MAX_PER_PURCHASE}.")
        return value

    @validator("promo_code", "package_id", "ticket_wave_id")
    def _word(cls, value: str | None) -> str | None:
        return clean_text(value or "", "A code", 128) or None

    @validator("payment_method")
    def _method(cls, value: str) -> str:
        if value != "lightning":
            raise MethodUnsupported("Only Lightning payments are possible here.")
        return value

    @validator("fiat_provider")
    def _provider(cls, value: str | None) -> str | None:
        if value:
            raise MethodUnsupported("Card payments are not possible here; pay over Lightning.")
        return None

    def request(
        self,
        event_id: str,
        address: str,
        idempotency_key: str | None,
        origin: str,
        user_id: str | None = None,
        accept_language: str | None = None,
    ) -> PurchaseRequest:
        """The checked wish. Raises InvalidInput when more people are named than tickets bought."""
        if len(self.attendees) > self.quantity:
            raise InvalidInput("More attendees are named than tickets are bought.")
        return PurchaseRequest(
            event_id=event_id,
            quantity=self.quantity,
            buyer=Attendee(self.name, self.email, self.nostr_identifier),
            attendees=[
                Attendee(a.name, a.email, a.nostr_identifier, a.responses) for a in self.attendees
            ],
            package_ref=self.package_id or self.ticket_wave_id,
            promo_code=self.promo_code,
            refund_address=self.refund_address,
            address=address,
            idempotency_key=clean_idempotency_key(idempotency_key),
            origin=origin,
            user_id=user_id,
            responses=self.responses,
            language=choose_language(self.language, accept_language),
        )
