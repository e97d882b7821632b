"""What forms of the public pages share: fields as they were sent, refusals beside their fields."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from starlette.exceptions import HTTPException

from .errors import InvalidInput

_UNREADABLE = "The form could not be read."


@dataclass(frozen=True)
class Problem:
    """A refusal, and the field it is about ("" for the form as a whole)."""

    field: str
    message: str
    code: str = ""


def message_of(errors: Sequence[Problem], name: str) -> str | None:
    """What is wrong with a field, None if nothing is."""
    return next((problem.message for problem in errors if problem.field == name), None)


@dataclass(frozen=True)
class Sent:
    """The fields of a form, trimmed. A name may come several times (checkboxes)."""

    fields: Mapping[str, Sequence[str]]

    def all(self, name: str) -> Sequence[str]:
        return self.fields.get(name, ())

    def one(self, name: str) -> str:
        """ "" for a field that was not sent."""
        return next(iter(self.all(name)), "")

    def pairs(self, names: re.Pattern[str]) -> list[tuple[str, str]]:
        """Fields of such names with their values, to be sent along."""
        found = [name for name in self.fields if names.fullmatch(name)]
        return [(name, value) for name in found for value in self.fields[name]]


async def sent_fields(request: Request) -> Sent:
    """For forms whose fields depend on what is sold. Raises InvalidInput for files and the like."""
    fields: dict[str, list[str]] = {}
    try:
        async with request.form() as form:
            for name, value in form.multi_items():
                if not isinstance(value, str):
                    raise InvalidInput(_UNREADABLE)
                fields.setdefault(name, []).append(value.strip())
    except HTTPException as error:
        raise InvalidInput(_UNREADABLE) from error
    return Sent(fields)


def whole_number(text: str) -> int:
    """0 for everything that is none; what it is for refuses that with its own sentence."""
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0
