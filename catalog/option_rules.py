"""Are the questions of a ticket type answered? Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidInput
from ..models import clean_text
from .options import BOOLEAN, MULTI, SINGLE, TEXT, Option

MAX_ANSWER = 1000
Value = str | bool | list[str]


@dataclass(frozen=True)
class Answer:
    """What one attendee answered, and to which words: the question may be put otherwise later."""

    option_id: str
    label: str
    value: Value


def check_responses(options: Sequence[Option], answers: Mapping[str, object]) -> list[Answer]:
    """The answers to the questions of one package, by option id, in the order they are asked.

    A text is a string, a boolean true or false, a single one of its choices, a multi a list of
    them; null, an empty text and an empty list are no answer. Raises InvalidInput for a question
    that is not asked, a missing or a wrong answer.
    """
    unknown = answers.keys() - {option.id for option in options}
    if unknown:
        raise InvalidInput("An answer is given to a question that is not asked.")
    found = []
    for option in options:
        value = _value(option, answers.get(option.id))
        if value is not None:
            found.append(Answer(option.id, option.label, value))
        elif option.is_required:
            raise InvalidInput(f"Please answer: {option.label}", option_id=option.id)
    return found


def _value(option: Option, answer: object) -> Value | None:
    return None if answer is None else _READERS[option.type](option, answer)


def _wrong(option: Option, what: str) -> InvalidInput:
    return InvalidInput(f"{option.label}: {what}", option_id=option.id)


def _text(option: Option, answer: object) -> str | None:
    if not isinstance(answer, str):
        raise _wrong(option, "the answer must be a text.")
    return clean_text(answer, "An answer", MAX_ANSWER, multiline=True) or None


def _boolean(option: Option, answer: object) -> bool:
    if not isinstance(answer, bool):
        raise _wrong(option, "the answer must be true or false.")
    return answer


def _single(option: Option, answer: object) -> str | None:
    if answer == "":
        return None
    if not isinstance(answer, str) or answer not in option.choices:
        raise _wrong(option, "please pick one of the choices.")
    return answer


def _multi(option: Option, answer: object) -> list[str] | None:
    if not isinstance(answer, (list, tuple)):
        raise _wrong(option, "the answer must be a list of choices.")
    for choice in answer:
        if not isinstance(choice, str) or choice not in option.choices:
            raise _wrong(option, "please pick from the choices.")
    return [choice for choice in option.choices if choice in answer] or None


_READERS: Mapping[str, Callable[[Option, object], Value | None]] = {
    TEXT: _text,
    BOOLEAN: _boolean,
    SINGLE: _single,
    MULTI: _multi,
}
