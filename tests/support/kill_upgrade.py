"""Boots nodes in processes of their own and kills each with SIGKILL at one of its statements.

Run as a script with a list of `[folder, url, statement]` in JSON. Each node gets a fork, so that
LNbits is imported once.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from support.legacy import Crasher, open_node


class Killer(Crasher):
    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def boot_and_die(folder: str, url: str | None, at: int) -> int:
    """Returns the status of the process, as `os.waitpid` tells it."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    killer = Killer()
    node = open_node(Path(folder), url, killer)
    killer.arm(at)
    asyncio.run(node.boot())
    os._exit(0)


def main() -> None:
    import lnbits.core.helpers  # noqa: F401 - once, for all children
    from loguru import logger

    logger.remove()
    for folder, url, at in json.loads(sys.argv[1]):
        status = boot_and_die(folder, url, at)
        if not os.WIFSIGNALED(status):
            raise SystemExit(f"{folder} was not killed: {status}")


if __name__ == "__main__":
    main()
