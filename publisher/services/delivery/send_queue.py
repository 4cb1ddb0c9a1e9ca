"""Lanes: claimed deliveries that wait for a connection, a lane for each pacing group.

A free connection takes the next job of a lane that may start one now, so a slow domain holds up nobody else.
Few jobs are in memory at any time: the feeder claims another batch only for lanes that run low.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from publisher.core.delivery.mailing import Batch, Delivery
from publisher.core.delivery.relays import DomainLimit
from publisher.core.delivery.throttling import ThrottlingRules, next_slot
from publisher.services.mail.messages import PendingMessage

LOOKS = 20
"""How many jobs of a lane are looked at for one that may start."""


@dataclass(slots=True)
class OpenBatch:
    """A claimed batch, how many of its deliveries are unsettled, and when quiet hours stop it."""

    batch: Batch
    left: int
    stops_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Job:
    """One delivery that a connection may send, and its message once that was begun."""

    open: OpenBatch
    row: Delivery
    domain: str
    making: PendingMessage | None = None


@dataclass(slots=True)
class _GroupQueue:
    limit: DomainLimit
    jobs: deque[Job] = field(default_factory=deque[Job])
    flying: int = 0
    last: float = float("-inf")


class SendQueue:
    """Jobs by pacing group. `ticks` are seconds that only go forward; `single` tells of a domain that is
    probed, and may have one message under way (empty: the whole server). With fewer than `enough` jobs a lane
    runs low.
    """

    def __init__(
        self, pacing: ThrottlingRules, ticks: Callable[[], float], single: Callable[[str], bool], enough: int
    ) -> None:
        self._pacing, self._ticks, self._single, self._enough = pacing, ticks, single, enough
        self._lanes: dict[str, _GroupQueue] = {}
        self._domains = Counter[str]()
        self._flying = 0
        self._last = float("-inf")
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._low = asyncio.Event()

    def full(self) -> list[str]:
        """The groups that have enough jobs waiting; `low` tells when that is no longer so."""
        self._low.clear()
        return [group for group, lane in self._lanes.items() if len(lane.jobs) >= self._enough]

    async def low(self, seconds: float) -> None:
        """Waits until a lane ran low or all was idle since `full` was asked, at most so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._low.wait()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._flying and not any(lane.jobs for lane in self._lanes.values())

    def put(self, jobs: Iterable[Job], *, first: bool = False) -> None:
        """Adds jobs of one batch, before all others of their group where somebody waits for them."""
        for job in jobs:
            group = job.open.batch.group
            lane = self._lanes.get(group) or self._lanes.setdefault(
                group, _GroupQueue(self._pacing.limit(group))
            )
            (lane.jobs.appendleft if first else lane.jobs.append)(job)
        self._changed.set()

    def close(self) -> None:
        """No more jobs come: connections end when there is none left."""
        self._over.set()
        self._changed.set()

    async def over(self, seconds: float) -> bool:
        """Waits so long; whether no more jobs come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()
        return self._over.is_set()

    async def next(self) -> Job | None:
        """The next job that may start now; None: there will be none."""
        while True:
            job, wait = self._choose()
            if job is not None:
                return job
            if self._over.is_set() and not any(lane.jobs for lane in self._lanes.values()):
                return None
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def ahead(self) -> Job | None:
        """A job that a busy connection may begin with the end of its last one, started: none of a lane that
        is held to a pace, for whose turn it is must then be seen when it comes.
        """
        lane = next((lane for lane in self._lanes.values() if lane.jobs), None)
        slowed = self._pacing.total.rate or lane is None or lane.limit.rate or lane.limit.connections
        if lane is None or slowed or self._single("") or (job := self._free(lane)) is None:
            return None
        self._start(lane, job)
        return job

    def soon(self, job: Job, number: int) -> Job | None:
        """The job that comes so many after this one, about: so that its message can be begun."""
        jobs = self._lanes[job.open.batch.group].jobs
        return jobs[number - 1] if len(jobs) >= number else None

    def landed(self, job: Job) -> None:
        """The job that was started is over."""
        self._flying -= 1
        self._lanes[job.open.batch.group].flying -= 1
        self._domains[job.domain] -= 1
        if not self._domains[job.domain]:
            del self._domains[job.domain]
        self._changed.set()
        if not self._flying and self.idle:
            self._low.set()

    def hold(self) -> None:
        """What was under way is not over with its landing: its outcome is still to be durable."""
        self._flying += 1

    def release(self) -> None:
        """It is durable."""
        self._flying -= 1
        self._changed.set()
        if not self._flying and self.idle:
            self._low.set()

    def of_domain(self, domain: str) -> list[Job]:
        """Removes the waiting jobs of a domain and returns them."""
        return self.take_out(lambda job: job.domain == domain)

    def of_mailing(self, mailing: int) -> list[Job]:
        """Removes the waiting jobs of a mailing and returns them."""
        return self.take_out(lambda job: job.row.mailing == mailing)

    def take_out(self, those: Callable[[Job], bool]) -> list[Job]:
        """Removes waiting jobs and returns them."""
        out: list[Job] = []
        for lane in self._lanes.values():
            found = [job for job in lane.jobs if those(job)]
            if found:
                lane.jobs = deque(job for job in lane.jobs if not those(job))
                out += found
        self._changed.set()
        self._low.set()
        return out

    def _choose(self) -> tuple[Job | None, float | None]:
        """A job that starts now, or how long until one may; None: not before something changes."""
        if self._flying and self._single(""):
            return None, None
        now = self._ticks()
        total = next_slot(self._last, now, self._pacing.total.rate)
        if total > now:
            return None, total - now
        wait: float | None = None
        for lane in self._lanes.values():
            if not lane.jobs or lane.flying >= (lane.limit.connections or self._flying + 1):
                continue
            start = next_slot(lane.last, now, lane.limit.rate)
            if start > now:
                wait = min(start - now, wait or start - now)
            elif job := self._free(lane):
                lane.last, self._last = start, total
                self._start(lane, job)
                return job, None
        return None, wait

    def _free(self, lane: _GroupQueue) -> Job | None:
        for _ in range(min(len(lane.jobs), LOOKS)):
            job = lane.jobs.popleft()
            if not (self._domains[job.domain] and self._single(job.domain)):
                return job
            lane.jobs.append(job)
        return None

    def _start(self, lane: _GroupQueue, job: Job) -> None:
        lane.flying += 1
        self._flying += 1
        self._domains[job.domain] += 1
        self._lanes[job.open.batch.group] = self._lanes.pop(job.open.batch.group)  # the others' turn first
        if len(lane.jobs) == self._enough - 1:
            self._low.set()
