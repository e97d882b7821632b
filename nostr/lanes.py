"""A lane per relay: a task of its own while there is work, so that a dead relay costs the others
nothing. Rows are the memory: whatever is lost with a process, the next one finds."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from loguru import logger

from .. import clock
from ..crud import reading, short_id, transaction
from ..hints import set_within
from ..settings import read_settings
from . import accounts, crud_lanes, crud_relays
from .lane_pass import Pass
from .line import Line
from .pace import LanePace
from .transport import Reach, reach

_WALLETS = 100
# After an error of ours: what caused it may go on.
_REST_S = 5.0


class Lanes:
    """The lanes of one process. `moment` tells the time."""

    def __init__(
        self,
        pace: LanePace | None = None,
        owner: str | None = None,
        moment: Callable[[], datetime] | None = None,
    ) -> None:
        self._pace = pace or LanePace()
        # Two processes on one database know each other by this.
        self.owner = owner or short_id()
        self._moment = moment or clock.now
        self._running: dict[str, tuple[asyncio.Task[None], asyncio.Event]] = {}
        self._default_relays: list[str] | None = None

    async def look(self) -> float:
        """Tell lanes of new versions and start those with work. Returns after how many seconds to
        look again, unless something is committed before. Without anything new it only reads."""
        due, wait_s = await self._due()
        for url in due:
            self._start(url)
        return wait_s

    async def close(self) -> None:
        """End all lanes; their connections are closed when this returns."""
        tasks = [task for task, _ in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def pass_over_due(self) -> None:
        """One pass over every relay that has work now, side by side; each connection is closed
        at the end."""
        due, _ = await self._due()
        await asyncio.gather(*(self._pass_once(url) for url in due))

    async def _due(self) -> tuple[list[str], float]:
        """Relays with work, and the seconds until another one has some."""
        await self._spread()
        async with reading() as tx:
            relays = await crud_relays.list_relays(tx)
        now = self._moment()
        now_ms = clock.to_ms(now)
        due, wait_s = [], self._pace.look_every_s
        for relay in relays:
            due_at = relay.due_at(self.owner, self._pace, now)
            if due_at is not None and due_at <= now_ms:
                due.append(relay.url)
            elif due_at is not None:
                wait_s = min(wait_s, (due_at - now_ms) / 1000)
        return due, wait_s

    async def _pass_once(self, url: str) -> None:
        line = Line(url, await self._reach())
        try:
            await Pass(line, self.owner, self._pace, self._moment).run()
        finally:
            await self._end(line)

    async def _reach(self) -> Reach:
        found = await reach()
        timeout_s = self._pace.timeout_s
        return found if timeout_s is None else replace(found, timeout_s=timeout_s)

    async def _spread(self) -> None:
        async with reading() as tx:
            defaults = list((await read_settings(tx)).default_relays)
            wallets = await crud_lanes.list_unspread(tx, _WALLETS)
        if defaults != self._default_relays:
            await self._spread_anew()
            self._default_relays = defaults
            async with reading() as tx:
                wallets = await crud_lanes.list_unspread(tx, _WALLETS)
        while wallets:
            for wallet in wallets:
                async with transaction() as tx:
                    found = await accounts.find(tx, wallet)
                    await crud_lanes.spread(tx, wallet, found[0].relays if found else ())
            async with reading() as tx:
                wallets = await crud_lanes.list_unspread(tx, _WALLETS)

    async def _spread_anew(self) -> None:
        """The relays of the instance are those of every organiser who named none: at start, and
        when they change, each organiser's lanes are compared with what they should be."""
        async with reading() as tx:
            wallets = await crud_lanes.list_wallets(tx)
        for wallet in wallets:
            async with reading() as tx:
                found = await accounts.find(tx, wallet)
                in_use = await crud_lanes.relays_in_use(tx, wallet)
            relays = found[0].relays if found else ()
            if set(relays) != in_use:
                async with transaction() as tx:
                    await crud_lanes.drop_relays(tx, wallet, relays)
        async with transaction() as tx:
            await crud_relays.forget_unused(tx, self._moment())
            await crud_relays.check_all_anew(tx)

    def _start(self, url: str) -> None:
        running = self._running.get(url)
        if running is not None:
            running[1].set()
        elif len(self._running) < self._pace.relays_at_once:
            nudge = asyncio.Event()
            task = asyncio.create_task(self._keep(url, nudge), name=f"events lane {url}")
            self._running[url] = task, nudge

    async def _keep(self, url: str, nudge: asyncio.Event) -> None:
        """Passes over one relay until it fails or nothing was left to do for a while."""
        line = None
        try:
            line = Line(url, await self._reach())
            while await Pass(line, self.owner, self._pace, self._moment).run():
                if not await _is_nudged(nudge, self._pace.idle_s):
                    return
        except Exception as exc:  # noqa: BLE001  # logged; this relay rests, the others go on
            logger.error(f"events: the lane to {url} failed: {exc!r}")
            await asyncio.sleep(_REST_S)
        finally:
            try:
                if line is not None:
                    await self._end(line)
            except Exception as exc:  # noqa: BLE001  # the lease lapses by itself
                logger.error(f"events: the lane to {url} did not end well: {exc!r}")
            finally:
                del self._running[url]

    async def _end(self, line: Line) -> None:
        """Hang up, and let another process have the relay at once."""
        try:
            await line.hang_up()
        finally:
            async with transaction() as tx:
                await crud_relays.end_lease(tx, line.url, self.owner)


async def _is_nudged(nudge: asyncio.Event, timeout_s: float) -> bool:
    if not await set_within(nudge, timeout_s):
        return False
    nudge.clear()
    return True
