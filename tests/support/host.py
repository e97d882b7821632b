"""Folders, environment and engine of the LNbits host under test.

LNbits fixes its settings and its database at import, so `prepare()` runs before any import of
it, once per test run. `EVENTS_TEST_DB` (sqlite or postgres) picks the engine of the whole run.
"""

import atexit
import importlib
import importlib.util
import json
import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

import trustme

from support import postgres
from support.rates import rates_url

ENGINE = os.environ.get("EVENTS_TEST_DB", "sqlite")
REPO = Path(__file__).resolve().parents[2]
# Processes that share a database must share the key that signs their logins.
AUTH_SECRET = "only-for-tests-" * 3  # not a secret: it guards a folder that is thrown away
# The one authority a host trusts. Nobody out there is asked, and to read the usual 140 takes longer
# than a request, for each of the many clients that the host opens.
_AUTHORITY = "authority.pem"


def on_postgres() -> bool:
    return ENGINE == "postgres"


def every_await() -> bool:
    """`make test-kills`: kills at every single point, on both engines."""
    return bool(os.environ.get("EVENTS_TEST_EVERY_AWAIT"))


def is_shared() -> bool:
    """The other engine is tested beside this one, so each may take half of what takes long."""
    return bool(os.environ.get("EVENTS_TEST_SHARED")) and not every_await()


def fast_folder() -> str | None:
    """Memory, where there is enough: SQLite waits for the disk at each commit. Kills of a process
    lose nothing that way; only a power cut would."""
    shared = Path("/dev/shm")  # noqa: S108 - only a parent for mkdtemp
    if shared.is_dir() and os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 2**29:
        return str(shared)
    return None


def new_root(name: str) -> Path:
    """A folder that LNbits can run in: its own files and this extension, by links."""
    root = Path(tempfile.mkdtemp(prefix=f"events-{name}-", dir=fast_folder()))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    found = importlib.util.find_spec("lnbits")
    if found is None or found.origin is None:
        raise RuntimeError("LNbits is not installed.")
    (root / "lnbits").symlink_to(Path(found.origin).parent)
    (root / "ext" / "extensions").mkdir(parents=True)
    (root / "ext" / "extensions" / "events").symlink_to(REPO)
    trustme.CA().cert_pem.write_to_path(str(root / _AUTHORITY))
    return root


def environment(root: Path, database_url: str | None = None, **more: str) -> dict[str, str]:
    """What an LNbits process needs to run in `root` with FakeWallet and without internet."""
    rates = {"name": "loopback", "api_url": rates_url() + "/{TO}", "path": "$.price"}
    found = {
        "LNBITS_DATA_FOLDER": str(root / "data"),
        "LNBITS_EXTENSIONS_PATH": str(root / "ext"),
        "LNBITS_BACKEND_WALLET_CLASS": "FakeWallet",
        "LNBITS_ADMIN_UI": "false",
        "LNBITS_RATE_LIMIT_NO": "1000000",
        "LNBITS_USER_DEFAULT_EXTENSIONS": '["events"]',
        "LNBITS_PRICE_AGGREGATOR_ENABLED": "false",
        "LNBITS_EXCHANGE_RATE_PROVIDERS": json.dumps([rates]),
        "LNBITS_EXTENSIONS_MANIFESTS": "[]",
        "LNBITS_WASM_EXTENSIONS_MANIFESTS": "[]",
        "ENABLE_LOG_TO_FILE": "false",
        # It would print all settings, before anybody could choose a level.
        "LOGURU_AUTOINIT": "False",
        "AUTH_HTTPS_ONLY": "false",
        "AUTH_SECRET_KEY": AUTH_SECRET,
        "SSL_CERT_FILE": str(root / _AUTHORITY),
    }
    if database_url:
        found["LNBITS_DATABASE_URL"] = database_url
    return found | more


def prepare(name: str = "tests", database_url: str | None = None) -> Path:
    """Make this process ready to import and boot LNbits; returns its folder."""
    root = new_root(name)
    url = database_url
    if on_postgres() and url is None:
        url = postgres.new_database(name)
    os.environ.pop("LNBITS_DATABASE_URL", None)
    os.environ.update(environment(root, url))
    # LNbits finds its templates and static files relative to the working directory.
    os.chdir(root)
    return root


def ext(name: str) -> ModuleType:
    """A module of the extension as the booted host knows it, such as `ext("orders.services")`.

    The host imports the package twice, so a module taken before the boot is a stale copy.
    """
    return importlib.import_module(f"events.{name}" if name else "events")
