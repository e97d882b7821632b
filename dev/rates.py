"""Exchange rates on loopback, so that a development host asks nobody outside.

The host's price aggregator is called as `GET /rate/<CURRENCY>` and answers
`{"rates": {"median": <price of one bitcoin>}}`.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BITCOIN_PRICE = {"USD": 100_000.0, "EUR": 90_000.0, "GBP": 80_000.0, "JPY": 15_000_000.0}
ANY_OTHER_PRICE = 100_000.0


class RatesHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = re.fullmatch(r"/rate/([A-Z]{3})", self.path)
        if asked is None:
            self._answer(404, {"detail": "Only /rate/<CURRENCY> is here."})
            return
        price = BITCOIN_PRICE.get(asked[1], ANY_OTHER_PRICE)
        self._answer(200, {"rates": {"median": price}})

    def _answer(self, status: int, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
        """One line per question would drown the demo."""


class RateSource:
    """A rate source in a thread of its own; `url` is what the host is given.

    :param port: the port of the last run, so that the host's stored setting stays true;
        another free one is taken when it is in use.
    """

    def __init__(self, port: int = 0) -> None:
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), RatesHandler)
        except OSError:
            self._server = ThreadingHTTPServer(("127.0.0.1", 0), RatesHandler)
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
