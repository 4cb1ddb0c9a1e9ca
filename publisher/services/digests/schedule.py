"""TODO say what this is about."""

from datetime import datetime, timedelta

from publisher.core.digests.due import DueQuery
from publisher.core.subscribers.subscription import MailingList, schedule_for
from publisher.services.deps import Deps
from publisher.services.digests.projection import DigestMaterial

CHUNK = 5_000
"""Readers moved in one transaction."""

UPGRADED = "upgraded"
"""The fact that an older version left the store: what it let wait goes with the next planned digest, not with
the first publish of this one."""

BEFORE = timedelta(hours=12)
"""What `max_late` was for every cadence in that version."""


def keep_time(parts: Deps, spec: MailingList, now: datetime) -> None:
    """Each rhythm of a list is due at its next occurrence after `now`, and so is every reader who waits for
    it: whatever became of settings, zone data, or a clock that was ahead. Who is due already stays due.
    """
    times: dict[int, datetime | None] = {}
    for beat in parts.store.next_runs(spec.slug):
        rhythm = schedule_for(spec, beat.pace)
        cadence = parts.cadences[rhythm.cadence]
        next_at = None if cadence.at_once else cadence.after(now, rhythm)
        if next_at != beat.next_at:
            times[beat.id] = next_at
    if times:
        parts.store.set_next_runs(times)
    while parts.store.fix_next_due(spec.slug, now, limit=CHUNK):
        pass


def ripe_head(parts: Deps, spec: MailingList, now: datetime) -> int:
    """The seq of the log up to which posts may be mailed: those whose author had time to think again."""
    return parts.store.seq_at(now - spec.delay) if spec.delay else parts.store.head().seq


def next_mail(parts: Deps, now: datetime) -> datetime | None:
    """When the next digest is due: a reader's time, or the end of a post's delay."""
    known = [parts.store.next_due_at(), *[ripens(parts, spec, now) for spec in parts.lists if spec.delay]]
    return min((at for at in known if at is not None), default=None)


def ripens(parts: Deps, spec: MailingList, now: datetime) -> datetime | None:
    """When the next post's delay is over; None: no post waits for that."""
    entered = parts.store.logged_at(ripe_head(parts, spec, now) + 1)
    return entered + spec.delay if entered else None


def late_rhythms(parts: Deps, spec: MailingList, newest: dict[int, datetime], now: datetime) -> set[int]:
    """Those of `newest` (when readers of a rhythm were due last) whose occurrence lies more than max_late
    back: their posts wait for the next digest. None, where no `publisher run` is there to send that one.
    """
    upgraded = bool(parts.store.meta(UPGRADED))
    if not (upgraded or parts.run_is_active()):
        return set()
    late: set[int] = set()
    for beat in parts.store.next_runs(spec.slug):
        if beat.id not in newest:
            continue
        rhythm = schedule_for(spec, beat.pace)
        cadence = parts.cadences[rhythm.cadence]
        most = late_after(parts, spec, rhythm.cadence, upgraded=upgraded)
        if cadence.at_once or most is None:
            continue
        if now - max(cadence.latest(now, rhythm), newest[beat.id]) > most:
            late.add(beat.id)
    return late


def late_after(parts: Deps, spec: MailingList, cadence: str, *, upgraded: bool = False) -> timedelta | None:
    """How late a digest of that cadence may be; None: however late."""
    most = spec.max_late
    if most is None:
        most = BEFORE if upgraded else parts.cadences[cadence].max_late
    return None if most is None else max(most, timedelta(0))


def question(
    parts: Deps,
    spec: MailingList,
    now: datetime,
    log: DigestMaterial,
    *,
    at_once: bool = False,
    everyone: bool = False,
) -> DueQuery:
    """Who of a list is due at `now`; `at_once`: posts need not be ripe. What is about to enter the log is
    never ripe where its author has time to think again.
    """
    if spec.delay and not at_once:
        return DueQuery(list=spec.slug, now=now, head=ripe_head(parts, spec, now), everyone=everyone)
    return DueQuery(list=spec.slug, now=now, head=log.head(parts.store.head().seq), everyone=everyone)
