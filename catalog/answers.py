"""What the event routes answer, told in OpenAPI; `views` makes it."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from ..web import Refusal
from .answers_packages import PackageAnswer
from .models import Entry, EventType

Responses = dict[int | str, dict[str, Any]]

_DAY = "YYYY-MM-DD in `timezone`."
_MOMENT = "ISO 8601, UTC."
_MOMENT_OR_NULL = "ISO 8601, UTC; null: only the day is known."
CANCELLED = "`event_cancelled`: it was cancelled."
NOT_ON_SALE = "`not_on_sale`:"
HAS_SALES = (
    "`has_sales`: tickets are sold or being bought, or money is owed or was paid back. Cancel it."
)
CHANGED = (
    "`stale_version`: somebody else changed it; `below_sold`: fewer seats than are sold and held."
)


class Tier(BaseModel):
    days_before: int = Field(..., description="Whole days before the start.")
    percent: int = Field(..., description="Of the price, until then.")


class _Event(BaseModel):
    id: str
    name: str
    info: str = Field(..., description="Markdown.")
    closing_date: str = Field(..., description=f"Last day of sale, {_DAY}")
    canceled: bool = Field(..., description="1.6.9's word for the status `cancelled`.")
    event_start_date: str = Field(..., description=_DAY)
    event_end_date: str = Field(..., description=_DAY)
    timezone: str = Field(..., description="IANA name.")
    starts_at: str | None = Field(..., description=_MOMENT_OR_NULL)
    ends_at: str | None = Field(..., description=_MOMENT_OR_NULL)
    buyer_can_cancel: bool
    refund_tiers: list[Tier] = Field(..., description="Most days first.")
    conditional: bool = Field(..., description="Whether it needs `min_tickets` to take place.")
    min_tickets: int | None = Field(..., description="Sold tickets; null: none needed.")
    currency: str = Field(..., description="Of the first package: `sat` or ISO 4217.")
    price_per_ticket: float = Field(..., description="Of the first package, in `currency`.")
    allow_fiat: bool
    fiat_currency: str = Field(..., description="ISO 4217.")
    banner: str | None = Field(..., description="An address, or a path on this host.")
    event_type: EventType
    location: str | None
    is_online: bool
    max_per_buyer: int | None = Field(
        ..., description="Tickets per buyer over all orders; null: as the instance says."
    )
    login_required: bool = Field(..., description="Whether only logins of this host may buy.")
    status: Literal["draft", "published", "cancelled", "completed"]
    sales: Literal["not_yet", "open", "closed", "sold_out"]
    extra: dict[str, Any] = Field(..., description="As 1.6.9 has it; for others without codes.")


class PublicEventAnswer(_Event):
    """An event for everybody."""

    packages: list[PackageAnswer] = Field(..., description="Enabled and not hidden ones.")


class PublicEventsAnswer(BaseModel):
    """The public list; its packages come without their `options`."""

    data: list[PublicEventAnswer] = Field(..., description="Soonest first.")
    total: int = Field(..., description="How many there are in all.")


class EventAnswer(_Event):
    """An event for its organiser."""

    wallet: str
    time: str | None = Field(..., description=f"When it was made. {_MOMENT}")
    cancelled_at: str | None = Field(..., description=_MOMENT)
    amount_tickets: int = Field(..., description="1.6.9's stock: seats that are not paid for.")
    capacity: int | None = Field(..., description="Seats; null is unlimited.")
    sold: int = Field(..., description="Seats paid for.")
    held: int = Field(..., description="Seats of unpaid orders.")
    remaining: int | None = Field(..., description="Seats left; null is unlimited.")
    version: int = Field(..., description="Raised by each change.")
    entry: Entry
    listed: bool = Field(..., description="Whether it stands in the public list.")
    nostr_publish: bool
    nostr_hide_counts: bool
    send_messages: bool
    send_reminder: bool
    metadata: dict[str, Any] = Field(..., description="The organiser's own; nobody else reads it.")
    packages: list[PackageAnswer]


class ChangeAnswer(BaseModel):
    """An entry of the log."""

    at: str = Field(..., description=_MOMENT)
    actor: str = Field(
        ..., description="`system`, `buyer`, `admin_key:<wallet>` or `login:<user>`."
    )
    action: str
    entity: str
    entity_id: str
    field: str | None = Field(..., description="Null: what was done is no change of a field.")
    old: Any = Field(None, description="A JSON value; a long one is cut.")
    new: Any = Field(None, description="A JSON value; a long one is cut.")


class ChangesAnswer(BaseModel):
    data: list[ChangeAnswer] = Field(..., description="Newest first.")
    total: int = Field(..., description="How many there are in all.")


_INVALID = "`invalid_input`: what was sent is not possible; the sentence says why."
_KEY: Responses = {
    401: {"model": Refusal, "description": "`unauthorized`: no key was sent."},
    403: {"model": Refusal, "description": "`forbidden`: a key of another kind or wallet."},
}


def told(model: Any, *, success: int = 200, is_public: bool = False, **more: str) -> Responses:
    """What a route answers. `more`: its own refusals, such as `_410="`not_on_sale`: …"`."""
    found: Responses = {} if is_public else dict(_KEY)
    found[400] = {"model": Refusal, "description": _INVALID}
    found[404] = {"model": Refusal, "description": "`not_found`"}
    for status, why in more.items():
        found[int(status[1:])] = {"model": Refusal, "description": why}
    if model is not None:
        found[success] = {"model": model}
    return found
