"""Bodies of posts through Markup: what each post says of how its own is to be read.

A post as digests show it: made once from the log's version of it, and kept for the next cohort.

The summary of a post: the author's own, else what stands before the mark, else the first paragraph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from publisher.core.digests.digest import DigestPost, Layout
from publisher.core.posts.assets import NO_FILES, Placed
from publisher.core.posts.post import Image, Post
from publisher.core.publishing.log import PublishedPost
from publisher.ports import Markup
from publisher.services.deps import Deps
from publisher.services.posts.assets import files_of, image_of


def summary_of(markup: Markup, post: Post, body: str, html: str) -> str:
    """Plain text, may be empty. `html` is the whole body, already made safe."""
    if post.summary:
        return post.summary
    if 0 < post.lead < len(body):
        lead = html_of(markup, post, body[: post.lead])
        if found := markup.summary(lead, whole=True):
            return found
    return markup.summary(html)


def html_of(markup: Markup, post: Post, body: str, files: Mapping[str, Placed] = NO_FILES) -> str:
    """The body, or a part of it, as safe HTML."""
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


def removed_of(markup: Markup, post: Post, body: str) -> Sequence[tuple[int, str]]:
    """(line, code) of what is taken away from the body."""
    return markup.removed(body, post.markup, post.extensions, post.values)


def faults_of(
    markup: Markup, post: Post, body: str, files: Mapping[str, Placed] = NO_FILES
) -> Sequence[tuple[int, str]]:
    """(line of the body, what is wrong) of pictures and links in the body that readers cannot use."""
    return markup.faults(
        body,
        post.markup,
        base_url=post.base_url,
        title=post.title,
        files=files,
        extensions=post.extensions,
        values=post.values,
    )


TITLE, SUMMARY, NAME, ADDRESS = 300, 1_000, 100, 2_000
"""Characters of what a mail says of a post beside its body; a picture whose address is longer is left out."""

NAMES = 20
"""Authors, and categories, that a mail names of a post."""


def digest_post(parts: Deps, known: PublishedPost, body: str, layout: Layout) -> DigestPost:
    """The whole post where mails show whole posts, else its summary. `body` is its source."""
    post = known.post
    key = ("post", known.id, post.revision, post.body_hash, post.extensions, post.assets, layout)
    return parts.kept.get(key, lambda: _made(parts, known, body, layout))


def _made(parts: Deps, known: PublishedPost, body: str, layout: Layout) -> DigestPost:
    post = known.post
    assert post.instant is not None  # noqa: S101  # what is in the log has passed the gate
    markup, files = parts.markup, files_of(parts, post)
    full = layout is Layout.FULL
    html = ""
    if full or not post.summary:
        html = html_of(markup, post, body, files)
    return DigestPost(
        id=known.id,
        revision=post.revision,
        title=_short(post.title, TITLE),
        url=post.url,
        instant=post.instant,
        language=post.language,
        html=html if full else "",
        text=markup.text(html, post.title) if full else "",
        summary=_short(summary_of(markup, post, body, html), SUMMARY),
        authors=tuple(replace(who, name=_short(who.name, NAME)) for who in post.authors[:NAMES]),
        categories=tuple(_short(name, NAME) for name in post.categories[:NAMES]),
        image=_image(image_of(parts, post)),
    )


def _image(image: Image | None) -> Image | None:
    if image is None or len(image.url) > ADDRESS:
        return None
    return replace(image, alt=_short(image.alt, SUMMARY))


def _short(text: str, limit: int) -> str:
    """`text`, or its beginning and "…": what is said of a post leaves room for the post."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
