"""A small model of a door, beside the real one: what each scan must be told, and who is inside."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx

from support.builders import Json, a_purchase, an_event
from support.host import ext
from support.invariants import broken_at_the_door, read_door
from support.people import Person
from support.scanners import a_scanner, shows
from support.scanning import set_ticket

NEW, INSIDE, OUTSIDE, CANCELLED = "new", "inside", "outside", "cancelled"
FREE = "FREE"
# Whoever may scan: two scanners, and the organiser, who is called that.
WHO = ("A", "B", "organiser")


@dataclass
class Entry:
    """An admission."""

    scan_id: str
    at: datetime
    by: str
    was_outside: bool
    is_annulled: bool = False


@dataclass
class Guest:
    """What the model knows of a ticket. `never`: it opens this door to nobody."""

    code: str
    never: str | None = None
    is_late: bool = False
    state: str = NEW
    entries: list[Entry] = field(default_factory=list)

    @property
    def standing(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.is_annulled]

    @property
    def columns(self) -> tuple[str, bool, bool]:
        """Status, `registered`, and whether its holder is out; of one that was not cancelled."""
        is_used = self.state != NEW
        return "used" if is_used else "active", is_used, self.state == OUTSIDE


@dataclass
class World:
    event_id: str
    comes_back: bool
    organiser: Person
    shown: Mapping[str, Any]
    # Those of one order first, in its order.
    guests: list[Guest]
    in_order: int
    answers: dict[str, Json] = field(default_factory=dict)
    made_by: dict[str, str] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def group(self) -> Json | None:
        """Who of the order may be in, and who is or was."""
        states = [g.state for g in self.guests[: self.in_order] if g.state != CANCELLED]
        counts = {"tickets": len(states), "admitted": len(states) - states.count(NEW)}
        return counts if len(states) > 1 else None

    def guest_of(self, scan_id: str) -> Guest | None:
        return next(
            (guest for guest in self.guests if any(e.scan_id == scan_id for e in guest.entries)),
            None,
        )


async def open_world(client: httpx.AsyncClient, organiser: Person, comes_back: bool) -> World:
    """An event with two tickets that are good, one whose time is over and one nobody paid for; and
    a ticket of another event."""
    codes = [{"code": FREE, "discount_percent": 100, "active": True}]
    event = await an_event(
        client,
        organiser,
        entry="reentry" if comes_back else "once",
        extra={"promo_codes": codes},
    )
    ids = (await a_purchase(client, event["id"], quantity=3, promo_code=FREE))["ticket_ids"]
    [unpaid] = (await a_purchase(client, event["id"]))["ticket_ids"]
    await set_ticket(ids[2], valid_until=_ms(now() - timedelta(hours=1)))
    gates = [await a_scanner(client, organiser, event["id"], name=name) for name in WHO[:2]]
    keys, sha256_hex = ext("door.keys"), ext("settings").sha256_hex
    tokens = [shows(gate)["X-Scanner-Token"] for gate in gates]
    shown = [keys.Presented(sha256_hex(token), None) for token in tokens]
    return World(
        event_id=event["id"],
        comes_back=comes_back,
        organiser=organiser,
        shown=dict(zip(WHO, [*shown, keys.Presented(None, organiser.wallet)], strict=True)),
        guests=[
            *(Guest(code) for code in ids[:2]),
            Guest(ids[2], is_late=True),
            Guest(unpaid, never="unpaid"),
            Guest(await _elsewhere(client, organiser), never="wrong_event"),
            Guest("nobody-has-this", never="unknown"),
        ],
        in_order=3,
    )


_strangers: list[str] = []


async def _elsewhere(client: httpx.AsyncClient, organiser: Person) -> str:
    if not _strangers:
        event = await an_event(client, organiser, price_per_ticket=0)
        _strangers.extend((await a_purchase(client, event["id"]))["ticket_ids"])
    return _strangers[0]


def now() -> datetime:
    moment: datetime = ext("clock").now()
    return moment


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


# The model.


def foreseen(world: World, guest: Guest, what: str) -> tuple[str, bool]:
    """The outcome, and whether it shows a conflict."""
    told = _told(world, guest, "check_in" if what == "force" else what)
    if what != "force" or told == "admitted":
        return told, False
    return ("admitted" if told in ("already_used", "expired") else told), True


def _told(world: World, guest: Guest, what: str) -> str:
    if guest.never or guest.state == CANCELLED:
        return guest.never or "cancelled"
    if what == "check_out":
        return "left" if guest.state == INSIDE else "not_checked_in"
    if guest.is_late:
        return "expired"
    if what == "access":
        return "access_granted"
    may_enter = guest.state == NEW or (guest.state == OUTSIDE and world.comes_back)
    return "admitted" if may_enter else "already_used"


def follow(guest: Guest, answer: Json, at: datetime, by: str) -> None:
    """What a scan changes."""
    if answer["outcome"] == "left":
        guest.state = OUTSIDE
    if answer["outcome"] == "admitted":
        returns = guest.state == OUTSIDE and not answer["conflict"]
        guest.entries.append(Entry(answer["scan_id"], at, by, returns))
        if guest.state == NEW or returns:
            guest.state = INSIDE


def follow_annulment(guest: Guest, entry: Entry) -> None:
    was_annulled, entry.is_annulled = entry.is_annulled, True
    if was_annulled or guest.state == CANCELLED:
        return
    later = guest.entries[guest.entries.index(entry) + 1 :]
    if not guest.standing:
        guest.state = NEW
    elif entry.was_outside and all(other.is_annulled for other in later):
        guest.state = OUTSIDE


# The steps, each with what it must be told.


async def scan(world: World, number: int, what: str, who: str, ago_min: int) -> None:
    guest = world.guests[number % len(world.guests)]
    at = now() - timedelta(minutes=ago_min)
    is_forced = what == "force"
    models, services = ext("door.models"), ext("door.services")
    scan_type = models.ScanType("check_in" if is_forced else what)
    new = models.NewScan(_scan_id(world), guest.code, scan_type, at, is_forced=is_forced)
    expected = foreseen(world, guest, what)
    [answer] = await services.scan_all(world.event_id, world.shown[who], [new])
    _note(world, guest, answer, expected, at, who)


async def scan_order(world: World, number: int, who: str) -> None:
    """A guest comes with the others of the order."""
    order = world.guests[: world.in_order]
    guest, at = order[number % len(order)], now()
    models, services = ext("door.models"), ext("door.services")
    new = models.NewScan(
        _scan_id(world), guest.code, models.ScanType.CHECK_IN, at, whole_order=True
    )
    expected = [(guest, foreseen(world, guest, "check_in"))]
    if expected[0][1][0] in ("admitted", "already_used"):
        others = [g for g in order if g is not guest and g.state == NEW]
        expected += [(other, foreseen(world, other, "check_in")) for other in others]
    answer = await services.scan_order(world.event_id, world.shown[who], new)
    for (each, told), part in zip(expected, answer["results"], strict=True):
        _note(world, each, part, told, at, who)


async def look(world: World, number: int) -> None:
    guest = world.guests[number % len(world.guests)]
    shown = world.shown["organiser"]
    looked = await ext("door.services").validate(world.event_id, shown, guest.code, now())
    assert looked["outcome"] == foreseen(world, guest, "check_in")[0]


async def repeat(world: World, number: int, other: int, who: str) -> None:
    """Some scan is sent again, perhaps by another device that says it was of another code."""
    if not world.answers:
        return
    first = list(world.answers.values())[number % len(world.answers)]
    models = ext("door.models")
    code = world.guests[other % len(world.guests)].code
    new = models.NewScan(first["scan_id"], code, models.ScanType.CHECK_OUT, now())
    [again] = await ext("door.services").scan_all(world.event_id, world.shown[who], [new])
    assert again == first


async def annul(world: World, number: int, who: str) -> None:
    """An admission, now or before."""
    made = [scan_id for scan_id, told in world.answers.items() if told["outcome"] == "admitted"]
    if made:
        await _annul(world, made[number % len(made)], who)


async def annul_anything(world: World, number: int, who: str) -> None:
    if world.answers:
        await _annul(world, list(world.answers)[number % len(world.answers)], who)


async def _annul(world: World, scan_id: str, who: str) -> None:
    services, errors = ext("door.services"), ext("errors")
    guest = world.guest_of(scan_id)
    is_theirs = who in ("organiser", world.made_by[scan_id])
    try:
        answer = await services.annul(world.event_id, scan_id, world.shown[who], now())
    except errors.NotAnAdmission:
        assert guest is None
        assert is_theirs
        return
    except errors.Forbidden:
        assert not is_theirs
        return
    assert guest is not None
    assert is_theirs
    assert answer["annulled"]
    follow_annulment(guest, next(e for e in guest.entries if e.scan_id == scan_id))
    world.answers[scan_id]["annulled"] = True


async def cancel(world: World, number: int) -> None:
    """The organiser throws somebody out; again makes no difference."""
    guest = world.guests[number % world.in_order]
    cancelling = ext("refunds.cancelling")
    by = cancelling.By(wallet=world.organiser.wallet, percent=0)
    await cancelling.cancel_ticket(guest.code, by, now())
    guest.state = CANCELLED


def _scan_id(world: World) -> str:
    return f"scan-number-{next(world.numbers)}"


def _note(
    world: World, guest: Guest, answer: Json, expected: tuple[str, bool], at: datetime, who: str
) -> None:
    assert (answer["outcome"], answer["conflict"]) == expected
    follow(guest, answer, at, who)
    world.answers[answer["scan_id"]] = answer
    world.made_by[answer["scan_id"]] = who
    if guest.never in ("unknown", "wrong_event"):
        assert answer["ticket"] is None
        return
    assert answer["ticket"]["id"] == guest.code
    first = min(guest.standing, key=lambda entry: entry.at, default=None)
    assert answer["by"] == (first.by if first else None)
    assert answer["group"] == (world.group if guest.never is None else None)


async def check(world: World) -> None:
    """The tickets are as the model has them, every scan has one row, and I5 holds."""
    found = await read_door(world.event_id)
    assert broken_at_the_door(found) == []
    columns = {
        ticket["id"]: (ticket["status"], bool(ticket["registered"]), bool(ticket["left_at"]))
        for ticket in found["tickets"]
    }
    for guest in world.guests[: world.in_order]:
        if guest.state == CANCELLED:
            assert columns[guest.code][0] == "cancelled"
        else:
            assert columns[guest.code] == guest.columns
    assert {
        scan["scan_id"]: (scan["outcome"], bool(scan["is_conflict"]), bool(scan["annulled_at"]))
        for scan in found["scans"]
    } == {
        scan_id: (told["outcome"], told["conflict"], told["annulled"])
        for scan_id, told in world.answers.items()
    }
