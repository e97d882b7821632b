"""The measurements as Markdown tables, and whether they keep the goals."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.one_engine import Measured

# Action, what it is compared with, and how many times as long it may take.
GOALS = (
    ("buy 1", "one bare invoice of the host", 1.5),
    ("buy 10", "one bare invoice of the host", 1.6),
    ("buy 1 asked", "buy 1", 1.15),
    ("register", "one authenticated wallet read of the host", 2.0),
    ("scan", "1.6.9's register: read, update, read", 1.0),
)


@dataclass(frozen=True)
class Engine:
    """One engine's version and its measurements, emptiest tables first."""

    version: str
    measured: Sequence[Measured]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell) for cell in line) + " |" for line in lines]


def _with(engine: Engine, name: str) -> list[Measured]:
    """Some are measured with fewer fillings of the tables than others."""
    return [found for found in engine.measured if name in found.ratios]


def _ratio_rows(engines: Sequence[Engine]) -> Iterable[Sequence[object]]:
    for engine in engines:
        for name, base, goal in GOALS:
            for found in _with(engine, name):
                r = found.ratios[name]
                yield (
                    engine.version,
                    f"{name} ÷ {base}",
                    f"{found.tickets:,}",
                    f"**{r.median:.2f}**",
                    f"{r.low:.2f} to {r.high:.2f}",
                    f"≤ {goal:g}",
                    "yes" if r.median <= goal else "no",
                    f"{r.action_ms:.1f} ÷ {r.base_ms:.1f}",
                )


def _statement_rows(engines: Sequence[Engine]) -> Iterable[Sequence[object]]:
    for engine in engines:
        for name in engine.measured[0].statements:
            sent = [found.statements.get(name) for found in engine.measured]
            yield engine.version, name, *(_cell(counts) for counts in sent)


def _cell(counts: tuple[int, int] | None) -> str:
    """Of what was not counted with so many tickets: nothing."""
    if counts is None:
        return ""
    return "{} + {}".format(*counts) if sum(counts) else "0"


def tables(engines: Sequence[Engine], rounds: int, on_disk: bool) -> str:
    """Both tables and the machine they were made on."""
    sizes = [f"{found.tickets:,} tickets" for found in engines[0].measured]
    ratio_head = "Engine|Ratio|Tickets|Median|Quartiles|Goal|Met|Medians, ms".split("|")
    machine = (
        f"Machine: {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python"
        f" {platform.python_version()}, LNbits {version('lnbits')}, FakeWallet,"
        f" {' and '.join(engine.version for engine in engines)},"
        f" databases {'on disk' if on_disk else 'in memory'}. {rounds} rounds after warm-up."
    )
    lines = [
        machine,
        "",
        *_table(ratio_head, _ratio_rows(engines)),
        "",
        "SQL statements (extension's database + host's database):",
        "",
        *_table(["Engine", "Action", *sizes], _statement_rows(engines)),
    ]
    return "\n".join(lines)


def missed(engines: Sequence[Engine]) -> list[str]:
    """A sentence for every goal that is not kept."""
    return [*_slow(engines), *_growing(engines)]


def _slow(engines: Sequence[Engine]) -> Iterable[str]:
    for engine in engines:
        for name, _, goal in GOALS:
            for found in _with(engine, name):
                median = found.ratios[name].median
                if median > goal:
                    tickets = f"with {found.tickets:,} tickets"
                    yield f"{engine.version}: {name} is {median:.2f} {tickets}, goal {goal:g}"


def _growing(engines: Sequence[Engine]) -> Iterable[str]:
    for engine in engines:
        first, *others = engine.measured
        for name, before in first.statements.items():
            for found in others:
                if name not in found.statements:
                    continue
                now, then = sum(found.statements[name]), sum(before)
                if now > then:
                    yield f"{engine.version}: {name} sends {now} statements, not {then}"


def write(path: Path, text: str, on_disk: bool) -> None:
    """Put the tables between their marks; the words around them are written by hand."""
    name = "disk" if on_disk else "memory"
    begin, end = f"<!-- measured: {name} -->", f"<!-- end: {name} -->"
    before, rest = path.read_text(encoding="utf-8").split(begin, 1)
    after = rest.split(end, 1)[1]
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")
