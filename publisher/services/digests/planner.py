"""Mail planning: who is due, what they get, and a mailing frozen for them.

    due times -> due readers -> shares -> skip late ones -> start -> [plan:started] -> journal
        -> chunks, one transaction each -> [plan:chunk] -> ready -> [plan:ready] -> reschedule the others

After a crash, planning a mailing goes on where it stood: its head, posts and content are frozen, and a
subscription is planned in the transaction that moves its offset. No transaction is long: readers move in
chunks, and nothing is rendered while one is open.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from publisher.core.digests.due import DueGroup
from publisher.core.errors import LogConflict, OutputError, PublisherError, Refused, StoreError
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.digests.cohorts import build_mailing
from publisher.services.digests.due_readers import DueDecision, DueReport, due_report
from publisher.services.digests.schedule import CHUNK, UPGRADED, fix_due_times
from publisher.services.mail.public_url import check_public_url

MAX_TRIES = 5
"""How often a new mailing asks for another id when its own was taken meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A digest of a list that was due at `due` and is too late for `readers`: they get its posts with the
    next one, which is due at `next_at`.
    """

    list: str
    readers: int
    due: datetime
    next_at: datetime


class MailPlan(NamedTuple):
    """The ids of mailings that became ready, why the mail of each other list cannot be made (its readers are
    due still), and the digests that were too late.
    """

    ready: Sequence[int] = ()
    unsent: tuple[PublisherError, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def plan_mail(parts: Deps, now: datetime, *, send: Collection[str] = ()) -> MailPlan:
    """Plans every list's due digests. Safe to call twice. Readers of the lists `send` are all due now, and
    nothing of theirs waits. A list whose mail cannot be made holds up no other.
    """
    ready = [
        _plan_deliveries(parts, mailing.id, mailing.list, mailing.head, mailing.due_before)
        for mailing in parts.store.mailings_in_planning()
    ]
    unsent: list[PublisherError] = []
    skipped: list[Skipped] = []
    elsewhere = cache(lambda: check_public_url(parts, now))  # asked when the first list has somebody to mail
    for spec in parts.lists:
        try:
            ready += _plan_list(parts, spec, now, skipped, at_once=spec.slug in send, elsewhere=elsewhere)
        except (StoreError, OutputError):
            raise  # of the whole site: no list is better off
        except PublisherError as error:
            if error not in unsent:  # that links lead elsewhere is one error of all lists
                unsent.append(error)
    if parts.store.meta(UPGRADED):
        parts.store.set_meta(UPGRADED, "")
    return MailPlan(ready, tuple(unsent), tuple(skipped))


def _plan_list(
    parts: Deps,
    spec: MailingList,
    now: datetime,
    skipped: list[Skipped],
    *,
    at_once: bool,
    elsewhere: Callable[[], Refused | None],
) -> list[int]:
    fix_due_times(parts, spec, now)
    while at_once and parts.store.make_due(spec.slug, now, limit=CHUNK):
        pass
    report = due_report(parts, spec, now, at_once=at_once)
    skipped += _skip_late(parts, report)  # before the others: they may stand where others do
    planned: list[int] = []
    if report.readers:
        if (wrong := elsewhere()) is not None:
            raise wrong
        mailing = _start_mailing(parts, report)
        parts.reach("plan:started")
        planned.append(_plan_deliveries(parts, mailing, spec.slug, report.due.head, now))
    _reschedule(parts, report, DueDecision.WAITS)
    _reschedule(parts, report, DueDecision.NOTHING)
    while parts.store.reschedule(report.due, limit=CHUNK, suppressed=True, pass_over=True):
        pass
    return planned


def _skip_late(parts: Deps, report: DueReport) -> Iterator[Skipped]:
    """Readers whose digest is too late get its posts with the next."""
    late: defaultdict[int, list[DueGroup]] = defaultdict(list)
    for group in report.of(DueDecision.LATE):
        late[group.due.rhythm].append(group.due)
    times = {run.id: run.next_at for run in parts.store.next_runs(report.spec.slug)} if late else {}
    for schedule, groups in late.items():
        stands, readers = sorted({group.stand for group in groups}), 0
        while moved := parts.store.skip_digest(report.due, schedule, stands, limit=CHUNK):
            readers += moved
        due = min(group.oldest for group in groups)
        next_at = times[schedule] or report.due.now  # a schedule that is late has a time
        yield Skipped(list=report.spec.slug, readers=readers, due=due, next_at=next_at)


def _reschedule(parts: Deps, report: DueReport, decision: DueDecision) -> None:
    """Readers who get nothing now are due when their schedule is; what did not match, they pass over."""
    stands = sorted({group.due.stand for group in report.of(decision)})
    over = decision is DueDecision.NOTHING
    while stands and parts.store.reschedule(report.due, limit=CHUNK, stands=stands, pass_over=over):
        pass


def _start_mailing(parts: Deps, report: DueReport) -> int:
    """Starts the mailing under the id its links name; a confirmation mail may take that id meanwhile."""
    for _ in range(MAX_TRIES):
        try:
            return parts.store.start_mailing(
                build_mailing(parts, report, parts.store.next_mailing_id()), report.due.now
            )
        except LogConflict:
            continue
    return parts.store.start_mailing(build_mailing(parts, report, None), report.due.now)


def _plan_deliveries(parts: Deps, mailing: int, spec: str, head: int, now: datetime) -> int:
    fields = {"at": now.isoformat(), "mailing": mailing, "list": spec, "head": head}
    parts.journal.append("mailing", fields)
    cut = parts.pacing.cut
    while parts.store.plan_chunk(mailing, limit=CHUNK, batch=parts.batch, now=now, cut=cut):
        parts.reach("plan:chunk")
    parts.reach("plan:ready")
    return mailing
