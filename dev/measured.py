"""Run pytest and write down which lines and branches of the package ran.

Usage: measured.py RESULT.json [PYTEST ARGUMENTS]. The result has slipcover's JSON shape, with
paths relative to the repository. Slipcover puts its probes into the bytecode and takes them out
again; a tracer, the other way to do it, makes the host three times as slow.
"""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from slipcover import ImportManager, Slipcover, merge_coverage

ROOT = Path(__file__).resolve().parent.parent
# What is in the repository and is not run-time code of the package.
OTHERS = frozenset({"tests", "benchmarks", "dev", "data", "dist", "docs", "_vendor"})


class PackageFiles:
    """Says of an imported file whether it belongs to the package, by whatever link it came."""

    def matches(self, filename: str) -> bool:
        path = Path(filename).resolve()
        return path.suffix == ".py" and path.is_relative_to(ROOT) and is_run_time(path)


def is_run_time(path: Path) -> bool:
    first = path.relative_to(ROOT).parts[0]
    return first not in OTHERS and not first.startswith(".")


def run_time_files() -> list[str]:
    """The package's own modules, relative to the repository; rooms are one folder deep."""
    found = [*ROOT.glob("*.py"), *ROOT.glob("*/*.py")]
    return [str(path.relative_to(ROOT)) for path in found if is_run_time(path)]


def by_repository_path(found: dict[str, Any]) -> dict[str, Any]:
    """The measurement with each file once: hosts import it through folders of their own."""
    joined: dict[str, Any] = {"meta": found["meta"], "files": {}}
    for name, lines in found["files"].items():
        path = str(Path(name).resolve().relative_to(ROOT))
        joined = merge_coverage(joined, {"meta": found["meta"], "files": {path: lines}})
    return joined


def main() -> int:
    result, *arguments = sys.argv[1:]
    sys.path.pop(0)  # this folder, whose modules the tests do not mean
    measure = Slipcover(branch=True)
    with ImportManager(measure, PackageFiles()):
        status = int(pytest.main(arguments))
    # While the working directory still is the host's, which the paths are relative to.
    Path(result).write_text(json.dumps(by_repository_path(measure.get_coverage())))
    return status


if __name__ == "__main__":
    sys.exit(main())
