"""Run the tests once per database engine, side by side, and measure their coverage.

Usage: engines.py ENGINE... [-- PYTEST ARGUMENTS]. With arguments only a part of the tests runs,
so coverage is shown, but the limit is not demanded.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from slipcover import merge_coverage, print_coverage

from measured import ROOT, run_time_files

BUILD = ROOT / ".build" / "tests"
LEAST_COVERAGE_PERCENT = 95.0
INTERRUPTED = 130
STOP_SECONDS = 10.0


@dataclass
class Run:
    """One pytest process; its output goes to `log`, so that two of them stay readable."""

    engine: str
    process: subprocess.Popen[bytes]
    log: Path
    coverage: Path


def start(engine: str, arguments: list[str], shared: bool) -> Run:
    """Begin the tests on one engine.

    :param shared: another engine runs as well, so tests that do not care run on one of them.
    """
    log, coverage = BUILD / f"{engine}.log", BUILD / f"coverage.{engine}.json"
    # Tests change the working directory, so every path is absolute.
    command = [
        *(sys.executable, str(ROOT / "dev" / "measured.py"), str(coverage)),
        *("-o", f"cache_dir={BUILD / f'cache-{engine}'}"),
        *arguments,
    ]
    environment = os.environ | {
        "EVENTS_TEST_DB": engine,
        "EVENTS_TEST_SHARED": "1" if shared else "",
        "PYTHONUNBUFFERED": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Run(engine, process, log, coverage)


def follow(run: Run) -> None:
    """Print a run's output from its start until it ends."""
    print(f"\n######## {run.engine} ########", flush=True)
    with run.log.open("rb") as log:
        while True:
            ended = run.process.poll() is not None
            sys.stdout.buffer.write(log.read())
            sys.stdout.flush()
            if ended:
                return
            time.sleep(0.2)


def closing_line(run: Run) -> str:
    """Pytest's last line between `=` signs, such as `812 passed in 93.1s`."""
    found = re.findall(r"^=+ (.+) =+$", run.log.read_text(errors="replace"), re.MULTILINE)
    return found[-1] if found else f"ended with status {run.process.returncode}"


def report_coverage(runs: list[Run], whole: bool) -> int:
    """Join the measurements and print the table. :returns: an exit status."""
    measured = [json.loads(run.coverage.read_text()) for run in runs if run.coverage.exists()]
    print("\n######## coverage, lines and branches ########", flush=True)
    if not measured:
        return 1
    joined = measured[0]
    for more in measured[1:]:
        joined = merge_coverage(joined, more)
    print_coverage(joined, skip_covered=True)
    percent = joined["summary"]["percent_covered"]
    print(f"{percent:.1f} % covered")
    if not whole:
        return 0
    unseen = sorted(set(run_time_files()) - set(joined["files"]))
    if unseen:
        print("Never imported:", *unseen)
    return int(bool(unseen) or percent < LEAST_COVERAGE_PERCENT)


class Terminated(Exception):
    """SIGTERM came, to this process alone."""


def on_terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def stop(runs: list[Run], asked: bool) -> None:
    """End the children gently: on an interrupt they stop their database servers first.

    :param asked: Ctrl-C reached them already. A boot can swallow one interrupt, so the second
        follows after a while; it would cut the cleaning short if it came at once.
    """
    for patience_s in (0.0 if not asked else STOP_SECONDS, STOP_SECONDS, STOP_SECONDS):
        if all_ended(runs, patience_s):
            return
        for run in runs:
            run.process.send_signal(signal.SIGINT)
    for run in runs:
        run.process.kill()
        run.process.wait()


def all_ended(runs: list[Run], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while any(run.process.poll() is None for run in runs):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


def main() -> int:
    words = sys.argv[1:]
    split = words.index("--") if "--" in words else len(words)
    engines, arguments = words[:split], words[split + 1 :]
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    signal.signal(signal.SIGTERM, on_terminate)
    runs: list[Run] = []
    try:
        for engine in engines:
            runs.append(start(engine, arguments, shared=len(engines) > 1))
        for run in runs:
            follow(run)
    except (KeyboardInterrupt, Terminated) as reason:
        stop(runs, asked=isinstance(reason, KeyboardInterrupt))
        return INTERRUPTED
    covered = report_coverage(runs, whole=len(engines) > 1 and not arguments)
    print("\n######## result ########")
    for run in runs:
        print(f"{run.engine}: {closing_line(run)}")
    return next((run.process.returncode for run in runs if run.process.returncode), covered)


if __name__ == "__main__":
    sys.exit(main())
