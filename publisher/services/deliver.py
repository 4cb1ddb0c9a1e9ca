"""Deliver: batches whose time has come go out, and the ledger knows who got what.

    claim [deliver:claimed] -> offer [deliver:offered] -> intent durable [deliver:intended]
      -> commit [deliver:committed] -> outcome durable [deliver:settled] -> finish [deliver:finished]

Up to the intent a crash repeats safely, for the message was not ended; from then to the outcome it is in
doubt, and listed, unless the transport can recall it. No transaction is open while talking to a server.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from publisher.core.mailings import Batch, Cause, Delivery, Result, deferral
from publisher.core.messages import Outcome, Segment, Verdict
from publisher.ports import Session
from publisher.services.commit import GroupCommit
from publisher.services.messages import Maker, message_id
from publisher.services.parts import Parts

LEASE = timedelta(minutes=15)
"""Longer than the ten minutes a server may take to answer the final dot (RFC 5321 4.5.3.2.6)."""


@dataclass(slots=True)
class Tally:
    """How the deliveries of a run ended, by verdict; `skipped` were no longer eligible."""

    accepted: int = 0
    rejected: int = 0
    deferred: int = 0
    unknown: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.accepted + self.rejected + self.deferred + self.unknown + self.skipped


@dataclass(slots=True)
class _Open:
    """A claimed batch, the segments of its cohorts, and how many of its deliveries are unsettled."""

    batch: Batch
    left: int
    segments: dict[int, tuple[Segment, ...]] = field(default_factory=dict[int, "tuple[Segment, ...]"])


Job = tuple[_Open, Delivery]


def recover(parts: Parts, now: datetime, *, alone: bool) -> int:
    """Frees what dead runs held. What they left in doubt is settled where the transport can tell; returns
    how many deliveries remain unknown.
    """
    parts.store.go_on(now)
    parts.store.recover(parts.run, now, alone=alone)
    left = 0
    for doubt in parts.store.in_doubt(None):
        mailing = parts.store.mailing(doubt.mailing)
        known = None
        if mailing is not None:
            known = parts.transport.recall(*message_id(parts, mailing, doubt.n))
        if known is None or known.verdict is Verdict.UNKNOWN:
            left += 1
            continue
        result = Result(mailing=doubt.mailing, n=doubt.n, cause=_FOUND[known.verdict], reply=known.reply)
        parts.store.resolve(doubt.mailing, doubt.n, result, now)
    return left


_FOUND = {
    Verdict.ACCEPTED: Cause.FOUND_ACCEPTED,
    Verdict.REJECTED: Cause.FOUND_REJECTED,
    Verdict.DEFERRED: Cause.FOUND_ABSENT,
}


def deliver(
    parts: Parts,
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Drains what is due now, over the transport's connections, then returns. `stopping` is asked before
    each message: what is in flight is finished. Call `recover` first.
    """
    try:
        return asyncio.run(_Run(parts, stopping, progress).drain())
    except BaseExceptionGroup as several:  # one connection's error ends the run; it is the one to show
        raise several.exceptions[0] from several


class _Run:
    """One draining: a feeder that claims batches, and connections that send."""

    def __init__(self, parts: Parts, stopping: Callable[[], bool], progress: Callable[[Tally], None]) -> None:
        self.parts, self.stopping, self.progress = parts, stopping, progress
        self.tally = Tally()
        self.commit = GroupCommit(parts)
        self.maker = Maker(parts)
        self.jobs: asyncio.Queue[Job | None] = asyncio.Queue(maxsize=parts.batch)

    async def drain(self) -> Tally:
        connections = self.parts.transport.connections
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed(connections))
            for _ in range(connections):
                group.create_task(self._connection())
        return self.tally

    async def _feed(self, connections: int) -> None:
        while not self.stopping():
            now = self.parts.clock()
            batch = await asyncio.to_thread(self.parts.store.claim, self.parts.run, now, now + LEASE)
            if batch is None:
                break
            self.parts.reach("deliver:claimed")
            rows = await asyncio.to_thread(self.parts.store.claimed, batch)
            opened = _Open(batch=batch, left=len(rows))
            if not rows:
                await self._finish(opened)
            for row in rows:
                await self.jobs.put((opened, row))
        for _ in range(connections):
            await self.jobs.put(None)

    async def _connection(self) -> None:
        session: Session | None = None
        while (job := await self.jobs.get()) is not None:
            opened, row = job
            if session is None and not self.stopping():
                session = await self._connect(row)
            if session is not None and not self.stopping():
                await self._send(session, opened, row)
            elif self.stopping():
                await self._settle(row, Cause.RELEASE)
            opened.left -= 1
            if opened.left == 0:
                await self._finish(opened)
            self.progress(self.tally)
        if session is not None:
            await session.close()

    async def _connect(self, row: Delivery) -> Session | None:
        session = await self.parts.transport.connect()
        if isinstance(session, Outcome):
            await self._decided(row, session)
            return None
        return session

    async def _send(self, session: Session, opened: _Open, row: Delivery) -> None:
        message = await self.maker.make(opened.batch, row, await self._segments(opened, row))
        early = await session.offer(message)
        self.parts.reach("deliver:offered")
        if early is not None:
            await self._decided(row, early)
            return
        if not await self.commit.intend((row.mailing, row.n)):
            await session.drop()
            await self._settle(row, Cause.SKIP)
            self.tally.skipped += 1
            return
        self.parts.reach("deliver:intended")
        outcome = await session.commit()
        self.parts.reach("deliver:committed")
        await self._decided(row, outcome)
        self.parts.reach("deliver:settled")

    async def _segments(self, opened: _Open, row: Delivery) -> tuple[Segment, ...]:
        if row.cohort not in opened.segments:
            found = await asyncio.to_thread(self.parts.store.segments, row.mailing, row.cohort)
            opened.segments[row.cohort] = tuple(found)
        return opened.segments[row.cohort]

    async def _decided(self, row: Delivery, outcome: Outcome) -> None:
        match outcome.verdict:
            case Verdict.ACCEPTED:
                self.tally.accepted += 1
                await self._settle(row, Cause.ACCEPT, outcome.reply)
            case Verdict.REJECTED:
                self.tally.rejected += 1
                await self._settle(row, Cause.REJECT, outcome.reply)
            case Verdict.UNKNOWN:
                self.tally.unknown += 1
                await self._settle(row, Cause.LOSE, outcome.reply)
            case Verdict.DEFERRED:
                await self._defer(row, outcome.reply)

    async def _defer(self, row: Delivery, reply: str) -> None:
        wait = deferral(row.attempts)
        if wait is None:
            self.tally.rejected += 1
            await self._settle(row, Cause.REJECT, f"given up after {row.attempts} attempts: {reply}")
            return
        self.tally.deferred += 1
        await self._settle(row, Cause.DEFER, reply, self.parts.clock() + wait)

    async def _settle(
        self, row: Delivery, cause: Cause, reply: str = "", not_before: datetime | None = None
    ) -> None:
        result = Result(mailing=row.mailing, n=row.n, cause=cause, reply=reply, not_before=not_before)
        await self.commit.settle(result)

    async def _finish(self, opened: _Open) -> None:
        await asyncio.to_thread(self.parts.store.finish, opened.batch, self.parts.clock())
        self.parts.reach("deliver:finished")
