"""The host's paging models of `GET /tickets/paginated` (shape of 1.6.9)."""

from datetime import datetime

from lnbits.db import FilterModel, Filters, Operator
from pydantic import BaseModel

from ..errors import InvalidInput
from ..models import MAX_COUNT, clean_text


class TicketFilters(FilterModel):
    """What the list may be filtered, searched and sorted by."""

    # The host declares these as instance variables of its base class.
    __search_fields__ = ["id", "event", "name", "email"]  # noqa: RUF012
    __sort_fields__ = ["time", "event", "name", "email", "registered", "id"]  # noqa: RUF012

    id: str | None
    event: str | None
    name: str | None
    email: str | None
    registered: bool | None
    paid: bool | None


def check_page(filters: Filters[TicketFilters]) -> None:
    """Raises InvalidInput for what the host would hand to the database unread."""
    for number in (filters.limit, filters.offset):
        if number is not None and not 0 <= number <= MAX_COUNT:
            raise InvalidInput("limit and offset must be whole numbers from 0.")
    clean_text(filters.search or "", "The search", 200)
    for wanted in filters.filters:
        for value in (wanted.values or {}).values():
            if isinstance(value, str):
                clean_text(value, "A filter", 200)
            elif wanted.op is not Operator.EQ and wanted.op is not Operator.NE:
                raise InvalidInput("A yes or no can only be compared with eq and ne.")


class TicketRow(BaseModel):
    """A ticket as the host reads it for a page."""

    id: str
    wallet: str
    event: str
    name: str
    email: str
    registered: bool
    paid: bool
    time: datetime
    reg_timestamp: datetime | None = None
    # Bare: the host cannot read a typed dict back from its column.
    extra: dict = {}  # type: ignore[type-arg]
    order_id: str | None = None
    package_id: str | None = None
    status: str | None = None
    number: int | None = None
    price_sat: int | None = None
