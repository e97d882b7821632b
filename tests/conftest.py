"""The host under test: booted once per run, on the engine that `EVENTS_TEST_DB` names."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import pytest_asyncio
from asgi_lifespan import LifespanManager
from fastapi import FastAPI
from httpx import ASGITransport

from support import host, network
from support.background import background
from support.lnurl_server import LnurlServer
from support.people import Person, a_person, an_admin
from support.refunding import a_wallet_service
from support.stepping import leave_out_what_is_here


def pytest_configure(config: pytest.Config) -> None:
    """Before any test module is imported, because LNbits reads its environment at import."""
    # The same examples each time: a failure comes with the change that made it, and again.
    hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("tests")
    # The host has to run in a folder of its own; what the command line names lies in this one.
    for option in ("ignore", "ignore_glob"):
        named = config.getoption(option) or []
        setattr(config.option, option, [str(Path(path).absolute()) for path in named])
    host.prepare()
    network.forbid_outside()
    # When the host stops it cancels its tasks; one that holds a connection leaves it unclosed.
    unclosed = "Exception ignored in. <function Connection.__del__"
    config.addinivalue_line(
        "filterwarnings", f"ignore:{unclosed}:pytest.PytestUnraisableExceptionWarning"
    )


# What they show does not depend on the engine, so one of two that run side by side has them.
# SQLite, where each statement opens the file, is the slower one; it has the browser, too.
ON_ONE_ENGINE = {
    "postgres": {
        "test_bad_input.py",
        "test_burst.py",
        "test_buy_pages.py",
        "test_cancel_pages.py",
        "test_credentials.py",
        "test_direct_inboxes.py",
        "test_direct_messages.py",
        "test_door_credentials.py",
        "test_door_hostile.py",
        "test_door_machine.py",
        "test_door_page.py",
        "test_door_search.py",
        "test_event_completion.py",
        "test_event_fields.py",
        "test_event_policy.py",
        "test_fuzz.py",
        "test_histories.py",
        "test_images.py",
        "test_lane_troubles.py",
        "test_lanes.py",
        "test_ledger_old_and_odd.py",
        "test_listing.py",
        "test_listing_deletions.py",
        "test_listing_documents.py",
        "test_mail_troubles.py",
        "test_messages_changes.py",
        "test_messages_dm.py",
        "test_messages_letters.py",
        "test_messages_sent.py",
        "test_nostr_recipients.py",
        "test_nostr_settings_refused.py",
        "test_nostr_state.py",
        "test_options.py",
        "test_order_pages.py",
        "test_organiser.py",
        "test_organiser_pages_nostr.py",
        "test_organiser_tickets.py",
        "test_packages.py",
        "test_page_parts.py",
        "test_pages.py",
        "test_promos.py",
        "test_read_back.py",
        "test_refund_pages.py",
        "test_relay_addresses.py",
        "test_relay_transport.py",
        "test_scan_log.py",
        "test_scanners.py",
        "test_scans_annulled.py",
        "test_scans_sent_later.py",
        "test_signers.py",
        "test_signing.py",
    },
    "sqlite": {
        "test_announcements.py",
        "test_architecture.py",
        "test_audit_catalog.py",
        "test_bunker.py",
        "test_calendar.py",
        "test_clock.py",
        "test_door_figures.py",
        "test_door_offline.py",
        "test_door_rules.py",
        "test_door_sealed.py",
        "test_event_copies.py",
        "test_event_times.py",
        "test_hints.py",
        "test_ledger_command.py",
        "test_letters_names.py",
        "test_letters_own_words.py",
        "test_letters_written.py",
        "test_mail_parts.py",
        "test_mail_server.py",
        "test_messages_resent.py",
        "test_nostr_keys.py",
        "test_nostr_settings.py",
        "test_nostr_settings_signer.py",
        "test_old_clients.py",
        "test_openapi.py",
        "test_payout_obstacles.py",
        "test_payout_refusals.py",
        "test_pricing.py",
        "test_refund_rules.py",
        "test_relay_refusals.py",
        "test_relays_hang.py",
        "test_reminders.py",
    },
}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    if not host.is_shared():
        return None
    others = ON_ONE_ENGINE["sqlite" if host.on_postgres() else "postgres"]
    return True if collection_path.name in others else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is prepared in the background comes last, so that nobody waits for it."""
    items.sort(key=lambda item: (_on_real_hosts(item), "crashes" in item.path.parts))


def _on_real_hosts(item: pytest.Item) -> int:
    """0: not at all, 1: on hosts that stay as they are, 2: last, because the node is killed."""
    stay = ("test_external_refunds", "test_door_hosts")
    return any(name in item.nodeid for name in stay) + 2 * ("test_two_hosts" in item.nodeid)


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        if _on_real_hosts(item) and host.on_postgres():
            background.start_hosts()
        if "crashes" in item.path.parts:
            background.start_crashes()


def pytest_unconfigure() -> None:
    background.stop()


@pytest.fixture(autouse=True)
def stays_on_this_machine() -> Iterator[None]:
    """Fails the test during which something tried to reach outside."""
    yield
    tried, network.attempts[:] = list(network.attempts), []
    assert not tried


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def app() -> AsyncIterator[FastAPI]:
    """LNbits with the extension, booted once: a second event loop would find stale locks."""
    from lnbits.app import create_app
    from lnbits.utils.cache import cache
    from loguru import logger

    from support.rates import PRICE_PER_BTC

    for currency in ("USD", "EUR", "GBP", "JPY"):
        cache.set(f"btc-price-{currency}", PRICE_PER_BTC, expiry=10**9)
    created = create_app()
    keep_the_hosts_file_open()
    # The host logs every payment and every refused request; only what went wrong is of use here.
    logger.remove()
    complaints: list[str] = []
    logger.add(complaints.append, level="WARNING")
    async with LifespanManager(created, startup_timeout=60, shutdown_timeout=30):
        # The host only logs an extension that fails to load; here that ends the run, and says why.
        try:
            await host.ext("tasks").require_ready()
        except Exception as error:
            raise RuntimeError("".join(complaints)) from error
        await roomy_settings()
        work_only_when_told()
        leave_out_what_is_here()
        yield created
    await close_the_hosts_file()


def keep_the_hosts_file_open() -> None:
    """On SQLite the host opens its own database anew for each statement, which is a third of a
    test's time. The hosts that run as processes of their own do as always."""
    from lnbits.core.db import db
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import AsyncAdaptedQueuePool

    if not host.on_postgres():
        # The host's lock lets in one at a time.
        db.engine = create_async_engine(db.engine.url, poolclass=AsyncAdaptedQueuePool, pool_size=1)


async def close_the_hosts_file() -> None:
    from lnbits.core.db import db

    if not host.on_postgres():
        await db.engine.dispose()


async def roomy_settings() -> None:
    """All tests buy from one address and leave orders open; those of the bounds set their own."""
    settings = host.ext("settings")
    patch = settings.SettingsPatch(
        max_open_orders_per_address=1_000_000, max_free_orders_per_address=1_000_000
    )
    await settings.change_settings(patch)


def work_only_when_told() -> None:
    """Passes over payments, refunds, messages and listings are made by the tests; real hosts of
    their own make them unasked."""
    from lnbits.task_manager import task_manager

    tasks: Any = host.ext("tasks")

    async def rest() -> None:
        await asyncio.Event().wait()

    for name in tasks.LOOPS.keys() - {tasks.NUDGE_TASK}:
        # Also for the tests that start the extension again.
        tasks.LOOPS[name] = rest
        task = task_manager.get_task(name)
        if task is not None:
            task_manager.cancel_task(task)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    # An unhandled error is to be seen as the 500 that a client sees.
    transport = ASGITransport(app=app, client=("127.0.0.1", 50_000), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://events.test") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def organiser(app: FastAPI) -> Person:
    return await a_person()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def other_organiser(app: FastAPI) -> Person:
    return await a_person()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def buyer(app: FastAPI) -> Person:
    return await a_person(balance_sat=9_000_000)


@pytest_asyncio.fixture(loop_scope="session")
async def receiver(app: FastAPI) -> Person:
    """Whoever gets a refund: a wallet that is empty before."""
    return await a_person()


@pytest_asyncio.fixture(loop_scope="session")
async def service(receiver: Person) -> AsyncIterator[LnurlServer]:
    """A wallet service on loopback whose addresses all lead to the receiver's wallet."""
    async with a_wallet_service(receiver) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def instance_admin(app: FastAPI) -> Person:
    return await an_admin()
