"""The mails of a site, judged before anybody gets one: what is pending, made as the send will make it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from publisher.core.digests.digest import Digest, DigestPost, Layout
from publisher.core.digests.due import project_log
from publisher.core.errors import PublisherError
from publisher.core.mail.lint import LintProblem
from publisher.core.mail.lint.author_text import (
    list_without_author_text,
    post_without_author_text,
    site_without_author_text,
)
from publisher.core.mail.message import EmailContent, Placeholder
from publisher.core.mail.mime import compose
from publisher.core.posts.post import ParsedPost, wait_reason
from publisher.core.publishing.log import PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.digests.cohorts import digests
from publisher.services.digests.compose import judged, problems
from publisher.services.digests.due_readers import due_report
from publisher.services.digests.projection import DigestMaterial
from publisher.services.mail.letters import account_letter, confirmation_letter, welcome_letter
from publisher.services.posts.content import digest_post
from publisher.services.subscribers.account import LINKS

Found = tuple[str, LintProblem | PublisherError]

RECENT = 5
"""How many of the newest posts stand in the digest that is judged where nobody waits for one."""


def mail_findings(parts: Deps, items: Sequence[ParsedPost], made: Plan, now: datetime) -> Iterator[Found]:
    """(the mail, what is wrong with it) for what each list sends: the digests that its readers wait for once
    `made` is carried out, whenever they are due; its confirmation, its welcome, its links.
    """
    newest = sorted(
        (item for item in items if wait_reason(item.post, now) is None and item.post.instant),
        key=lambda item: (item.post.instant, item.post.path),
    )[-RECENT:]
    log = DigestMaterial(parts, project_log(made, now))
    for spec in parts.lists:
        found: dict[str, LintProblem | PublisherError] = {}
        try:
            for digest in [*_pending(parts, spec, log, now)] or [_recent(parts, spec, newest, now)]:
                found |= {str(problem): problem for problem in judged(parts, digest, None).problems}
        except PublisherError as error:
            found[str(error)] = error
        for problem in found.values():
            yield f"digest of {spec.slug}", problem
        yield from _letters(parts, spec, [_post(parts, item, Layout.SUMMARY, now) for item in newest])


def _pending(parts: Deps, spec: MailingList, log: DigestMaterial, now: datetime) -> Iterator[Digest]:
    """What readers would get if all of them were due."""
    look = due_report(parts, spec, now, at_once=True, everyone=True, log=log)
    for _, _, digest in digests(parts, look, log):
        yield digest


def _recent(parts: Deps, spec: MailingList, items: Sequence[ParsedPost], now: datetime) -> Digest:
    """A digest of the newest posts: no reader waits for one, and templates are judged all the same."""
    layout = Layout(spec.content)
    return Digest(
        site=parts.site,
        list=spec,
        language=parts.language(spec),
        due_at=now,
        posts=tuple(_post(parts, item, layout, now) for item in items),
        layout=layout,
    )


def _post(parts: Deps, item: ParsedPost, layout: Layout, now: datetime) -> DigestPost:
    known = PublishedPost(id=item.post.path, post=item.post, live=True, first_seq=0, updated_at=now)
    return digest_post(parts, known, item.body, layout)


def _letters(parts: Deps, spec: MailingList, posts: Sequence[DigestPost]) -> Iterator[Found]:
    """What one reader gets: judged without the words of settings and posts, so that only templates are."""
    quiet, bare = replace(parts, site=site_without_author_text(parts.site)), list_without_author_text(spec)
    language = parts.language(spec)
    letters: dict[str, Callable[[], EmailContent]] = {
        "confirmation": partial(confirmation_letter, quiet, bare)
    }
    if spec.welcome != "none":
        shown = [*map(post_without_author_text, posts)]
        letters["welcome"] = partial(welcome_letter, quiet, bare, shown, language)
    for place in LINKS:
        letters[f"{place} link"] = partial(account_letter, quiet, bare, Placeholder(place), language)
    for name, make in letters.items():
        try:
            letter = make()
            found: Sequence[LintProblem | PublisherError] = problems(parts, letter, compose(letter))
        except PublisherError as error:
            found = [error]
        for problem in found:
            yield f"{name} of {spec.slug}", problem
