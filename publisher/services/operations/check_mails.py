"""The mails of a site, judged before anybody gets one: what is pending, made as the send will make it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from publisher.core.digests.digest import Digest, DigestPost, Layout
from publisher.core.digests.due import coming
from publisher.core.errors import PublisherError
from publisher.core.mail.lint import Problem
from publisher.core.mail.lint.author_text import neutral_list, neutral_post, neutral_site
from publisher.core.mail.message import Letter, Place
from publisher.core.mail.mime import compose
from publisher.core.posts.post import Parsed, why_not
from publisher.core.publishing.log import Known
from publisher.core.publishing.plan import Plan
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Parts
from publisher.services.digests.cohorts import digests
from publisher.services.digests.compose import (
    account_letter,
    confirmation_letter,
    judged,
    problems,
    welcome_letter,
)
from publisher.services.digests.due_readers import outlook
from publisher.services.digests.projection import Foresight
from publisher.services.posts.rendered import digest_post
from publisher.services.subscribers.account import LINKS

Found = tuple[str, Problem | PublisherError]

RECENT = 5
"""How many of the newest posts stand in the digest that is judged where nobody waits for one."""


def mail_findings(parts: Parts, items: Sequence[Parsed], made: Plan, now: datetime) -> Iterator[Found]:
    """(the mail, what is wrong with it) for what each list sends: the digests that its readers wait for once
    `made` is carried out, whenever they are due; its confirmation, its welcome, its links.
    """
    newest = sorted(
        (item for item in items if why_not(item.post, now) is None and item.post.instant),
        key=lambda item: (item.post.instant, item.post.path),
    )[-RECENT:]
    log = Foresight(parts, coming(made, now))
    for spec in parts.lists:
        found: dict[str, Problem | PublisherError] = {}
        try:
            for digest in [*_pending(parts, spec, log, now)] or [_recent(parts, spec, newest, now)]:
                found |= {str(problem): problem for problem in judged(parts, digest, None).problems}
        except PublisherError as error:
            found[str(error)] = error
        for problem in found.values():
            yield f"digest of {spec.slug}", problem
        yield from _letters(parts, spec, [_post(parts, item, Layout.SUMMARY, now) for item in newest])


def _pending(parts: Parts, spec: MailingList, log: Foresight, now: datetime) -> Iterator[Digest]:
    """What readers would get if all of them were due."""
    look = outlook(parts, spec, now, at_once=True, everyone=True, log=log)
    for _, _, digest in digests(parts, look, log):
        yield digest


def _recent(parts: Parts, spec: MailingList, items: Sequence[Parsed], now: datetime) -> Digest:
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


def _post(parts: Parts, item: Parsed, layout: Layout, now: datetime) -> DigestPost:
    known = Known(id=item.post.path, post=item.post, live=True, first_seq=0, updated_at=now)
    return digest_post(parts, known, item.body, layout)


def _letters(parts: Parts, spec: MailingList, posts: Sequence[DigestPost]) -> Iterator[Found]:
    """What one reader gets: judged without the words of settings and posts, so that only templates are."""
    quiet, bare = replace(parts, site=neutral_site(parts.site)), neutral_list(spec)
    language = parts.language(spec)
    letters: dict[str, Callable[[], Letter]] = {"confirmation": partial(confirmation_letter, quiet, bare)}
    if spec.welcome != "none":
        shown = [*map(neutral_post, posts)]
        letters["welcome"] = partial(welcome_letter, quiet, bare, shown, language)
    for place in LINKS:
        letters[f"{place} link"] = partial(account_letter, quiet, bare, Place(place), language)
    for name, make in letters.items():
        try:
            letter = make()
            found: Sequence[Problem | PublisherError] = problems(parts, letter, compose(letter))
        except PublisherError as error:
            found = [error]
        for problem in found:
            yield f"{name} of {spec.slug}", problem
