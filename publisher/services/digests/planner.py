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


def plan_mail(deps: Deps, now: datetime, *, send: Collection[str] = ()) -> MailPlan:
    """Plans every list's due digests. Safe to call twice. Readers of the lists `send` are all due now, and
    nothing of theirs waits. A list whose mail cannot be made holds up no other.
    """
    ready = [
        _plan_deliveries(deps, mailing.id, mailing.list, mailing.head, mailing.due_before)
        for mailing in deps.adapters.store.mailings_in_planning()
    ]
    unsent: list[PublisherError] = []
    skipped: list[Skipped] = []
    elsewhere = cache(lambda: check_public_url(deps, now))  # asked when the first list has somebody to mail
    for spec in deps.rules.lists:
        try:
            ready += _plan_list(deps, spec, now, skipped, at_once=spec.slug in send, elsewhere=elsewhere)
        except (StoreError, OutputError):
            raise  # of the whole site: no list is better off
        except PublisherError as error:
            if error not in unsent:  # that links lead elsewhere is one error of all lists
                unsent.append(error)
    if deps.adapters.store.meta(UPGRADED):
        deps.adapters.store.set_meta(UPGRADED, "")
    return MailPlan(ready, tuple(unsent), tuple(skipped))


def _plan_list(
    deps: Deps,
    spec: MailingList,
    now: datetime,
    skipped: list[Skipped],
    *,
    at_once: bool,
    elsewhere: Callable[[], Refused | None],
) -> list[int]:
    fix_due_times(deps, spec, now)
    while at_once and deps.adapters.store.make_due(spec.slug, now, limit=CHUNK):
        pass
    report = due_report(deps, spec, now, at_once=at_once)
    skipped += _skip_late(deps, report)  # before the others: they may stand where others do
    planned: list[int] = []
    if report.readers:
        if (wrong := elsewhere()) is not None:
            raise wrong
        mailing = _start_mailing(deps, report)
        deps.process.failpoint("plan:started")
        planned.append(_plan_deliveries(deps, mailing, spec.slug, report.due.head, now))
    _reschedule(deps, report, DueDecision.WAITS)
    _reschedule(deps, report, DueDecision.NOTHING)
    while deps.adapters.store.reschedule(report.due, limit=CHUNK, suppressed=True, pass_over=True):
        pass
    return planned


def _skip_late(deps: Deps, report: DueReport) -> Iterator[Skipped]:
    """Readers whose digest is too late get its posts with the next."""
    late: defaultdict[int, list[DueGroup]] = defaultdict(list)
    for group in report.of(DueDecision.LATE):
        late[group.due.rhythm].append(group.due)
    times = {run.id: run.next_at for run in deps.adapters.store.next_runs(report.spec.slug)} if late else {}
    for schedule, groups in late.items():
        stands, readers = sorted({group.stand for group in groups}), 0
        while moved := deps.adapters.store.skip_digest(report.due, schedule, stands, limit=CHUNK):
            readers += moved
        due = min(group.oldest for group in groups)
        next_at = times[schedule] or report.due.now  # a schedule that is late has a time
        yield Skipped(list=report.spec.slug, readers=readers, due=due, next_at=next_at)


def _reschedule(deps: Deps, report: DueReport, decision: DueDecision) -> None:
    """Readers who get nothing now are due when their schedule is; what did not match, they pass over."""
    stands = sorted({group.due.stand for group in report.of(decision)})
    over = decision is DueDecision.NOTHING
    while stands and deps.adapters.store.reschedule(report.due, limit=CHUNK, stands=stands, pass_over=over):
        pass


def _start_mailing(deps: Deps, report: DueReport) -> int:
    """Starts the mailing under the id its links name; a confirmation mail may take that id meanwhile."""
    for _ in range(MAX_TRIES):
        try:
            return deps.adapters.store.start_mailing(
                build_mailing(deps, report, deps.adapters.store.next_mailing_id()), report.due.now
            )
        except LogConflict:
            continue
    return deps.adapters.store.start_mailing(build_mailing(deps, report, None), report.due.now)


def _plan_deliveries(deps: Deps, mailing: int, spec: str, head: int, now: datetime) -> int:
    fields = {"at": now.isoformat(), "mailing": mailing, "list": spec, "head": head}
    deps.adapters.journal.append("mailing", fields)
    batch_plan = deps.rules.throttling.batch_plan
    while deps.adapters.store.plan_chunk(
        mailing, limit=CHUNK, batch=deps.rules.batch_size, now=now, batch_plan=batch_plan
    ):
        deps.process.failpoint("plan:chunk")
    deps.process.failpoint("plan:ready")
    return mailing
