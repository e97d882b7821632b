"""What the list, the search and the figures answer, told in OpenAPI."""

from pydantic import BaseModel, Field

from ..models import TicketStatus

_MOMENT = "ISO 8601, UTC; null: none."
_VALIDITY = "Only where it differs from its package's. "


class ListedTicket(BaseModel):
    h: str = Field(..., description="SHA-256 of the ticket id, in hex.")
    status: TicketStatus
    package_id: str | None
    sealed: str | None = Field(
        ...,
        description="Name, package and number, to be opened with the ticket id (docs/door.md);"
        " null for scanners that do not see names.",
    )
    left: bool | None = Field(None, description="There and true: the guest went out again.")
    kind: str | None = Field(None, description=f"{_VALIDITY}`admission` or `addon`.")
    valid_from: str | None = Field(None, description=_VALIDITY + _MOMENT)
    valid_until: str | None = Field(None, description=f"{_VALIDITY}{_MOMENT} Exclusive.")


class ListedPackage(BaseModel):
    id: str
    name: str
    kind: str = Field(..., description="`admission` or `addon`.")
    valid_from: str | None = Field(..., description=_MOMENT)
    valid_until: str | None = Field(..., description=f"{_MOMENT} Exclusive.")


class SnapshotAnswer(BaseModel):
    """A page of the tickets of an event, or of those that changed."""

    tickets: list[ListedTicket] = Field(..., description="In the order of their last changes.")
    packages: list[ListedPackage] = Field(..., description="All of the event, in display order.")
    cursor: str = Field(..., description="For the next request; to be kept with the list.")
    more: bool = Field(..., description="Whether to go on at once.")


class FoundTicket(BaseModel):
    id: str
    number: int | None
    name: str
    package: str | None = Field(..., description="The name of its ticket type.")
    status: TicketStatus
    first_check_in_at: str | None = Field(..., description=_MOMENT)
    by: str | None = Field(..., description="Who let it in: a scanner's name, or `organiser`.")
    order: int = Field(..., description="Valid admission tickets its order has for this event.")
    email: str | None = Field(None, description="Only for the organiser's key.")


class SearchAnswer(BaseModel):
    data: list[FoundTicket] = Field(..., description="20 at most: the number first, then by name.")
    total: int = Field(..., description="How many fit in all.")


class _Counts(BaseModel):
    sold: int = Field(..., description="Valid and used admission tickets.")
    admitted: int = Field(..., description="Of these, used.")
    inside: int = Field(..., description="Of these, not gone out again.")


class PackageCounts(_Counts):
    package_id: str | None = Field(..., description="Null: tickets of no package.")
    name: str | None


class StatsAnswer(_Counts):
    """Add-ons do not count."""

    per_package: list[PackageCounts] = Field(..., description="In display order.")
    last_minute: int = Field(..., description="Guests let in, as received in the last minute.")
