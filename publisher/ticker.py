"""The ticker of `publisher run`: it calls the services at intervals, and sooner when something is due.

What is due is computed from the store and never kept here, so nothing is lost while the process is down. A
late job runs once; a job that is asked for while it runs follows itself. A clock that is set makes no job
wait longer: it is compared every second with one that nobody sets.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta

from publisher.app import App, PublishReport
from publisher.core.delivery.relays import LOGIN_REFUSED, relays_left
from publisher.core.errors import PublisherError
from publisher.core.posts.post import describe_wait
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import HoldReason, Plan, changes_of_kind, describe_held
from publisher.scheduler import RepeatedJob, make_scheduler

log = logging.getLogger(__name__)

MAX_NAMED = 20
"""Posts that are named when many are withdrawn or restored at once."""

LONGEST_RECHECK = timedelta(seconds=10)
"""The longest wait before a file that is still being written is checked again."""

CLOCK_CHECK_SECONDS = 1.0
"""Seconds between two readings of the clocks."""

CLOCK_JUMP = timedelta(seconds=2)
"""A clock this far from where it should be was set."""

LONGEST_DELAY = timedelta(seconds=10)
"""A reading that comes later than this means that the process or the machine stood still: even on a busy
machine it does not take so long.
"""

NEW_RELAYS = "the relay that failed is tried with the settings of now"

CLOCK_ADVICE = "set the clock, or accept it as it is with `publisher reconcile --clock`"


def running_seconds() -> float:
    """Seconds since some moment, by a clock that nobody sets. Where the system has such a clock, time that
    the machine slept counts too.
    """
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


class Ticker:
    """Publishes at intervals and when a post's time comes; delivers what is due."""

    def __init__(self, app: App) -> None:
        self.app = app
        _ = app.opened  # as they are now
        self._stopping, self._pausing = threading.Event(), threading.Event()
        self.worked_at: dict[str, datetime] = {}
        self._lock = threading.Lock()
        self._recheck_wait = timedelta()
        self._changed: set[str] | None = None
        self._watched = False
        self._unknown, self._held, self._in_outbox = 0, "", ""
        self._secret_problem, self._moved = "", ""
        self._reworded: set[str] = set()
        self._settings_changes: set[str] = set()
        self._faults: dict[tuple[str, str], frozenset[str]] = {}
        self._troubles: Mapping[str, str] = {}
        self._full_scan_at = time.monotonic()
        self._clock_wrong, self._log_ahead = False, ""
        self._right_at: datetime | None = None
        self._drift: datetime | None = None
        self._checked_at: float | None = None
        self._scheduler = make_scheduler()
        every, now = app.settings.schedule.publish_every, timedelta()
        self._publish = self._job("schedule", self.publish, every, now)
        self._deliver = self._job("mail", self.deliver, every, every)
        self._ping = self._job("hubs", self.ping, every, every)
        self._bounces = self._job("bounces", self.read_bounces, every, now)
        self._archive = self._job("ledger", self.archive, timedelta(hours=1), now)

    def _job(self, area: str, work: Callable[[], None], every: timedelta, first: timedelta) -> RepeatedJob:
        return RepeatedJob(self._scheduler, lambda: self._run_job(area, work), every, first)

    @property
    def _paced(self) -> tuple[RepeatedJob, ...]:
        """The jobs that follow schedule.publish_every."""
        return self._publish, self._deliver, self._ping, self._bounces

    def start(self) -> None:
        """Starts ticking with a publish, for what became due while no process was running."""
        self.check_clock(running_seconds())  # what later readings are compared with
        self._resume([relay.name for relay in self.app.relays], NEW_RELAYS, LOGIN_REFUSED)
        self._scheduler.start()
        threading.Thread(target=self._watch_clock, name="clock", daemon=True).start()

    def stop(self) -> None:
        """Stops ticking; returns when running jobs have finished."""
        self._stopping.set()
        for job in (*self._paced, self._archive):
            job.stop()
        self._scheduler.shutdown(wait=True)

    @contextmanager
    def paused(self) -> Generator[None, None, None]:
        """Nothing is published or sent inside the block: a mailing under way stops between two messages, a
        publish is finished first. Afterwards everything runs soon.
        """
        self._pausing.set()
        try:
            with ExitStack() as held:
                for job in (self._publish, self._deliver):
                    held.enter_context(job.turn)
                yield
        finally:
            self._pausing.clear()
            with self._lock:
                self._changed = None  # other settings may make something else of every file
            self._run_all()

    def _run_all(self) -> None:
        for job in (*self._paced, self._archive):
            job.run_within()
        if self._scheduler.running:
            self._scheduler.wakeup()  # after the clock was set forward it does not know that it is late

    def take_up(self, app: App) -> None:
        """Goes on with `app`, the same site by other settings; only while `paused`."""
        before, self.app = self.app, app
        with suppress(PublisherError):  # the publish that follows says it
            self._log_settings(app.settings_changes())
        self._resume(relays_left(before.relays, app.relays), NEW_RELAYS)
        for job in self._paced:
            job.repeat_every(app.settings.schedule.publish_every)

    def _resume(self, relays: Collection[str], why: str, what: str = "") -> None:
        """Goes on with mail that stopped because of one of these relays, or the outbox, and `what` it did."""
        with suppress(PublisherError):  # a pause also ends by itself, later
            for id in self.app.store.end_relay_pauses(relays, what):
                log.info("mailing_resumed", extra={"mailing": id, "reason": why})

    def _must_end(self) -> bool:
        """Whether a job has to end at the next opportunity."""
        return self._stopping.is_set() or self._pausing.is_set()

    def _watch_clock(self) -> None:
        while not self._stopping.wait(CLOCK_CHECK_SECONDS):
            self.check_clock(running_seconds())

    def check_clock(self, seconds: float) -> None:
        """Runs every job now, once, when the clock was set or when the process or the machine stood still,
        which is logged, and when the clock has caught up with the last entry. `seconds` are those of
        `running_seconds`.
        """
        now = self.app.clock()
        before, self._checked_at = self._checked_at, seconds
        was, self._drift = self._drift, now - timedelta(seconds=seconds)
        stood_still = timedelta(seconds=seconds - (seconds if before is None else before))
        jump = timedelta() if was is None else self._drift - was
        was_set = abs(jump) > CLOCK_JUMP
        if was_set or stood_still > LONGEST_DELAY:
            direction = "back" if jump < timedelta() else "forward"
            reason = f"the clock was set {direction}" if was_set else "the process or the machine stood still"
            length = round((abs(jump) if was_set else stood_still).total_seconds())
            log.warning("time_gap", extra={"reason": reason, "seconds": length, "now": now.isoformat()})
        elif self._right_at is None or now < self._right_at:
            return
        self._right_at = None
        self._run_all()

    def _files_are_ours(self) -> bool:
        """Whether a job may run. None may while the store, a folder or the lock is not the one that was
        opened: what is written then is lost. That is logged once; the store cannot be told.
        """
        problem = self.app.opened.problem()
        if problem and problem != self._moved:
            log.error("files_moved", extra={"reason": f"{problem}; nothing is published or sent"})
        elif self._moved and not problem:
            log.warning("files_are_back")
        self._moved = problem
        return not problem

    def _clock_is_right(self) -> bool:
        """Whether a job may run. None may while the clock is well behind the last entry. That is logged once;
        `check_clock` resumes the jobs when the clock is right.
        """
        wrong = self.app.clock_behind()
        if wrong is None:
            if self._clock_wrong:
                self._clock_wrong, self._right_at = False, None
                log.warning("clock_is_right", extra={"now": self.app.clock().isoformat()})
                self.app.set_problem("clock")
            return True
        self._right_at = wrong.right_at
        if not self._clock_wrong:
            self._clock_wrong = True
            words = wrong.in_words(self.app.settings.site.timezone)
            log.error("clock_is_behind", extra={"reason": words, "do": CLOCK_ADVICE})
            self.app.set_problem("clock", f"{words}: nothing is published or sent; {CLOCK_ADVICE}")
        return False

    def wake(self) -> None:
        """Delivers soon, for somebody who waits for a confirmation."""
        self._deliver.run_within()

    def files_changed(self, paths: Collection[str] | None) -> None:
        """Publishes soon, because these files changed; None means that any may have. The watcher calls this
        after half of `App.rest`; the publish waits for the other half.
        """
        with self._lock:
            self._changed = None if paths is None or self._changed is None else self._changed | set(paths)
        self._publish.run_within(self.app.rest / 2)

    def set_unwatched(self) -> None:
        """Makes each tick check every file, until the folder is watched."""
        self._watched = False

    def set_watch_problem(self, problem: str) -> None:
        """Records for `status` why the folder cannot be watched; "" clears it."""
        self._watched = not problem
        self._note("watch", problem)

    def publish(self) -> None:
        """One tick: publishes, logs what the report says, and schedules the next tick."""
        self._check_secret()
        report = self._publish_what_changed()
        self.app.housekeeping()
        plan = report.published.plan
        documents = len(report.published.written) + len(report.pages)
        if plan.changes or report.mailings or documents or plan.recovered:
            kinds = {kind.value: number for kind, number in Counter(c.kind for c in plan.changes).items()}
            kinds |= {"recovered": plan.recovered} if plan.recovered else {}
            log.info("published", extra=kinds | {"documents": documents, "mailings": len(report.mailings)})
        self._log_visibility(plan)
        if report.ahead and report.ahead != self._log_ahead:
            log.warning("log_is_ahead", extra={"reason": report.ahead})
        self._log_ahead = report.ahead
        for skipped in report.skipped:
            log.warning(
                "digest_skipped",
                extra={
                    "list": skipped.list,
                    "readers": skipped.readers,
                    "due": skipped.due.isoformat(),
                    "goes": skipped.next_at.isoformat(),
                    "do": f"publisher publish --send {skipped.list}",
                },
            )
        for line in set(report.reworded) - self._reworded:
            log.warning("mailing_reworded", extra={"reason": line})
        self._reworded = set(report.reworded)
        self._log_faults("feed_retired", [finding.reason for finding in report.published.retired])
        self._log_settings(report.settings_changes)
        self._settings_changes.clear()  # they have happened
        self._log_faults("list_removed", report.removed_lists)
        self._log_faults("mail_not_sent", map(str, report.unsent), level=logging.ERROR)
        self._log_faults("template_broken", map(str, report.broken_templates), level=logging.ERROR)
        if report.public_url:
            log.warning("public_url", extra={"reason": report.public_url})
        held = describe_held([hold for hold in plan.held if hold.reason is not HoldReason.MISSING])
        self._log_faults("posts_held", held)
        self._log_faults("bad_post", map(str, plan.bad))
        for warning in report.warnings:
            fields = {"path": warning.path, "line": warning.line, "reason": warning.reason}
            log.warning("post_warning", extra=fields)
        self.wake()
        self._ping.run_within()
        self._schedule_next_due()
        self._recheck_later(bool(plan.unsettled))

    def _check_secret(self) -> None:
        """Logs and records for `status` that the secret is missing or wrong, and that it is right again."""
        problem = str(self.app.secret.check() or "")
        if problem and problem != self._secret_problem:
            log.error("secret_wrong", extra={"reason": problem})
        elif self._secret_problem and not problem:
            log.warning("secret_is_right")
        self._secret_problem = problem
        self.app.set_problem("secret", problem)

    def _log_settings(self, changes: Collection[str]) -> None:
        """Logs what changed settings do, once: when they are taken up, or with the first publish by them."""
        for line in changes:
            if line not in self._settings_changes:
                log.warning("settings_change", extra={"effect": line})
        self._settings_changes.update(changes)

    def _log_visibility(self, plan: Plan) -> None:
        """Logs which posts readers cease to see, and why, and which they see again."""
        found = dict(plan.touched)
        for change in changes_of_kind(plan, LogKind.WITHDRAWN)[:MAX_NAMED]:
            why = describe_wait(found.get(change.id, change.post), self.app.clock()) or "its file is gone"
            log.warning("post_withdrawn", extra={"path": change.post.path, "reason": why})
        for change in changes_of_kind(plan, LogKind.RESTORED)[:MAX_NAMED]:
            log.warning("post_restored", extra={"path": change.post.path})

    def _log_faults(
        self,
        event: str,
        reasons: Iterable[str],
        *,
        area: str = "",
        level: int = logging.WARNING,
        error: Exception | None = None,
    ) -> None:
        """Logs each fault once, when it begins, with the traceback of an `error`, and when it is over;
        `status` shows it meanwhile.
        """
        where = {"area": area} if area else {}
        before, now = self._faults.get((event, area), frozenset()), frozenset(reasons)
        for reason in sorted(now - before):
            log.log(level, event, extra=where | {"reason": reason}, exc_info=error)
        for reason in sorted(before - now):
            log.info("over", extra={"fault": event} | where | {"reason": reason})
        self._faults[event, area] = now

    def _publish_what_changed(self) -> PublishReport:
        """Checks only files that changed. Checks every file once per interval, in case a change was missed,
        and always while the folder is not watched.
        """
        every = self.app.settings.schedule.publish_every.total_seconds()
        now = time.monotonic()
        with self._lock:
            changed_paths, self._changed = self._changed, set()
        if not self._watched or now - self._full_scan_at > every * 0.95:
            changed_paths = None
        try:
            report = self.app.publish(changed_paths=changed_paths)
        except BaseException:
            self._changed = None  # the paths are used up, so any file may have changed
            raise
        if changed_paths is None:
            self._full_scan_at = now
        self._publish.run_within(timedelta(seconds=max(0.0, self._full_scan_at + every - time.monotonic())))
        return report

    def deliver(self) -> None:
        """Sends what is due; stops between two messages when the process has to end."""
        self._check_disks()
        stats, unknown = self.app.deliver(stopping=self._must_end)
        if stats.total or unknown > self._unknown:
            words = ("accepted", "rejected", "deferred", "skipped")
            ended = {name: number for name in words if (number := getattr(stats, name))}
            log.info("delivered", extra=ended | {"in_doubt": unknown + stats.unknown})
        self._unknown = unknown + stats.unknown
        if stats.held and stats.held != self._held:
            log.warning("held", extra={"reason": stats.held})
        self._held = stats.held
        for name, why in stats.troubles.items():
            if self._troubles.get(name) != why:
                log.warning("relay_fails", extra={"relay": name, "reason": why})
        self._troubles = stats.troubles if stats.total else self._troubles
        note = self.app.outbox_note()
        if note and note != self._in_outbox:
            log.warning("mail_in_outbox", extra={"reason": note})
        self._in_outbox = note

    def _check_disks(self) -> None:
        """Logs which disks are full. Once one has space again, mail for the outbox goes on."""
        before = self._faults.get(("disk_full", ""), frozenset())
        self._log_faults("disk_full", self.app.full_disks(), level=logging.ERROR)
        if before - self._faults["disk_full", ""]:
            self._resume((str(self.app.outbox),), "the disk has space again")

    def read_bounces(self) -> None:
        """Reads the mail that came back since the last time."""
        tally = self.app.read_bounces(stopping=self._must_end)
        for (kind, effect), number in sorted(tally.read.items()) if tally else ():
            log.info("mail_came_back", extra={"kind": kind, "effect": effect, "messages": number})
        if tally and tally.suppressed:
            log.warning("addresses_suppressed", extra={"addresses": tally.suppressed})

    def archive(self) -> None:
        """Archives old deliveries in the background, in small transactions that let others write."""

        def rest(seconds: float) -> bool:
            self._stopping.wait(seconds)
            return self._must_end()

        archived = self.app.archive_deliveries(pause=rest)
        if archived:
            log.info("folded", extra={"deliveries": archived})

    def ping(self) -> None:
        """Notifies hubs in the background, so that a slow hub delays nothing."""
        pinged = self.app.ping()
        for ping in pinged.notified:
            log.info("hub_told", extra={"hub": ping.hub, "topic": ping.topic})
        for ping in pinged.failed:
            log.warning("hub_not_told", extra={"hub": ping.hub, "topic": ping.topic, "reply": ping.reply})

    def _schedule_next_due(self) -> None:
        """Schedules a tick for when the next post or digest is due, if that is before the next interval."""
        due = self.app.next_due()
        if due is None:
            return
        now = self.app.clock()
        wait = max(due - now, timedelta())
        if wait < self.app.settings.schedule.publish_every:
            self._publish.run_within(wait)

    def _recheck_later(self, unsettled: bool) -> None:
        """Schedules a tick for when files that are being written may be finished, later each time."""
        self._recheck_wait = (
            min(max(self.app.rest, self._recheck_wait * 3 / 2), LONGEST_RECHECK) if unsettled else timedelta()
        )
        if unsettled:
            self._publish.run_within(self._recheck_wait)

    def _run_job(self, area: str, work: Callable[[], None]) -> None:
        """Does the work of a job. A failure is recorded for `status`, and the next tick tries again."""
        try:
            if not self._files_are_ours() or not self._clock_is_right():
                return
            work()
        except PublisherError as error:
            self._log_faults("tick_failed", [str(error)], area=area, level=logging.ERROR)
            self._note(area, str(error))
        except Exception as error:  # one area's fault must not stop the others, nor its next tick
            reason = f"{type(error).__name__}: {error}"
            self._log_faults("tick_failed", [reason], area=area, level=logging.ERROR, error=error)
            self._note(area, reason)
        else:
            self._log_faults("tick_failed", (), area=area)
            self.worked_at[area] = self.app.clock()
            self._note(area, "")

    def _note(self, area: str, problem: str) -> None:
        """Records a problem for `status`; "" clears it. The store may be what does not work."""
        failed: list[str] = []
        try:
            self.app.set_problem(area, problem)
        except PublisherError as error:
            failed = [str(error)]
        self._log_faults("note_failed", failed, area=area, level=logging.ERROR)
