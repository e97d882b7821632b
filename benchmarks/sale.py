"""How long a sale takes, as ratios to what the host alone needs, on both database engines.

Usage: sale.py [--rounds N] [--engine sqlite|postgres] [--disk] [--write]. Starts itself once per
engine, because LNbits fixes its database at import. Without `--disk` no commit waits for a disk,
so that the program is measured. `--write` puts the tables into docs/benchmarks.md. Ends with
status 1 when a goal is missed.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# At the end: the root is the extension itself, and nothing of it may hide a library.
sys.path += [str(ROOT), str(ROOT / "tests")]

from benchmarks import one_engine, report  # noqa: E402
from benchmarks.pairs import Ratio  # noqa: E402

ENGINES = ("sqlite", "postgres")
PAGE = ROOT / "docs" / "benchmarks.md"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=150)
    parser.add_argument("--engine", choices=ENGINES, action="append", dest="engines")
    parser.add_argument("--disk", action="store_true")
    parser.add_argument("--write", action="store_true")
    # For the process of one engine: where to leave its findings.
    parser.add_argument("--findings", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def leave_findings(rounds: int, on_disk: bool, path: Path) -> None:
    version, measured = one_engine.run(rounds, on_disk)
    found = {"version": version, "measured": [dataclasses.asdict(each) for each in measured]}
    path.write_text(json.dumps(found))


def findings_of(engine: str, rounds: int, on_disk: bool) -> report.Engine:
    """Measure an engine in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="events-benchmark-") as folder:
        path = Path(folder) / "findings.json"
        command = [sys.executable, __file__, "--rounds", str(rounds), "--findings", str(path)]
        command += ["--disk"] if on_disk else []
        environment = os.environ | {"EVENTS_TEST_DB": engine}
        # The host prints its migrations; the tables are to stand alone.
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
        found = json.loads(path.read_text())
    return report.Engine(found["version"], [_measured(each) for each in found["measured"]])


def _measured(found: dict[str, Any]) -> one_engine.Measured:
    return one_engine.Measured(
        tickets=found["tickets"],
        ratios={name: Ratio(**values) for name, values in found["ratios"].items()},
        statements={name: (counts[0], counts[1]) for name, counts in found["statements"].items()},
    )


def main() -> int:
    asked = arguments()
    if asked.findings:
        leave_findings(asked.rounds, asked.disk, asked.findings)
        return 0
    engines = []
    for engine in asked.engines or ENGINES:
        print(f"Measuring on {engine} …", file=sys.stderr, flush=True)
        engines.append(findings_of(engine, asked.rounds, asked.disk))
    text = report.tables(engines, asked.rounds, asked.disk)
    print(text)
    if asked.write:
        report.write(PAGE, text, asked.disk)
    missed = report.missed(engines)
    for sentence in missed:
        print(f"Missed: {sentence}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
