"""Request bodies of the scanner routes."""

from datetime import timezone
from typing import TYPE_CHECKING

from pydantic import Field, StrictBool, StrictStr, conint, validator

from ..catalog.times import read_moment
from ..errors import InvalidInput
from ..models import Body, clean_text

EXPIRY = "The expiry"

if TYPE_CHECKING:
    _Pending = int
else:
    _Pending = conint(strict=True, ge=0, le=1_000_000)


class ScannerBody(Body):
    """A new scanner. Errors: 400 `too_many_scanners`, 400 `invalid_input`."""

    name: StrictStr = Field(
        ..., description="1 to 100 characters: a gate or a person. Guests' entries are told by it."
    )
    expires_at: StrictStr | None = Field(
        None,
        description="ISO 8601, in the future: the first moment its token no longer opens anything;"
        " without an offset local time in the event's time zone. Null: not before it is revoked.",
    )
    may_work_offline: StrictBool = Field(
        False, description="It may load the list of tickets and let guests in without a network."
    )
    sees_names: StrictBool = Field(False, description="It is told guests' names, and may search.")

    @validator("name")
    def _name(cls, value: str) -> str:
        name = clean_text(value, "The name", 100)
        if not name:
            raise InvalidInput("Please give the scanner a name.")
        return name

    @validator("expires_at")
    def _expires_at(cls, value: str | None) -> str | None:
        if value is not None:
            read_moment(value, timezone.utc, EXPIRY)
        return value


class HelloBody(Body):
    """What a scanner's page says of itself; what is left out stays as it was said last."""

    page_version: StrictStr | None = Field(
        None, description="Of the page it runs, up to 64 characters."
    )
    pending: _Pending | None = Field(
        None, description="Scans on the device that were not uploaded yet."
    )

    @validator("page_version")
    def _page_version(cls, value: str | None) -> str | None:
        return None if value is None else clean_text(value, "The page's version", 64)
