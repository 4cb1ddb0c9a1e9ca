"""Draining: a feeder that claims batches, and connections that send what is claimed."""

import asyncio
import sys
from collections.abc import Callable
from datetime import timedelta

from publisher.core.mailings import Batch, Cause, Delivery, MailingKind, State
from publisher.core.messages import Outcome, Segment
from publisher.core.pacing import SERVER
from publisher.ports import Session
from publisher.services.bookkeeping import Books, Tally
from publisher.services.gates import Gates
from publisher.services.lanes import Job, Open
from publisher.services.messages import Maker
from publisher.services.parts import Parts

LEASE = timedelta(minutes=15)
"""Longer than the ten minutes a server may take to answer the final dot (RFC 5321 4.5.3.2.6)."""

POLL = 1.0
"""Seconds until a feeder that found nothing to claim looks again, while connections are at work."""

REST = 30.0
"""Seconds until a connection that could not be had, while others were, is tried again."""


class Drain:
    """One draining of what is due."""

    def __init__(self, parts: Parts, stopping: Callable[[], bool], progress: Callable[[Tally], None]) -> None:
        self.parts, self.stopping, self.progress = parts, stopping, progress
        self.book, self.gates = Books(parts), Gates(parts)
        self.lanes, self.maker = self.book.lanes, Maker(parts)
        self.sessions = self.connecting = 0

    async def run(self) -> Tally:
        """Sends until nothing is due, the server fails, or it is to stop."""
        if until := self.book.brakes.stopped(SERVER, self.parts.clock()):
            self.book.tally.held = f"the server failed; it is tried again at {until:%Y-%m-%d %H:%M:%S} UTC"
            return self.book.tally
        async with asyncio.TaskGroup() as group:
            renewing = group.create_task(self._renew())
            async with asyncio.TaskGroup() as work:
                work.create_task(self._feed())
                for _ in range(self._connections()):
                    work.create_task(self._connection())
            await self.book.caught_up()
            renewing.cancel()
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
            await asyncio.to_thread(self.parts.store.renew, self.parts.run, until)

    async def _feed(self) -> None:
        store, run = self.parts.store, self.parts.run
        while not self._ending:
            now, full = self.parts.clock(), self.lanes.full()
            batch = await asyncio.to_thread(store.claim, run, now, now + LEASE, full)
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
            await self.book.journal(await asyncio.to_thread(self.parts.store.finish, batch, now))
            return
        rows = await asyncio.to_thread(self.parts.store.claimed, batch)
        opened = Open(batch=batch, left=len(rows), stops_at=self.gates.stops_at(batch, now))
        if not rows:
            await self.book.finish(opened)
        jobs = [Job(opened, row, row.address.rpartition("@")[2]) for row in rows]
        self.lanes.put(jobs, first=batch.kind is MailingKind.CONFIRM)
        for domain in {job.domain for job in jobs}:
            if until := self.book.brakes.stopped(domain, now):
                await self.book.withdraw(self.lanes.of_domain(domain), until)

    async def _connection(self) -> None:
        session: Session | None = None
        while (job := await self.lanes.next()) is not None:
            if self._ending or not await self._may_go(job):
                await self.book.withdraw([job])
            elif session is None and (session := await self._connect(job)) is None:
                self.lanes.landed(job)
                if await self.lanes.over(REST):
                    break
                continue
            elif not await self._send(session, job):
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
            self.sessions += 1
            return session
        self.lanes.put([job], first=True)
        if not self.sessions + self.connecting:
            await self.book.server_fails(session.reply)
        return None

    async def _close(self, session: Session) -> None:
        self.sessions -= 1
        await session.close()

    async def _send(self, session: Session, job: Job) -> bool:
        """Offers, makes the intent durable, commits, settles. False: the session is of no more use."""
        row = job.row
        message = await self.maker.make(job.open.batch, row, await self._segments(job.open, row))
        early = await session.offer(message)
        self.parts.reach("deliver:offered")
        if early is not None:
            return await self.book.decided(job, early)
        if not await self.book.commit.intend((row.mailing, row.n)):
            await session.drop()
            await self._missed(job)
            return True
        self.parts.reach("deliver:intended")
        outcome = await session.commit()
        self.parts.reach("deliver:committed")
        return await self.book.decided(job, outcome)

    async def _segments(self, opened: Open, row: Delivery) -> tuple[Segment, ...]:
        if row.cohort not in opened.segments:
            found = await asyncio.to_thread(self.parts.store.segments, row.mailing, row.cohort)
            opened.segments[row.cohort] = tuple(found)
        return opened.segments[row.cohort]

    async def _missed(self, job: Job) -> None:
        """The row may not be sent any more: the reader left, or mailing or batch are no longer ours."""
        row = job.row
        await self.book.settle(row, Cause.SKIP)
        await self.book.left(job.open)
        state = await asyncio.to_thread(self.parts.store.state_of, row.mailing, row.n)
        if state is State.SKIPPED:
            self.book.tally.skipped += 1
            return
        await self.book.withdraw(self.lanes.of_mailing(row.mailing))
