"""Who is due, when, and with what: what planning would do for a list now, for the log as it stands or as it
will stand once a plan is carried out. Also the backlog: who waits for posts, why, and until when.

Only `fix_due_times` writes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from publisher.core.digests.digest import (
    MAX_CORRECTIONS,
    Correction,
    DigestSelection,
    DigestSelector,
    DueGroup,
    DueQuery,
    NextRun,
    ProjectedLog,
    ReaderStatus,
    project_log,
)
from publisher.core.posts.post import BadPost, PostMailOptions
from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.subscribers.cadences import CADENCES, TIME_STEP
from publisher.core.subscribers.subscription import (
    ContentPreference,
    MailingList,
    content_for,
    schedule_for,
)
from publisher.ports import Store
from publisher.services.deps import Deps, SiteRules
from publisher.services.subscribers.lists import RememberedList, remembered_lists

CHUNK = 5_000
"""Readers moved in one transaction."""

UPGRADED = "upgraded"
"""The fact in the store that an older version wrote it: posts that it kept waiting go with the next scheduled
digest, not with the first publish of this version."""

UPGRADED_MAX_LATE = timedelta(hours=12)
"""The `max_late` of every cadence in that version."""


class DigestMaterial:
    """What digests are made from: posts, corrections and bodies, of the log as it is or as a plan will leave
    it.
    """

    def __init__(self, deps: Deps, projected: ProjectedLog | None = None) -> None:
        self._deps, self._projected = deps, projected or ProjectedLog()
        self._new = {known.id: known for known in self._projected.new}

    def head(self, seq: int) -> int:
        """The seq of the log's last row; without the plan it is `seq`."""
        return max(seq, self._projected.head)

    def fresh(self, after: int, until: int) -> list[PublishedPost]:
        """As `ports.LogStore.published_between`."""
        known = self._deps.adapters.store.published_between(after, until, shown=self._projected.back)
        new = [k for k in self._projected.new if after < k.first_seq <= until]
        return [*self._projected.then(known), *new]

    def corrections(self, after: int, until: int, *, limit: int) -> Sequence[Correction]:
        """As `ports.PlanningStore.corrections`."""
        new = {id: seq for id, seq in self._projected.corrected.items() if after < seq <= until}
        found = self._deps.adapters.store.corrections(after, until, limit=limit + len(new))
        if not new:
            return found
        firsts = {
            k.id: k.first_seq for k in self._deps.adapters.store.posts_matching(PostKeys(ids=frozenset(new)))
        }
        return replace(self._projected, corrected=new).corrections(found, firsts)[:limit]

    def released(self, slug: str, limit: int) -> Sequence[Correction]:
        """As `ports.LedgerStore.released_posts`."""
        return self._deps.adapters.store.released_posts(slug, limit=limit)

    def live(self, ids: Collection[str]) -> Mapping[str, PublishedPost]:
        """Those of these posts that readers see, by id."""
        known = self._deps.adapters.store.posts_matching(PostKeys(ids=frozenset(ids)))
        return {k.id: k for k in self._projected.then(known)}

    def newest(self, limit: int) -> Sequence[PublishedPost]:
        """The posts that readers saw last, oldest first, without those that they will cease to see."""
        hidden = len(self._projected.live) - len(self._projected.back)
        known = self._projected.then(self._deps.adapters.store.newest_posts(limit + hidden))
        return known[:limit][::-1]

    def versions(self, posts: Sequence[PublishedPost]) -> Sequence[PublishedPost]:
        """As `ports.LogStore.post_versions`, of posts that are in the log or about to enter it."""
        old = [k for k in posts if k.id not in self._new and k.id not in self._projected.posts]
        found = {k.id: k for k in self._deps.adapters.store.post_versions([(k.id, k.revision) for k in old])}
        return [found.get(k.id, k) for k in posts]

    def bodies(self, posts: Sequence[PublishedPost]) -> Mapping[str, str]:
        """The bodies of these posts by their hash: from the store, else from the files they are read from."""
        found = dict(self._deps.adapters.store.bodies({k.post.body_hash for k in posts}))
        unread = sorted({k.post.path for k in posts if k.post.body_hash not in found})
        for reading in self._deps.adapters.source().read_many(unread, {}) if unread else ():
            if reading.result is not None and not isinstance(reading.result, BadPost):
                found[reading.result.post.body_hash] = reading.result.body
        return found


def log_after_publish(deps: Deps, now: datetime) -> DigestMaterial:
    """The log as a publish at `now` would leave it. Raises SourceError, StoreError."""
    # Loaded here: a command that mails only what is in the log reads no folder.
    from publisher.services.publishing.scan import scan_folder

    return DigestMaterial(deps, project_log(scan_folder(deps, now).plan, now))


class DueDecision(StrEnum):
    """What happens to a group of due readers."""

    MAIL = "mail"
    WAITS = "waits"  # for more posts: fewer than min_posts
    NOTHING = "nothing"  # nothing that is new is for them
    LATE = "late"  # past max_late, and skipped: the posts wait for the next digest


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReaderGroup:
    """Due readers with one schedule and one cohort key, what they want, and the posts that are for them."""

    due: DueGroup
    content: ContentPreference
    selection: DigestSelection
    decision: DueDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReport:
    """The readers of a list who are due at `due.now`, in groups."""

    spec: MailingList
    due: DueQuery
    groups: tuple[DueReaderGroup, ...] = ()

    @property
    def readers(self) -> int:
        """How many readers would get a digest now."""
        return sum(group.due.readers for group in self.of(DueDecision.MAIL))

    def group(self, reader: ReaderStatus) -> DueReaderGroup | None:
        """The group a reader is in; None if the reader is not due."""
        place = (reader.schedule_id, reader.cohort_key, reader.skipped)
        found = (g for g in self.groups if (g.due.schedule_id, g.due.cohort_key, g.due.skipped) == place)
        return None if reader.left_out else next(found, None)

    def of(self, decision: DueDecision) -> list[DueReaderGroup]:
        """The groups with that decision."""
        return [group for group in self.groups if group.decision is decision]


def due_reports(deps: Deps, plan: Plan, now: datetime) -> tuple[DueReport, ...]:
    """The due report of each list once `plan` is carried out."""
    log = DigestMaterial(deps, project_log(plan, now))
    return tuple(due_report(deps, spec, now, log=log) for spec in deps.rules.lists)


def due_query(
    store: Store,
    spec: MailingList,
    now: datetime,
    log: DigestMaterial,
    *,
    at_once: bool = False,
    everyone: bool = False,
) -> DueQuery:
    """The query for a list's readers who are due at `now`. With `at_once`, posts need not be past the list's
    delay. Posts that are about to enter the log never are, if there is a delay.
    """
    if spec.delay and not at_once:
        return DueQuery(list=spec.slug, now=now, head=publishable_seq(store, spec, now), everyone=everyone)
    return DueQuery(list=spec.slug, now=now, head=log.head(store.head().seq), everyone=everyone)


def due_report(
    deps: Deps,
    spec: MailingList,
    now: datetime,
    *,
    at_once: bool = False,
    everyone: bool = False,
    log: DigestMaterial | None = None,
) -> DueReport:
    """Which readers of a list are due at `now`, and with what. With `at_once`, no post waits for more posts
    or for the list's delay, and no digest is too late. With `everyone`, all readers count as due. `log` is
    the log to look at, if not the store's.
    """
    log = log or DigestMaterial(deps)
    due = due_query(deps.adapters.store, spec, now, log, at_once=at_once, everyone=everyone)
    groups = deps.adapters.store.due_groups(due)
    if not groups:
        return DueReport(spec=spec, due=due)
    back = min(group.cohort_key.offset for group in groups)
    due, corrected = _with_corrections(log, due, back)
    if due.corrections:  # which of them are for a reader is now part of the cohort key
        groups = deps.adapters.store.due_groups(due)
    selector = DigestSelector(spec, log.fresh(back, due.head), corrected)
    preferences = deps.adapters.store.content_preferences([group.cohort_key.content_id for group in groups])
    newest: dict[int, datetime] = {}
    for group in groups:
        newest[group.schedule_id] = max(group.oldest, newest.get(group.schedule_id, group.oldest))
    late = set[int]() if at_once else late_schedules(deps, spec, newest, due.now)
    decided: list[DueReaderGroup] = []
    for group in groups:
        content = content_for(spec, preferences[group.cohort_key.content_id])
        selection = selector.of(group.cohort_key, content, least=1 if at_once else spec.min_posts)
        if selection.waits:
            decision = DueDecision.WAITS
        elif not selection.posts:
            decision = DueDecision.NOTHING
        elif group.schedule_id in late and not group.skipped:  # never two in a row
            decision = DueDecision.LATE
        else:
            decision = DueDecision.MAIL
        decided.append(DueReaderGroup(due=group, content=content, selection=selection, decision=decision))
    return DueReport(spec=spec, due=due, groups=tuple(decided))


def _with_corrections(
    log: DigestMaterial, due: DueQuery, back: int
) -> tuple[DueQuery, Mapping[int, tuple[Correction, PublishedPost]]]:
    """Adds to the query the corrections after `back` and the released posts. Also returns those that may
    still be mailed, by index. If there are more corrections than bits, the log is read only as far as the
    bits suffice; released posts without a bit wait for the next digest.
    """
    found = log.corrections(back, due.head, limit=MAX_CORRECTIONS + 1)
    while len(found) > MAX_CORRECTIONS:
        due = replace(due, head=found[-1].seq - 1)
        found = log.corrections(back, due.head, limit=MAX_CORRECTIONS + 1)
    found = [*found, *log.released(due.list, MAX_CORRECTIONS - len(found))]
    if not found:
        return due, {}
    return with_places(log, due, found)


def with_places(
    log: DigestMaterial, due: DueQuery, found: Sequence[Correction]
) -> tuple[DueQuery, Mapping[int, tuple[Correction, PublishedPost]]]:
    """The query with these corrections, and the posts of those that may still be mailed, by their index."""
    posts = log.live({row.post_id for row in found})
    by_id = {id: known for id, known in posts.items() if known.post.mail is not PostMailOptions.NEVER}
    places = {n: (row, by_id[row.post_id]) for n, row in enumerate(found) if row.post_id in by_id}
    return replace(due, corrections=tuple(found)), places


class Reason(StrEnum):
    """Why readers are waiting for posts."""

    SCHEDULED = "scheduled"  # for the time of their digest
    SKIPPED = "skipped"  # their last digest was too late, so for the next
    MIN_POSTS = "min_posts"  # for more posts
    DELAY = "delay"  # for the list's delay to be over
    DUE = "due"  # for nothing: the next publish mails them
    PAUSED = "paused"  # they paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Readers of a list who wait for posts: how many they are, the most posts that one of them waits for (0
    for paused readers, whose posts are not looked up), and when their digest is due (None if not known).
    """

    list: str
    reason: Reason
    readers: int
    posts: int = 0
    until: datetime | None = None


def backlog(deps: Deps, now: datetime, *, paused: bool = False) -> list[Waiting]:
    """Which readers wait at `now` for posts that are published and not mailed yet, by list, time and reason;
    with `paused`, readers who paused as well.
    """
    return [waiting for spec in deps.rules.lists for waiting in _list_backlog(deps, spec, now, paused=paused)]


def _list_backlog(deps: Deps, spec: MailingList, now: datetime, *, paused: bool) -> list[Waiting]:
    report = due_report(deps, spec, now, at_once=True, everyone=True)
    delayed_until = delay_ends(deps.adapters.store, spec, now) if spec.delay else None
    at_once = {run.id for run in deps.adapters.store.next_runs(spec.slug) if run.next_at is None}
    found: dict[tuple[bool, datetime, Reason], Waiting] = {}
    for group in report.groups:
        if not group.selection.posts:
            continue
        due = None if group.due.oldest <= now + 2 * TIME_STEP else group.due.oldest
        if due and delayed_until and group.due.schedule_id in at_once:
            due = None  # what waits for the delay waits longer than for the gap
        if len(group.selection.posts) < spec.min_posts:
            reason, until = Reason.MIN_POSTS, None
        elif due is not None:
            reason, until = Reason.SKIPPED if group.due.skipped else Reason.SCHEDULED, due
        else:
            reason, until = Reason.DELAY if delayed_until else Reason.DUE, delayed_until
        key = (until is None, until or now, reason)
        before = found.get(key, Waiting(list=spec.slug, reason=reason, readers=0, until=until))
        found[key] = replace(
            before,
            readers=before.readers + group.due.readers,
            posts=max(before.posts, len(group.selection.posts)),
        )
    result = [found[key] for key in sorted(found)]
    if paused and (number := deps.adapters.store.count_not_due(report.due).get("paused", 0)):
        result.append(Waiting(list=spec.slug, reason=Reason.PAUSED, readers=number))
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTime:
    """When a schedule is due next (None: whenever something is published), by the clock of `timezone`.
    `due_at`: its readers are due now, for that instant.
    """

    next_at: datetime | None
    due_at: datetime | None
    timezone: str


def new_times(spec: MailingList, former: MailingList | None, run: NextRun, now: datetime) -> NewTime | None:
    """When the readers of a schedule are due from now on; None if nothing changes. `former` is the list as of
    the last publish.

    If the list's hour, day or zone moved to a time that has just passed, and the next one comes later than
    what readers were waiting for, they are due now: else that digest would be lost.
    """
    schedule = schedule_for(spec, run.preference)
    cadence = CADENCES[schedule.cadence]
    next_at = None if cadence.at_once else cadence.after(now, schedule)
    if next_at == run.next_at:
        return None
    due_at = None
    before = schedule_for(former, run.preference) if former else schedule
    if before != schedule and next_at and run.next_at and next_at > run.next_at:
        passed = cadence.latest(now, schedule)
        if passed > CADENCES[before.cadence].latest(now, before):
            due_at = passed
    return NewTime(next_at=next_at, due_at=due_at, timezone=schedule.timezone)


def former_list(spec: MailingList, was: RememberedList) -> MailingList:
    """A list with the schedule that it had."""
    return replace(
        spec,
        cadence=was.cadence,
        on=was.on,
        at=was.at,
        timezone=was.timezone,
        readers_choose=was.readers_choose,
    )


def fix_due_times(store: Store, spec: MailingList, now: datetime) -> None:
    """Sets each schedule of a list, and its waiting readers, to its next occurrence after `now`: settings or
    time zone data may have changed, or a clock may have been ahead. Readers who are due stay due.
    """
    runs = store.next_runs(spec.slug)
    former: MailingList | None = None
    if runs and (was := remembered_lists(store).get(spec.slug)) is not None:
        former = former_list(spec, was)
    found = {run.id: time for run in runs if (time := new_times(spec, former, run, now)) is not None}
    for schedule, time in found.items():  # first: after a crash this is found again
        while time.due_at and store.make_due(
            spec.slug, now, limit=CHUNK, schedule_id=schedule, due_at=time.due_at
        ):
            pass
    if found:
        store.set_next_runs({schedule: time.next_at for schedule, time in found.items()})
    while store.fix_next_due(spec.slug, now, limit=CHUNK, gap=spec.min_gap):
        pass


def publishable_seq(store: Store, spec: MailingList, now: datetime) -> int:
    """The seq of the log up to which posts are past the list's delay, and may be mailed."""
    return store.seq_at(now - spec.delay) if spec.delay else store.head().seq


def delay_ends(store: Store, spec: MailingList, now: datetime) -> datetime | None:
    """When the delay of the next post is over; None if no post is delayed."""
    entered = store.logged_at(publishable_seq(store, spec, now) + 1)
    return entered + spec.delay if entered else None


def next_mail(rules: SiteRules, store: Store, now: datetime) -> datetime | None:
    """When the next digest is due: at a reader's time, or when a post's delay ends."""
    known = [
        store.next_due_at(now, rules.slugs),
        *[delay_ends(store, spec, now) for spec in rules.lists if spec.delay],
    ]
    return min((at for at in known if at is not None), default=None)


def late_schedules(deps: Deps, spec: MailingList, newest: dict[int, datetime], now: datetime) -> set[int]:
    """The schedules in `newest` (when their readers were last due) whose occurrence is more than max_late
    ago: their posts wait for the next digest. Empty if no `publisher run` is there to send that one.
    """
    upgraded = bool(deps.adapters.store.meta(UPGRADED))
    if not (upgraded or deps.process.run_is_active()):
        return set()
    late: set[int] = set()
    for run in deps.adapters.store.next_runs(spec.slug):
        if run.id not in newest:
            continue
        schedule = schedule_for(spec, run.preference)
        cadence = CADENCES[schedule.cadence]
        most = max_lateness(spec, schedule.cadence, upgraded=upgraded)
        if cadence.at_once or most is None:
            continue
        if now - max(cadence.latest(now, schedule), newest[run.id]) > most:
            late.add(run.id)
    return late


def max_lateness(spec: MailingList, cadence: str, *, upgraded: bool = False) -> timedelta | None:
    """How late a digest of that cadence may be; None if it may be any time late."""
    most = spec.max_late
    if most is None:
        most = UPGRADED_MAX_LATE if upgraded else CADENCES[cadence].max_late
    return None if most is None else max(most, timedelta(0))
