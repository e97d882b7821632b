"""I8: two processes on one PostgreSQL change documents and lanes in one order, so that neither
ends the other's transaction by a deadlock."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

from support.builders import an_event, eventually, execute, rows
from support.host import ENGINE, ext
from support.lanes import Publisher, a_publisher, some_lanes
from support.listings import publishes

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.usefixtures("loopback"),
    pytest.mark.skipif(ENGINE == "sqlite", reason="SQLite has one writer at a time"),
]

RELAY = "ws://127.0.0.1:9"
Change = Callable[[Any, Publisher], Coroutine[Any, Any, None]]


@asynccontextmanager
async def a_process() -> AsyncIterator[Any]:
    """A transaction beside that of this process."""
    crud = ext("crud")
    async with crud.db.engine.connect() as raw:
        await raw.begin()
        yield crud.Tx(raw)
        await raw.rollback()


async def _bump_wallet(tx: Any, publisher: Publisher) -> None:
    await ext("nostr.crud_documents").bump_wallet(tx, publisher.who.wallet)


async def _bump(tx: Any, publisher: Publisher) -> None:
    ids = await _documents(publisher)
    await ext("nostr.crud_documents").bump(tx, ids[::-1])


async def _spread(tx: Any, publisher: Publisher) -> None:
    await ext("nostr.crud_lanes").spread(tx, publisher.who.wallet, [RELAY])


async def _drop_relays(tx: Any, publisher: Publisher) -> None:
    await ext("nostr.crud_lanes").drop_relays(tx, publisher.who.wallet, [])


async def _note_foreign(tx: Any, publisher: Publisher) -> None:
    jobs = ext("nostr.crud_jobs")
    [job] = await jobs.get_jobs(tx, RELAY, (await _documents(publisher))[:1])
    await jobs.note_foreign(tx, job, 2**33, 2**33)


async def _read_back(tx: Any, publisher: Publisher) -> None:
    ids = await _documents(publisher)
    await ext("nostr.crud_documents").lock_these(tx, ids[::-1])
    await ext("nostr.crud_jobs").note_checked(tx, RELAY, ids, ext("clock").now(), was_read=True)


async def _save(tx: Any, publisher: Publisher) -> None:
    """What is signed makes a calendar wanted, whose id comes before the listing's."""
    versions, accounts = ext("nostr.versions"), ext("nostr.accounts")
    document = await _a_listing(tx, publisher)
    account, key = await accounts.ensure(publisher.who.wallet)
    said = versions.Version(
        rev=document.rev,
        event_json="{}",
        nostr_id="0" * 64,
        kind=document.kind,
        d=document.d,
        key_id=key.id,
        pubkey=key.pubkey,
        created_at=document.created_at + 1,
        not_before=ext("clock").now(),
        changes_at=None,
    )
    unsigned = replace(document, event_json=None)
    await versions.save(tx, unsigned, said, account, key)


async def _request_deletion(tx: Any, publisher: Publisher) -> None:
    await ext("nostr.deletions").request_deletion(tx, await _a_listing(tx, publisher))


async def _hand_over(tx: Any, publisher: Publisher) -> None:
    _, key = await ext("nostr.accounts").ensure(publisher.who.wallet)
    await ext("nostr.crud_due").hand_over(tx, publisher.who.wallet, key.pubkey, key.id)


async def _a_listing(tx: Any, publisher: Publisher) -> Any:
    return await ext("nostr.crud_documents").get_document(tx, f"listing:{publisher.event_id}")


async def _documents(publisher: Publisher) -> list[str]:
    found = await rows(
        "SELECT id FROM events.nostr_documents WHERE wallet = :id AND created_at > 0 ORDER BY id",
        id=publisher.who.wallet,
    )
    return [row["id"] for row in found]


CHANGES = [
    _bump_wallet,
    _bump,
    _spread,
    _drop_relays,
    _note_foreign,
    _read_back,
    _save,
    _request_deletion,
    _hand_over,
]


@pytest.mark.parametrize("change", CHANGES)
async def test_i8_listing_who_waits_for_the_first_document_holds_nothing(
    client: httpx.AsyncClient, change: Change
) -> None:
    publisher = await a_publisher(client, [RELAY])
    await publishes(publisher.who, relays=[RELAY], has_calendar=True)
    for _ in range(6):
        await an_event(client, publisher.who, nostr_publish=True)
    for _ in range(2):
        # The calendar follows the listings in it.
        await publisher.sign()
    if change is not _spread:
        await some_lanes()._spread()
    first, *others = await _documents(publisher)
    assert first.startswith("calendar:")
    # Its row is the last one in the table, where an UPDATE without an order comes to it last.
    for _ in range(3):
        await execute("UPDATE events.nostr_documents SET rev = rev WHERE id = :id", id=first)
    async with a_process() as one, a_process() as other:
        lock = "SELECT id FROM events.nostr_documents WHERE id = :id FOR UPDATE"
        await one.fetch_all(lock, {"id": first})
        [pid] = await other.fetch_all("SELECT pg_backend_pid() AS pid")
        waiting = asyncio.create_task(change(other, publisher))
        try:
            await eventually(lambda: _is_waiting(pid["pid"]))
            for id_ in others:
                await one.fetch_all(f"{lock} NOWAIT", {"id": id_})
            await one.fetch_all(
                "SELECT relay FROM events.nostr_lanes WHERE document_id IN"
                " (SELECT value FROM json_array_elements_text(CAST(:ids AS json)))"
                " FOR UPDATE NOWAIT",
                {"ids": json.dumps([first, *others])},
            )
        finally:
            await one.raw.rollback()
            await waiting


async def _is_waiting(pid: int) -> bool:
    found = await rows(
        "SELECT 1 AS found FROM pg_stat_activity WHERE pid = :pid AND wait_event_type = 'Lock'",
        pid=pid,
    )
    return bool(found)
