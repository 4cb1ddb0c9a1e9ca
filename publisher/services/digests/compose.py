"""Composing: posts become a digest, its content, and a message frozen as byte segments.

The lint on every mail that is about to go out. Only what would harm every reader stops it.

    make the mail -> lint -> an error? -> make it with the authors' text taken out -> lint again

An error that goes away with the authors' text is no template's fault. Then the mail goes out: at most the
body of a post that spoils it is replaced by its summary, for that one post only.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, Layout
from publisher.core.errors import LintError, TemplateError
from publisher.core.mail.headers import date_value
from publisher.core.mail.lint import Letterhead, LintProblem, LintRule, lint
from publisher.core.mail.lint.author_text import post_without_author_text, without_author_text
from publisher.core.mail.lint.html import why_unreachable
from publisher.core.mail.message import EmailContent, Placeholder, Segment, fill, split_at_marks
from publisher.core.mail.mime import compose
from publisher.core.publishing.log import PublishedPost
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.digests.size_limit import content_of
from publisher.services.mail.letters import digest_links, list_letter
from publisher.services.posts.content import digest_post


def digest_of(
    parts: Deps,
    spec: MailingList,
    posts: Sequence[tuple[str, str]],
    due_at: datetime,
    *,
    language: str = "",
    layout: Layout | None = None,
    public: bool = False,
) -> Digest:
    """The digest of (post id, revision) pairs, as those revisions were, whole; `content_of` fits it to a
    mail. Language and layout are the list's where none is given. With `public` nothing is in it of posts
    that were withdrawn since. Raises StoreError if a revision is gone.
    """
    shown = posts[-spec.max_posts :]
    versions = parts.store.post_versions(shown)
    gone = {known.id for known in versions if public and not known.live}
    bodies = parts.store.bodies({known.post.body_hash for known in versions if known.id not in gone})
    more = len(posts) - len(shown)
    return digest_from(
        parts, spec, versions, bodies, due_at, more=more, language=language, layout=layout, gone=gone
    )


def digest_from(
    parts: Deps,
    spec: MailingList,
    versions: Sequence[PublishedPost],
    bodies: Mapping[str, str],
    due_at: datetime,
    *,
    more: int,
    language: str = "",
    layout: Layout | None = None,
    gone: Collection[str] = (),
) -> Digest:
    """The digest of posts as they are given, with their bodies by hash; `more` others are only counted. Of
    the ids in `gone` only their place is shown.
    """
    layout, language = layout or Layout(spec.content), language or parts.language(spec)
    return Digest(
        site=parts.site,
        list=spec,
        language=language,
        due_at=due_at,
        posts=tuple(
            _gone(due_at, language)
            if known.id in gone
            else digest_post(parts, known, bodies[known.post.body_hash], layout)
            for known in versions
        ),
        more=more,
        layout=layout,
    )


def _gone(due_at: datetime, language: str) -> DigestPost:
    """What stands in the place of a post that was withdrawn: not even its address or its date."""
    return DigestPost(
        id="",
        revision="",
        title="",
        url="",
        instant=due_at,
        language=language,
        html="",
        text="",
        gone=True,
    )


def composed(
    parts: Deps, digest: Digest, mailing: int | None, *, own: bool = False
) -> tuple[EmailContent, tuple[Segment, ...]]:
    """The letter and the message of one cohort, with places for the reader's values, not judged yet. `own`:
    it is not what the page of the mailing shows, so it links to a page of its own. Raises TemplateError.
    """
    mark, choosing, viewing = (f"mark{parts.nonce()}" for _ in range(3))
    spec = digest.list
    links = digest_links(parts, spec, mailing, mark=mark, choosing=choosing, viewing=viewing if own else "")
    content = content_of(parts, digest, links)
    letter = replace(
        list_letter(spec, content, links, f"{mailing or 0}:{spec.slug}:digest"),
        marks={mark: Placeholder.UNSUBSCRIBE, choosing: Placeholder.PREFERENCES, viewing: Placeholder.VIEW},
    )
    return letter, compose(letter)


SAMPLE = "x" * 46
"""As long as a token; it stands for each of a reader's own values."""

Mail = tuple[EmailContent, tuple[Segment, ...]]

HARMLESS = frozenset({LintRule.PLACEHOLDER, LintRule.LINK, LintRule.ALT})
"""Rules that a post may break in a mail: `check` names it, and readers lose a picture or a link at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LintedMail:
    """A mail and what is wrong with it: its errors are the fault of templates or settings. `digest` is what
    it shows: the one that was asked for, or that with less of what would have spoiled the mail.
    """

    digest: Digest
    letter: EmailContent
    message: tuple[Segment, ...]
    problems: tuple[LintProblem, ...]


def digest_message(parts: Deps, digest: Digest, mailing: int | None, *, own: bool = False) -> Mail:
    """The letter and the message of one cohort, fit to be sent; `own` is as in `composed`. Raises Unfit: the
    lint says that it must not be, and the author has not overruled it; TemplateError.
    """
    made = judged(parts, digest, mailing, own=own)
    refuse_unfit(parts, f"digest {digest.list.slug}", made.problems)
    return made.letter, made.message


def web_page(parts: Deps, digest: Digest, links: DigestLinks) -> DigestContent:
    """A digest as a page, as its mail was mended. Raises TemplateError."""
    try:
        return content_of(parts, digest, links)
    except TemplateError:
        return content_of(parts, judged(parts, digest, None).digest, links)


def judged(parts: Deps, digest: Digest, mailing: int | None, *, own: bool = False) -> LintedMail:
    """One cohort's mail, judged. Raises TemplateError: a template does not render, whatever the posts say."""

    def make(shown: Digest) -> Mail:
        return composed(parts, shown, mailing, own=own)

    made, found = _attempt(parts, digest, make)
    if made is not None and not _errors(found):
        return LintedMail(digest=digest, letter=made[0], message=made[1], problems=found)
    plain, bare = _attempt(parts, without_author_text(digest), make)
    if made is None and plain is None:
        made = make(digest)  # which raises: it says best what is wrong with the template
    blamed = _blamed(found, bare)
    if made is not None and (_errors(bare) or not _errors(blamed)):
        return LintedMail(digest=digest, letter=made[0], message=made[1], problems=blamed)
    return _without_spoilers(parts, digest, make, bare)


def problems(parts: Deps, letter: EmailContent, segments: Sequence[Segment]) -> tuple[LintProblem, ...]:
    """What is wrong with the bytes that each reader of a cohort would get, whoever wrote it; a sample reader
    stands for all.
    """
    values = dict.fromkeys(Placeholder, SAMPLE.encode())
    values |= {Placeholder.TO: b"reader@example.org", Placeholder.DATE: date_value(parts.clock())}
    unsubscribe = "".join(
        SAMPLE if isinstance(p, Placeholder) else p for p in split_at_marks(letter.unsubscribe, letter.marks)
    )
    local = parts.transport.name == "outbox"
    head = Letterhead(bulk=bool(letter.list_id), unsubscribe=unsubscribe, local=local)
    return (*lint(fill(segments, values), head), *(() if local else _homes(parts)))


def refuse_unfit(parts: Deps, what: str, problems: Sequence[LintProblem]) -> None:
    """Raises Unfit for an error that the author has not overruled; `what` names the mail."""
    found = [p for p in _errors(problems) if p.rule.value not in parts.forced]
    if not found:
        return
    first = "; ".join(map(str, found[:3])) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    names = " ".join(f"--force {name}" for name in dict.fromkeys(p.rule.value for p in found))
    raise LintError(what, f"not sent: {first}", f"mend it, or `publisher publish {names}`")


def _homes(parts: Deps) -> Iterator[LintProblem]:
    """A site whose own address only this machine knows mails nothing but dead links."""
    for name, url in {"web.public_url": parts.site.public_url, "site.url": parts.site.url}.items():
        if why := why_unreachable(url):
            yield LintProblem(rule=LintRule.LINK, where="settings", what=f"{name} is {url}: {why}")


def _attempt(
    parts: Deps, digest: Digest, make: Callable[[Digest], Mail]
) -> tuple[Mail | None, tuple[LintProblem, ...]]:
    """The mail and all that is wrong with it; None where it cannot be made."""
    try:
        mail = make(digest)
    except TemplateError:
        return None, ()
    return mail, problems(parts, *mail)


def _errors(problems: Sequence[LintProblem]) -> list[LintProblem]:
    return [problem for problem in problems if problem.error]


def _blamed(found: Sequence[LintProblem], bare: Sequence[LintProblem]) -> tuple[LintProblem, ...]:
    """The errors of the mail without its authors' text, the warnings of the whole one, and those errors of
    the whole one that no template made and that harm more than a picture or a link.
    """
    own = _errors(bare)
    rules = {problem.rule for problem in own}
    others = [p for p in found if not p.error or p.rule not in rules | HARMLESS]
    return (*own, *others)


def _without_spoilers(
    parts: Deps, digest: Digest, make: Callable[[Digest], Mail], bare: Sequence[LintProblem]
) -> LintedMail:
    """The digest with the usual subject, where the list's own says nothing of these posts; else with less of
    each post that spoils it: that makes a template fail, or the mail break a rule, although all other posts
    are taken out. Raises TemplateError where even that is not enough.
    """

    def good(posts: Sequence[DigestPost]) -> bool:
        mail, found = _attempt(parts, replace(digest, posts=tuple(posts)), make)
        return mail is not None and not _errors(_blamed(found, bare))

    if digest.list.subject:
        usual = replace(digest, list=replace(digest.list, subject=""))
        mail, found = _attempt(parts, usual, make)
        if mail is not None and not _errors(blamed := _blamed(found, bare)):
            return LintedMail(digest=usual, letter=mail[0], message=mail[1], problems=blamed)
    quiet, shown = list(map(post_without_author_text, digest.posts)), list(digest.posts)
    for n, post in enumerate(digest.posts):
        rest = quiet[:n], quiet[n + 1 :]
        ways = (post, *_less_and_less(post))
        shown[n] = next((way for way in ways if good([*rest[0], way, *rest[1]])), ways[-1])
    less = replace(digest, posts=tuple(shown))
    mail = make(less)
    blamed = _blamed(problems(parts, *mail), bare)
    return LintedMail(digest=less, letter=mail[0], message=mail[1], problems=blamed)


def _less_and_less(post: DigestPost) -> Iterator[DigestPost]:
    """A post with a title if it had none; its summary only; and with nothing a template could choke on."""
    words = " ".join((post.summary or post.text).split())
    titled = replace(post, title=post.title if post.title.strip() else words[:60] or post.url)
    yield titled
    short = replace(titled, html="", text=post.summary, image=None, cut=True)
    yield short
    quiet = post_without_author_text(short)
    yield replace(
        short, title=quiet.title, summary=quiet.summary, text=quiet.summary, authors=(), categories=()
    )
