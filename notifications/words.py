"""How a language says things: texts by name, days, times and numbers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from decimal import Decimal

# Those that texts set around the name of an event.
_QUOTES = str.maketrans("", "", "„“«»")


@dataclass(frozen=True)
class Zone:
    """A time zone and its IANA name."""

    info: tzinfo
    name: str

    @property
    def shown(self) -> str:
        """As people read it: `America/New York`."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class When:
    """When something takes place: exact times as far as they are known, else days."""

    starts_at: datetime | None
    ends_at: datetime | None
    first: date | None
    last: date | None
    zone: Zone


@dataclass(frozen=True)
class Words:
    """One language. `texts` hold `{placeholders}`; every language has the same names in each.

    `thousands` and `decimal` are the marks inside numbers.
    """

    language: str
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    thousands: str
    decimal: str
    texts: Mapping[str, str]

    def say(self, text: str, **values: object) -> str:
        """A text by its name. Values go in as they are: nothing in them is looked at."""
        return self.texts[text].format(**values)

    def about(self, text: str, event: str | None, **values: object) -> str:
        """A text about an event. None: it is gone, and has no name to set in quotes."""
        if event is not None:
            return self.say(text, event=event, **values)
        plain = self.texts[text].translate(_QUOTES)
        return plain.format(event=self.say("gone_event"), **values)

    def count(self, text: str, number: int, **values: object) -> str:
        """The same in singular or plural: `<text>_one` or `<text>_many`."""
        form = "one" if number == 1 else "many"
        return self.say(f"{text}_{form}", count=number, **values)

    def sat(self, amount: int) -> str:
        return f"{self.number(Decimal(amount), 0)} sat"

    def number(self, value: Decimal, digits: int) -> str:
        marks = {",": self.thousands, ".": self.decimal}
        return "".join(marks.get(char, char) for char in f"{value:,.{digits}f}")

    def day(self, day: date) -> str:
        return self.say(
            "date",
            weekday=self.weekdays[day.weekday()],
            day=day.day,
            month=self.months[day.month - 1],
            year=day.year,
        )

    def when(self, when: When) -> str:
        """By the clock on the wall of its zone, which is named where a time is told."""
        if when.starts_at is not None:
            return f"{self._times(when, when.starts_at)} ({when.zone.shown})"
        first, last = when.first or when.last, when.last or when.first
        if first is None or last is None:
            return self.say("no_date")
        if first >= last:
            return self.day(first)
        return self.say("span", first=self.day(first), last=self.day(last))

    def window(self, starts: datetime | None, ends: datetime | None, zone: Zone) -> str:
        """When a ticket may be used; "" for any time."""
        if starts is not None and ends is not None:
            return self.when(When(starts, ends, None, None, zone))
        for name, at in (("from", starts), ("until", ends)):
            if at is not None:
                return self.say(name, at=f"{self._at(at.astimezone(zone.info))} ({zone.shown})")
        return ""

    def _times(self, when: When, starts_at: datetime) -> str:
        begins = starts_at.astimezone(when.zone.info)
        if when.ends_at is not None and when.ends_at > starts_at:
            ends = when.ends_at.astimezone(when.zone.info)
            if ends.date() == begins.date():
                day = self.day(begins.date())
                return self.say("times", date=day, start=f"{begins:%H:%M}", end=f"{ends:%H:%M}")
            return self.say("span", first=self._at(begins), last=self._at(ends))
        if when.last is not None and when.last > begins.date():
            return self.say("span", first=self._at(begins), last=self.day(when.last))
        return self._at(begins)

    def _at(self, local: datetime) -> str:
        return self.say("at", date=self.day(local.date()), time=f"{local:%H:%M}")
