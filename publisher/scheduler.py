"""APScheduler, and jobs that it repeats at intervals and sooner when they are asked for.

APScheduler waits for instants of the machine's clock. `publisher.ticker` compares that clock with one that
nobody sets, and makes every job due when it was set, so that none waits longer than its interval.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.app import wall_clock

# It warns of each run that it leaves out because one is waiting already, which will do all there is to do.
logging.getLogger("apscheduler").setLevel(logging.ERROR)


def make_scheduler() -> Any:
    """APScheduler, with threads for its jobs; not started yet."""
    from apscheduler.schedulers import background  # pyright: ignore[reportMissingTypeStubs]  # has none

    # Three: one that runs, one that waits for its turn, and one that finds that another waits already.
    defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 3}
    return background.BackgroundScheduler(timezone=UTC, job_defaults=defaults)


class RepeatedJob:
    """Work that `scheduler` (`make_scheduler`) does once in `every`, for the first time after `first`, and
    sooner when it is asked for. It is never done twice at once, nor while somebody else holds `turn`.
    """

    def __init__(self, scheduler: Any, work: Callable[[], None], every: timedelta, first: timedelta) -> None:
        self.turn = threading.Lock()
        self._work = work
        self._every: timedelta = every
        self._lock = threading.Lock()
        self._waiting = self._stopped = False
        # Not the job's own: that is still the past one while the work begins.
        self._due: datetime = wall_clock() + first
        self._job: Any = scheduler.add_job(
            self._run, "interval", seconds=every.total_seconds(), next_run_time=self._due
        )

    def repeat_every(self, every: timedelta) -> None:
        """Changes the interval; the next one begins now."""
        with self._lock:
            if every != self._every and not self._stopped:
                self._every = every
                self._due = wall_clock() + every
                self._job.reschedule("interval", seconds=every.total_seconds())

    def run_within(self, wait: timedelta = timedelta()) -> None:
        """Does the work after `wait`, or earlier if it is due earlier."""
        at = wall_clock() + wait
        with self._lock:
            if at < self._due and not self._stopped:
                self._due = at
                self._job.modify(next_run_time=at)

    def stop(self) -> None:
        """Begins no more work. To be called before the scheduler is shut down: that waits for work under way,
        and holds the lock which a change of a job's time would wait for.
        """
        with self._lock:
            self._stopped = True

    @property
    def waits(self) -> timedelta:
        """How long it is until the work is due."""
        return max(timedelta(), self._due - wall_clock())

    def _run(self) -> None:
        with self._lock:
            if self._waiting:  # that one will do what this one was asked for
                return
            self._waiting = True
        with self.turn:
            with self._lock:
                self._waiting = False
                self._due = wall_clock() + self._every
            if not self._stopped:
                self._work()
