"""A real LNbits with this extension, as a child process on 127.0.0.1."""

import argparse
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from words import Trouble

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
LOG = DATA / "host.log"
START_SECONDS = 90.0
STOP_SECONDS = 10.0
# Every setting of the host is an environment variable without a prefix (HOST, PORT, DEBUG ...),
# so the child gets these few of ours and nothing else.
KEPT_VARIABLES = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR")


@dataclass(frozen=True)
class Beside:
    """What runs beside the host, all of it on loopback."""

    rates_url: str
    mail_port: int
    relay_url: str


def environment(port: int, beside: Beside) -> dict[str, str]:
    """What the child is started with. Nothing in it reaches outside this machine."""
    fixed = {
        "LNBITS_DATA_FOLDER": str(DATA / "lnbits"),
        "LNBITS_EXTENSIONS_PATH": str(DATA / "ext"),
        "LNBITS_USER_DEFAULT_EXTENSIONS": '["events"]',
        "LNBITS_BACKEND_WALLET_CLASS": "FakeWallet",
        "LNBITS_ADMIN_UI": "true",
        "LNBITS_RATE_LIMIT_NO": "100000",
        "AUTH_HTTPS_ONLY": "false",
        "ENABLE_LOG_TO_FILE": "false",
        "LNBITS_EXTENSIONS_MANIFESTS": "[]",
        "LNBITS_WASM_EXTENSIONS_MANIFESTS": "[]",
        "LNBITS_EXTENSIONS_REVIEWS_URL": "",
        "LNBITS_EXTENSIONS_BUILDER_MANIFEST_URL": beside.rates_url,
    }
    for name, value in local_settings(port, beside).items():
        fixed[name.upper()] = value if isinstance(value, str) else json.dumps(value)
    return {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | fixed


def local_settings(port: int, beside: Beside) -> dict[str, object]:
    """Settings with a port in them. The host keeps the first run's in its database."""
    provider = {
        "name": "Loopback",
        "api_url": beside.rates_url + "/rate/{TO}",
        "path": "$.rates.median",
        "exclude_to": [],
        "ticker_conversion": [],
    }
    return {
        "lnbits_baseurl": f"http://127.0.0.1:{port}/",
        "lnbits_price_aggregator_url": beside.rates_url,
        "lnbits_exchange_rate_providers": [provider],
        # The buyer's wallet claims refunds from this very host, which a real one would not allow.
        "lnbits_lnurl_allow_private_ips": True,
        "lnbits_callback_url_rules": [r"http://127\.0\.0\.1:\d+"],
        "lnbits_email_notifications_enabled": True,
        "lnbits_email_notifications_email": "tickets@example.com",
        "lnbits_email_notifications_username": "",
        "lnbits_email_notifications_password": "",
        "lnbits_email_notifications_server": "127.0.0.1",
        "lnbits_email_notifications_port": beside.mail_port,
    }


def port_number(text: str) -> int:
    """An argparse type. `make run` without PORT passes an empty text: 0, the caller's default."""
    if not text:
        return 0
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def check_port_is_free(port: int) -> None:
    """:raises Trouble: something listens there already."""
    try:
        _bind(port)
    except OSError as error:
        raise Trouble(
            f"Port {port} of 127.0.0.1 is not free ({error}). "
            f"Stop what uses it, or choose another: make run PORT={port + 1}"
        ) from error


def kept_port(port: int) -> int:
    """The port of the last run, so that stored settings stay true; another one when it is in use,
    or 0."""
    try:
        return _bind(port)
    except OSError:
        return _bind(0)


def _bind(port: int) -> int:
    """:returns: the port, which is free again."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        bound: int = probe.getsockname()[1]
        return bound


def prepare_folders() -> Path:
    """Make the folder the host runs in, and link the extension to where it looks.

    The host reads its own static files and templates relative to that folder.
    """
    spec = importlib.util.find_spec("lnbits")
    if spec is None or spec.origin is None:
        raise Trouble("LNbits is not installed in .venv; run: make install")
    working = DATA / "cwd"
    extension = DATA / "ext" / "extensions" / "events"
    for folder in (working, extension.parent, DATA / "lnbits"):
        folder.mkdir(parents=True, exist_ok=True)
    _link(working / "lnbits", Path(spec.origin).parent)
    _link(extension, Path(os.path.relpath(ROOT, extension.parent)))
    return working


def _link(link: Path, target: Path) -> None:
    if not link.is_symlink() or link.readlink() != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target, target_is_directory=True)


class Host:
    def __init__(self, port: int, beside: Beside) -> None:
        self.url = f"http://127.0.0.1:{port}"
        with LOG.open("wb") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-u", str(Path(__file__).with_name("serve.py")), str(port)],
                cwd=prepare_folders(),
                env=environment(port, beside),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_up(self) -> None:
        """:raises Trouble: it ended, or did not answer in time."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.check_alive()
            try:
                httpx.get(self.url + "/api/v1/health", timeout=5)
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                return
        raise Trouble(f"The host did not answer within {START_SECONDS:.0f} s.{log_tail()}")

    def check_alive(self) -> None:
        if self._child.poll() is not None:
            raise Trouble(f"The host ended with status {self._child.returncode}.{log_tail()}")

    def stop(self) -> None:
        """Ask the child to end, then make it; returns when it is gone."""
        if self._child.poll() is None:
            self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def log_tail(lines: int = 20) -> str:
    shown = LOG.read_text(errors="replace").splitlines()[-lines:]
    return f" The end of {LOG.relative_to(ROOT)}:\n" + "\n".join("  " + line for line in shown)
