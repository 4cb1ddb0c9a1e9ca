"""When a list's digests are due: by its schedules, its delay and `max_late`."""

from datetime import datetime, timedelta

from publisher.core.subscribers.subscription import MailingList, schedule_for
from publisher.services.deps import Deps

CHUNK = 5_000
"""Readers moved in one transaction."""

UPGRADED = "upgraded"
"""The fact that an older version left the store: posts it let wait go with the next planned digest, not with
the first publish of this version."""

UPGRADED_MAX_LATE = timedelta(hours=12)
"""What `max_late` was for every cadence in that version."""


def fix_due_times(parts: Deps, spec: MailingList, now: datetime) -> None:
    """Makes each schedule of a list due at its next occurrence after `now`, and every reader who waits for
    it: settings or zone data may have changed, or a clock may have been ahead. Who is due already stays due.
    """
    times: dict[int, datetime | None] = {}
    for run in parts.store.next_runs(spec.slug):
        schedule = schedule_for(spec, run.pace)
        cadence = parts.cadences[schedule.cadence]
        next_at = None if cadence.at_once else cadence.after(now, schedule)
        if next_at != run.next_at:
            times[run.id] = next_at
    if times:
        parts.store.set_next_runs(times)
    while parts.store.fix_next_due(spec.slug, now, limit=CHUNK):
        pass


def publishable_seq(parts: Deps, spec: MailingList, now: datetime) -> int:
    """The seq of the log up to which posts are past the list's delay, and may be mailed."""
    return parts.store.seq_at(now - spec.delay) if spec.delay else parts.store.head().seq


def delay_ends(parts: Deps, spec: MailingList, now: datetime) -> datetime | None:
    """When the next post's delay is over; None: no post waits for that."""
    entered = parts.store.logged_at(publishable_seq(parts, spec, now) + 1)
    return entered + spec.delay if entered else None


def next_mail(parts: Deps, now: datetime) -> datetime | None:
    """When the next digest is due: a reader's time, or the end of a post's delay."""
    known = [parts.store.next_due_at(), *[delay_ends(parts, spec, now) for spec in parts.lists if spec.delay]]
    return min((at for at in known if at is not None), default=None)


def late_schedules(parts: Deps, spec: MailingList, newest: dict[int, datetime], now: datetime) -> set[int]:
    """Those of `newest` (when readers of a schedule were due last) whose occurrence lies more than max_late
    back: their posts wait for the next digest. None if no `publisher run` is there to send that one.
    """
    upgraded = bool(parts.store.meta(UPGRADED))
    if not (upgraded or parts.run_is_active()):
        return set()
    late: set[int] = set()
    for run in parts.store.next_runs(spec.slug):
        if run.id not in newest:
            continue
        schedule = schedule_for(spec, run.pace)
        cadence = parts.cadences[schedule.cadence]
        most = max_lateness(parts, spec, schedule.cadence, upgraded=upgraded)
        if cadence.at_once or most is None:
            continue
        if now - max(cadence.latest(now, schedule), newest[run.id]) > most:
            late.add(run.id)
    return late


def max_lateness(parts: Deps, spec: MailingList, cadence: str, *, upgraded: bool = False) -> timedelta | None:
    """How late a digest of that cadence may be; None: however late."""
    most = spec.max_late
    if most is None:
        most = UPGRADED_MAX_LATE if upgraded else parts.cadences[cadence].max_late
    return None if most is None else max(most, timedelta(0))
