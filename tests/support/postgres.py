"""A PostgreSQL of our own: `pgserver` brings the binaries, nothing needs to be set up."""

import functools
import re
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgserver import PostgresServer

# The cluster is thrown away, and no test pulls its plug: only clients are killed.
_FAST = """
ALTER SYSTEM SET fsync = off;
ALTER SYSTEM SET synchronous_commit = off;
ALTER SYSTEM SET full_page_writes = off;
ALTER SYSTEM SET max_wal_senders = 0;
SELECT pg_reload_conf();
"""


@functools.cache
def server() -> "PostgresServer":
    """Started at first use, stopped and deleted when the process ends."""
    with warnings.catch_warnings():
        # It looks for a per-user folder at import, and warns where a login made none.
        warnings.simplefilter("ignore")
        from pgserver import get_server
    folder = Path(tempfile.mkdtemp(prefix="events-pg-"))
    started = get_server(folder, cleanup_mode="delete")
    started.psql(_FAST)
    return started


def sql(command: str) -> str:
    """Run statements as psql does; raises CalledProcessError when one fails."""
    return str(server().psql("\\set ON_ERROR_STOP on\n\\set QUIET on\n" + command))


def new_database(name: str) -> str:
    """Create an empty database and return its URL in the form LNbits takes."""
    if not re.fullmatch("[a-z0-9_]+", name):
        raise ValueError(f"Not a database name: {name}")
    sql(f"CREATE DATABASE {name};")
    return f"postgres://postgres:@/{name}?host={server().get_postmaster_info().socket_dir}"
