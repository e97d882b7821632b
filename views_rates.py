"""Exchange rates for display. A page shows "about so many sats" when the rate is at hand."""

import asyncio
import time
from collections.abc import Iterable
from decimal import Decimal

from lnbits.settings import settings
from lnbits.utils.exchange_rates import get_fiat_rate_satoshis

# The host asks its rate sources for up to some seconds; a page waits this long at most.
_PATIENCE_S = 0.4
# After a failure the sources are left alone for a while.
_REST_S = 60.0


def display_currency() -> str:
    """What sums in sats are compared with: the host's accounting currency, else dollars."""
    return settings.lnbits_default_accounting_currency or "USD"


class RateBoard:
    """Sats per unit of a currency, asked for once at a time however many pages want it."""

    def __init__(self) -> None:
        self._asking: dict[str, asyncio.Task[float]] = {}
        self._rest_until: dict[str, float] = {}

    async def look(self, currencies: Iterable[str]) -> dict[str, Decimal]:
        """The rates known soon; a currency without one is left out."""
        wanted = {currency for currency in currencies if currency != "sat"}
        tasks = {c: self._ask(c) for c in wanted if time.monotonic() > self._rest_until.get(c, 0)}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=_PATIENCE_S)
        found = {}
        for currency, task in tasks.items():
            rate = self._take(currency, task)
            if rate > 0:
                found[currency] = Decimal(str(rate))
        return found

    def _ask(self, currency: str) -> asyncio.Task[float]:
        task = self._asking.get(currency)
        if task is None:
            task = asyncio.create_task(get_fiat_rate_satoshis(currency))
            self._asking[currency] = task
        return task

    def _take(self, currency: str, task: asyncio.Task[float]) -> float:
        """A finished task's rate; 0 when there is none (yet)."""
        if not task.done():
            return 0
        self._asking.pop(currency, None)
        if task.cancelled() or task.exception() or task.result() <= 0:
            self._rest_until[currency] = time.monotonic() + _REST_S
            return 0
        return task.result()


board = RateBoard()
