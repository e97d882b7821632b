"""Request bodies of the routes about messages."""

from pydantic import Field, StrictBool, StrictStr, validator

from ..errors import InvalidInput
from ..models import Body, clean_text


class ResendBody(Body):
    """May be left out."""

    order_secret: str | None = Field(
        None, max_length=128, description="For clients that cannot set `X-Order-Secret`."
    )


class AnnouncementBody(Body):
    """What the organiser says. Errors: 400 `invalid_input`, 409 `already_announced`,
    429 `too_many_requests`."""

    subject: StrictStr = Field(..., description="1 to 200 characters, one line.")
    text: StrictStr = Field(
        ..., description="1 to 10,000 characters. Markdown as in an event's description."
    )
    package_ids: list[StrictStr] | None = Field(
        None, max_items=200, description="Only to holders of these ticket types; null: all."
    )
    test: StrictBool = Field(
        False, description="True: by mail to the organiser's own address, and to nobody else."
    )

    @validator("subject")
    def _subject(cls, value: str) -> str:
        return _required(clean_text(value, "The subject", 200), "a subject")

    @validator("text")
    def _text(cls, value: str) -> str:
        return _required(clean_text(value, "The text", 10_000, multiline=True), "a text")


def _required(text: str, what: str) -> str:
    if not text:
        raise InvalidInput(f"Please give the message {what}.")
    return text
