"""Exchange rates from this machine: every currency costs the same per bitcoin."""

import functools
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRICE_PER_BTC = 100_000.0
SAT_PER_UNIT = 1_000.0


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"price": PRICE_PER_BTC}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """Say nothing: a test's output is not the place for access logs."""


# A process that must not start threads is told its parent's source by this variable.
URL_VARIABLE = "EVENTS_TEST_RATES_URL"


@functools.cache
def rates_url() -> str:
    """Where rates are served: one server per test process, which dies with it."""
    given = os.environ.get(URL_VARIABLE)
    if given:
        return given
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"
