"""What forms of the public pages share: refusals beside their fields."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A refusal, and the field it is about ("" for the form as a whole)."""

    field: str
    message: str
    code: str = ""


def message_of(errors: Sequence[Problem], name: str) -> str | None:
    """What is wrong with a field, None if nothing is."""
    return next((problem.message for problem in errors if problem.field == name), None)
