"""Mail planning: who is due, what they get, and a mailing frozen for them.

    due times -> due readers -> shares -> skip late ones -> start -> [plan:started] -> journal
        -> chunks, one transaction each -> [plan:chunk] -> ready -> [plan:ready] -> reschedule the others

After a crash, planning a mailing goes on where it stood: its head, posts and content are frozen, and a
subscription is planned in the transaction that moves its offset. No transaction is long: readers move in
chunks, and nothing is rendered while one is open.

Readers who get the same posts in the same language are a cohort: they get the same bytes, rendered once.

If a post is withdrawn after planning, mailings with something left to send are made again without it before
they are sent, approved, resumed or sent again. What was sent stays sent.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from publisher.core.addresses import parse_mailbox
from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import Cohort, Mailing, MailingKind, NewMailing, RecomposeResult
from publisher.core.digests.digest import (
    DEFAULT_CONTENT_ID,
    MAX_CORRECTIONS,
    Digest,
    DigestSelector,
    DueGroup,
    DueQuery,
)
from publisher.core.errors import LogConflict, OutputError, PublisherError, Refused, StoreError
from publisher.core.mail.message import Recipe
from publisher.core.mail.mime import freeze_segments
from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import PublishedPost
from publisher.core.subscribers.subscription import MailingList, content_for
from publisher.ports import Store
from publisher.services.deps import Deps
from publisher.services.digests.compose import digest_from, digest_message, digest_of
from publisher.services.digests.due_readers import (
    CHUNK,
    UPGRADED,
    DigestMaterial,
    DueDecision,
    DueReaderGroup,
    DueReport,
    due_report,
    fix_due_times,
    with_places,
)
from publisher.services.mail.messages import PostVersions, welcome_message
from publisher.services.publishing.preflight import check_public_url

MAX_TRIES = 5
"""How often a new mailing asks for another id when its own was taken meanwhile."""

CohortContent = tuple[PostVersions, str]
"""The posts and the language: what one rendering is made from."""

MAX_NAMED = 3
"""Posts that a message names; it counts the others."""

_RESULTS = {
    RecomposeResult.SAME: "",
    RecomposeResult.CHANGED: "remade because {gone}",
    RecomposeResult.STOPPED: "stopped because {gone}; the rest is sent without it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A digest that was due at `due` and is now too late for that many readers: they get its posts with the
    next one, at `next_at`.
    """

    list: str
    readers: int
    due: datetime
    next_at: datetime


class MailPlan(NamedTuple):
    """The ids of mailings that became ready, why the mail of other lists cannot be made (their readers stay
    due), and the digests that were too late.
    """

    ready: Sequence[int] = ()
    unsent: tuple[PublisherError, ...] = ()
    skipped: tuple[Skipped, ...] = ()


def plan_mail(deps: Deps, now: datetime, *, send: Collection[str] = ()) -> MailPlan:
    """Plans every list's due digests. Safe to call twice. All readers of the lists in `send` are due now, and
    no post waits for more. A list whose mail cannot be made holds up no other.
    """
    ready = finish_planning(deps)
    unsent: list[PublisherError] = []
    skipped: list[Skipped] = []
    # Checked when the first list has somebody to mail.
    public_url_error = cache(lambda: check_public_url(deps, now))
    for spec in deps.rules.lists:
        try:
            ready += _plan_list(
                deps, spec, now, skipped, at_once=spec.slug in send, public_url_error=public_url_error
            )
        except (StoreError, OutputError):
            raise  # the whole site is affected: no list is better off
        except PublisherError as error:
            if error not in unsent:  # a wrong public URL is one error of all lists
                unsent.append(error)
    if deps.adapters.store.meta(UPGRADED):
        deps.adapters.store.set_meta(UPGRADED, "")
    return MailPlan(ready, tuple(unsent), tuple(skipped))


def finish_planning(deps: Deps) -> list[int]:
    """Finishes planning mailings where a crash left them; returns their ids."""
    return [
        _plan_deliveries(deps, mailing.id, mailing.list, mailing.head, mailing.due_before, mailing.remakes)
        for mailing in deps.adapters.store.mailings_in_planning()
    ]


def _plan_list(
    deps: Deps,
    spec: MailingList,
    now: datetime,
    skipped: list[Skipped],
    *,
    at_once: bool,
    public_url_error: Callable[[], Refused | None],
) -> list[int]:
    fix_due_times(deps.adapters.store, spec, now)
    while at_once and deps.adapters.store.make_due(spec.slug, now, limit=CHUNK):
        pass
    report = due_report(deps, spec, now, at_once=at_once)
    # Late readers go first: the others may have their cohort keys.
    skipped += _skip_late(deps.adapters.store, report)
    planned: list[int] = []
    if report.readers:
        if (error := public_url_error()) is not None:
            raise error
        mailing = _start_mailing(deps, report)
        deps.process.failpoint("plan:started")
        planned.append(_plan_deliveries(deps, mailing, spec.slug, report.due.head, now))
    _reschedule(deps.adapters.store, report, DueDecision.WAITS)
    _reschedule(deps.adapters.store, report, DueDecision.NOTHING)
    while deps.adapters.store.reschedule(report.due, limit=CHUNK, suppressed=True, pass_over=True):
        pass
    return planned


def _skip_late(store: Store, report: DueReport) -> Iterator[Skipped]:
    """Readers whose digest is too late get its posts with the next."""
    late: defaultdict[int, list[DueGroup]] = defaultdict(list)
    for group in report.of(DueDecision.LATE):
        late[group.due.schedule_id].append(group.due)
    times = {run.id: run.next_at for run in store.next_runs(report.spec.slug)} if late else {}
    for schedule, groups in late.items():
        keys, readers = sorted({group.cohort_key for group in groups}), 0
        while moved := store.skip_digest(report.due, schedule, keys, limit=CHUNK):
            readers += moved
        due = min(group.oldest for group in groups)
        next_at = times[schedule] or report.due.now  # a schedule that is late has a time
        yield Skipped(list=report.spec.slug, readers=readers, due=due, next_at=next_at)


def _reschedule(store: Store, report: DueReport, decision: DueDecision) -> None:
    """Moves readers who get nothing now to the next time of their schedule, and past posts that are not for
    them.
    """
    keys = sorted({group.due.cohort_key for group in report.of(decision)})
    over = decision is DueDecision.NOTHING
    while keys and store.reschedule(report.due, limit=CHUNK, cohort_keys=keys, pass_over=over):
        pass


def _start_mailing(deps: Deps, report: DueReport) -> int:
    """Starts the mailing under the id that its links name; a confirmation mail may take that id meanwhile."""
    for _ in range(MAX_TRIES):
        try:
            return deps.adapters.store.start_mailing(
                build_mailing(deps, report, deps.adapters.store.next_mailing_id()), report.due.now
            )
        except LogConflict:
            continue
    return deps.adapters.store.start_mailing(build_mailing(deps, report, None), report.due.now)


def remake_report(deps: Deps, spec: MailingList, source: Mailing, now: datetime) -> DueReport:
    """The readers for whom the posts of a stopped mailing were released and who did not pause, with those
    posts as they are now, whatever their schedules say.
    """
    log, store = DigestMaterial(deps), deps.adapters.store
    due = DueQuery(list=spec.slug, now=now, head=source.head, everyone=True, remakes=source.id)
    due, places = with_places(
        log, due, store.released_posts(spec.slug, limit=MAX_CORRECTIONS, mailing=source.id)
    )
    groups = store.due_groups(due)
    preferences = store.content_preferences([group.cohort_key.content_id for group in groups])
    selector = DigestSelector(spec, (), places)
    found: list[DueReaderGroup] = []
    for group in groups:
        content = content_for(spec, preferences[group.cohort_key.content_id])
        selection = selector.of(group.cohort_key, content, least=1)
        decision = DueDecision.MAIL if selection.posts else DueDecision.NOTHING
        found.append(DueReaderGroup(due=group, content=content, selection=selection, decision=decision))
    return DueReport(spec=spec, due=due, groups=tuple(found))


def plan_remake(deps: Deps, report: DueReport) -> int:
    """Plans the mailing for the readers of `remake_report`, of whom there are some; returns its id. Raises
    LintError, TemplateError, StoreError, OutputError.
    """
    due = report.due
    mailing = _start_mailing(deps, report)
    deps.process.failpoint("plan:started")
    return _plan_deliveries(deps, mailing, due.list, due.head, due.now, due.remakes)


def _plan_deliveries(
    deps: Deps, mailing: int, spec: str, head: int, now: datetime, remakes: int | None = None
) -> int:
    fields = {"at": now.isoformat(), "mailing": mailing, "list": spec, "head": head}
    fields |= {} if remakes is None else {"remakes": remakes}
    deps.adapters.journal.append("mailing", fields)
    batch_plan, of_list = deps.rules.throttling.batch_plan, deps.rules.list(spec)
    gap = of_list.min_gap if of_list else timedelta()
    while deps.adapters.store.plan_chunk(
        mailing, limit=CHUNK, batch=deps.rules.batch_size, now=now, batch_plan=batch_plan, gap=gap
    ):
        deps.process.failpoint("plan:chunk")
    deps.process.failpoint("plan:ready")
    return mailing


def group_cohorts(
    groups: Sequence[DueReaderGroup], language: str
) -> list[tuple[CohortContent, list[DueReaderGroup]]]:
    """Groups that get the same posts in the same language, sorted by how many of their readers chose no
    topics or language of their own, then by how many they are. `language` is that of readers who chose none.
    """
    found: dict[CohortContent, list[DueReaderGroup]] = {}
    for group in groups:
        pairs = tuple((known.id, known.revision) for known in group.selection.posts)
        found.setdefault((pairs, group.content.language or language), []).append(group)

    def rank(cohort: tuple[CohortContent, list[DueReaderGroup]]) -> tuple[int, int]:
        usual = sum(
            group.due.readers for group in cohort[1] if group.due.cohort_key.content_id == DEFAULT_CONTENT_ID
        )
        return -usual, -sum(group.due.readers for group in cohort[1])

    return sorted(found.items(), key=rank)


def cohort_digests(
    deps: Deps, report: DueReport, log: DigestMaterial | None = None
) -> Iterator[tuple[CohortContent, list[DueReaderGroup], Digest]]:
    """The content of each cohort, its groups, and its digest; made from `log` if that is not the store's."""
    spec, now = report.spec, report.due.now
    for (pairs, language), groups in group_cohorts(report.of(DueDecision.MAIL), deps.rules.language(spec)):
        if log is None:
            digest = digest_of(deps, spec, pairs, now, language=language)
        else:
            digest = projected_digest(deps, spec, log, groups[0].selection.posts, now, language=language)
        yield (pairs, language), groups, digest


def projected_digest(
    deps: Deps,
    spec: MailingList,
    log: DigestMaterial,
    posts: Sequence[PublishedPost],
    now: datetime,
    *,
    language: str,
) -> Digest:
    """The digest of posts that are in the log or about to enter it."""
    shown = log.versions(posts[-spec.max_posts :])
    more = len(posts) - len(shown)
    return digest_from(deps, spec, shown, log.bodies(shown), now, more=more, language=language)


def build_mailing(deps: Deps, report: DueReport, number: int | None) -> NewMailing:
    """The mailing for a list's due readers, rendered once for each cohort. `number` is the id its links
    name.
    """
    spec, due = report.spec, report.due
    segments: dict[str, bytes] = {}
    cohorts: list[Cohort] = []
    subject = ""
    for n, ((pairs, language), groups, digest) in enumerate(cohort_digests(deps, report), start=1):
        letter, message = digest_message(deps, digest, number, own=n > 1)
        recipe, new = freeze_segments(message)
        segments |= new
        subject = subject or letter.subject
        keys = tuple(sorted({group.due.cohort_key for group in groups}))
        cohorts.append(Cohort(n=n, posts=pairs, recipe=recipe, language=language, cohort_keys=keys))
    return NewMailing(
        list=spec.slug,
        kind=MailingKind.DIGEST,
        head=due.head,
        due_before=due.now,
        sender=str(parse_mailbox(spec.sender).address),
        subject=subject,
        cohorts=tuple(cohorts),
        segments=segments,
        id=number,
        corrections=due.corrections,
        remakes=due.remakes,
        approve=spec.approve,
    )


def remake_withdrawn(deps: Deps, now: datetime) -> Sequence[str]:
    """Takes withdrawn posts out of mails that nobody has yet; returns a sentence about each mailing. One that
    shows nothing else is cancelled, one that cannot be made again is paused. Raises StoreError.
    """
    results: list[str] = []
    for id in deps.adapters.store.unsent_with_withdrawn_posts():
        try:
            _, result = _remake(deps, id, now)
        except PublisherError as error:
            why = f"{_withdrawn(deps, id)}, and it cannot be made again without: {error}"
            deps.adapters.store.pause_for_operator(id, why)
            result = f"not sent: {why}"
        if result:
            results.append(f"mailing {id}: {result}")
    return results


def remake_before_sending(deps: Deps, id: int, now: datetime) -> None:
    """If a post in a mailing that is about to go out was withdrawn, makes the mailing again without it.
    Raises Refused if that is impossible or nothing is left of the mailing; StoreError.
    """
    if not deps.adapters.store.withdrawn_posts_in(id):
        return
    where, gone = f"mailing {id}", _withdrawn(deps, id)
    mailing = deps.adapters.store.mailing(id, counted=False)
    try:
        if mailing is None or deps.rules.list(mailing.list) is None:
            raise Refused("publisher.toml", "its list no longer exists", "")
        became, _ = _remake(deps, id, now)
    except PublisherError as error:
        what = f"{gone}, and the mail cannot be made again without: {error}"
        do = f"fix that and try again, or run `publisher mailings cancel {id}`"
        raise Refused(where, what, do) from error
    if became is RecomposeResult.STOPPED:
        raise Refused(where, f"{gone} while it was being sent", "try again in a moment")
    withdrawn = {*deps.adapters.store.withdrawn_posts_in(id)}
    shown = {post for _, posts, _ in deps.adapters.store.cohorts(id) for post, _ in posts}
    if shown <= withdrawn and mailing.kind is not MailingKind.WELCOME:
        raise Refused(where, f"{gone}, and it shows no other post", "none of it can be sent")


def _remake(deps: Deps, id: int, now: datetime) -> tuple[RecomposeResult, str]:
    """Makes a mailing again without its withdrawn posts. Returns the result, and a sentence about it."""
    mailing = deps.adapters.store.mailing(id, counted=False)
    gone = _withdrawn(deps, id)
    spec = deps.rules.list(mailing.list) if mailing else None
    if mailing is None or spec is None:
        deps.adapters.store.apply_command(id, MailingCommand.CANCEL, now)
        return RecomposeResult.SAME, f"cancelled because {gone}, and its list is no longer in publisher.toml"
    if mailing.kind is MailingKind.WELCOME:
        became = _remake_welcome(deps, mailing, spec, now)
        return became, _RESULTS[became].format(gone=gone)
    recipes: dict[int, Recipe] = {}
    segments: dict[str, bytes] = {}
    subject, anything_left = mailing.subject, False
    for n, posts, language in deps.adapters.store.cohorts(id):
        digest = digest_of(deps, spec, posts, mailing.due_before, language=language, public=True)
        shown = tuple(post for post in digest.posts if not post.gone)
        anything_left |= bool(shown)
        if len(shown) == len(digest.posts):
            continue
        digest = replace(digest, posts=shown or digest.posts)
        letter, message = digest_message(deps, digest, id, own=n > 1)
        recipes[n], new = freeze_segments(message)
        segments |= new
        subject = letter.subject if n == 1 else subject
    if not anything_left:
        deps.adapters.store.apply_command(id, MailingCommand.CANCEL, now)
        return RecomposeResult.SAME, f"cancelled because {gone}, and it shows no other post"
    became = deps.adapters.store.replace_messages(id, recipes, segments, subject, now)
    return became, _RESULTS[became].format(gone=gone)


def _remake_welcome(deps: Deps, mailing: Mailing, spec: MailingList, now: datetime) -> RecomposeResult:
    """A welcome mail greets its reader, whatever is left of the latest posts."""
    [(n, posts, language)] = deps.adapters.store.cohorts(mailing.id)
    live = {known.id for known in deps.adapters.store.post_versions(posts) if known.live}
    shown = tuple(pair for pair in posts if pair[0] in live)
    subject, recipe, segments = welcome_message(deps, spec, shown, language)
    return deps.adapters.store.replace_messages(mailing.id, {n: recipe}, segments, subject, now)


def _withdrawn(deps: Deps, id: int) -> str:
    """A clause that says which posts in a mailing were withdrawn, by their files."""
    known = deps.adapters.store.posts_matching(
        PostKeys(ids=frozenset(deps.adapters.store.withdrawn_posts_in(id)))
    )
    paths = [k.post.path for k in known]
    more = [f"{len(paths) - MAX_NAMED} more"] if len(paths) > MAX_NAMED else []
    *first, last = [*paths[:MAX_NAMED], *more] or ["a post in it"]
    named = f"{', '.join(first)} and {last}" if first else last
    return f"{named} {'were' if first else 'was'} withdrawn"
