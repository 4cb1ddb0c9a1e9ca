"""What planning would do for a list now: groups of due readers, and what is for each. Writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from publisher.core.digests.digest import DigestSelection, DigestSelector
from publisher.core.digests.due import (
    MAX_CORRECTIONS,
    Correction,
    DueGroup,
    DueQuery,
    ReaderStatus,
    project_log,
)
from publisher.core.posts.post import PostMailOptions
from publisher.core.publishing.log import PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.subscribers.preferences import ContentPreference
from publisher.core.subscribers.subscription import MailingList, content_for
from publisher.services.deps import Deps
from publisher.services.digests.projection import DigestMaterial
from publisher.services.digests.schedule import late_rhythms, question


class DueDecision(StrEnum):
    """What becomes of a group of due readers."""

    MAIL = "mail"
    WAITS = "waits"  # for more posts: fewer than min_posts
    NOTHING = "nothing"  # nothing that is new is for them
    LATE = "late"  # past max_late, and skipped: the posts wait for the next digest


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReaderGroup:
    """Due readers who stand alike, with what they want and what is for them."""

    due: DueGroup
    taste: ContentPreference
    share: DigestSelection
    verdict: DueDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class DueReport:
    """A list's due readers at `due.now`."""

    spec: MailingList
    due: DueQuery
    groups: tuple[DueReaderGroup, ...] = ()

    @property
    def readers(self) -> int:
        """How many readers would get a digest now."""
        return sum(group.due.readers for group in self.of(DueDecision.MAIL))

    def group(self, reader: ReaderStatus) -> DueReaderGroup | None:
        """The group a reader is in; None for who is not due."""
        place = (reader.rhythm, reader.stand, reader.skipped)
        found = (g for g in self.groups if (g.due.rhythm, g.due.stand, g.due.skipped) == place)
        return None if reader.why else next(found, None)

    def of(self, verdict: DueDecision) -> list[DueReaderGroup]:
        """The groups that end so."""
        return [group for group in self.groups if group.verdict is verdict]


def ahead(parts: Deps, made: Plan, now: datetime) -> tuple[DueReport, ...]:
    """The outlook of each list once `made` is applied."""
    log = DigestMaterial(parts, project_log(made, now))
    return tuple(due_report(parts, spec, now, log=log) for spec in parts.lists)


def due_report(
    parts: Deps,
    spec: MailingList,
    now: datetime,
    *,
    at_once: bool = False,
    everyone: bool = False,
    log: DigestMaterial | None = None,
) -> DueReport:
    """Who of a list is due at `now`, and with what; `at_once`: nothing waits for more posts, or to be ripe,
    and nothing is too late; `everyone`: all are called up. For a look ahead, `log` is what it will be.
    """
    log = log or DigestMaterial(parts)
    asked = question(parts, spec, now, log, at_once=at_once, everyone=everyone)
    groups = parts.store.due_groups(asked)
    if not groups:
        return DueReport(spec=spec, due=asked)
    back = min(group.stand.offset for group in groups)
    due, corrected = _corrected(log, asked, back)
    if due.corrections:
        groups = parts.store.due_groups(due)
    shares = DigestSelector(spec, log.fresh(back, due.head), corrected)
    return _judged(parts, spec, due, groups, shares, at_once=at_once)


def _judged(
    parts: Deps,
    spec: MailingList,
    due: DueQuery,
    groups: Sequence[DueGroup],
    shares: DigestSelector,
    *,
    at_once: bool,
) -> DueReport:
    tastes = parts.store.content_preferences([group.stand.taste for group in groups])
    newest: dict[int, datetime] = {}
    for group in groups:
        newest[group.rhythm] = max(group.oldest, newest.get(group.rhythm, group.oldest))
    late = set[int]() if at_once else late_rhythms(parts, spec, newest, due.now)
    least = 1 if at_once else spec.min_posts

    def judge(group: DueGroup) -> DueReaderGroup:
        taste = content_for(spec, tastes[group.stand.taste])
        share = shares.of(group.stand, taste, least=least)
        verdict = _verdict(share)
        if verdict is DueDecision.MAIL and group.rhythm in late and not group.skipped:
            verdict = DueDecision.LATE  # never two in a row
        return DueReaderGroup(due=group, taste=taste, share=share, verdict=verdict)

    return DueReport(spec=spec, due=due, groups=tuple(map(judge, groups)))


def _verdict(share: DigestSelection) -> DueDecision:
    if share.waits:
        return DueDecision.WAITS
    return DueDecision.MAIL if share.posts else DueDecision.NOTHING


def _corrected(
    log: DigestMaterial, due: DueQuery, back: int
) -> tuple[DueQuery, Mapping[int, tuple[Correction, PublishedPost]]]:
    """The question with the corrections after `back`, and the posts of those that may still be mailed, by
    their place. Of very many, the log is taken up to where they still have a bit each.
    """
    found = log.corrections(back, due.head, limit=MAX_CORRECTIONS + 1)
    while len(found) > MAX_CORRECTIONS:
        due = replace(due, head=found[-1].seq - 1)
        found = log.corrections(back, due.head, limit=MAX_CORRECTIONS + 1)
    if not found:
        return due, {}
    posts = log.live({row.post_id for row in found})
    by_id = {id: known for id, known in posts.items() if known.post.mail is not PostMailOptions.NEVER}
    places = {n: (row, by_id[row.post_id]) for n, row in enumerate(found) if row.post_id in by_id}
    return replace(due, corrections=tuple(found)), places
