"""Signs what has changed: the newest state of each document, at most one version per interval.

Nothing is kept in memory that matters: rows say what has changed since it was signed. A change
alone is signed at once, one of a burst at the end of the interval, and the last one always.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from loguru import logger

from ..crud import Tx, reading, transaction
from ..settings import base_url, get_settings
from . import accounts, crud_documents, crud_due
from .crud_due import DENIED, LONGEST_WAIT, Busy
from .models import Account, Document, Key, Purpose, SignerFailed, Unsigned
from .pace import APART
from .versions import INTERNAL, NO_RELAYS, Pace, Pen, Result, failure, give_up_for_now, renew

_BATCH = 100
# A signer that does not answer is not asked for the other documents, too.
_SILENT = "offline"


@dataclass(frozen=True)
class SignPass:
    """What one pass did. `waiting`: documents that could not be signed now, or are being signed
    still. `next_at`: when to look again; None: not before something changes."""

    signed: int = 0
    waiting: int = 0
    next_at: datetime | None = None


@dataclass(frozen=True)
class _Batch:
    """Documents that one key signs, in their order."""

    key: Key
    account: Account | None
    documents: list[Document]


class Signing:
    """Passes over what is due. Keys sign side by side, and one whose signer is slow keeps nobody
    waiting: it goes on between the passes. As a context manager it ends that with itself.

    `base`: the site's address that all is signed with; None: not known, so all is looked at."""

    def __init__(self, pace: Pace | None = None, base: str | None = None) -> None:
        self._pace = pace or Pace()
        self._base = base
        # The latest moment that a pass has seen.
        self._seen: datetime | None = None
        # By key: who is signing, and for which wallet as its active key.
        self._at_work: dict[str, tuple[asyncio.Task[SignPass], str | None]] = {}

    async def __aenter__(self) -> "Signing":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop whoever is at work. What is not stored is signed again by the next pass."""
        tasks = [task for task, _ in self._at_work.values()]
        self._at_work.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def sign_due(self, now: datetime) -> SignPass:
        """One pass. Without anything due it only reads."""
        await self._look_anew(now)
        due = await self._read_due(now)
        if due:
            # After the rows: whoever has raised them, in another process too, for a change of the
            # settings is not to be answered out of what was known before.
            await get_settings()
        waiting = 0
        for batch in await self._batches(due, now):
            if batch.key.id in self._at_work:
                waiting += len(batch.documents)
                continue
            wallet = None if batch.key.retired_at else batch.key.wallet
            work = asyncio.ensure_future(_sign_batch(batch, now, self._pace))
            self._at_work[batch.key.id] = (work, wallet)
        done = await self._collect()
        waiting += sum(1 for _ in self._at_work)
        async with reading() as tx:
            next_at = await crud_due.next_due_at(tx, self._busy())
        return SignPass(done.signed, done.waiting + waiting, next_at)

    async def _look_anew(self, now: datetime) -> None:
        """The site's address is in all that is signed, and in no row that a change of it would
        raise; and what a clock that was ahead has changed stands until it is looked at, also that
        of before this process. What would say the same again is settled, and not published."""
        base, latest = base_url(), self._seen or now
        is_set_back = now < latest - APART
        if is_set_back or base != self._base:
            async with transaction() as tx:
                await crud_due.bump_signed(tx)
        self._base = base
        # Small steps back add up.
        self._seen = now if is_set_back else max(now, latest)

    async def _read_due(self, now: datetime) -> list[Document]:
        async with reading() as tx:
            if not await crud_due.has_timed(tx, now):
                return await self._list_due(tx, now)
        async with transaction() as tx:
            await crud_due.bump_timed(tx, now)
            return await self._list_due(tx, now)

    async def _list_due(self, tx: Tx, now: datetime) -> list[Document]:
        return await crud_due.list_due(tx, now, self._pace.interval, self._busy(), _BATCH)

    def _busy(self) -> Busy:
        wallets = [wallet for _, wallet in self._at_work.values() if wallet is not None]
        return Busy(wallets, list(self._at_work))

    async def _batches(self, due: Sequence[Document], now: datetime) -> list[_Batch]:
        """By the key that signs: for a deletion the one that signed what it is of."""
        found: dict[str, _Batch] = {}
        active: dict[str, tuple[Account, Key] | None] = {}
        for document in due:
            try:
                signed_by = await _whose(document, active)
            except Exception as exc:  # noqa: BLE001  # one wallet must not keep the others back
                logger.error(f"events: no key to sign {document.id} with: {exc!r}")
                await give_up_for_now(document, INTERNAL, now, self._pace)
                continue
            if signed_by is None:
                await _nobody_signs(document, now)
                continue
            account, key = signed_by
            batch = found.setdefault(key.id, _Batch(key, account, []))
            if batch.account is None and account is not None:
                batch = found[key.id] = _Batch(key, account, batch.documents)
            batch.documents.append(document)
        return list(found.values())

    async def _collect(self) -> SignPass:
        """Wait for who is at work, but no longer than patience lasts, and add up who is done."""
        tasks = [task for task, _ in self._at_work.values()]
        if not tasks:
            return SignPass()
        try:
            await asyncio.wait(tasks, timeout=self._pace.patience_s)
        except asyncio.CancelledError:
            await self.close()
            raise
        signed = waiting = 0
        for key_id, (task, _) in list(self._at_work.items()):
            if task.done():
                del self._at_work[key_id]
                signed, waiting = signed + task.result().signed, waiting + task.result().waiting
        return SignPass(signed, waiting)


async def sign_due(now: datetime, pace: Pace | None = None) -> SignPass:
    """One pass over what has changed, that waits for every signer, however slow."""
    patient = replace(pace or Pace(), patience_s=None)
    async with Signing(patient, base_url()) as signing:
        return await signing.sign_due(now)


async def _whose(
    document: Document, active: dict[str, tuple[Account, Key] | None]
) -> tuple[Account | None, Key] | None:
    """Who signs a document; None: there is no relay, so nobody. `active`: those known already."""
    if document.purpose is Purpose.DELETION:
        async with reading() as tx:
            key = await accounts.get_key(tx, document.key_id or "")
        return (None, key) if key else None
    wallet = document.wallet
    if wallet not in active:
        active[wallet] = await accounts.ensure(wallet)
    return active[wallet]


async def _nobody_signs(document: Document, now: datetime) -> None:
    """No relay to publish to. Relays of the whole instance may be named without a word to the
    documents, so it is looked at again now and then."""
    async with transaction() as tx:
        await crud_documents.postpone(tx, document.id, now + LONGEST_WAIT, NO_RELAYS)


class _PassPen(Pen):
    """A pen for one pass. Who says no to a kind says so to all of it, and is asked once: each
    question may be a prompt to the signer's owner."""

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self._denied: dict[int, str] = {}

    async def sign(self, event: Unsigned) -> str:
        """See models.Signer."""
        if event.kind in self._denied:
            raise SignerFailed(DENIED, self._denied[event.kind])
        try:
            return await super().sign(event)
        except SignerFailed as exc:
            if exc.code == DENIED:
                self._denied[event.kind] = exc.message
            raise


async def _sign_batch(batch: _Batch, now: datetime, pace: Pace) -> SignPass:
    pen = _PassPen(batch.key)
    signed = waiting = 0
    silent = False
    for document in batch.documents:
        if silent:
            await give_up_for_now(document, _SILENT, now, pace)
            waiting += 1
            continue
        try:
            result = await renew(document, batch.account, pen, now, pace)
            signed += result is Result.SIGNED
            waiting += result is Result.WAITING
        except SignerFailed as exc:
            silent = exc.code == _SILENT
            waiting += 1
            await give_up_for_now(document, failure(exc), now, pace)
        except Exception as exc:  # noqa: BLE001  # one document must not keep the others back
            logger.error(f"events: {document.id} could not be signed: {exc!r}")
            waiting += 1
            await give_up_for_now(document, INTERNAL, now, pace)
    return SignPass(signed, waiting)
