"""What readers see of a post: `PostContent`, from which feeds, pages and digests are made.

The body of a post becomes safe HTML here and nowhere else. Nothing that was rendered outlives its
`PostContent`, but for what digests show: many cohorts get the same posts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from textwrap import shorten

from publisher.core.digests.digest import DigestPost, Layout
from publisher.core.posts.post import NO_ASSETS, AssetLocation, Image, Post
from publisher.core.publishing.log import PublishedPost
from publisher.ports import Markup
from publisher.services.deps import Deps, SiteRules

MAX_TITLE, MAX_SUMMARY, MAX_NAME, MAX_IMAGE_URL = 300, 1_000, 100, 2_000
"""Characters that a mail shows of a post beside its body; a picture with a longer URL is left out."""

MAX_NAMES = 20
"""How many authors, and how many categories, a mail shows of a post."""

MAX_STAND_IN = 60
"""Characters that stand in for a title where a page links to a post."""


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
    def summary(self) -> str:
        """The author's summary, else the text before the "more" mark, else the first paragraph. Plain text,
        may be empty.
        """
        post = self.known.post
        if post.summary:
            return post.summary
        if 0 < post.lead < len(self.body):
            lead = render_html(self.markup, post, self.body[: post.lead])
            if found := self.markup.summary(lead, whole=True):
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


def post_content(deps: Deps, known: PublishedPost, body: str) -> PostContent:
    """The content of a post whose body is at hand."""
    return PostContent(
        known=known, body=body, files=placed_assets(deps.rules, known.post), markup=deps.adapters.markup
    )


def stored_contents(deps: Deps, posts: Sequence[PublishedPost]) -> list[PostContent]:
    """The contents of posts of the log, with their bodies from the store. Raises StoreError."""
    bodies = deps.adapters.store.bodies({known.post.body_hash for known in posts})
    return [post_content(deps, known, bodies[known.post.body_hash]) for known in posts]


def placed_assets(rules: SiteRules, post: Post) -> Mapping[str, AssetLocation]:
    """Where readers find the files that `post` refers to, by the names it uses; none where posts have no
    pages.
    """
    if not rules.post_pages or not post.assets:
        return NO_ASSETS
    base = rules.site.public_url
    # Reversed, so that of two assets with one name the first wins.
    return {
        asset.name: AssetLocation(url=base + asset.document, width=asset.width, height=asset.height)
        for asset in reversed(post.assets)
    }


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
    key = ("post", known.id, post.revision, post.body_hash, post.extensions, post.assets, layout)
    return deps.process.render_cache.get_or_make(
        key, lambda: _mailed_post(deps, post_content(deps, known, body), layout)
    )


def whole_post(content: PostContent, *, with_body: bool = True) -> DigestPost:
    """The post as its page shows it, in full length."""
    known, post = content.known, content.known.post
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
    image = post.image
    if image is not None:
        too_long = len(image.url) > MAX_IMAGE_URL
        image = None if too_long else replace(image, alt=_shorten(image.alt, MAX_SUMMARY))
    return replace(
        post,
        title=_shorten(post.title, MAX_TITLE),
        text=deps.adapters.markup.text(post.html, post.title) if layout is Layout.FULL else "",
        summary=_shorten(post.summary, MAX_SUMMARY),
        authors=tuple(replace(who, name=_shorten(who.name, MAX_NAME)) for who in post.authors[:MAX_NAMES]),
        categories=tuple(_shorten(name, MAX_NAME) for name in post.categories[:MAX_NAMES]),
        image=image,
    )


def _shorten(text: str, limit: int) -> str:
    """`text`, or its beginning and "…": titles and names must leave room for the post itself."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
