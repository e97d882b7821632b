"""Long checks that run in processes of their own while the other tests go on."""

import json
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from support import host, postgres
from support.crash_scenarios import CONTROLS, HERE
from support.hosts import Node, Shops
from support.rates import URL_VARIABLE, rates_url

_TESTS = Path(__file__).resolve().parents[1]
# For kills at every single await (`make test-kills`).
PATIENCE_S = 1700.0


class CrashRun:
    """One run of the crash driver; `report` waits for it."""

    def __init__(self, name: str, *arguments: str) -> None:
        # Nobody waits for it until the end: what somebody waits for goes first.
        command = ["nice", "-n", "10", sys.executable, "-m", "support.crash_driver", *arguments]
        if host.on_postgres():
            command += ["--database-url", postgres.new_database(name)]
        env = {**os.environ, "PYTHONPATH": str(_TESTS), URL_VARIABLE: rates_url()}
        self._process = subprocess.Popen(
            command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._report: dict[str, Any] | None = None

    def report(self) -> dict[str, Any]:
        if self._report is None:
            timeout_s = PATIENCE_S if host.every_await() else 280.0
            said, complaints = self._process.communicate(timeout=timeout_s)
            if self._process.returncode != 0:
                raise RuntimeError(f"The crash driver failed:\n{complaints[-4000:]}")
            # The host prints its migrations; the report is the last line.
            self._report = json.loads(said.splitlines()[-1])
        return self._report

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


class Background:
    """What was started for this run; each thing at most once, and only if a test needs it."""

    def __init__(self) -> None:
        self._crashes: CrashRun | None = None
        self._hosts: Future[tuple[Node, Shops]] | None = None
        self._pool = ThreadPoolExecutor(1)

    def start_crashes(self) -> CrashRun:
        if self._crashes is None:
            self._crashes = CrashRun("crashes", *HERE, "--control", *CONTROLS)
        return self._crashes

    def start_hosts(self) -> "Future[tuple[Node, Shops]]":
        if self._hosts is None:
            self._hosts = self._pool.submit(_boot_hosts)
        return self._hosts

    def crashes(self) -> dict[str, Any]:
        found: dict[str, Any] = self.start_crashes().report()["sound"]
        return found

    def crashes_without_transactions(self) -> dict[str, Any]:
        found: dict[str, Any] = self.start_crashes().report()["control"]
        return found

    def hosts(self) -> tuple[Node, Shops]:
        return self.start_hosts().result(timeout=110)

    def stop(self) -> None:
        if self._crashes is not None:
            self._crashes.stop()
        self._pool.shutdown()
        if self._hosts is not None and self._hosts.exception() is None:
            node, shops = self._hosts.result()
            for process in (node.process, *shops.processes):
                process.stop()


def _boot_hosts() -> tuple[Node, Shops]:
    node = Node()
    return node, Shops(node)


background = Background()
