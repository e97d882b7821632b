"""Serve LNbits in this process; started by host.py, never by hand.

The `lnbits` command forks and leaves its child behind, so uvicorn runs here directly.
Standard input is the launcher's end of a pipe: it closes when the launcher ends, in whatever
way, and then this process ends too.
"""

import os
import signal
import sys
import threading

import uvicorn


def stop_with_the_launcher() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    threading.Thread(target=stop_with_the_launcher, daemon=True).start()
    uvicorn.run(
        "lnbits.__main__:app",
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="info",
        # An open browser tab holds a websocket; do not wait for it longer than this.
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
