"""Posts as entries of a feed, and withdrawn ones as tombstones."""

from collections.abc import Sequence

from publisher.core.feeds.feed import Category, Enclosure, FeedEntry, FeedSpec, Tombstone
from publisher.core.feeds.paging import MAX_SEQ
from publisher.core.posts.post import Post
from publisher.core.publishing.log import PublishedPost
from publisher.services.deps import Deps
from publisher.services.feeds.feed_views import LOOKED_AT, FeedView
from publisher.services.posts.assets import files_of, image_of
from publisher.services.posts.rendered import html_of, summary_of

MOST = 100
"""Tombstones in a document."""

ENCLOSED = {
    "aac": "audio/aac",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
}
"""Files beside a post that readers may want to have, by suffix: their media types."""


def entry_of(parts: Deps, spec: FeedSpec, known: PublishedPost, body: str) -> FeedEntry:
    """The post as feed readers get it."""
    post = known.post
    assert post.instant is not None  # noqa: S101  # what is in the log has passed the gate
    files = files_of(parts, post)
    html = html_of(parts.markup, post, body, files)
    return FeedEntry(
        id=known.id,
        url=post.url,
        title=post.title,
        published=post.instant,
        updated=max(known.updated_at, post.instant),
        summary=summary_of(parts.markup, post, body, html),
        content=html if spec.content == "full" else None,
        language="" if post.language == parts.site.language else post.language,
        authors=post.authors,
        categories=_categories(parts.site.id_authority, post),
        image=image_of(parts, post),
        enclosures=_enclosures(parts, post),
    )


def tombstones(
    parts: Deps, view: FeedView, since: int, *, after: int = 0, until: int = MAX_SEQ
) -> tuple[Tombstone, ...]:
    """The posts of `view` that were withdrawn by log rows after `since`, the last ones first (RFC 6721 3),
    and that first came in (after, until].
    """
    gone = parts.store.withdrawn(since, LOOKED_AT, after=after, until=until)
    meant = [known for known in gone if all(where.matches(known.post) for where in view.meant)]
    return tuple(Tombstone(id=known.id, at=known.updated_at) for known in meant[:MOST])


def _categories(authority: str, post: Post) -> tuple[Category, ...]:
    """Each term once, however it is written, in the author's order; the scheme tells categories from tags,
    and the label is what readers show (RFC 4287 4.2.2.3).
    """
    once: dict[str, Category] = {}
    for scheme, terms in (("categories", post.categories), ("tags", post.tags)):
        for term in filter(None, terms):
            category = Category(term=term, scheme=f"tag:{authority}:{scheme}", label=term)
            once.setdefault(term.casefold(), category)
    return tuple(once.values())


def _enclosures(parts: Deps, post: Post) -> tuple[Enclosure, ...]:
    """The sounds and films beside the post, of which type and length are known."""
    if not parts.pages:
        return ()
    found = {asset.document: asset for asset in post.assets}
    kinds: Sequence[tuple[str, str]] = [(path, path.rpartition(".")[2]) for path in found]
    return tuple(
        Enclosure(url=parts.site.public_url + path, media_type=ENCLOSED[suffix], size=found[path].size)
        for path, suffix in kinds
        if suffix in ENCLOSED
    )
