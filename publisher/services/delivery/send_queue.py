"""The send queue: claimed deliveries that wait for a connection, one queue for each throttling group.

A free connection takes the next job of a group that may start one now, so a slow domain holds up nobody else.
Few jobs are in memory at any time: the feeder claims another batch only for groups that run low.
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

MAX_LOOKS = 20
"""How many jobs of a group are looked at for one that may start."""


@dataclass(slots=True)
class OpenBatch:
    """A claimed batch, how many of its deliveries are unsettled, and when quiet hours stop it."""

    batch: Batch
    left: int
    stops_at: datetime | None = None


@dataclass(slots=True, eq=False)
class Job:
    """One delivery that a connection may send, and its message once it was begun."""

    open: OpenBatch
    delivery: Delivery
    domain: str
    message: PendingMessage | None = None


@dataclass(slots=True)
class _Group:
    limit: DomainLimit
    jobs: deque[Job] = field(default_factory=deque[Job])
    in_flight: int = 0
    last: float = float("-inf")


class SendQueue:
    """Jobs by throttling group. `monotonic` is a clock in seconds. `half_open` says whether a domain,
    or "" for the whole server, may have only one message under way. A group with fewer than `enough` jobs
    runs low.
    """

    def __init__(
        self,
        rules: ThrottlingRules,
        monotonic: Callable[[], float],
        half_open: Callable[[str], bool],
        enough: int,
    ) -> None:
        self._rules, self._monotonic, self._half_open, self._enough = rules, monotonic, half_open, enough
        self._groups: dict[str, _Group] = {}
        self._domains = Counter[str]()
        self._in_flight = 0
        self._last = float("-inf")
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()
        self._low = asyncio.Event()

    def full_groups(self) -> list[str]:
        """The groups that have enough jobs waiting; `wait_until_low` returns when that is no longer so."""
        self._low.clear()
        return [group for group, queue in self._groups.items() if len(queue.jobs) >= self._enough]

    async def wait_until_low(self, seconds: float) -> None:
        """Waits until a group ran low, or all was idle, since `full_groups` was called; at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._low.wait()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        return not self._in_flight and not any(queue.jobs for queue in self._groups.values())

    def put(self, jobs: Iterable[Job], *, first: bool = False) -> None:
        """Adds jobs of one batch; with `first`, before all others of their group."""
        for job in jobs:
            group = job.open.batch.group
            queue = self._groups.get(group) or self._groups.setdefault(
                group, _Group(self._rules.limit(group))
            )
            (queue.jobs.appendleft if first else queue.jobs.append)(job)
        self._changed.set()

    def close(self) -> None:
        """No more jobs come: connections end when none is left."""
        self._closed.set()
        self._changed.set()

    async def wait_until_closed(self, seconds: float) -> bool:
        """Waits until the queue is closed, at most so many seconds; returns whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        return self._closed.is_set()

    async def next(self) -> Job | None:
        """The next job that may start now; None: there will be none."""
        while True:
            job, wait = self._choose()
            if job is not None:
                return job
            if self._closed.is_set() and not any(queue.jobs for queue in self._groups.values()):
                return None
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def prefetch(self) -> Job | None:
        """A job, started, that a busy connection may pipeline behind the end of its last one. None from a
        group with a rate or connection limit: whose turn it is can then be seen only when it comes.
        """
        queue = next((queue for queue in self._groups.values() if queue.jobs), None)
        limited = self._rules.total.rate or queue is None or queue.limit.rate or queue.limit.connections
        if queue is None or limited or self._half_open("") or (job := self._take(queue)) is None:
            return None
        self._start(queue, job)
        return job

    def peek(self, job: Job, number: int) -> Job | None:
        """The job that comes about so many places after this one, so that its message can be begun."""
        jobs = self._groups[job.open.batch.group].jobs
        return jobs[number - 1] if len(jobs) >= number else None

    def completed(self, job: Job) -> None:
        """A started job has been sent, or given up."""
        self._in_flight -= 1
        self._groups[job.open.batch.group].in_flight -= 1
        self._domains[job.domain] -= 1
        if not self._domains[job.domain]:
            del self._domains[job.domain]
        self._changed.set()
        if not self._in_flight and self.idle:
            self._low.set()

    def outcome_pending(self) -> None:
        """One more stays in flight although it is `completed`: its outcome is still to be durable."""
        self._in_flight += 1

    def outcome_durable(self) -> None:
        """Such an outcome is durable."""
        self._in_flight -= 1
        self._changed.set()
        if not self._in_flight and self.idle:
            self._low.set()

    def remove_domain(self, domain: str) -> list[Job]:
        """Removes the waiting jobs of a domain and returns them."""
        return self.remove(lambda job: job.domain == domain)

    def remove_mailing(self, mailing: int) -> list[Job]:
        """Removes the waiting jobs of a mailing and returns them."""
        return self.remove(lambda job: job.delivery.mailing == mailing)

    def remove(self, matches: Callable[[Job], bool]) -> list[Job]:
        """Removes waiting jobs and returns them."""
        out: list[Job] = []
        for queue in self._groups.values():
            found = [job for job in queue.jobs if matches(job)]
            if found:
                queue.jobs = deque(job for job in queue.jobs if not matches(job))
                out += found
        self._changed.set()
        self._low.set()
        return out

    def _choose(self) -> tuple[Job | None, float | None]:
        """A job that starts now, or how long until one may; None: not before something changes."""
        if self._in_flight and self._half_open(""):
            return None, None
        now = self._monotonic()
        total = next_slot(self._last, now, self._rules.total.rate)
        if total > now:
            return None, total - now
        wait: float | None = None
        for queue in self._groups.values():
            if not queue.jobs or queue.in_flight >= (queue.limit.connections or self._in_flight + 1):
                continue
            start = next_slot(queue.last, now, queue.limit.rate)
            if start > now:
                wait = min(start - now, wait or start - now)
            elif job := self._take(queue):
                queue.last, self._last = start, total
                self._start(queue, job)
                return job, None
        return None, wait

    def _take(self, queue: _Group) -> Job | None:
        for _ in range(min(len(queue.jobs), MAX_LOOKS)):
            job = queue.jobs.popleft()
            if not (self._domains[job.domain] and self._half_open(job.domain)):
                return job
            queue.jobs.append(job)
        return None

    def _start(self, queue: _Group, job: Job) -> None:
        queue.in_flight += 1
        self._in_flight += 1
        self._domains[job.domain] += 1
        self._groups[job.open.batch.group] = self._groups.pop(job.open.batch.group)  # others go first now
        if len(queue.jobs) == self._enough - 1:
            self._low.set()
