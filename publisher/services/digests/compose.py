"""Composing: posts become a digest, its content, and a message frozen as byte segments.

The lint judges every mail, and only an error that would harm every reader stops one:

    make the mail -> lint -> an error? -> make it with the authors' text taken out -> lint again

An error that goes away with the authors' text is no template's fault. Then the mail goes out: at most the
body of a post that spoils it is replaced by its summary, for that one post only.

A mail stays below the 102 kB at which Gmail hides the rest, and with it the unsubscribe link. Small posts
stay whole; large ones share the remaining room, end after a whole block (a paragraph, an item, a row), and
link to the rest; one that has no such end shows its summary. Where even that is too much, the oldest posts
are only counted.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from html import escape

from publisher.core.digests.digest import Digest, DigestContent, DigestLinks, DigestPost, Layout
from publisher.core.errors import LintError, TemplateError, TokenError
from publisher.core.mail.lint import lint
from publisher.core.mail.lint.author_text import post_without_author_text, without_author_text
from publisher.core.mail.lint.html import MAX_HTML_BYTES, sent_bytes, why_unreachable
from publisher.core.mail.message import (
    EmailContent,
    Letterhead,
    LintProblem,
    LintRule,
    MailTransport,
    Placeholder,
    Segment,
    fill,
    split_at_marks,
)
from publisher.core.mail.mime import compose, date_value
from publisher.core.publishing.log import PublishedPost
from publisher.core.subscribers.subscription import MailingList
from publisher.core.tokens import TOKEN_LENGTH, Purpose, verify
from publisher.services.deps import Deps
from publisher.services.mail.messages import digest_links, list_letter
from publisher.services.posts.content import digest_post, withdrawn_post
from publisher.services.subscribers.lists import ListGoneError

TOKEN_BYTES = 500
"""Bytes that the tokens in a reader's links take beyond the marks that stand for them."""

_BUDGETS = (62_000, 45_000, 30_000, 15_000, 5_000, 0)
"""Bytes of post HTML to try, before styles are inlined."""

_CUT_SIZES = (
    0,
    500,
    700,
    1000,
    1400,
    2000,
    2800,
    4000,
    5600,
    8000,
    11_000,
    16_000,
    22_000,
    32_000,
    45_000,
    62_000,
)
"""Bytes at which posts are cut: few sizes, so that what is cut and inlined for one cohort serves the next."""

SAMPLE = "x" * TOKEN_LENGTH
"""As long as a token; it stands for each of a reader's own values."""

MAX_BLAMED = 30
"""Posts of a digest up to which each is looked at alone, to name those that bring a problem into it."""

Mail = tuple[EmailContent, tuple[Segment, ...]]

HARMLESS = frozenset({LintRule.PLACEHOLDER, LintRule.LINK, LintRule.ALT})
"""Rules that a post may break in a mail: `check` names it, and readers lose a picture or a link at most."""


def digest_of(
    deps: Deps,
    spec: MailingList,
    posts: Sequence[tuple[str, str]],
    due_at: datetime,
    *,
    language: str = "",
    layout: Layout | None = None,
    public: bool = False,
) -> Digest:
    """The digest of (post id, revision) pairs, each post whole and as that revision was; `fit_content` fits
    it into a mail. Language and layout are the list's unless given. With `public`, a post that was withdrawn
    since shows only that it is gone. Raises StoreError if a revision is gone.
    """
    shown = posts[-spec.max_posts :]
    versions = deps.adapters.store.post_versions(shown)
    gone = {known.id for known in versions if public and not known.live}
    bodies = deps.adapters.store.bodies({known.post.body_hash for known in versions if known.id not in gone})
    more = len(posts) - len(shown)
    return digest_from(
        deps, spec, versions, bodies, due_at, more=more, language=language, layout=layout, gone=gone
    )


def digest_from(
    deps: Deps,
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
    """The digest of these posts, whose bodies are given by hash; `more` others are only counted. Posts in
    `gone` (by id) show only that they are gone.
    """
    layout, language = layout or Layout(spec.content), language or deps.rules.language(spec)
    return Digest(
        site=deps.rules.site,
        list=spec,
        language=language,
        due_at=due_at,
        posts=tuple(
            withdrawn_post(due_at, language)
            if known.id in gone
            else digest_post(deps, known, bodies[known.post.body_hash], layout)
            for known in versions
        ),
        more=more,
        layout=layout,
    )


def without_mail_only(digest: Digest) -> Digest:
    """The digest for a public page: a post that is only mailed leaves nothing but a line that says so."""
    posts = tuple(
        replace(withdrawn_post(post.instant, post.language), mail_only=True)
        if post.mail_only and not post.gone
        else post
        for post in digest.posts
    )
    return replace(digest, posts=posts)


def compose_mail(deps: Deps, digest: Digest, mailing: int | None, *, own: bool = False) -> Mail:
    """The letter and the message of one cohort, with placeholders for the reader's values; not linted. With
    `own`, the cohort gets other posts than the page of the mailing shows, so its mail links to a page of its
    own; so does a mail with posts that are only mailed. Raises TemplateError.
    """
    mark, choosing, viewing = (f"mark{deps.process.nonce()}" for _ in range(3))
    spec = digest.list
    own = own or any(post.mail_only for post in digest.posts)
    links = digest_links(
        deps.rules.site, spec, mailing, mark=mark, choosing=choosing, viewing=viewing if own else ""
    )
    content = fit_content(deps, with_addresses(digest, links.view), links)
    letter = replace(
        list_letter(deps, spec, content, links, f"{mailing or 0}:{spec.slug}:digest"),
        marks={mark: Placeholder.UNSUBSCRIBE, choosing: Placeholder.PREFERENCES, viewing: Placeholder.VIEW},
    )
    return letter, compose(letter)


def with_addresses(digest: Digest, own: str) -> Digest:
    """The digest in which posts that are only mailed lead to `own`, the reader's own page of the mail."""
    posts = tuple(replace(post, url=own) if post.mail_only else post for post in digest.posts)
    return replace(digest, posts=posts)


def fit_content(deps: Deps, digest: Digest, links: DigestLinks) -> DigestContent:
    """The digest as finished content whose HTML is at most MAX_HTML_BYTES bytes. Raises TemplateError."""
    content = DigestContent(subject="", text="", html="")
    total = sum(len(post.html.encode()) for post in digest.posts)
    for budget in (_BUDGETS[0], *(budget for budget in _BUDGETS[1:] if budget < total)):
        shown = shorten(deps, digest, budget)
        content = deps.adapters.renderer.digest(shown, links)
        if sent_bytes(content.html) + TOKEN_BYTES <= MAX_HTML_BYTES:
            return content
    if len(digest.posts) < 2:
        return content  # the frame alone is too large: the lint names it
    half = (len(digest.posts) + 1) // 2
    fewer = replace(digest, posts=digest.posts[-half:], more=digest.more + len(digest.posts) - half)
    return fit_content(deps, fewer, links)


def shorten(deps: Deps, digest: Digest, budget: int) -> Digest:
    """`digest` with bodies of at most `budget` bytes of HTML together."""
    sizes = [len(post.html.encode()) for post in digest.posts]
    if sum(sizes) <= budget:
        return digest
    room = max(size for size in _CUT_SIZES if size <= _share_of_large(sizes, budget))

    def cut(post: DigestPost) -> DigestPost:
        html, _ = deps.adapters.markup.excerpt(post.html, room)
        text = deps.adapters.markup.text(html, post.title)
        return replace(post, html=html, text=text, cut=True) if text.strip() else _summary_only(post)

    def shortened(post: DigestPost, size: int) -> DigestPost:
        if size <= room:
            return post
        return deps.process.render_cache.get_or_make(("cut", post, room), partial(cut, post))

    return replace(digest, posts=tuple(map(shortened, digest.posts, sizes)))


def _summary_only(post: DigestPost) -> DigestPost:
    """A post with its summary in place of its body."""
    html = f"<p>{escape(post.summary)}</p>" if post.summary.strip() else ""
    return replace(post, html=html, text=post.summary, cut=True)


def _share_of_large(sizes: list[int], budget: int) -> int:
    """The most bytes that each large post may have when the small ones stay whole."""
    left = len(sizes)
    for size in sorted(sizes):
        if size > budget // left:
            break
        budget, left = budget - size, left - 1
    return budget // left if left else budget


@dataclass(frozen=True, slots=True, kw_only=True)
class LintedMail:
    """A mail and what the lint found in it; errors are the fault of templates or settings. `digest` is what
    the mail shows: the digest that was asked for, or that with less of the posts that would have spoiled it.
    """

    digest: Digest
    letter: EmailContent
    message: tuple[Segment, ...]
    problems: tuple[LintProblem, ...]


def digest_message(deps: Deps, digest: Digest, mailing: int | None, *, own: bool = False) -> Mail:
    """The letter and the message of one cohort, fit to be sent; `own` is as in `compose_mail`. Raises
    LintError: the lint says that it must not be sent, and the author has not overruled it; TemplateError.
    """
    mail = lint_digest(deps, digest, mailing, own=own)
    raise_lint_errors(deps, f"digest {digest.list.slug}", mail.problems)
    return mail.letter, mail.message


def web_page(deps: Deps, digest: Digest, links: DigestLinks) -> DigestContent:
    """A digest as a page, without what the lint took out of its mail. Raises TemplateError."""
    try:
        return fit_content(deps, digest, links)
    except TemplateError:
        return fit_content(deps, lint_digest(deps, digest, None).digest, links)


def reader_page(deps: Deps, token: str, now: datetime) -> str:
    """The HTML of the digest that `token` was made for. Raises TokenError, TemplateError, StoreError."""
    claim = verify(token, Purpose.VIEW, deps.process.keyring(), now)
    mailing = deps.adapters.store.mailing(claim.generation, counted=False)
    spec = deps.rules.list(mailing.list) if mailing else None
    shown = deps.adapters.store.posts_mailed_to(claim.generation, claim.subscription)
    if mailing is None or shown is None:
        raise TokenError("token", "not valid")
    if spec is None:
        raise ListGoneError(mailing.list)
    posts, language = shown
    digest = digest_of(deps, spec, posts, mailing.due_before, language=language, public=True)
    digest = with_addresses(digest, f"{deps.rules.site.public_url}view/{token}")
    links = digest_links(deps.rules.site, spec, None, mark="")
    if any(post.mail_only for post in digest.posts):  # what a mail has no room for stands nowhere else
        return deps.adapters.renderer.digest(digest, links).html
    return web_page(deps, digest, links).html


def lint_digest(deps: Deps, digest: Digest, mailing: int | None, *, own: bool = False) -> LintedMail:
    """One cohort's mail, linted. Raises TemplateError: a template does not render, whatever the posts say."""

    def make(shown: Digest) -> Mail:
        return compose_mail(deps, shown, mailing, own=own)

    mail, found = _make_and_lint(deps, digest, make)
    if mail is not None and not _errors(found):
        return LintedMail(digest=digest, letter=mail[0], message=mail[1], problems=found)
    neutral_mail, neutral_problems = _make_and_lint(deps, without_author_text(digest), make)
    if mail is None and neutral_mail is None:
        mail = make(digest)  # which raises: it says best what is wrong with the template
    blocking = _blocking(found, neutral_problems)
    if mail is not None and (_errors(neutral_problems) or not _errors(blocking)):
        return LintedMail(digest=digest, letter=mail[0], message=mail[1], problems=blocking)
    return _without_spoilers(deps, digest, make, neutral_problems)


def posts_to_blame(deps: Deps, digest: Digest, problems: Sequence[LintProblem]) -> Mapping[str, list[str]]:
    """The ids of the posts that bring a problem into a mail, by the problem's text: those whose own mail has
    it while a mail without authors' text has not. Renders each post, so it is for people who look.
    """
    if not problems or len(digest.posts) > MAX_BLAMED:
        return {}

    def found(shown: Digest) -> set[str]:
        mail, its_problems = _make_and_lint(deps, shown, partial(compose_mail, deps, mailing=None))
        return {str(problem) for problem in its_problems} if mail else set()

    asked = {str(problem) for problem in problems} - found(without_author_text(digest))
    blamed: dict[str, list[str]] = {}
    for post in digest.posts if asked else ():
        for text in sorted(asked & found(replace(digest, posts=(post,)))):
            blamed.setdefault(text, []).append(post.id)
    return blamed


def mail_problems(deps: Deps, letter: EmailContent, segments: Sequence[Segment]) -> tuple[LintProblem, ...]:
    """What is wrong with the bytes that each reader of a cohort would get, whoever wrote it; a sample reader
    stands for all.
    """
    values = dict.fromkeys(Placeholder, SAMPLE.encode())
    values |= {Placeholder.TO: b"reader@example.org", Placeholder.DATE: date_value(deps.process.clock())}
    unsubscribe = "".join(
        SAMPLE if isinstance(p, Placeholder) else p for p in split_at_marks(letter.unsubscribe, letter.marks)
    )
    local = not MailTransport(deps.adapters.transport.name).leaves_machine
    head = Letterhead(bulk=bool(letter.list_id), unsubscribe=unsubscribe, local=local)
    found = list(lint(fill(segments, values), head))
    if not local:  # a site whose address only this machine knows would mail nothing but dead links
        for name, url in {
            "web.public_url": deps.rules.site.public_url,
            "site.url": deps.rules.site.url,
        }.items():
            if why := why_unreachable(url):
                found.append(
                    LintProblem(rule=LintRule.LINK, where="settings", what=f"{name} is {url}: {why}")
                )
    return tuple(found)


def raise_lint_errors(deps: Deps, what: str, problems: Sequence[LintProblem]) -> None:
    """Raises LintError for errors that the author has not overruled; `what` names the mail."""
    found = [p for p in _errors(problems) if p.rule.value not in deps.process.overridden_rules]
    if not found:
        return
    first = "; ".join(map(str, found[:3])) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    names = " ".join(f"--force {name}" for name in dict.fromkeys(p.rule.value for p in found))
    raise LintError(what, f"not sent: {first}", f"fix it, or run `publisher publish {names}`")


def _errors(problems: Sequence[LintProblem]) -> list[LintProblem]:
    return [problem for problem in problems if problem.error]


def _make_and_lint(
    deps: Deps, digest: Digest, make: Callable[[Digest], Mail]
) -> tuple[Mail | None, tuple[LintProblem, ...]]:
    """The mail and what the lint finds in it; None if a template does not render."""
    try:
        mail = make(digest)
    except TemplateError:
        return None, ()
    return mail, mail_problems(deps, *mail)


def _blocking(
    found: Sequence[LintProblem], neutral_problems: Sequence[LintProblem]
) -> tuple[LintProblem, ...]:
    """The errors of the mail without its authors' text, the warnings of the whole one, and those errors of
    the whole one that no template made and that harm more than a picture or a link.
    """
    own = _errors(neutral_problems)
    rules = {problem.rule for problem in own}
    others = [p for p in found if not p.error or p.rule not in rules | HARMLESS]
    return (*own, *others)


def _without_spoilers(
    deps: Deps, digest: Digest, make: Callable[[Digest], Mail], neutral_problems: Sequence[LintProblem]
) -> LintedMail:
    """The digest with the usual subject, where the list's own says nothing of these posts; else with less of
    each post that spoils it: that makes a template fail, or the mail break a rule, although all other posts
    are taken out. Raises TemplateError where even that is not enough.
    """

    def good(posts: Sequence[DigestPost]) -> bool:
        mail, found = _make_and_lint(deps, replace(digest, posts=tuple(posts)), make)
        return mail is not None and not _errors(_blocking(found, neutral_problems))

    if digest.list.subject:
        usual = replace(digest, list=replace(digest.list, subject=""))
        mail, found = _make_and_lint(deps, usual, make)
        if mail is not None and not _errors(blocking := _blocking(found, neutral_problems)):
            return LintedMail(digest=usual, letter=mail[0], message=mail[1], problems=blocking)
    quiet, shown = list(map(post_without_author_text, digest.posts)), list(digest.posts)
    for n, post in enumerate(digest.posts):
        before, after = quiet[:n], quiet[n + 1 :]
        forms = (post, *_reduced_forms(post))
        shown[n] = next((form for form in forms if good([*before, form, *after])), forms[-1])
    less = replace(digest, posts=tuple(shown))
    mail = make(less)
    blocking = _blocking(mail_problems(deps, *mail), neutral_problems)
    return LintedMail(digest=less, letter=mail[0], message=mail[1], problems=blocking)


def _reduced_forms(post: DigestPost) -> Iterator[DigestPost]:
    """A post with a title if it had none; its summary only; and with nothing a template could choke on."""
    words = " ".join((post.summary or post.text).split())
    titled = replace(post, title=post.title if post.title.strip() else words[:60] or post.url)
    yield titled
    short = replace(_summary_only(titled), image=None)
    yield short
    quiet = post_without_author_text(short)
    plain = replace(short, title=quiet.title, summary=quiet.summary, authors=(), categories=())
    yield _summary_only(plain)
