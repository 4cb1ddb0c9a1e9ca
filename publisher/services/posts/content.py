"""What readers see of a post: its body as safe HTML, its summary, its picture and the files beside it, on
pages and in feeds; and the post as digests show it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from publisher.core.digests.digest import DigestPost, Layout
from publisher.core.posts.assets import NO_ASSETS, AssetLocation
from publisher.core.posts.post import Image, Post
from publisher.core.publishing.log import PublishedPost
from publisher.ports import Markup
from publisher.services.deps import Deps

MAX_TITLE, MAX_SUMMARY, MAX_NAME, MAX_IMAGE_URL = 300, 1_000, 100, 2_000
"""Characters that a mail shows of a post beside its body; a picture with a longer URL is left out."""

MAX_NAMES = 20
"""How many authors, and how many categories, a mail shows of a post."""


def placed_assets(deps: Deps, post: Post) -> Mapping[str, AssetLocation]:
    """Where readers find the files that `post` refers to, by the names it uses; none where posts have no
    pages.
    """
    if not deps.rules.post_pages or not post.assets:
        return NO_ASSETS
    base = deps.rules.site.public_url
    # Reversed, so that of two assets with one name the first wins.
    return {
        asset.name: AssetLocation(url=base + asset.document, width=asset.width, height=asset.height)
        for asset in reversed(post.assets)
    }


def post_image(deps: Deps, post: Post) -> Image | None:
    """The post's picture with the URL where readers find it; its own size where the post names none."""
    image = post.image
    found = placed_assets(deps, post).get(image.file) if image else None
    if image is None or found is None:
        return image
    width, height = (image.width, image.height) if image.width else (found.width, found.height)
    return replace(image, url=found.url, width=width, height=height)


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


def post_summary(markup: Markup, post: Post, body: str, html: str) -> str:
    """The author's summary, else the text before the "more" mark, else the first paragraph. Plain text, may
    be empty. `html` is the whole body, already made safe.
    """
    if post.summary:
        return post.summary
    if 0 < post.lead < len(body):
        lead = render_html(markup, post, body[: post.lead])
        if found := markup.summary(lead, whole=True):
            return found
    return markup.summary(html)


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
    return deps.process.render_cache.get_or_make(key, lambda: _make_digest_post(deps, known, body, layout))


def _make_digest_post(deps: Deps, known: PublishedPost, body: str, layout: Layout) -> DigestPost:
    post, markup, full = known.post, deps.adapters.markup, layout is Layout.FULL
    assert post.instant is not None  # noqa: S101  # every post in the log has one
    html = ""
    if full or not post.summary:
        html = render_html(markup, post, body, placed_assets(deps, post))
    image = post_image(deps, post)
    if image is not None:
        too_long = len(image.url) > MAX_IMAGE_URL
        image = None if too_long else replace(image, alt=_shorten(image.alt, MAX_SUMMARY))
    return DigestPost(
        id=known.id,
        revision=post.revision,
        title=_shorten(post.title, MAX_TITLE),
        url=post.url,
        instant=post.instant,
        language=post.language,
        html=html if full else "",
        text=markup.text(html, post.title) if full else "",
        summary=_shorten(post_summary(markup, post, body, html), MAX_SUMMARY),
        authors=tuple(replace(who, name=_shorten(who.name, MAX_NAME)) for who in post.authors[:MAX_NAMES]),
        categories=tuple(_shorten(name, MAX_NAME) for name in post.categories[:MAX_NAMES]),
        image=image,
    )


def _shorten(text: str, limit: int) -> str:
    """`text`, or its beginning and "…": titles and names must leave room for the post itself."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
