"""Request bodies of scans."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from pydantic import Field, StrictBool, StrictStr, conlist, root_validator, validator

from ..catalog.times import read_moment
from ..clock import from_ms, to_ms
from ..crud import short_id
from ..errors import InvalidInput
from ..models import Object, clean_text
from .models import NewScan, Outcome, ScanType

MOST_SCANS = 500
_CODE = "A ticket id, `ticket://id` or a ticket page's URL; anything else is `unknown`."
_SCAN_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_LOCATION, _SCANNED_AT = "The location", "The time of the scan"
# A device may be some minutes ahead, and offline for a long time; beyond that its clock is wrong.
_AHEAD = timedelta(minutes=5)
_BEHIND = timedelta(days=30)


class CodeBody(Object):
    """What was read. It may hold anything: it is compared and hashed, never stored."""

    code: StrictStr = Field(..., description=_CODE)


class ScanFields(Object):
    """One scan but for its code."""

    type: ScanType = Field(
        ScanType.CHECK_IN, description="`access` looks, and changes nothing but the log."
    )
    location: StrictStr | None = Field(None, description="Where, up to 100 characters.")
    scan_id: StrictStr | None = Field(
        None,
        description="8 to 64 characters A-Z a-z 0-9 _ -, new for each scan of the event. Sent"
        " again it gets its first answer, and nothing changes.",
    )
    scanned_at: StrictStr | None = Field(
        None,
        description="ISO 8601 by the device's clock: at most 30 days ago, at most 5 minutes ahead."
        " Left out: now.",
    )
    force: StrictBool = Field(
        False,
        description="With `check_in`: an entry that a device made offline. It is judged at"
        " `scanned_at`, and shows a `conflict` where the guest should not have come in.",
    )
    refused: Outcome | None = Field(
        None,
        description="How a device without network turned the guest away. It is put on record as"
        " that, and changes nothing, whatever has become of the ticket since.",
    )

    @validator("location")
    def _location(cls, value: str | None) -> str | None:
        return clean_text(value or "", _LOCATION, 100) or None

    @validator("scan_id")
    def _scan_id(cls, value: str | None) -> str | None:
        if value is not None and not _SCAN_ID.fullmatch(value):
            raise InvalidInput("scan_id must be 8 to 64 characters A-Z a-z 0-9 _ and -.")
        return value

    @validator("scanned_at")
    def _scanned_at(cls, value: str | None) -> str | None:
        if value is not None:
            read_moment(value, timezone.utc, _SCANNED_AT)
        return value

    @validator("force")
    def _force(cls, value: bool, values: Mapping[str, Any]) -> bool:
        if value and values.get("type", ScanType.CHECK_IN) is not ScanType.CHECK_IN:
            raise InvalidInput("Only a check-in can have been made offline.")
        return value

    @validator("refused")
    def _refused(cls, value: Outcome | None, values: Mapping[str, Any]) -> Outcome | None:
        if value is not None and (values.get("force") or not value.is_refusal):
            raise InvalidInput("Who came in or went out was not turned away.")
        return value

    def new_scan(self, code: str, now: datetime, whole_order: bool = False) -> NewScan:
        """Raises InvalidInput for a time that cannot be."""
        at = read_moment(self.scanned_at, timezone.utc, _SCANNED_AT) if self.scanned_at else now
        if not now - _BEHIND <= at <= now + _AHEAD:
            raise InvalidInput(f"{_SCANNED_AT} must lie in the last 30 days, and not ahead.")
        return NewScan(
            scan_id=self.scan_id or short_id(),
            code=code,
            type=self.type,
            # As it is stored: a repeat is told the same moment, to the second.
            scanned_at=from_ms(to_ms(at)) or at,
            location=self.location,
            is_forced=self.force,
            refused=self.refused,
            whole_order=whole_order,
        )


class ScanBody(ScanFields, CodeBody):
    """One of many scans."""


if TYPE_CHECKING:
    _Scans = list[ScanBody]
else:
    _Scans = conlist(ScanBody, min_items=1, max_items=MOST_SCANS)


class ScansBody(ScanFields):
    """`POST /door/{event_id}/scans`: either one scan, or `scans`."""

    code: StrictStr | None = Field(
        None, description=CodeBody.__fields__["code"].field_info.description
    )
    whole_order: StrictBool = Field(
        False, description="With one `check_in`: the order's other tickets come in as well."
    )
    scans: _Scans | None = Field(None, description="1 to 500 scans, made in this order.")

    @root_validator(skip_on_failure=True)
    def _one_or_many(cls, values: dict[str, Any]) -> dict[str, Any]:
        if (values["code"] is None) == (values["scans"] is None):
            raise InvalidInput("Send either one scan with its code, or a list of scans.")
        if values["whole_order"] and (
            values["scans"]
            or values["force"]
            or values["refused"]
            or values["type"] is not ScanType.CHECK_IN
        ):
            raise InvalidInput("A whole order comes in by one check-in that is made now.")
        return values

    def checked(self, now: datetime) -> list[NewScan]:
        """The scans to make, in order. Raises InvalidInput for a time that cannot be."""
        if self.scans is not None:
            return [scan.new_scan(scan.code, now) for scan in self.scans]
        return [self.new_scan(self.code or "", now, self.whole_order)]
