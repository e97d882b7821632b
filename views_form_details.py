"""The second step of buying: who comes, and the answers to what the ticket's package asks.

Nothing is held meanwhile. The fields of ticket 2 are `t2_name`, `t2_email` and `t2_<option id>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from .catalog.option_rules import check_responses
from .catalog.options import BOOLEAN, MULTI, Option
from .errors import InvalidInput, TicketingError
from .orders.bodies import AttendeeBody, clean_email, clean_name
from .views_event_models import EventPage, PackageRow
from .views_form_buy import BuyForm, problems_of
from .views_forms import Problem, Sent, message_of

# With more choices than these, a list that opens takes less room.
_MOST_RADIOS = 6
_NO = "No"
_YES_OR_NO = ("Yes", _NO)
_NAME_MISSING = "Please give a name, or leave the e-mail empty too."


@dataclass(frozen=True)
class Question:
    """A question to one guest, with what was answered so far."""

    field: str
    label: str
    type: str
    choices: Sequence[str]
    is_required: bool
    given: Sequence[str]
    error: str | None

    @property
    def text(self) -> str:
        return next(iter(self.given), "")

    @property
    def is_list(self) -> bool:
        return len(self.choices) > _MOST_RADIOS


@dataclass(frozen=True)
class Guest:
    """One ticket. `name` and `email` are asked for when there are several."""

    number: int
    name: str
    email: str
    name_error: str | None
    email_error: str | None
    questions: Sequence[Question]


@dataclass(frozen=True)
class DetailsPage:
    """`same`: the answers of the first ticket are those of all that have none of their own."""

    event: EventPage
    form: BuyForm
    package: PackageRow
    guests: Sequence[Guest]
    same: bool
    errors: Sequence[Problem]

    @property
    def has_names(self) -> bool:
        return len(self.guests) > 1

    @property
    def has_questions(self) -> bool:
        return any(guest.questions for guest in self.guests)


@dataclass(frozen=True)
class Details:
    """What the second step asks for, and what was sent of it."""

    form: BuyForm
    options: Sequence[Option]
    sent: Sent

    @property
    def is_needed(self) -> bool:
        return bool(self.options) or (self.form.guests and self.form.count > 1)

    @property
    def same(self) -> bool:
        return bool(self.sent.one("same"))

    def attendees(self) -> list[AttendeeBody]:
        """One per ticket, each with all of its answers. What is wrong is told by `problems`."""
        return [self._attendee(number) for number in self._numbers()]

    def _attendee(self, number: int) -> AttendeeBody:
        answers = {option.id: self._answer(number, option) for option in self.options}
        given = {id_: answer for id_, answer in answers.items() if answer is not None}
        name, email = self._person(number)
        nostr = None
        if not name:
            name, email = self.form.name, self.form.email
            nostr = self.form.nostr_identifier or None
        return AttendeeBody(name=name, email=email, nostr_identifier=nostr, responses=given)

    def problems(self) -> list[Problem]:
        """Everything wrong in this step, each beside its field."""
        found = []
        for number in self._numbers():
            name, email = self._person(number)
            found += problems_of(
                {
                    f"t{number}_name": partial(_check_name, name, email),
                    f"t{number}_email": partial(clean_email, email),
                }
            )
            found += self._refused_answers(number)
        return [self._named(problem) for problem in found]

    def _refused_answers(self, number: int) -> list[Problem]:
        found = []
        for option in self.options:
            answer = self._answer(number, option)
            try:
                check_responses([option], {} if answer is None else {option.id: answer})
            except TicketingError as error:
                about = "" if option.label in error.message else f"{option.label}: "
                found.append(Problem(_field(number, option), about + error.message))
        return found

    def _named(self, problem: Problem) -> Problem:
        """With several tickets a sentence says which one it is about."""
        if self.form.count < 2:
            return problem
        number = problem.field[1:].split("_")[0]
        return Problem(problem.field, f"Ticket {number}: {problem.message}")

    def page(self, event: EventPage, package: PackageRow, errors: Sequence[Problem]) -> DetailsPage:
        guests = [self._guest(number, errors) for number in self._numbers()]
        return DetailsPage(event, self.form, package, guests, self.same, errors)

    def _guest(self, number: int, errors: Sequence[Problem]) -> Guest:
        name, email = self._person(number)
        return Guest(
            number=number,
            name=name,
            email=email,
            name_error=message_of(errors, f"t{number}_name"),
            email_error=message_of(errors, f"t{number}_email"),
            questions=[self._question(number, option, errors) for option in self.options],
        )

    def _question(self, number: int, option: Option, errors: Sequence[Problem]) -> Question:
        field = _field(number, option)
        return Question(
            field=field,
            label=option.label,
            type=option.type,
            choices=_YES_OR_NO if _asks_yes_or_no(option) else option.choices,
            is_required=option.is_required,
            given=self.sent.all(field),
            error=message_of(errors, field),
        )

    def _numbers(self) -> range:
        return range(1, self.form.count + 1)

    def _person(self, number: int) -> tuple[str, str]:
        """Name and e-mail of a guest; a single ticket is the buyer's."""
        if self.form.count < 2:
            return "", ""
        return self.sent.one(f"t{number}_name"), self.sent.one(f"t{number}_email")

    def _answer(self, number: int, option: Option) -> object | None:
        """None for a question left open."""
        own = _read(option, self.sent.all(_field(number, option)))
        if own is None and self.same and number > 1:
            own = _read(option, self.sent.all(_field(1, option)))
        # A box that is not ticked says no.
        is_no = own is None and option.type == BOOLEAN and not option.is_required
        return False if is_no else own


def _check_name(name: str, email: str) -> None:
    if name:
        clean_name(name)
    elif email:
        raise InvalidInput(_NAME_MISSING)


def _field(number: int, option: Option) -> str:
    return f"t{number}_{option.id}"


def _asks_yes_or_no(option: Option) -> bool:
    """One box cannot tell a no from no answer."""
    return option.type == BOOLEAN and option.is_required


def _read(option: Option, given: Sequence[str]) -> object | None:
    """What a browser sends of a question, as the purchase wants it; None for nothing."""
    filled = [text for text in given if text]
    if not filled:
        return None
    if option.type == BOOLEAN:
        return filled[0] != _NO
    return filled if option.type == MULTI else filled[0]
