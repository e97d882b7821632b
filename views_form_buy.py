"""The first step of buying: which ticket, how many, for whom."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from .errors import TicketingError
from .models import clean_text
from .orders.bodies import (
    PurchaseBody,
    clean_email,
    clean_idempotency_key,
    clean_name,
    clean_nostr,
)
from .views_event_models import PackageRow
from .views_forms import Problem, Sent, message_of, whole_number

# Fields of the second step, which the first carries along when somebody comes back to it.
_DETAILS = re.compile(r"t(10|[1-9])_[0-9A-Za-z_-]{1,64}|same")


@dataclass(frozen=True)
class BuyForm:
    """What stands in the form. `key` makes a form that is sent twice one order.

    `guests`: the buyer wants to name them. `mails`: the event wants an address for its e-mails.
    `sends`: it sends its tickets at all, `sends_mail`: also by e-mail, to who wants it. What
    stands behind `errors` is filled for the page.
    """

    key: str
    package_id: str = ""
    quantity: str = "1"
    name: str = ""
    email: str = ""
    nostr_identifier: str = ""
    promo_code: str = ""
    guests: bool = False
    carried: Sequence[tuple[str, str]] = ()
    errors: Sequence[Problem] = ()
    needs_email: bool = False
    mails: bool = False
    sends: bool = True
    sends_mail: bool = False
    packages: Sequence[PackageRow] = ()

    def error(self, name: str) -> str | None:
        return message_of(self.errors, name)

    @property
    def count(self) -> int:
        return whole_number(self.quantity)

    @property
    def chosen(self) -> PackageRow | None:
        """The ticked package: the one asked for, else the first on sale."""
        wanted = [package for package in self.packages if package.id == self.package_id]
        return next(iter([*wanted, *self.packages]), None)

    @property
    def is_single(self) -> bool:
        return len(self.packages) == 1

    @property
    def is_free(self) -> bool:
        return all(package.is_free for package in self.packages)

    @property
    def may_name_guests(self) -> bool:
        """Where a package asks questions there is a second step, with names, anyway."""
        return any(package.most > 1 and not package.asks for package in self.packages)

    @property
    def may_ask(self) -> bool:
        """Whether the next page may be one of questions."""
        return any(package.asks for package in self.packages)

    @property
    def asks(self) -> bool:
        """Whether it is, whatever is chosen."""
        return bool(self.packages) and all(package.asks for package in self.packages)


def new_key() -> str:
    return secrets.token_urlsafe(18)


def refused(form: BuyForm, problems: Sequence[Problem]) -> BuyForm:
    """The form with what is wrong; with a key that can be used, whatever was sent as one."""
    is_key_bad = any(not problem.field for problem in problems)
    return replace(form, errors=problems, key=new_key() if is_key_bad else form.key)


def read_buy_form(sent: Sent) -> BuyForm:
    return BuyForm(
        key=sent.one("key"),
        package_id=sent.one("package_id"),
        quantity=sent.one("quantity"),
        name=sent.one("name"),
        email=sent.one("email"),
        nostr_identifier=sent.one("nostr_identifier"),
        promo_code=sent.one("promo_code"),
        guests=bool(sent.one("guests")),
        carried=sent.pairs(_DETAILS),
    )


def buy_problems(form: BuyForm) -> list[Problem]:
    """Everything wrong with the fields themselves, so that people can mend it in one go."""
    checks: dict[str, Callable[[], object]] = {
        "package": lambda: clean_text(form.package_id, "The ticket type", 128),
        "quantity": lambda: PurchaseBody(name="-", quantity=form.count),
        "name": lambda: clean_name(form.name),
        "email": lambda: clean_email(form.email),
        "nostr_identifier": lambda: clean_nostr(form.nostr_identifier),
        "promo_code": lambda: clean_text(form.promo_code, "The promo code", 64),
        # Not a field that people see.
        "": lambda: clean_idempotency_key(form.key or None),
    }
    return problems_of(checks)


def problems_of(checks: dict[str, Callable[[], object]]) -> list[Problem]:
    """Run a check per field; what they refuse, beside the field's name."""
    found = []
    for name, check in checks.items():
        try:
            check()
        except TicketingError as error:
            found.append(Problem(name, error.message, error.code))
    return found
