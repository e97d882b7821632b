"""LNbits as real processes, for what one process cannot show: kills, restarts, two of them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from support.host import environment, new_root

_START_TIMEOUT_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class HostProcess:
    """`python -m uvicorn lnbits.__main__:app`: the `lnbits` command would leave a child behind."""

    def __init__(
        self, name: str, database_url: str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.root: Path = new_root(name)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)
        self._log = self.root / "log"
        self._running: subprocess.Popen[bytes] | None = None
        own = environment(self.root, database_url, LNBITS_ADMIN_UI="true", **(env or {}))
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        self._env = kept | own

    def start(self) -> None:
        """Start without waiting, so that several can boot at once."""
        command = [sys.executable, "-m", "uvicorn", "lnbits.__main__:app", "--host", "127.0.0.1"]
        with self._log.open("ab") as log:
            self._running = subprocess.Popen(
                [*command, "--port", str(self.port), "--log-level", "warning"],
                cwd=self.root,
                env=self._env,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        """Until the extension answers, which is after its own migrations."""
        give_up = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < give_up:
            if self._running is None or self._running.poll() is not None:
                break
            try:
                if self.client.get("/events/api/v1/tickets/none").status_code in (404, 307):
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"The host did not start:\n{self.log()[-4000:]}")

    def kill(self) -> None:
        """SIGKILL: no shutdown code runs."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def stop(self) -> None:
        if self._running is not None:
            self._running.terminate()
            try:
                self._running.wait(10)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()
            self._running = None
        self.client.close()

    def restart(self) -> None:
        self.kill()
        self.start()
        self.wait_ready()

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""
