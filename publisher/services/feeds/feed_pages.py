"""Pages about the feeds: the home page, a page for each feed, one for the parts of a split feed, and
feeds.opml; and which documents of feeds stand under public/.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import groupby
from pathlib import PurePosixPath

from publisher.core.errors import Refused
from publisher.core.feeds.feed import FeedSpec, Outline
from publisher.services.deps import Deps
from publisher.services.feeds.documents import ARCHIVE_FOLDER, DocumentSpec, fingerprint
from publisher.services.feeds.feed_views import FeedView
from publisher.services.feeds.feeds import CurrentFeed, document_url, feed_url

OPML = "feeds.opml"

RECENT_POSTS = 10
"""How many posts the home page lists."""

OTHER_FOLDERS = ("posts/", "assets/", "digests/")
"""Folders under public/ that hold no feeds."""

Values = dict[str, object]
"""What a template is given."""


def home_page(parts: Deps) -> DocumentSpec:
    """public/index.html: what this publication is and how to follow it."""
    base = parts.site.public_url
    lists: list[Values] = [
        {
            "slug": spec.slug,
            "title": spec.title,
            "description": spec.description,
            "url": f"{base}subscribe/{spec.slug}",
            "archive": f"{base}digests/{spec.slug}/",
        }
        for spec in parts.lists
    ]
    posts: list[Values] = [
        {
            "title": post.title,
            "url": post.url,
            "date": post.instant,
            "summary": post.summary,
            "language": post.language,
        }
        for post in (known.post for known in parts.store.newest_posts(RECENT_POSTS))
    ]
    values: Values = {
        "site": parts.site,
        **feed_links(parts),
        "outline": base + OPML,
        "lists": lists,
        "posts": posts,
    }
    return DocumentSpec(
        path="index.html",
        fingerprint=fingerprint(parts.stamp, "index", values),
        make=lambda: parts.renderer.page("index", values).encode(),
    )


def feed_pages(parts: Deps, feeds: Sequence[CurrentFeed]) -> list[DocumentSpec]:
    """The page of each feed, those that list the parts of a split feed, and feeds.opml, not yet made."""
    lists: list[Values] = [
        {"title": spec.title, "url": f"{parts.site.public_url}subscribe/{spec.slug}"} for spec in parts.lists
    ]
    views = [feed.view for feed in feeds]
    pages = [feed_page(parts, feed, lists) for feed in feeds]
    pages += [parts_page(parts, spec, views) for spec in parts.feeds if spec.split_by]
    return [*pages, opml(parts, views)]


def feed_page(parts: Deps, feed: CurrentFeed, lists: Sequence[Values]) -> DocumentSpec:
    """<slug>.html: the entries of a feed, and how to follow it."""
    view = feed.view
    links = _links(parts, view.spec, view.name, view.title)

    def make() -> bytes:
        value = feed.build()
        values: Values = {
            "site": parts.site,
            "feed": links,
            "lists": lists,
            "entries": value.entries,
            "snippet": autodiscovery_links(parts, view),
            "more": not value.history.complete,
        }
        return parts.renderer.page("feed", values).encode()

    stamp = fingerprint(feed.fingerprint, "page", links, lists)
    return DocumentSpec(path=f"{view.path}.html", fingerprint=stamp, make=make)


def parts_page(parts: Deps, spec: FeedSpec, views: Sequence[FeedView]) -> DocumentSpec:
    """<slug>/index.html: the parts of a split feed, by name."""
    own = sorted((v for v in views if v.spec == spec), key=lambda v: (v.label.casefold(), v.name))
    feeds = [_links(parts, spec, view.name, view.label) for view in own]
    values: Values = {"site": parts.site, "title": spec.title, "kind": spec.split_by, "feeds": feeds}
    return DocumentSpec(
        path=f"{spec.slug}/index.html",
        fingerprint=fingerprint(parts.stamp, "feeds", values),
        make=lambda: parts.renderer.page("feeds", values).encode(),
    )


def opml(parts: Deps, views: Sequence[FeedView]) -> DocumentSpec:
    """The list of feeds that feed readers import. Each has one URL there: that of its first format."""
    outlines: list[Outline] = []
    for spec, own in groupby(views, key=lambda view: view.spec):
        lines = tuple(
            Outline(
                title=view.title,
                url=feed_url(parts, spec, spec.formats[0], view.name),
                page=document_url(parts, f"{view.path}.html"),
            )
            for view in own
        )
        outlines += [Outline(title=spec.title, parts=lines)] if spec.split_by else lines
    return DocumentSpec(
        path=OPML,
        fingerprint=fingerprint(parts.stamp, parts.site, tuple(outlines)),
        make=lambda: parts.outline(parts.site, tuple(outlines)),
    )


def feed_links(parts: Deps) -> Values:
    """The feeds that every page links to: {feeds: [{slug, title, page, links: [{name, url, media_type}]}],
    parted: [{title, url}]}.
    """
    return {
        "feeds": [_links(parts, spec) for spec in parts.feeds if not spec.split_by],
        "parted": [
            {"title": spec.title, "url": document_url(parts, f"{spec.slug}/")}
            for spec in parts.feeds
            if spec.split_by
        ],
    }


def _links(parts: Deps, spec: FeedSpec, name: str = "", title: str = "") -> Values:
    """A feed, or the part `name` of one, with its page and its URL in each format."""
    path = f"{spec.slug}/{name}" if name else spec.slug
    links = [
        {
            "name": parts.formats[format].label,
            "url": feed_url(parts, spec, format, name),
            "media_type": parts.formats[format].media_type,
        }
        for format in spec.formats
    ]
    page = document_url(parts, f"{path}.html")
    return {"slug": path, "title": title or spec.title, "page": page, "links": links}


def autodiscovery_links(parts: Deps, view: FeedView) -> list[str]:
    """The lines in the head of a page by which feed readers find a feed."""
    return [
        f'<link rel="alternate" type="{escape(parts.formats[name].media_type)}" title="{escape(view.title)}" '
        f'href="{escape(feed_url(parts, view.spec, name, view.name))}">'
        for name in view.spec.formats
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFile:
    """One document of a feed. `entries` counts what is in it now; `changed` is its Last-Modified."""

    slug: str
    path: str
    url: str
    entries: int
    archive: bool
    changed: datetime


def list_feed_files(parts: Deps) -> list[FeedFile]:
    """The documents of feeds under public/, by slug, subscription documents first. Raises StoreError,
    OutputError.
    """
    found: list[FeedFile] = []
    for path, document in parts.store.documents().items():
        slug = _slug_of(parts, path)
        data = parts.shelf.read(path) if slug else None
        if data is None:
            continue
        try:
            entries = len(parts.reader().feed(data, path).entries)
        except Refused:
            continue  # a page or a list that only looks like a feed by its name
        found.append(
            FeedFile(
                slug=slug,
                path=path,
                url=document_url(parts, path),
                entries=entries,
                archive=path.startswith(ARCHIVE_FOLDER),
                changed=document.modified,
            )
        )
    return sorted(found, key=lambda it: (it.slug, it.archive, it.path))


def _slug_of(parts: Deps, path: str) -> str:
    """The slug of the feed that a document belongs to; "" for any other document."""
    suffixes = {f".{format.suffix}" for format in parts.formats.values()}
    if path.startswith(OTHER_FOLDERS) or PurePosixPath(path).suffix not in suffixes:
        name = None
    else:
        first = path.removeprefix(ARCHIVE_FOLDER).partition("/")[0]
        name = first.rpartition(".")[0] or first
    specs = (spec for spec in parts.feeds if spec.slug == name or path in spec.paths.values())
    return next((spec.slug for spec in specs), "")
