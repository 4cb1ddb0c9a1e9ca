"""The ticker: APScheduler calls the services; what is due is computed from the store, never kept here.

A job that is late runs once, a job that overlaps itself waits, and nothing is lost when the process was
down: the next tick finds it in the store.
"""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from publisher.app import App
from publisher.core.errors import PublisherError

log = logging.getLogger(__name__)


class _Job(Protocol):
    def modify(self, **changes: object) -> object: ...


class Ticker:
    """Publishes every so often and when a post's time comes; delivers when there is something due."""

    def __init__(self, app: App) -> None:
        from apscheduler.schedulers import background  # pyright: ignore[reportMissingTypeStubs]  # has none

        self.app = app
        self._stopping = threading.Event()
        self._scheduler: Any = background.BackgroundScheduler(
            timezone=UTC,
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        every = app.settings.schedule.publish_every
        self._publish: _Job = self._scheduler.add_job(
            self._guarded("schedule", self.publish),
            "interval",
            seconds=every.total_seconds(),
            next_run_time=datetime.now(UTC),
        )
        self._deliver: _Job = self._scheduler.add_job(
            self._guarded("mail", self.deliver), "interval", seconds=every.total_seconds()
        )

    def start(self) -> None:
        """Starts ticking: the first publish is at once, for what came due while nobody looked."""
        self._scheduler.start()

    def stop(self) -> None:
        """Stops ticking; returns when what is in flight is finished."""
        self._stopping.set()
        self._scheduler.shutdown(wait=True)

    def wake(self) -> None:
        """Delivers soon: somebody waits for a confirmation."""
        self._soon(self._deliver)

    def publish(self) -> None:
        """One tick: log, documents, mailings; then the next one is set to when the next post's time comes."""
        report = self.app.publish()
        self.app.housekeeping()
        plan = report.published.plan
        if plan.changes or report.mailings:
            log.info("published", extra={"changes": len(plan.changes), "mailings": len(report.mailings)})
        for bad in plan.bad:
            log.warning("bad_post", extra={"path": bad.path, "line": bad.line, "reason": bad.reason})
        self.wake()
        self._ahead()

    def deliver(self) -> None:
        """Drains what is due; stops between two messages when the process is asked to end."""
        tally, unknown = self.app.deliver(stopping=self._stopping.is_set)
        if tally.total or unknown:
            log.info("delivered", extra={"accepted": tally.accepted, "unknown": unknown + tally.unknown})

    def _ahead(self) -> None:
        """A tick at the very moment the next post or digest is due, if that is before the next interval."""
        due = self.app.next_due()
        if due is None:
            return
        now = self.app.clock()
        wait = max(due - now, timedelta())
        if wait < self.app.settings.schedule.publish_every:
            self._soon(self._publish, wait)

    def _soon(self, job: _Job, wait: timedelta = timedelta()) -> None:
        if not self._stopping.is_set():
            job.modify(next_run_time=datetime.now(UTC) + wait)

    def _guarded(self, area: str, work: Callable[[], None]) -> Callable[[], None]:
        """A failing tick is noted where `status` shows it, and the next tick tries again."""

        def guarded() -> None:
            try:
                work()
            except PublisherError as error:
                log.error("tick_failed", extra={"area": area, "reason": str(error)})
                self.app.note(area, str(error))
            except Exception as error:
                log.exception("tick_failed", extra={"area": area})
                self.app.note(area, f"{type(error).__name__}: {error}")
            else:
                self.app.note(area)

        return guarded
