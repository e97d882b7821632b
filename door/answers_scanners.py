"""What the scanner routes answer, told in OpenAPI."""

from types import UnionType
from typing import Any

from pydantic import BaseModel, Field

from ..catalog.models import Entry
from ..models import EventStatus
from .models import Outcome

_MOMENT = "ISO 8601, UTC."
_TOTAL = "How many there are in all."


class _Rights(BaseModel):
    name: str
    may_work_offline: bool = Field(
        ..., description="Whether it may load the list of tickets and upload forced entries."
    )
    sees_names: bool = Field(..., description="Whether it is told guests' names, and may search.")
    expires_at: str | None = Field(
        ..., description=f"{_MOMENT} Exclusive; null: not before it is revoked."
    )


class ScannerAnswer(_Rights):
    """A scanner as its organiser sees it; never its token."""

    id: str
    created_at: str = Field(..., description=_MOMENT)
    revoked_at: str | None = Field(..., description=_MOMENT)
    last_seen_at: str | None = Field(
        ..., description=f"{_MOMENT} To the minute, when its page was at rest; null: never."
    )
    page_version: str | None = Field(..., description="Of the page it runs, as it said last.")
    pending: int | None = Field(
        ..., description="Scans on the device that were not uploaded, as it said last."
    )
    is_active: bool = Field(..., description="Neither revoked nor expired.")


class NewScannerAnswer(ScannerAnswer):
    token: str = Field(
        ..., description="43 characters for `X-Scanner-Token`. This once: a hash of it is stored."
    )
    door_url: str = Field(
        ..., description="The door page; the token stands behind its `#`, for the QR to join."
    )
    join_qr_svg: str = Field(..., description="`door_url` as a QR code: an SVG image.")


class ScannerList(BaseModel):
    data: list[ScannerAnswer] = Field(..., description="Newest first.")
    total: int = Field(..., description=_TOTAL)


class HelloEvent(BaseModel):
    id: str
    name: str
    starts_at: str | None = Field(..., description=f"{_MOMENT} Null: only the day is known.")
    timezone: str = Field(..., description="IANA name: times at the door are shown in it.")
    entry: Entry = Field(..., description="Whether guests who left come in again.")
    status: EventStatus


class HelloScanner(_Rights):
    id: str | None = Field(..., description="Null for the organiser's key.")


class HelloPackage(BaseModel):
    id: str
    name: str
    kind: str = Field(..., description="`admission` or `addon`.")


class HelloAnswer(BaseModel):
    """What a door page needs to know of its event and of itself."""

    event: HelloEvent
    scanner: HelloScanner
    server_time: str = Field(..., description=f"{_MOMENT} For a device whose clock is wrong.")
    packages: list[HelloPackage] = Field(..., description="In display order.")


class LoggedTicket(BaseModel):
    id: str
    number: int | None = Field(..., description="The ticket's, as people say it.")
    name: str | None
    package: str | None = Field(..., description="The name of its ticket type.")


class OtherAdmission(BaseModel):
    at: str = Field(..., description=f"{_MOMENT} By the device's clock.")
    scanner: str = Field(..., description="The scanner's name, or `organiser`.")


class LoggedScan(BaseModel):
    """One scan. `forced`: a device without a network had let the guest in already."""

    scan_id: str
    at: str = Field(..., description=f"{_MOMENT} By the device's clock.")
    received_at: str = Field(..., description=f"{_MOMENT} By the server's.")
    type: str = Field(..., description="`check_in`, `check_out` or `access`.")
    outcome: Outcome
    forced: bool
    conflict: bool = Field(..., description="Somebody is inside who should not be, or twice.")
    annulled_at: str | None = Field(..., description=f"{_MOMENT} Null: it stands.")
    annulled_by: str | None = Field(..., description="A scanner's name, or `organiser`.")
    ticket: LoggedTicket | None = Field(..., description="Null: no ticket of this event.")
    scanner_id: str | None = Field(..., description="Null for the organiser's key.")
    scanner: str = Field(..., description="The scanner's name, or `organiser`.")
    location: str | None = Field(..., description="Where, as the device said.")
    others: list[OtherAdmission] = Field(
        ..., description="Of a conflict: the other admissions of its ticket that stand."
    )


class ScanLog(BaseModel):
    data: list[LoggedScan] = Field(..., description="Newest first, as the server received them.")
    total: int = Field(..., description="How many match in all.")


class DoorRefusal(BaseModel):
    detail: str = Field(..., description="A sentence for a person.")
    code: str = Field(..., description="A word for programs.")


Refusals = dict[int, str]
Responses = dict[int | str, dict[str, Any]]

# Of the routes that take the admin key of the event's wallet.
OWN_EVENT: Refusals = {
    400: "`invalid_input`: what was sent is not possible; the sentence says why.",
    401: "`unauthorized`: no key was sent.",
    403: "`forbidden`: an invoice key, or of another wallet.",
    404: "`not_found`",
}
# Of the routes that take a scanner's token as well.
DOOR: Refusals = {
    400: OWN_EVENT[400],
    401: "`unauthorized`: neither a token nor a key was sent.",
    403: "`forbidden`: a token or key of no event, or of another; `scanner_revoked`;"
    " `scanner_expired`.",
    404: "`not_found`: a key of no wallet.",
}


def refused(refusals: Refusals) -> Responses:
    return {status: {"model": DoorRefusal, "description": why} for status, why in refusals.items()}


def told(model: type[BaseModel] | UnionType, refusals: Refusals, success: int = 200) -> Responses:
    """What a route answers: its model, and why it refuses by status."""
    return {**refused(refusals), success: {"model": model}}
