"""What the routes of packages answer, for the description of the API."""

from typing import Literal

from pydantic import BaseModel, Field

from ..web import REFUSALS, Answers, Refusal
from .bodies_packages import Kind, OptionType


class OptionAnswer(BaseModel):
    """A question as it is answered."""

    id: str = Field(..., description="Answers name it.")
    package_id: str = Field(..., description="The ticket type it belongs to.")
    label: str = Field(..., description="The question.")
    type: OptionType = Field(..., description="How it is answered.")
    choices: list[str] = Field(..., description="For single and multi, else empty.")
    required: bool = Field(..., description="Whether each attendee must answer it.")
    display_order: int = Field(..., description="They are asked in this order.")


class PackageAnswer(BaseModel):
    """A ticket type as it is answered. What only its organiser sees is missing for others."""

    id: str = Field(..., description="Purchases name it as `package_id`.")
    wave_id: str = Field(..., description="1.6.9's name of it.")
    kind: Kind = Field(..., description="Whether it opens the door.")
    name: str = Field(..., description="What it is called.")
    description: str = Field(..., description="Plain text or Markdown.")
    price: float = Field(..., description="Per ticket, in `currency`.")
    currency: str = Field(..., description="`sat` or an ISO 4217 code.")
    remaining: int | None = Field(
        ..., description="Tickets that can still be bought; null is unlimited."
    )
    sales: Literal["not_yet", "open", "closed", "sold_out"] = Field(
        ..., description="Whether it can be bought now."
    )
    sale_starts_at: str | None = Field(..., description="ISO 8601, UTC.")
    sale_ends_at: str | None = Field(..., description="ISO 8601, UTC; exclusive.")
    valid_from: str | None = Field(..., description="ISO 8601, UTC.")
    valid_until: str | None = Field(..., description="ISO 8601, UTC; exclusive.")
    min_per_order: int = Field(..., description="Least tickets in one order.")
    max_per_order: int = Field(..., description="Most tickets in one order.")
    display_order: int = Field(..., description="They are shown in this order.")
    image_url: str | None = Field(..., description="A path on this host; null without a picture.")
    options: list[OptionAnswer] = Field(..., description="What each attendee is asked.")
    quantity_limit: int | None = Field(None, description="Organiser only: null is unlimited.")
    sold: int | None = Field(None, description="Organiser only: tickets paid for.")
    held: int | None = Field(None, description="Organiser only: tickets of unpaid orders.")
    is_enabled: bool | None = Field(None, description="Organiser only.")
    is_hidden: bool | None = Field(None, description="Organiser only.")
    version: int | None = Field(None, description="Organiser only: raised by each change.")


class PackagesAnswer(BaseModel):
    data: list[PackageAnswer] = Field(..., description="In display order.")
    total: int = Field(..., description="How many there are in all.")


CONFLICT = {
    "model": Refusal,
    "description": "`stale_version`; `below_sold`: a limit under what is sold and held;"
    " `has_sales`: the kind of a package that was sold.",
}
BAD_PICTURE = {
    "model": Refusal,
    "description": "`invalid_image`: no still JPEG, PNG or WebP, damaged, more than a picture, or"
    " too big; `image_refused`: this host stores no more pictures of this user, or none like it.",
}


def answers(model: type[BaseModel], status: int = 200, **more: object) -> Answers:
    changed = {int(name[1:]): value for name, value in more.items()}
    return {**REFUSALS, **changed, status: {"model": model}}  # type: ignore[dict-item]
