"""Sending what is due: one task claims batches, and one task for each connection sends their messages."""

import asyncio
import sys
from collections.abc import Callable, Set
from contextlib import suppress
from datetime import timedelta

from publisher.core.delivery.mailing import (
    Batch,
    MailingHold,
    MailingKind,
    MailingState,
)
from publisher.core.delivery.throttling import SERVER_SCOPE, describe_stop
from publisher.core.errors import AddressError
from publisher.core.mail.message import Outcome, Phase, Segment, SendVerdict
from publisher.ports import Session
from publisher.services.delivery.outcomes import DeliveryStats, OutcomeRecorder
from publisher.services.delivery.safeguards import SendWindows
from publisher.services.delivery.send_queue import Job, OpenBatch
from publisher.services.deps import Deps
from publisher.services.mail.messages import MAX_COHORTS, MessageBuilder, PendingMessage

LEASE = timedelta(minutes=15)
"""Longer than the ten minutes a server may take to answer the final dot (RFC 5321 4.5.3.2.6)."""

POLL_SECONDS = 1.0
"""How soon the feeder looks again after it found nothing to claim, while connections are at work."""

LOOKAHEAD = 64
"""How many messages ahead of its turn a message is begun."""

RECONNECT_SECONDS = 30.0
"""How soon a connection that the server refused, while it kept others, is tried again."""


class DeliveryWorker:
    """One run that sends everything that is due."""

    def __init__(
        self, deps: Deps, stopping: Callable[[], bool], progress: Callable[[DeliveryStats], None]
    ) -> None:
        self.stopping, self.progress = stopping, progress
        self.store, self.transport, self.rules = deps.adapters.store, deps.adapters.transport, deps.rules
        self.clock, self.failpoint = deps.process.clock, deps.process.failpoint
        self.run_id, self.lists = deps.process.run_id, deps.rules.slugs
        self.recorder, self.windows = OutcomeRecorder(deps), SendWindows(deps.rules, deps.adapters.store)
        self.queue, self.builder = self.recorder.queue, MessageBuilder(deps)
        self.connecting = 0
        self._sessions: set[Session] = set()
        self._cohorts: dict[tuple[int, int], asyncio.Future[tuple[Segment, ...]]] = {}

    async def run(self) -> DeliveryStats:
        """Sends until nothing is due, the server fails, or the run is asked to stop."""
        stats, breakers = self.recorder.stats, self.recorder.breakers
        if breakers.open_until(SERVER_SCOPE, self.clock()):
            stats.held = describe_stop(breakers.breaker(SERVER_SCOPE), self.rules.site.timezone)
            stats.failed = any(  # only where mail waits for the server
                mailing.state is MailingState.READY or mailing.hold is MailingHold.SERVER
                for mailing in self.store.unfinished_mailings()
            )
            return stats
        connections = min(self.transport.connections, self.rules.throttling.total.connections or sys.maxsize)
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(self._renew_leases())
                async with asyncio.TaskGroup() as work:
                    work.create_task(self._feed())
                    for _ in range(connections):
                        work.create_task(self._connection())
                await self.recorder.finish_run()
                renewing.cancel()
        finally:
            await asyncio.gather(*map(self._close, tuple(self._sessions)))  # some are left after an error
            await self.transport.rest()
        return stats

    @property
    def _ending(self) -> bool:
        return self.recorder.down or self.stopping()

    async def _renew_leases(self) -> None:
        """Keeps the run's leases, however slowly a server answers or a rate limit lets mail go."""
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            until = self.clock() + LEASE
            await asyncio.to_thread(self.store.renew_leases, self.run_id, until)

    async def _feed(self) -> None:
        while not self._ending:
            self.recorder.ledger.raise_failure()
            now, full = self.clock(), self.queue.full_groups()
            batch = await asyncio.to_thread(
                self.store.claim_batch, self.run_id, now, now + LEASE, full, self.lists
            )
            if batch is not None:
                await self._open(batch)
            elif self.queue.idle and not full:  # a group that was full may have been sent meanwhile
                break
            else:
                await self.queue.wait_until_low(POLL_SECONDS)
        await self.recorder.release(self.queue.remove(lambda _: True))
        self.queue.close()

    async def _open(self, batch: Batch) -> None:
        """Queues the deliveries of a batch that was claimed, unless its mailing may not go now."""
        await self.recorder.journal(batch.turn)
        self.failpoint("deliver:claimed")
        now = self.clock()
        if closed := self.windows.closed(batch, now):
            await self.recorder.hold(batch.mailing, closed.hold, closed.reason, closed.until)
            await self.recorder.journal(await asyncio.to_thread(self.store.finish_batch, batch, now))
            return
        rows = await asyncio.to_thread(self.store.claimed_deliveries, batch)
        await self._reread_segments(batch.mailing, {(row.mailing, row.cohort) for row in rows})
        opened = OpenBatch(batch=batch, left=len(rows), stops_at=self.windows.stops_at(batch, now))
        if not rows:
            await self.recorder.finish(opened)
        jobs = [Job(opened, row, row.address.rpartition("@")[2]) for row in rows]
        self.queue.put(jobs, first=batch.kind is MailingKind.CONFIRM)
        for domain in {job.domain for job in jobs}:
            if until := self.recorder.breakers.open_until(domain, now):
                await self.recorder.release(self.queue.remove_domain(domain), until)

    async def _reread_segments(self, mailing: int, coming: Set[tuple[int, int]]) -> None:
        """Reads again what was read of a mailing: a withdrawn post may have been taken out of it since. What
        is `coming` is read at once: a message whose segments are there is begun ahead of its turn, and signed
        in time.
        """
        for cohort in [cohort for cohort in self._cohorts if cohort[0] == mailing]:
            if cohort not in coming:
                del self._cohorts[cohort]
                continue
            reading = asyncio.ensure_future(asyncio.to_thread(self.store.segments, *cohort))
            if await reading != await self._cohorts[cohort]:
                self._cohorts[cohort] = reading

    async def _connection(self) -> None:
        session: Session | None = None
        prefetched: Job | None = None
        while (job := prefetched or await self.queue.next()) is not None:
            prefetched = None
            if self._ending or not await self._may_go(job):
                await self.recorder.release([job])
            elif session is None and (session := await self._connect(job)) is None:
                self.queue.completed(job)
                if await self.queue.wait_until_closed(RECONNECT_SECONDS):
                    break
                continue
            else:
                usable, prefetched = await self._send(session, job)
                if not usable:
                    await self._close(session)
                    session = None
            self.queue.completed(job)
            self.progress(self.recorder.stats)
        if session is not None:
            await self._close(session)

    async def _may_go(self, job: Job) -> bool:
        """Whether the batch may still go: quiet hours may have begun, or a warm-up's share may be used up,
        since it was opened. If not, its mailing is held.
        """
        opened, now = job.open, self.clock()
        if (opened.stops_at is None or now < opened.stops_at) and self.windows.left(now) != 0:
            self.windows.passed(opened.batch)
            return True
        closed = self.windows.closed(opened.batch, now)
        if closed is not None:
            await self.recorder.hold(opened.batch.mailing, closed.hold, closed.reason, closed.until)
        return closed is None

    async def _connect(self, job: Job) -> Session | None:
        """A session, or None: then the job is back in the queue. The server failed if there is no other
        connection; otherwise it allows fewer than are configured.
        """
        self.connecting += 1
        session = await self.transport.connect()
        self.connecting -= 1
        if not isinstance(session, Outcome):
            self._sessions.add(session)
            return session
        self.queue.put([job], first=True)
        if session.phase is Phase.QUOTA:
            await self.recorder.quota_used_up(session)
        elif not self._sessions and not self.connecting:
            await self.recorder.server_fails(session.reply)
        return None

    async def _close(self, session: Session) -> None:
        self._sessions.discard(session)
        await session.close()

    async def _send(self, session: Session, job: Job) -> tuple[bool, Job | None]:
        """Offers the message, makes the intent durable, commits it, and records the outcome. Returns whether
        the session is still usable, and the session's next job if one was started meanwhile.
        """
        try:
            message = self._begun(job) or await self._begin(job)
        except AddressError as error:
            # The store holds an invalid address, from an older version or an edit by hand. It is recorded as
            # a refusal like a server's, so that only this reader gets no mail.
            reply = f"501 5.1.3 {error}"[:500]
            refused = Outcome(verdict=SendVerdict.REJECTED, reply=reply, phase=Phase.RECIPIENT)
            return await self.recorder.record(job, refused), None
        early = await session.offer(message.ready or await message.whole())
        self.failpoint("deliver:offered")
        if early is not None:
            if early.phase is Phase.QUOTA:
                self.queue.put([job], first=True)
                await self.recorder.quota_used_up(early)
                return False, None
            if early.phase is Phase.CONNECT and len(self._sessions) + self.connecting > 1:
                self.queue.put([job], first=True)  # others are connected: the server now allows fewer
                return False, None
            return await self.recorder.record(job, early), None
        prefetched = None if self._ending else self.queue.prefetch()
        upcoming: PendingMessage | None = None
        with suppress(AddressError):  # recorded when its turn comes
            upcoming = (
                None if prefetched is None else self._begun(prefetched) or await self._begin(prefetched)
            )
        if not await self.recorder.intend(job.delivery, session.relay):
            await session.drop()
            await self.recorder.skip(job)
            return True, prefetched
        self.failpoint("deliver:intended")
        outcome = await session.commit(upcoming.ready if upcoming is not None else None)
        self.failpoint("deliver:committed")
        return await self.recorder.record(job, outcome), prefetched

    def _begun(self, job: Job) -> PendingMessage | None:
        """The job's message, or None while its cohort's segments are still to be read. Also begins the
        message that comes LOOKAHEAD places later, since signing it may take a while.
        """
        for due in (self.queue.peek(job, LOOKAHEAD), job):
            if due is not None and due.message is None:
                reading = self._cohorts.get((due.delivery.mailing, due.delivery.cohort))
                if reading is not None and reading.done():
                    with suppress(AddressError):  # recorded when its turn comes
                        due.message = self.builder.begin(due.open.batch, due.delivery, reading.result())
        return job.message

    async def _begin(self, job: Job) -> PendingMessage:
        """The job's message. Whoever asks first reads its cohort's segments, once for all who ask meanwhile
        or later.
        """
        cohort = job.delivery.mailing, job.delivery.cohort
        reading = self._cohorts.get(cohort)
        if reading is None:
            if len(self._cohorts) >= MAX_COHORTS:
                del self._cohorts[next(iter(self._cohorts))]
            reading = asyncio.ensure_future(asyncio.to_thread(self.store.segments, *cohort))
            self._cohorts[cohort] = reading
        segments = await asyncio.shield(reading)
        message = job.message = job.message or self.builder.begin(job.open.batch, job.delivery, segments)
        return message
