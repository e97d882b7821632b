"""What a scan is answered, told in OpenAPI."""

from pydantic import BaseModel, Field

from ..models import TicketStatus
from .models import Outcome, ScanType

_MOMENT = "ISO 8601, UTC."


class ScannedTicket(BaseModel):
    id: str
    number: int | None = Field(..., description="Counts within the event.")
    name: str | None = Field(..., description="Null for scanners that do not see names.")
    package: str | None = Field(..., description="The name of its ticket type.")
    package_id: str | None
    kind: str = Field(..., description="`admission` or `addon`.")
    status: TicketStatus = Field(..., description="After the scan.")
    valid_from: str | None = Field(..., description=f"{_MOMENT} Null: any time.")
    valid_until: str | None = Field(..., description=f"{_MOMENT} Exclusive; null: any time.")


class ScannedGroup(BaseModel):
    """The admission tickets of one order in this event."""

    tickets: int = Field(..., description="That are valid or used.")
    admitted: int


class LookAnswer(BaseModel):
    """How a check-in would end."""

    outcome: Outcome
    ticket: ScannedTicket | None = Field(..., description="Null: no ticket of this event.")
    first_check_in_at: str | None = Field(
        ..., description=f"{_MOMENT} The first admission that stands; null: none."
    )
    by: str | None = Field(
        ..., description="Who made it: a scanner's name, or `organiser`; null: none, or 1.6.9."
    )
    group: ScannedGroup | None = Field(..., description="Null: one ticket alone.")


class ScanAnswer(LookAnswer):
    """A scan, as it was told first."""

    scan_id: str
    type: ScanType
    scanned_at: str = Field(..., description=_MOMENT)
    conflict: bool = Field(
        ..., description="Made offline, and somebody is inside who should not be, or twice."
    )
    annulled: bool = Field(..., description="It was taken back since.")


class OrderAnswer(ScanAnswer):
    """Of `whole_order`: the scan of the ticket that was shown, and all that were made."""

    results: list[ScanAnswer] = Field(..., description="It first, then those of the others.")


class ScansAnswer(BaseModel):
    """Of many scans."""

    results: list[ScanAnswer] = Field(..., description="In the order they were sent.")
