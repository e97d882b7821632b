"""I5 at doors that are served by two real processes on one database."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from support import door_races as races
from support import host
from support.background import background
from support.door_races import Doors, bought, doors_of
from support.hosts import Shops
from support.people import Person

pytestmark = [
    pytest.mark.asyncio,
    # The hosts boot while other tests run; whoever comes first may still have to wait for them.
    pytest.mark.timeout(120),
    # Two processes need one PostgreSQL.
    pytest.mark.skipif(not host.on_postgres(), reason="real hosts run on PostgreSQL"),
]


@pytest.fixture(scope="module")
def shops() -> Shops:
    return background.hosts()[1]


@asynccontextmanager
async def opened(shops: Shops, **changes: object) -> AsyncIterator[Doors]:
    """An event whose scanners go in turns to each process."""
    wallet = shops.organiser
    organiser = Person(id="", wallet=wallet.id, adminkey=wallet.adminkey, inkey="", token="")
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=process.url, timeout=60))
            for process in shops.processes
        ]
        yield await doors_of(clients, organiser, **changes)


async def test_i5_entry_60_scans_at_two_processes_admit_20_tickets_once(shops: Shops) -> None:
    async with opened(shops) as doors:
        await races.sixty_scans(doors, await bought(doors, 20))
        await doors.all_is_in_the_log()
        assert len(doors.seen) == 60


async def test_i5_entry_equal_scan_ids_and_devices_that_were_offline_at_two_processes(
    shops: Shops,
) -> None:
    async with opened(shops) as doors:
        await races.equal_scan_ids(doors, await bought(doors, 10))
        await races.both_offline(doors, await bought(doors, 10))
        await doors.all_is_in_the_log()
        assert len(doors.seen) == 5 + 20


async def test_i5_entry_and_its_end_at_two_processes(shops: Shops) -> None:
    """Guests go out and come in; entries are taken back; tickets are cancelled meanwhile."""
    async with opened(shops, entry="reentry") as doors:
        [ticket] = await bought(doors, 1)
        await races.out_and_in(doors, ticket)
        await races.annul_and_admit(doors, await bought(doors, 6))
        await races.admit_and_cancel(doors, await races.bought_with_secrets(doors, 2))
        await races.admit_and_throw_out(doors, await bought(doors, 4))
        await doors.all_is_in_the_log()
