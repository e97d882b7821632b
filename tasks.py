"""What runs beside requests: boot, the host's announcements, the sweeps.

Boot runs as a task because the host neither awaits `events_start` nor waits for it: requests
pass `require_ready`, which waits for the fork's migrations (HOST §1).
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from lnbits.core.crud import get_db_version
from lnbits.core.helpers import run_migration
from lnbits.core.models import Payment
from lnbits.db import SQLITE
from lnbits.task_manager import task_manager
from loguru import logger

from . import (
    clock,
    migrations_catalog,
    migrations_door,
    migrations_fork,
    migrations_messages,
    migrations_nostr,
    migrations_refunds,
    migrations_sale,
)
from .adoption import adopt_legacy
from .crud import db
from .errors import Starting
from .nostr import worker as nostr_worker
from .nostr.direct import NostrMessages
from .notifications import worker as messages_worker
from .orders import sweeper
from .orders.live import nudges
from .refunds import wakeup
from .refunds import worker as refunds_worker
from .refunds.services import Ledger
from .settings import secret_key

FORK_KEY = "events_fork"
FORK_STEPS = (
    migrations_fork,
    migrations_refunds,
    migrations_catalog,
    migrations_door,
    migrations_messages,
    migrations_nostr,
    migrations_sale,
)
# Any fixed number: two processes on one PostgreSQL must not migrate at once.
_MIGRATION_LOCK = 7_261_991

BOOT_TASK = "ext_events_boot"
SWEEP_TASK = "ext_events_sweep"
NUDGE_TASK = "ext_events_nudge"
REFUND_TASK = "ext_events_refunds"
OUTBOX_TASK = "ext_events_outbox"
MAIL_TASK = "ext_events_mail"
DM_TASK = "ext_events_dm"
SIGNING_TASK = "ext_events_signing"
RELAYS_TASK = "ext_events_relays"
LISTENER = "ext_events"

SWEEP_EVERY_S = 60.0
REFUND_EVERY_S = 60.0
# Every so many passes one looks far back.
FULL_EVERY = 60
# Clocks and transactions of another process on the same database may lag behind.
OVERLAP = timedelta(minutes=5)
RETRY_S = 5.0
# Buyers poll every few seconds; the funding source is asked no more often than this.
NUDGE_PAUSE_S = 3.0
READY_WITHIN_S = 15.0

ledger = Ledger()


class Readiness:
    """Whether the database is up to date. Made anew with each import of the package."""

    def __init__(self) -> None:
        self._ready = asyncio.Event()

    def set(self) -> None:
        self._ready.set()

    async def wait(self) -> None:
        """Raises Starting when boot takes longer than a request may wait."""
        try:
            await asyncio.wait_for(self._ready.wait(), READY_WITHIN_S)
        except asyncio.TimeoutError as exc:
            raise Starting("Ticketing is starting. Please try again in a moment.") from exc


readiness = Readiness()


async def require_ready() -> None:
    """Dependency of every route."""
    await readiness.wait()


async def migrate() -> None:
    """Bring the schema up to date and take over what 1.6.9 wrote. Safe to repeat at any point."""
    async with db.connect() as conn:
        on_postgres = conn.type != SQLITE
        if on_postgres:
            await conn.execute(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})")
        try:
            current = await get_db_version(FORK_KEY)
            # An admin may have deleted the data; the version row of this key survives that.
            if current and not await migrations_fork.has_marker(conn):
                current = None
            for steps in FORK_STEPS:
                await run_migration(conn, steps, FORK_KEY, current)
                current = await get_db_version(FORK_KEY)
            adopted = await adopt_legacy(conn)
        finally:
            if on_postgres:
                # After a failed statement nothing else runs, not even the unlock, until then.
                await conn.conn.rollback()
                await conn.execute(f"SELECT pg_advisory_unlock({_MIGRATION_LOCK})")
    logger.info(f"events: database ready, taken over from 1.6.9: {adopted}")


async def boot() -> None:
    """Migrate until it works, then listen, look for payments missed, and open the doors."""
    while True:
        try:
            await migrate()
            await secret_key.load()
            break
        except Exception as exc:  # noqa: BLE001  # a database that is down comes back: try again
            logger.error(f"events: not ready yet: {exc!r}")
            await asyncio.sleep(RETRY_S)
    task_manager.register_invoice_listener(on_invoice_paid, LISTENER)
    readiness.set()
    for name, loop in LOOPS.items():
        task_manager.create_task(loop(), name=name)


async def on_invoice_paid(payment: Payment) -> None:
    """The host's announcement. If it cannot be settled now the next sweep does it: raising would
    make the host drop it and pause all others (HOST §3)."""
    try:
        await sweeper.settle_announced(payment, ledger, clock.now())
    except Exception as exc:  # noqa: BLE001  # see above: logged, and found again by the sweep
        logger.error(f"events: payment {payment.payment_hash} waits for the next sweep: {exc!r}")


async def sweep_once(
    paid_since: datetime | None = None, lapsed_since: datetime | None = None
) -> sweeper.Sweep:
    """One pass over payments and unpaid orders; without arguments a full one."""
    now = clock.now()
    long_ago = now - sweeper.LONG_AGO
    done = await sweeper.sweep(ledger, now, paid_since or long_ago, lapsed_since or long_ago)
    if done.settled or done.expired or done.unanswered:
        logger.info(
            f"events: sweep settled {done.settled}, expired {done.expired},"
            f" without an answer of the funding source {done.unanswered}"
        )
    return done


async def keep_sweeping() -> None:
    """At start and every hour look far back: payments may have come while host or node was down.

    A pass that got no answer for some order, or failed, is followed by another full one.
    """
    paid_since: datetime | None = None
    passes = 0
    while True:
        started_at = clock.now()
        is_full = passes % FULL_EVERY == 0
        lapsed_since = None if is_full else started_at - sweeper.RECENT
        try:
            done = await sweep_once(paid_since, lapsed_since)
            # What the host writes while a pass runs belongs to the next one.
            paid_since = started_at - OVERLAP
            passes = 0 if is_full and done.unanswered else passes + 1
        except Exception as exc:  # noqa: BLE001  # the next round tries again
            logger.error(f"events: sweep failed: {exc!r}")
        await asyncio.sleep(SWEEP_EVERY_S)


async def keep_nudging() -> None:
    """Look at once at orders whose buyers are waiting."""
    while True:
        await nudges.wait()
        try:
            await sweeper.look_again(nudges.take(), ledger, clock.now())
        except Exception as exc:  # noqa: BLE001  # the sweep looks at them as well
            logger.error(f"events: look at waiting orders failed: {exc!r}")
        await asyncio.sleep(NUDGE_PAUSE_S)


async def keep_refunding() -> None:
    """Pay back what is owed: at start, whenever something becomes owed, and every minute."""
    while True:
        wait_s = REFUND_EVERY_S
        try:
            done = await refunds_worker.run_once(clock.now())
            wait_s = 0.0 if done.has_more else REFUND_EVERY_S
        except Exception as exc:  # noqa: BLE001  # the next pass tries again
            logger.error(f"events: pass over the refunds failed: {exc!r}")
        await wakeup.wait(wait_s)


# What runs as long as the extension is switched on; each keeps going whatever happens.
LOOPS: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
    SWEEP_TASK: keep_sweeping,
    NUDGE_TASK: keep_nudging,
    REFUND_TASK: keep_refunding,
    OUTBOX_TASK: messages_worker.keep_delivering,
    MAIL_TASK: messages_worker.keep_mailing,
    DM_TASK: lambda: messages_worker.keep_messaging(NostrMessages()),
    SIGNING_TASK: nostr_worker.keep_signing,
    RELAYS_TASK: nostr_worker.keep_sending,
}


def start() -> None:
    """Called by the host, not awaited: the work is done in a task."""
    task_manager.create_task(boot(), name=BOOT_TASK)


def stop() -> None:
    """Called by the host when the extension is switched off or replaced."""
    for name in (BOOT_TASK, *LOOPS, f"{LISTENER}_invoice_listener"):
        task = task_manager.get_task(name)
        if task is not None:
            task_manager.cancel_task(task)
