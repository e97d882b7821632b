"""One pass over one relay: what it is to get, one after the other, then what is to be read back.

No transaction is open while the relay is waited for, and each step stands by itself: cut off at
any point, the next pass goes on from what the rows say.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from loguru import logger

from ..clock import to_ms
from ..crud import Session, Tx
from . import crud_jobs, crud_lanes, crud_relays
from .crud_jobs import Job
from .line import Line, NotReadable, Unanswered
from .models import Answer, Refusal, RelayFailed, SignerFailed
from .pace import APART, LanePace
from .read_back import BATCH, filters_for, read_back, take_at_its_word
from .refusals import asks_for_a_pause, classify, leaves_open, showable

_MS = timedelta(milliseconds=1)


class LeaseLost(Exception):
    """Another process speaks to this relay."""


class Pass:
    """`owner` is who holds the relay's lease; `moment` tells the time."""

    def __init__(
        self, line: Line, owner: str, pace: LanePace, moment: Callable[[], datetime]
    ) -> None:
        self._line, self._owner, self._pace, self._moment = line, owner, pace, moment
        self._url = line.url
        self._failures = 0
        self._checked_at: int | None = None
        self._held_at: datetime | None = None
        # Documents of which the relay's answer does not tell what it has.
        self._doubted: set[str] = set()
        # Keys whose signers failed: each is asked once in a pass.
        self._unsigned: dict[str, SignerFailed] = {}
        # Events without an answer, one after the other.
        self._unanswered = 0
        self._is_readable, self._has_checked = True, False

    async def run(self) -> bool:
        """False: this relay is to be left alone for now."""
        async with Session() as session:
            try:
                await self._hold(session)
                await self._read_state(session)
                if not await self._send_due(session):
                    return False
                return await self._check_due(session)
            except LeaseLost:
                return False
            except RelayFailed as failed:
                await self._note_failure(session, failed)
                return False

    async def _hold(self, session: Session) -> None:
        """Take the lease, or renew it in good time before the next exchange."""
        now, fresh = self._moment(), timedelta(seconds=self._pace.lease_s) / 6
        if self._held_at is not None and self._held_at <= now < self._held_at + fresh:
            return
        async with session.transaction() as tx:
            taken = await crud_relays.take_lease(tx, self._url, self._owner, now, self._pace)
        if not taken:
            raise LeaseLost
        self._held_at = now

    async def _read_state(self, session: Session) -> None:
        async with session.reading() as tx:
            known = await crud_relays.get_relays(tx, [self._url])
        if self._url in known:
            self._failures = known[self._url]["failures"]
            self._checked_at = known[self._url]["checked_at"]

    async def _note_failure(self, session: Session, failed: RelayFailed) -> None:
        retry_at = self._moment() + self._pace.wait_after(self._failures)
        logger.debug(f"events: {self._url} failed ({failed.code}) and waits until {retry_at}")
        async with session.transaction() as tx:
            await crud_relays.note_failure(tx, self._url, showable(failed.message), retry_at)

    async def _send_due(self, session: Session) -> bool:
        """False: the relay asks for a pause."""
        while True:
            now = self._moment()
            async with session.reading() as tx:
                ids = await crud_jobs.list_due(tx, self._url, now, self._pace.furthest(now), BATCH)
            for document_id in ids:
                if not await self._send(session, document_id):
                    return False
            if len(ids) < BATCH:
                return True

    async def _send(self, session: Session, document_id: str) -> bool:
        """Send the newest version there is now; False: the relay asks for a pause."""
        await self._hold(session)
        async with session.reading() as tx:
            jobs = await crud_jobs.get_jobs(tx, self._url, [document_id])
        if not jobs:
            async with session.transaction() as tx:
                await crud_lanes.forget(tx, self._url, document_id)
            return True
        [job] = jobs
        if not job.is_to_send:
            async with session.transaction() as tx:
                await crud_jobs.note_nothing_to_send(tx, job)
            return True
        try:
            if job.key_id in self._unsigned:
                raise self._unsigned[job.key_id]
            answer = await self._line.publish(job.event_json, job.key_id)
        except SignerFailed as failed:
            self._unsigned[job.key_id] = failed
            await self._note_no_signature(session, job, failed)
            return True
        except Unanswered as failed:
            await self._note_no_answer(session, job, failed)
            return True
        self._unanswered = 0
        return await self._note_answer(session, job, answer)

    async def _note_no_answer(self, session: Session, job: Job, failed: Unanswered) -> None:
        """It may be this event alone, too long for the relay: others are not to wait for it.

        Raises Unanswered when the relay answers no question either, or no second event.
        """
        next_try_at = self._moment() + self._pace.wait_after(job.attempts)
        async with session.transaction() as tx:
            await crud_jobs.note_refusal(
                tx, job, Refusal.RETRY, showable(failed.message), next_try_at
            )
        self._unanswered += 1
        if self._unanswered > 1:
            raise failed
        await self._hold(session)
        try:
            await self._line.query(filters_for([job]), 1, job.key_id)
        except NotReadable as silent:
            if not silent.is_refusal:
                raise failed from silent

    async def _note_no_signature(self, session: Session, job: Job, failed: SignerFailed) -> None:
        """The relay wants authentication, and whoever signs cannot be reached."""
        next_try_at = self._moment() + self._pace.wait_after(job.attempts)
        async with session.transaction() as tx:
            await crud_jobs.note_refusal(
                tx, job, Refusal.AUTH, showable(failed.message), next_try_at
            )

    async def _note_answer(self, session: Session, job: Job, answer: Answer) -> bool:
        refusal, wants_pause = classify(answer), asks_for_a_pause(answer)
        if leaves_open(answer):
            self._doubted.add(job.document_id)
        if refusal is Refusal.CLOCK:
            logger.warning(
                f"events: {self._url} says that the time of {job.document_id} is wrong:"
                f" {showable(answer.message)!r}; is this host's clock right?"
            )
        next_try_at = self._moment() + self._pace.wait_after(job.attempts)
        async with session.transaction() as tx:
            if refusal in (None, Refusal.SUPERSEDED):
                await crud_jobs.note_ack(tx, job, self._moment())
            else:
                is_final = refusal in (Refusal.AUTH, Refusal.PARKED)
                words = showable(answer.message) or "The relay refused it without a word."
                later = None if is_final else next_try_at
                await crud_jobs.note_refusal(tx, job, refusal, words, later)
            await self._note_back(tx)
            if wants_pause:
                await crud_relays.note_pause(tx, self._url, next_try_at)
        return not wants_pause

    async def _note_back(self, tx: Tx) -> None:
        if self._failures:
            await crud_relays.note_back(tx, self._url)
            # It may have come back without its data.
            self._failures, self._checked_at = 0, None

    async def _check_due(self, session: Session) -> bool:
        """What is in doubt now, what it took a while ago, and now and then everything. False: the
        relay asks for a pause."""
        if self._line.was_cut:
            async with session.transaction() as tx:
                await crud_relays.check_anew(tx, self._url)
            self._line.was_cut, self._checked_at = False, None
        return (
            await self._check_doubted(session)
            and (not self._is_stale() or await self._check_all(session))
            and await self._check_unchecked(session)
            and await self._check_doubted(session)
        )

    async def _check(self, session: Session, document_ids: list[str]) -> bool:
        """Before, but for the first ones, send what has become due: to read everything takes its
        time. False: the relay asks for a pause."""
        if not document_ids:
            return True
        if self._has_checked and not await self._send_due(session):
            return False
        self._has_checked = True
        now = self._moment()
        if self._is_readable:
            await self._hold(session)
            self._is_readable = await read_back(session, self._line, document_ids, now, self._pace)
        else:
            # It was asked once, and is not asked again in this pass.
            await take_at_its_word(session, self._url, document_ids, now, is_there=False)
        return True

    async def _check_doubted(self, session: Session) -> bool:
        while self._doubted:
            batch = sorted(self._doubted)[:BATCH]
            self._doubted.difference_update(batch)
            if not await self._check(session, batch):
                return False
        return True

    async def _check_unchecked(self, session: Session) -> bool:
        settle = timedelta(seconds=self._pace.settle_s)
        now, ids = self._moment(), [""] * BATCH
        until, ahead = now - settle, now + APART
        while len(ids) == BATCH:
            async with session.reading() as tx:
                ids = await crud_jobs.list_unchecked(tx, self._url, until, ahead, BATCH)
            if not await self._check(session, ids):
                return False
        return True

    def _is_stale(self) -> bool:
        """Also when it was read in the future: the clock was set back."""
        if self._checked_at is None:
            return True
        age = to_ms(self._moment()) - self._checked_at
        return not -APART / _MS <= age < self._pace.check_every_s * 1000

    async def _check_all(self, session: Session) -> bool:
        started_at, ids = self._moment(), [""] * BATCH
        while self._is_readable and len(ids) == BATCH:
            async with session.reading() as tx:
                ids = await crud_jobs.list_acked(tx, self._url, ids[-1], BATCH)
            if not await self._check(session, ids):
                return False
        async with session.transaction() as tx:
            await crud_relays.note_checked(tx, self._url, started_at)
        return True
