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
from publisher.services.digests.due_readers import DueDecision, DueReaderGroup, DueReport
from publisher.services.digests.projection import DigestMaterial
from publisher.services.mail.letters import PostVersions

Key = tuple[PostVersions, str]
"""The posts and the language: what one rendering is of."""


def together(groups: Sequence[DueReaderGroup], language: str) -> list[tuple[Key, list[DueReaderGroup]]]:
    """Groups that get the same, the default first: those who chose nothing, then the most. `language` is that
    of readers who chose none.
    """
    found: dict[Key, list[DueReaderGroup]] = {}
    for group in groups:
        pairs = tuple((known.id, known.revision) for known in group.share.posts)
        found.setdefault((pairs, group.taste.language or language), []).append(group)
    return sorted(found.items(), key=lambda item: _rank(item[1]))


def _rank(groups: list[DueReaderGroup]) -> tuple[int, int]:
    usual = sum(group.due.readers for group in groups if group.due.stand.taste == DEFAULT_CONTENT_ID)
    return -usual, -sum(group.due.readers for group in groups)


def digests(
    parts: Deps, look: DueReport, log: DigestMaterial | None = None
) -> Iterator[tuple[Key, list[DueReaderGroup], Digest]]:
    """The posts and language of each cohort, its groups, and its digest. For a look ahead, `log` is what the
    log will be.
    """
    spec, now = look.spec, look.due.now
    for (pairs, language), groups in together(look.of(DueDecision.MAIL), parts.language(spec)):
        if log is None:
            digest = digest_of(parts, spec, pairs, now, language=language)
        else:
            digest = foreseen(parts, spec, log, groups[0].share.posts, now, language=language)
        yield (pairs, language), groups, digest


def foreseen(
    parts: Deps,
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
    return digest_from(parts, spec, shown, log.bodies(shown), now, more=more, language=language)


def build_mailing(parts: Deps, look: DueReport, number: int | None) -> NewMailing:
    """The mailing of an outlook: rendered once for each cohort. `number` is the id its links name."""
    spec, due = look.spec, look.due
    segments: dict[str, bytes] = {}
    made: list[Cohort] = []
    subject = ""
    for n, ((pairs, language), groups, digest) in enumerate(digests(parts, look), start=1):
        letter, message = digest_message(parts, digest, number, own=n > 1)
        recipe, new = freeze_segments(message)
        segments |= new
        subject = subject or letter.subject
        stands = tuple(sorted({group.due.stand for group in groups}))
        made.append(Cohort(n=n, posts=pairs, recipe=recipe, language=language, stands=stands))
    return NewMailing(
        list=spec.slug,
        kind=MailingKind.DIGEST,
        head=due.head,
        due_before=due.now,
        sender=str(parse_mailbox(spec.sender).address),
        subject=subject,
        cohorts=tuple(made),
        segments=segments,
        id=number,
        corrections=due.corrections,
        approve=spec.approve,
    )
