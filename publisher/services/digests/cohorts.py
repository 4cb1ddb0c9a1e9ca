"""Cohorts: readers who get the same posts in the same language get the same bytes, rendered once for all."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from publisher.core.addresses import parse_mailbox
from publisher.core.delivery.mailing import Cohort, MailingKind, NewMailing
from publisher.core.digests.digest import Digest
from publisher.core.digests.due import DEFAULT_CONTENT_ID
from publisher.core.mail.mime import freeze_segments
from publisher.core.publishing.log import PublishedPost
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.digests.compose import digest_from, digest_message, digest_of
from publisher.services.digests.due_readers import DigestMaterial, DueDecision, DueReaderGroup, DueReport
from publisher.services.mail.letters import PostVersions

CohortContent = tuple[PostVersions, str]
"""The posts and the language: what one rendering is made from."""


def group_cohorts(
    groups: Sequence[DueReaderGroup], language: str
) -> list[tuple[CohortContent, list[DueReaderGroup]]]:
    """Groups that get the same, first the cohort with the most readers who chose nothing, then the largest.
    `language` is that of readers who chose none.
    """
    found: dict[CohortContent, list[DueReaderGroup]] = {}
    for group in groups:
        pairs = tuple((known.id, known.revision) for known in group.share.posts)
        found.setdefault((pairs, group.taste.language or language), []).append(group)

    def rank(cohort: tuple[CohortContent, list[DueReaderGroup]]) -> tuple[int, int]:
        usual = sum(group.due.readers for group in cohort[1] if group.due.stand.taste == DEFAULT_CONTENT_ID)
        return -usual, -sum(group.due.readers for group in cohort[1])

    return sorted(found.items(), key=rank)


def cohort_digests(
    deps: Deps, report: DueReport, log: DigestMaterial | None = None
) -> Iterator[tuple[CohortContent, list[DueReaderGroup], Digest]]:
    """The content of each cohort, its groups, and its digest. `log` is the log to look at, where it is not
    the store's.
    """
    spec, now = report.spec, report.due.now
    for (pairs, language), groups in group_cohorts(report.of(DueDecision.MAIL), deps.rules.language(spec)):
        if log is None:
            digest = digest_of(deps, spec, pairs, now, language=language)
        else:
            digest = projected_digest(deps, spec, log, groups[0].share.posts, now, language=language)
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
        stands = tuple(sorted({group.due.stand for group in groups}))
        cohorts.append(Cohort(n=n, posts=pairs, recipe=recipe, language=language, stands=stands))
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
        approve=spec.approve,
    )
