"""When a list's digests are due: by its schedules, its delay and `max_late`."""

from datetime import datetime, timedelta

from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import MailingList, schedule_for
from publisher.services.deps import Deps

CHUNK = 5_000
"""Readers moved in one transaction."""

UPGRADED = "upgraded"
"""The fact that an older version left the store: posts it let wait go with the next planned digest, not with
the first publish of this version."""

UPGRADED_MAX_LATE = timedelta(hours=12)
"""What `max_late` was for every cadence in that version."""


def fix_due_times(deps: Deps, spec: MailingList, now: datetime) -> None:
    """Makes each schedule of a list due at its next occurrence after `now`, and every reader who waits for
    it: settings or zone data may have changed, or a clock may have been ahead. Who is due already stays due.
    """
    times: dict[int, datetime | None] = {}
    for run in deps.adapters.store.next_runs(spec.slug):
        schedule = schedule_for(spec, run.pace)
        cadence = CADENCES[schedule.cadence]
        next_at = None if cadence.at_once else cadence.after(now, schedule)
        if next_at != run.next_at:
            times[run.id] = next_at
    if times:
        deps.adapters.store.set_next_runs(times)
    while deps.adapters.store.fix_next_due(spec.slug, now, limit=CHUNK):
        pass


def publishable_seq(deps: Deps, spec: MailingList, now: datetime) -> int:
    """The seq of the log up to which posts are past the list's delay, and may be mailed."""
    return deps.adapters.store.seq_at(now - spec.delay) if spec.delay else deps.adapters.store.head().seq


def delay_ends(deps: Deps, spec: MailingList, now: datetime) -> datetime | None:
    """When the next post's delay is over; None: no post waits for that."""
    entered = deps.adapters.store.logged_at(publishable_seq(deps, spec, now) + 1)
    return entered + spec.delay if entered else None


def next_mail(deps: Deps, now: datetime) -> datetime | None:
    """When the next digest is due: a reader's time, or the end of a post's delay."""
    known = [
        deps.adapters.store.next_due_at(),
        *[delay_ends(deps, spec, now) for spec in deps.rules.lists if spec.delay],
    ]
    return min((at for at in known if at is not None), default=None)


def late_schedules(deps: Deps, spec: MailingList, newest: dict[int, datetime], now: datetime) -> set[int]:
    """Those of `newest` (when readers of a schedule were due last) whose occurrence lies more than max_late
    back: their posts wait for the next digest. None if no `publisher run` is there to send that one.
    """
    upgraded = bool(deps.adapters.store.meta(UPGRADED))
    if not (upgraded or deps.process.run_is_active()):
        return set()
    late: set[int] = set()
    for run in deps.adapters.store.next_runs(spec.slug):
        if run.id not in newest:
            continue
        schedule = schedule_for(spec, run.pace)
        cadence = CADENCES[schedule.cadence]
        most = max_lateness(deps, spec, schedule.cadence, upgraded=upgraded)
        if cadence.at_once or most is None:
            continue
        if now - max(cadence.latest(now, schedule), newest[run.id]) > most:
            late.add(run.id)
    return late


def max_lateness(deps: Deps, spec: MailingList, cadence: str, *, upgraded: bool = False) -> timedelta | None:
    """How late a digest of that cadence may be; None: however late."""
    most = spec.max_late
    if most is None:
        most = UPGRADED_MAX_LATE if upgraded else CADENCES[cadence].max_late
    return None if most is None else max(most, timedelta(0))
