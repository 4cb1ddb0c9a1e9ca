"""A post as digests show it: made once from the log's version of it, and kept for the next cohort."""

from publisher.core.digests import DigestPost, Layout
from publisher.core.log import Known
from publisher.services.assets import files_of, image_of
from publisher.services.bodies import html_of
from publisher.services.parts import Parts
from publisher.services.summaries import summary_of


def digest_post(parts: Parts, known: Known, body: str, layout: Layout) -> DigestPost:
    """The whole post where mails show whole posts, else its summary. `body` is its source."""
    post = known.post
    key = ("post", known.id, post.revision, post.body_hash, post.extensions, post.assets, layout)
    return parts.kept.get(key, lambda: _made(parts, known, body, layout))


def _made(parts: Parts, known: Known, body: str, layout: Layout) -> DigestPost:
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
        title=post.title,
        url=post.url,
        instant=post.instant,
        language=post.language,
        html=html if full else "",
        text=markup.text(html, post.title) if full else "",
        summary=summary_of(markup, post, body, html),
        authors=post.authors,
        categories=post.categories,
        image=image_of(parts, post),
    )
