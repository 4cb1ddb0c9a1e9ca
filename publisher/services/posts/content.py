"""What readers see of a post: `PostContent`, from which feeds, pages and digests are made; and findings, what
its author should fix in the file, by line. No finding holds back a post or a mail.

The body of a post becomes safe HTML here and nowhere else. Nothing that was rendered outlives its
`PostContent`, except what digests show: many cohorts get the same posts.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from html import escape
from textwrap import shorten

from publisher.core.caching import lazy
from publisher.core.digests.digest import DigestPost, Layout
from publisher.core.mail.lint.html import why_unreachable, why_unusable
from publisher.core.posts.post import NO_ASSETS, AssetLocation, Image, ParsedPost, Post, split_warning
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.ports import Markup
from publisher.services.deps import Deps, SiteRules

MAX_TITLE, MAX_SUMMARY, MAX_NAME, MAX_IMAGE_URL = 300, 1_000, 100, 2_000
"""Characters that a mail shows of a post beside its body; a picture with a longer URL is left out."""

MAX_NAMES = 20
"""How many authors, and how many categories, a mail shows of a post."""

MAX_STAND_IN = 60
"""Characters that stand in for a title where a page links to a post."""

WORDS_A_MINUTE, SIGNS_A_MINUTE = 230, 500
"""How fast people read: words, and the characters of Chinese and Japanese, which have no spaces."""

DEAD_LINK = "leads nowhere; correct the link"
"""The warning about a link to a file that is not a public post."""

_LINKS = lazy(r"\{%-?\s*(?:post_\w+|link)\s|\{\{[<%]?\s*(?:(?:rel)?ref|get_url)\b")

_VALUES = lazy(r"'[^']*'|\"[^\"]*\"|\([^()]*\)|\{[^{}]*\}+|<[^<>]*>|\d+|\S+\.\w+")

_SIGN = lazy("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")

_FEW = 3
"""Up to this many warnings of one kind are all shown."""


@dataclass(frozen=True, kw_only=True)
class PostContent:
    """A post of the log with its `body` (the source). What is made of the body is made when it is first asked
    for. `files` tells where readers find the files beside it, by the names that the body uses.
    """

    known: PublishedPost
    body: str
    files: Mapping[str, AssetLocation]
    markup: Markup

    @cached_property
    def html(self) -> str:
        """The whole body as safe HTML."""
        return render_html(self.markup, self.known.post, self.body, self.files)

    @cached_property
    def lead(self) -> str:
        """The text before the "more" mark as safe HTML; "" where there is no mark."""
        post = self.known.post
        if not 0 < post.lead < len(self.body):
            return ""
        return render_html(self.markup, post, self.body[: post.lead], self.files)

    @cached_property
    def minutes(self) -> int:
        """How long reading takes: what its author says, else by the number of words; 0 if not to be shown."""
        given = self.known.post.options.reading_time
        return minutes_to_read(self.markup.text(self.html)) if given == 0 else given or 0

    @cached_property
    def summary(self) -> str:
        """The author's summary, else the text before the "more" mark, else the first paragraph. Plain text,
        may be empty.
        """
        post = self.known.post
        if post.summary:
            return post.summary
        if self.lead and (found := self.markup.summary(self.lead, whole=True)):
            return found
        return self.markup.summary(self.html)

    @property
    def image(self) -> Image | None:
        """The post's picture with the URL where readers find it; its own size where the post names none."""
        image = self.known.post.image
        found = self.files.get(image.file) if image else None
        if image is None or found is None:
            return image
        width, height = (image.width, image.height) if image.width else (found.width, found.height)
        return replace(image, url=found.url, width=width, height=height)

    @property
    def stand_in_title(self) -> str:
        """What a link to the post says where it has no title: the beginning of its text."""
        return shorten(self.summary, MAX_STAND_IN, placeholder="…") or self.known.post.slug


def minutes_to_read(text: str) -> int:
    """How many minutes it takes to read a text; at least one."""
    signs = len(_SIGN.findall(text))
    words = len(_SIGN.sub(" ", text).split())
    return max(1, round(words / WORDS_A_MINUTE + signs / SIGNS_A_MINUTE))


def post_content(deps: Deps, known: PublishedPost, body: str) -> PostContent:
    """The content of a post whose body is at hand."""
    return PostContent(
        known=known, body=body, files=placed_assets(deps.rules, known.post), markup=deps.adapters.markup
    )


def stored_contents(deps: Deps, posts: Sequence[PublishedPost]) -> list[PostContent]:
    """The contents of posts of the log, with their bodies from the store. Raises StoreError."""
    bodies = deps.adapters.store.bodies({known.post.body_hash for known in posts})
    return [post_content(deps, known, bodies[known.post.body_hash]) for known in posts]


def draft_content(deps: Deps, found: ParsedPost, folder: str, now: datetime) -> PostContent:
    """The content of a post that is not in the log, with the files beside it in `folder`, a URL."""
    post = found.post
    known = PublishedPost(
        id=post.permalink,
        post=replace(post, instant=post.instant or now),
        live=False,
        first_seq=0,
        updated_at=now,
    )
    files = {asset.name: asset.location(folder) for asset in reversed(post.assets)}
    return PostContent(known=known, body=found.body, files=files, markup=deps.adapters.markup)


def placed_assets(rules: SiteRules, post: Post) -> Mapping[str, AssetLocation]:
    """Where readers find the files that `post` refers to, by the names it uses; none where posts have no
    pages.
    """
    if not rules.post_pages or not post.assets:
        return NO_ASSETS
    base = rules.site.public_url
    # Reversed, so that of two assets with one name the first wins.
    return {asset.name: asset.location(base) for asset in reversed(post.assets)}


def render_html(markup: Markup, post: Post, body: str, files: Mapping[str, AssetLocation] = NO_ASSETS) -> str:
    """The body of `post`, or a part of it, as safe HTML."""
    return markup.html(
        body,
        post.markup,
        base_url=post.base_url,
        title=post.title,
        files=files,
        extensions=post.extensions,
        values=post.values,
        language=post.language,
    )


def removed_markup(markup: Markup, post: Post, body: str) -> Sequence[tuple[int, str]]:
    """(line of the body, code) of what rendering removes."""
    return markup.removed(body, post.markup, post.extensions, post.values)


def broken_references(
    markup: Markup, post: Post, body: str, files: Mapping[str, AssetLocation] = NO_ASSETS
) -> Sequence[tuple[int, str]]:
    """(line of the body, what is wrong) of pictures and links that readers cannot use."""
    return markup.faults(
        body,
        post.markup,
        base_url=post.base_url,
        title=post.title,
        files=files,
        extensions=post.extensions,
        values=post.values,
    )


def digest_post(deps: Deps, known: PublishedPost, body: str, layout: Layout) -> DigestPost:
    """The post as digests show it: whole where `layout` is FULL, else its summary. `body` is its source. Made
    once for each version in the log and cached, because every cohort shows the same posts.
    """
    post = known.post
    key = (
        "post",
        known.id,
        post.revision,
        post.body_hash,
        post.extensions,
        post.assets,
        post.options,
        layout,
    )
    return deps.process.render_cache.get_or_make(
        key, lambda: _mailed_post(deps, post_content(deps, known, body), layout)
    )


def whole_post(content: PostContent, *, with_body: bool = True) -> DigestPost:
    """The post as its page shows it, in full length."""
    known, post, options = content.known, content.known.post, content.known.post.options
    return DigestPost(
        id=known.id,
        revision=post.revision,
        title=post.title,
        url=post.url,
        instant=known.instant,
        language=post.language,
        html=content.html if with_body else "",
        text="",
        summary=content.summary,
        authors=post.authors,
        categories=post.categories,
        image=content.image,
        subject=options.subject,
        preheader=options.preheader,
        mail_only=options.mail_only,
        pinned=options.pinned,
        series=options.series,
        series_part=options.series_part,
        minutes=content.minutes if options.reading_time is not None else 0,
    )


def withdrawn_post(due_at: datetime, language: str) -> DigestPost:
    """The place of a post in a digest that was mailed before the post was withdrawn: not even its address or
    date is left.
    """
    return DigestPost(
        id="", revision="", title="", url="", instant=due_at, language=language, html="", text="", gone=True
    )


def _mailed_post(deps: Deps, content: PostContent, layout: Layout) -> DigestPost:
    post = whole_post(content, with_body=layout is Layout.FULL)
    if content.known.post.options.mail_excerpt and layout is Layout.FULL:
        post = excerpt_of(post, content.lead)
    image = post.image
    if image is not None:
        too_long = len(image.url) > MAX_IMAGE_URL
        image = None if too_long else replace(image, alt=_shorten(image.alt, MAX_SUMMARY))
    return replace(
        post,
        title=_shorten(post.title, MAX_TITLE),
        series=_shorten(post.series, MAX_NAME),
        text=deps.adapters.markup.text(post.html, post.title) if layout is Layout.FULL else "",
        summary=_shorten(post.summary, MAX_SUMMARY),
        authors=tuple(replace(who, name=_shorten(who.name, MAX_NAME)) for who in post.authors[:MAX_NAMES]),
        categories=tuple(_shorten(name, MAX_NAME) for name in post.categories[:MAX_NAMES]),
        image=image,
    )


def excerpt_of(post: DigestPost, lead: str) -> DigestPost:
    """The post with its beginning, `lead`, in place of its body, or its summary where no mark ends one; whole
    where there is neither.
    """
    html = lead or (f"<p>{escape(post.summary)}</p>" if post.summary.strip() else "")
    return replace(post, html=html, cut=True) if html else post


def _shorten(text: str, limit: int) -> str:
    """`text`, or its beginning and "…": titles and names must leave room for the post itself."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to fix in a file. `line` counts from 1; 0 means the whole file."""

    path: str
    line: int
    reason: str
    error: bool

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else self.path
        return f"{where}: {'' if self.error else 'warning: '}{self.reason}"


def findings_of(deps: Deps, item: ParsedPost) -> list[Finding]:
    """Warnings to the author of a post: ignored values, template code that was left out, and pictures and
    links that readers cannot use.
    """
    post = item.post
    notes = [split_warning(warning) for warning in post.warnings]
    if post.hidden is None:
        why = why_unusable(post.url)
        if not why and not why_unreachable(deps.rules.site.url):
            why = why_unreachable(post.url)
        if why:
            what = f"its address {post.url[:80]!r} leads nowhere: {why}; correct it in the front matter"
            notes.append((0, what))
        dead = {line for line, reason in notes if DEAD_LINK in reason}
        notes += [
            (item.in_file(line), f"{tag} is template code and was left out; write it as Markdown or HTML")
            for line, tag in removed_markup(deps.adapters.markup, post, item.body)
            if not (_LINKS.match(tag) and item.in_file(line) in dead)
        ]
        notes += [
            (
                item.in_file(line),
                f"formula {tex[:60]!r} is not understood and is shown as it is; correct its TeX",
            )
            for line, tex in deps.adapters.markup.unset_formulas(item.body, post.markup, post.extensions)
        ]
        notes += [
            (item.in_file(line) if line else 0, what)
            for line, what in broken_references(
                deps.adapters.markup, post, item.body, placed_assets(deps.rules, post)
            )
            if not ("('{" in what and item.in_file(line) in dead)
        ]
    return [Finding(path=post.path, line=line, reason=reason, error=False) for line, reason in notes]


def findings_of_changes(deps: Deps, made: Plan) -> Sequence[Finding]:
    """Warnings about the posts that a plan publishes or updates, so that each is reported once. Backfilled
    posts are left to `check`.
    """
    if made.stops:
        return ()
    reported = (LogKind.PUBLISHED, LogKind.UPDATED, LogKind.CORRECTED, LogKind.RESTORED)
    paths = sorted({c.post.path for c in made.changes if c.kind in reported and not c.backfill})
    readings = deps.adapters.source().read_many(paths, {}) if paths else ()
    items = (reading.result for reading in readings)
    found = (finding for item in items if isinstance(item, ParsedPost) for finding in findings_of(deps, item))
    return sorted(found, key=lambda finding: (finding.path, finding.line))


def summarize(findings: Sequence[Finding]) -> Iterator[str]:
    """Findings as lines of text: all errors, and of each kind of warning a few, or the first with the number
    of the others. The order stays.
    """
    kinds: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        kinds["" if finding.error else _kind(finding)].append(finding)
    first = {id(found[0]) for kind, found in kinds.items() if kind and len(found) > _FEW}
    for finding in findings:
        found = kinds[_kind(finding)] if not finding.error else ()
        if len(found) <= _FEW or id(finding) in first:
            yield str(finding)
        if id(finding) in first and _kind(finding) != DEAD_LINK:
            yield f"  and {len(found) - 1:,} more warnings of this kind (`publisher check --all` shows them)"
    if dead := kinds.get(DEAD_LINK):
        all_of_them = "" if len(dead) <= _FEW else " (`publisher check --all` shows them)"
        yield f"{len(dead):,} {'link leads' if len(dead) == 1 else 'links lead'} nowhere{all_of_them}"


def _kind(finding: Finding) -> str:
    """The reason without its values, which is the same for all findings of a kind."""
    return DEAD_LINK if DEAD_LINK in finding.reason else " ".join(_VALUES.sub("", finding.reason).split())
