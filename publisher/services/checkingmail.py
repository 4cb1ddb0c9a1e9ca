"""The mails of a site, made of the posts in its folder and judged, before anybody gets one."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial

from publisher.core.digests import Digest, DigestPost, Layout
from publisher.core.errors import PublisherError
from publisher.core.lint import Problem
from publisher.core.lists import MailingList
from publisher.core.log import Known
from publisher.core.messages import Letter, Place, Segment
from publisher.core.mime import compose
from publisher.core.posts import Parsed, why_not
from publisher.services.account import LINKS
from publisher.services.compose import account_letter, composed, confirmation_letter
from publisher.services.digestposts import digest_post
from publisher.services.linting import problems
from publisher.services.parts import Parts

Mail = tuple[Letter, tuple[Segment, ...]]
Found = tuple[str, Problem | PublisherError]

RECENT = 5
"""How many of the newest posts stand in the digest that is judged."""


def mail_findings(parts: Parts, items: Sequence[Parsed], now: datetime) -> Iterator[Found]:
    """(the mail, what is wrong with it) for what each list sends: a digest, a confirmation, links."""
    newest = sorted(
        (item for item in items if why_not(item.post, now) is None and item.post.instant),
        key=lambda item: (item.post.instant, item.post.path),
    )[-RECENT:]
    for spec in parts.lists:
        yield from _found(parts, f"digest of {spec.slug}", partial(_digest, parts, spec, newest, now))
        yield from _found(parts, f"confirmation of {spec.slug}", partial(_confirmation, parts, spec))
        for place in LINKS:
            yield from _found(parts, f"{place} link of {spec.slug}", partial(_account, parts, spec, place))


def _found(
    parts: Parts, name: str, make: Callable[[], Mail]
) -> Iterator[tuple[str, Problem | PublisherError]]:
    try:
        letter, message = make()
    except PublisherError as error:
        yield name, error
        return
    for problem in problems(parts, letter, message):
        yield name, problem


def _confirmation(parts: Parts, spec: MailingList) -> Mail:
    letter = confirmation_letter(parts, spec)
    return letter, compose(letter)


def _account(parts: Parts, spec: MailingList, place: Place) -> Mail:
    letter = account_letter(parts, spec, place, parts.language(spec))
    return letter, compose(letter)


def _digest(parts: Parts, spec: MailingList, items: Sequence[Parsed], now: datetime) -> Mail:
    layout = Layout(spec.content)
    digest = Digest(
        site=parts.site,
        list=spec,
        language=parts.language(spec),
        due_at=now,
        posts=tuple(_post(parts, item, layout, now) for item in items),
        layout=layout,
    )
    return composed(parts, digest, None)


def _post(parts: Parts, item: Parsed, layout: Layout, now: datetime) -> DigestPost:
    known = Known(id=item.post.path, post=item.post, live=True, first_seq=0, updated_at=now)
    return digest_post(parts, known, item.body, layout)
