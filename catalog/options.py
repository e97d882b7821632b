"""The questions of a ticket type: at most four, asked per attendee."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..audit.services import differences, record
from ..clock import to_ms
from ..crud import Row, Tx, reading, short_id, transaction
from ..errors import InvalidInput, NotFound
from . import crud_options, crud_packages
from .bodies_packages import OptionBody, OptionPatch
from .models import Listing
from .services import own_event

MAX_OPTIONS = 4
TEXT, BOOLEAN, SINGLE, MULTI = "text", "boolean", "single", "multi"


@dataclass(frozen=True)
class Option:
    """A question. `choices` are what may be answered to a single or multi one, else empty."""

    id: str
    package_id: str
    label: str
    type: str
    choices: tuple[str, ...]
    is_required: bool
    display_order: int

    @classmethod
    def from_row(cls, row: Row) -> "Option":
        return cls(
            id=row["id"],
            package_id=row["package_id"],
            label=row["label"],
            type=row["type"],
            choices=tuple(json.loads(row["choices"])),
            is_required=bool(row["is_required"]),
            display_order=row["display_order"],
        )


Options = Mapping[str, Sequence[Option]]


def _per_package(rows: Sequence[Row]) -> dict[str, list[Option]]:
    found: dict[str, list[Option]] = defaultdict(list)
    for row in rows:
        found[row["package_id"]].append(Option.from_row(row))
    return dict(found)


async def options_of(tx: Tx, event_id: str) -> dict[str, list[Option]]:
    """What is asked now, by package, in display order: one statement. Without any: no entry."""
    return _per_package(await crud_options.list_of_event(tx, event_id))


async def listing_options(tx: Tx, listing: Listing) -> dict[str, list[Option]]:
    """The same; no statement for an event that asks nothing."""
    return await options_of(tx, listing.event.id) if listing.asks else {}


async def read_options(event_id: str) -> dict[str, list[Option]]:
    """The same on a connection of its own."""
    async with reading() as tx:
        return await options_of(tx, event_id)


async def read_wallet_options(wallets: Sequence[str]) -> dict[str, list[Option]]:
    """Of all events of some wallets, by package: one statement."""
    marks = {f"w{number}": wallet for number, wallet in enumerate(wallets)}
    if not marks:
        return {}
    async with reading() as tx:
        return _per_package(await crud_options.list_of_wallets(tx, marks))


async def add_option(
    event_id: str, wallet: str, package_id: str, body: OptionBody, now: datetime
) -> Option:
    """Ask one more thing. Raises InvalidInput for a fifth, NotFound, Forbidden."""
    check_choices(body.type, body.choices)
    async with transaction() as tx:
        there = await _lock(tx, event_id, wallet, package_id)
        if len(there) >= MAX_OPTIONS:
            raise InvalidInput(f"A ticket type can ask {MAX_OPTIONS} things at most.")
        last = max((option.display_order for option in there), default=-1)
        option = Option(
            id=short_id(),
            package_id=package_id,
            label=body.label,
            type=body.type,
            choices=tuple(body.choices),
            is_required=body.required,
            display_order=last + 1,
        )
        row = {"id": option.id, "event_id": event_id, "package_id": package_id}
        await crud_options.insert(
            tx, {**row, **_columns(option), "is_deleted": False, "created_at": to_ms(now)}
        )
        after = {**described(option), "package_id": package_id}
        await record(tx, differences("create", "option", option.id, event_id, {}, after))
    return option


async def change_option(
    event_id: str, wallet: str, package_id: str, option_id: str, patch: OptionPatch
) -> Option:
    """Ask it differently from now on. Raises InvalidInput, NotFound, Forbidden."""
    async with transaction() as tx:
        old = _find(await _lock(tx, event_id, wallet, package_id), option_id)
        kind = patch.type or old.type
        # A text has no choices: a list that was left behind by another type goes.
        kept = old.choices if kind in (SINGLE, MULTI) else ()
        option = Option(
            id=old.id,
            package_id=old.package_id,
            label=old.label if patch.label is None else patch.label,
            type=kind,
            choices=kept if patch.choices is None else tuple(patch.choices),
            is_required=old.is_required if patch.required is None else patch.required,
            display_order=old.display_order,
        )
        check_choices(option.type, option.choices)
        await crud_options.save(tx, option_id, _columns(option))
        changes = differences(
            "update", "option", option_id, event_id, described(old), described(option)
        )
        await record(tx, changes)
    return option


async def remove_option(event_id: str, wallet: str, package_id: str, option_id: str) -> None:
    """Ask it no more; what was answered stays. Raises NotFound, Forbidden."""
    async with transaction() as tx:
        old = _find(await _lock(tx, event_id, wallet, package_id), option_id)
        await crud_options.remove(tx, option_id)
        await record(tx, differences("delete", "option", option_id, event_id, described(old), {}))


def check_choices(kind: str, choices: Sequence[str]) -> None:
    """Raises InvalidInput where choices are missing, or given for a free answer."""
    if kind in (SINGLE, MULTI) and not choices:
        raise InvalidInput("This type of question needs choices.")
    if kind not in (SINGLE, MULTI) and choices:
        raise InvalidInput("Choices belong to questions of the type single or multi.")


def described(option: Option) -> dict[str, object]:
    """An option as the log of changes names its fields."""
    return {
        "label": option.label,
        "type": option.type,
        "choices": list(option.choices),
        "required": option.is_required,
    }


def _columns(option: Option) -> dict[str, object]:
    return {
        "label": option.label,
        "type": option.type,
        "choices": json.dumps(option.choices),
        "is_required": option.is_required,
        "display_order": option.display_order,
    }


async def _lock(tx: Tx, event_id: str, wallet: str, package_id: str) -> Sequence[Option]:
    """What the package asks. The event's row is locked, so two fifth options cannot both fit."""
    await crud_packages.lock_event(tx, event_id, wallet)
    await own_event(tx, event_id, wallet)
    await crud_packages.require_package(tx, event_id, package_id)
    return (await options_of(tx, event_id)).get(package_id, ())


def _find(options: Sequence[Option], option_id: str) -> Option:
    for option in options:
        if option.id == option_id:
            return option
    raise NotFound("This question does not exist.")
