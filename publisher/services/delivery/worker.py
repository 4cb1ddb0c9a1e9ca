"""Draining: a feeder that claims batches, and connections that send what is claimed."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from publisher.core.delivery.mailing import (
    Batch,
    Delivery,
    DeliveryState,
    MailingHold,
    MailingKind,
    MailingState,
    TransitionCause,
)
from publisher.core.delivery.throttling import SERVER_SCOPE, describe_stop
from publisher.core.errors import AddressError
from publisher.core.mail.message import Outcome, Phase, Segment, SendVerdict
from publisher.ports import Session
from publisher.services.delivery.circuit_breakers import SendWindows
from publisher.services.delivery.outcomes import DeliveryStats, OutcomeRecorder
from publisher.services.delivery.send_queue import Job, OpenBatch
from publisher.services.deps import Deps
from publisher.services.mail.messages import MAX_COHORTS, MessageBuilder, PendingMessage

LEASE = timedelta(minutes=15)
"""Longer than the ten minutes a server may take to answer the final dot (RFC 5321 4.5.3.2.6)."""

POLL = 1.0
"""Seconds until a feeder that found nothing to claim looks again, while connections are at work."""

WINDOW = 64
"""Messages that are begun ahead of their turn."""

REST = 30.0
"""Seconds until a connection that could not be had, while others were, is tried again."""


class DeliveryWorker:
    """One draining of what is due."""

    def __init__(
        self, parts: Deps, stopping: Callable[[], bool], progress: Callable[[DeliveryStats], None]
    ) -> None:
        self.parts, self.stopping, self.progress = parts, stopping, progress
        self.book, self.gates = OutcomeRecorder(parts), SendWindows(parts)
        self.lanes, self.maker = self.book.lanes, MessageBuilder(parts)
        self.connecting = 0
        self._sessions: set[Session] = set()
        self._cohorts: dict[tuple[int, int], asyncio.Future[Sequence[Segment]]] = {}

    async def run(self) -> DeliveryStats:
        """Sends until nothing is due, the server fails, or it is to stop."""
        if self.book.brakes.stopped(SERVER_SCOPE, self.parts.clock()):
            return self._not_begun()
        try:
            async with asyncio.TaskGroup() as group:
                renewing = group.create_task(self._renew())
                async with asyncio.TaskGroup() as work:
                    work.create_task(self._feed())
                    for _ in range(self._connections()):
                        work.create_task(self._connection())
                await self.book.caught_up()
                renewing.cancel()
        finally:
            await asyncio.gather(*map(self._close, tuple(self._sessions)))  # there are some after an error
            await self.parts.transport.rest()
            await asyncio.to_thread(self.book.commit.close)
        return self.book.tally

    def _not_begun(self) -> DeliveryStats:
        """The server failed lately: nothing is tried, and that is a failure where mail waits for it."""
        self.book.tally.held = describe_stop(self.book.brakes.gauge(SERVER_SCOPE), self.parts.site.timezone)
        waiting = self.parts.store.unfinished_mailings()
        self.book.tally.failed = any(
            one.state is MailingState.READY or one.hold is MailingHold.SERVER for one in waiting
        )
        return self.book.tally

    @property
    def _ending(self) -> bool:
        return self.book.down or self.stopping()

    def _connections(self) -> int:
        return min(self.parts.transport.connections, self.parts.pacing.total.connections or sys.maxsize)

    async def _renew(self) -> None:
        """Keeps the leases, however slowly a server answers or a pace goes."""
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            until = self.parts.clock() + LEASE
            await asyncio.to_thread(self.parts.store.renew_leases, self.parts.run, until)

    async def _feed(self) -> None:
        store, run = self.parts.store, self.parts.run
        while not self._ending:
            now, full = self.parts.clock(), self.lanes.full()
            batch = await asyncio.to_thread(store.claim_batch, run, now, now + LEASE, full)
            if batch is not None:
                await self._open(batch)
            elif self.lanes.idle and not full:  # what was full then may have been sent meanwhile
                break
            else:
                await self.lanes.low(POLL)
        await self.book.withdraw(self.lanes.take_out(lambda _: True))
        self.lanes.close()

    async def _open(self, batch: Batch) -> None:
        await self.book.journal(batch.turn)
        self.parts.reach("deliver:claimed")
        now = self.parts.clock()
        if closed := self.gates.closed(batch, now):
            await self.book.hold(batch.mailing, closed.hold, closed.why, closed.until)
            await self.book.journal(await asyncio.to_thread(self.parts.store.finish_batch, batch, now))
            return
        for of in [of for of in self._cohorts if of[0] == batch.mailing]:
            del self._cohorts[of]  # it may have been made anew since, without a post that was withdrawn
        rows = await asyncio.to_thread(self.parts.store.claimed_deliveries, batch)
        opened = OpenBatch(batch=batch, left=len(rows), stops_at=self.gates.stops_at(batch, now))
        if not rows:
            await self.book.finish(opened)
        jobs = [Job(opened, row, row.address.rpartition("@")[2]) for row in rows]
        self.lanes.put(jobs, first=batch.kind is MailingKind.CONFIRM)
        for domain in {job.domain for job in jobs}:
            if until := self.book.brakes.stopped(domain, now):
                await self.book.withdraw(self.lanes.of_domain(domain), until)

    async def _connection(self) -> None:
        session: Session | None = None
        ahead: Job | None = None
        while (job := ahead or await self.lanes.next()) is not None:
            ahead = None
            if self._ending or not await self._may_go(job):
                await self.book.withdraw([job])
            elif session is None and (session := await self._connect(job)) is None:
                self.lanes.landed(job)
                if await self.lanes.over(REST):
                    break
                continue
            else:
                good, ahead = await self._send(session, job)
                if not good:
                    await self._close(session)
                    session = None
            self.lanes.landed(job)
            self.progress(self.book.tally)
        if session is not None:
            await self._close(session)

    async def _may_go(self, job: Job) -> bool:
        """Whether no gate closed since the batch was opened; where one did, its mailing is held."""
        opened, now = job.open, self.parts.clock()
        if (opened.stops_at is None or now < opened.stops_at) and self.gates.left(now) != 0:
            self.gates.passed(opened.batch)
            return True
        closed = self.gates.closed(opened.batch, now)
        if closed is not None:
            await self.book.hold(opened.batch.mailing, closed.hold, closed.why, closed.until)
        return closed is None

    async def _connect(self, job: Job) -> Session | None:
        """A session. None: the server gives fewer connections than wished, or it was the last: it fails."""
        self.connecting += 1
        session = await self.parts.transport.connect()
        self.connecting -= 1
        if not isinstance(session, Outcome):
            self._sessions.add(session)
            return session
        self.lanes.put([job], first=True)
        if session.phase is Phase.QUOTA:
            await self.book.used_up(session)
        elif not self._sessions and not self.connecting:
            await self.book.server_fails(session.reply)
        return None

    async def _close(self, session: Session) -> None:
        self._sessions.discard(session)
        await session.close()

    async def _send(self, session: Session, job: Job) -> tuple[bool, Job | None]:
        """Offers, makes the intent durable, commits, settles. Whether the session is still of use, and the
        job that was taken meanwhile: it is the session's next.
        """
        try:
            making = self._begun(job) or await self._begin(job)
        except AddressError as error:  # kept by an older version, or by a hand in the store: one reader's
            return await self.book.decided(job, _no_address(error)), None
        early = await session.offer(making.ready or await making.whole())
        self.parts.reach("deliver:offered")
        if early is not None and early.phase is Phase.QUOTA:
            self.lanes.put([job], first=True)
            await self.book.used_up(early)
            return False, None
        if early is not None and early.phase is Phase.CONNECT and len(self._sessions) + self.connecting > 1:
            self.lanes.put([job], first=True)  # others are connected: the server gives fewer lines now
            return False, None
        if early is not None:
            return await self.book.decided(job, early), None
        ahead = None if self._ending else self.lanes.ahead()
        coming: PendingMessage | None = None
        with suppress(AddressError):  # it is said when its turn comes
            coming = None if ahead is None else self._begun(ahead) or await self._begin(ahead)
        if not await self.book.commit.intend((job.row.mailing, job.row.n)):
            await session.drop()
            await self._missed(job)
            return True, ahead
        self.parts.reach("deliver:intended")
        outcome = await session.commit(coming.ready if coming is not None else None)
        self.parts.reach("deliver:committed")
        return await self.book.decided(job, outcome), ahead

    def _begun(self, job: Job) -> PendingMessage | None:
        """The job's message, and one that comes later is begun: its signature may take a while. None: the
        bytes of its cohort are still to be read.
        """
        for one in (self.lanes.soon(job, WINDOW), job):
            if one is not None and one.making is None:
                reading = self._cohorts.get((one.row.mailing, one.row.cohort))
                if reading is not None and reading.done():
                    with suppress(AddressError):  # as above
                        one.making = self.maker.begin(one.open.batch, one.row, reading.result())
        return job.making

    async def _begin(self, job: Job) -> PendingMessage:
        segments = await self._segments(job.row)
        making = job.making = job.making or self.maker.begin(job.open.batch, job.row, segments)
        return making

    async def _segments(self, row: Delivery) -> Sequence[Segment]:
        """The cohort's bytes: read once, whoever asks first, for all who ask meanwhile or later."""
        of = row.mailing, row.cohort
        reading = self._cohorts.get(of)
        if reading is None:
            if len(self._cohorts) >= MAX_COHORTS:
                del self._cohorts[next(iter(self._cohorts))]
            reading = asyncio.ensure_future(asyncio.to_thread(self.parts.store.segments, *of))
            self._cohorts[of] = reading
        return await asyncio.shield(reading)

    async def _missed(self, job: Job) -> None:
        """The row may not be sent any more: the reader left, or mailing or batch are no longer ours."""
        row = job.row
        await self.book.settle(row, TransitionCause.SKIP)
        await self.book.left(job.open)
        state = await asyncio.to_thread(self.parts.store.delivery_state, row.mailing, row.n)
        if state is DeliveryState.SKIPPED:
            self.book.tally.skipped += 1
            return
        await self.book.withdraw(self.lanes.of_mailing(row.mailing))


def _no_address(error: AddressError) -> Outcome:
    """What a mail server would say of an address that is none: it is one reader's, and no other waits."""
    return Outcome(verdict=SendVerdict.REJECTED, reply=f"501 5.1.3 {error}"[:500], phase=Phase.RECIPIENT)
