"""What people see of feeds: a page for each, one for the parts of a split feed, and the list of all.

What feeds stand under public/, as readers find them.
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
from publisher.services.feeds.documents import DocumentSpec, fingerprint
from publisher.services.feeds.feed_views import FeedView
from publisher.services.feeds.feeds import CurrentFeed, feed_url, url_of

OPML = "feeds.opml"

Values = dict[str, object]


def feed_pages(parts: Deps, feeds: Sequence[CurrentFeed]) -> list[DocumentSpec]:
    """The page of each feed, those that list parts, and feeds.opml, not yet made."""
    lists: list[Values] = [
        {"title": spec.title, "url": f"{parts.site.public_url}subscribe/{spec.slug}"} for spec in parts.lists
    ]
    pages = [_feed_page(parts, feed, lists) for feed in feeds]
    views = [feed.view for feed in feeds]
    pages += [_parts_page(parts, spec, views) for spec in parts.feeds if spec.split_by]
    return [*pages, _opml(parts, views)]


def followed(parts: Deps) -> Values:
    """The feeds that every page names: {feeds: [{slug, title, page, links: [{name, url, media_type}]}],
    parted: [{title, url}]}.
    """
    return {
        "feeds": [_named(parts, spec) for spec in parts.feeds if not spec.split_by],
        "parted": [
            {"title": spec.title, "url": url_of(parts, f"{spec.slug}/")}
            for spec in parts.feeds
            if spec.split_by
        ],
    }


def snippet(parts: Deps, view: FeedView) -> list[str]:
    """The lines in the head of a page by which feed readers find a feed (autodiscovery)."""
    return [
        f'<link rel="alternate" type="{escape(format.media_type)}" title="{escape(view.title)}" '
        f'href="{escape(feed_url(parts, view.spec, name, view.name))}">'
        for name, format in ((name, parts.formats[name]) for name in view.spec.formats)
    ]


def _named(parts: Deps, spec: FeedSpec, name: str = "", title: str = "") -> Values:
    path = f"{spec.slug}/{name}" if name else spec.slug
    links = [
        {
            "name": parts.formats[format].label,
            "url": feed_url(parts, spec, format, name),
            "media_type": parts.formats[format].media_type,
        }
        for format in spec.formats
    ]
    return {"slug": path, "title": title or spec.title, "page": url_of(parts, f"{path}.html"), "links": links}


def _feed_page(parts: Deps, feed: CurrentFeed, lists: Sequence[Values]) -> DocumentSpec:
    view = feed.view
    named = _named(parts, view.spec, view.name, view.title)

    def make() -> bytes:
        value = feed.value()
        values: Values = {
            "site": parts.site,
            "feed": named,
            "lists": lists,
            "entries": value.entries,
            "snippet": snippet(parts, view),
            "more": not value.history.complete,
        }
        return parts.renderer.page("feed", values).encode()

    stamp = fingerprint(feed.stamp, "page", named, lists)
    return DocumentSpec(path=f"{view.path}.html", fingerprint=stamp, make=make)


def _parts_page(parts: Deps, spec: FeedSpec, views: Sequence[FeedView]) -> DocumentSpec:
    """<slug>/index.html: the parts of a split feed, by name."""
    own = sorted((v for v in views if v.spec == spec), key=lambda v: (v.label.casefold(), v.name))
    feeds = [{**_named(parts, spec, view.name), "title": view.label} for view in own]
    values: Values = {"site": parts.site, "title": spec.title, "kind": spec.split_by, "feeds": feeds}
    return DocumentSpec(
        path=f"{spec.slug}/index.html",
        fingerprint=fingerprint(parts.stamp, "feeds", values),
        make=lambda: parts.renderer.page("feeds", values).encode(),
    )


def _opml(parts: Deps, views: Sequence[FeedView]) -> DocumentSpec:
    outlines: list[Outline] = []
    for spec, own in groupby(views, key=lambda view: view.spec):
        lines = tuple(_outline(parts, view) for view in own)
        outlines += [Outline(title=spec.title, parts=lines)] if spec.split_by else lines
    made = tuple(outlines)
    return DocumentSpec(
        path=OPML,
        fingerprint=fingerprint(parts.stamp, parts.site, made),
        make=lambda: parts.outline(parts.site, made),
    )


def _outline(parts: Deps, view: FeedView) -> Outline:
    """Readers take one address for a feed: that of its first format."""
    url = feed_url(parts, view.spec, view.spec.formats[0], view.name)
    return Outline(title=view.title, url=url, page=url_of(parts, f"{view.path}.html"))


ARCHIVE = "archive/"
OTHERS = ("posts/", "assets/", "digests/")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFile:
    """One document of a feed. `entries` counts what is in it now; `changed` is its Last-Modified."""

    slug: str
    path: str
    url: str
    entries: int
    archive: bool
    changed: datetime


def documents(parts: Deps) -> list[FeedFile]:
    """By slug, subscription documents first. Raises StoreError, OutputError."""
    found: list[FeedFile] = []
    for path, document in parts.store.documents().items():
        slug = _slug(parts, path)
        data = parts.shelf.read(path) if slug else None
        if data is None:
            continue
        try:
            entries = len(parts.reader().feed(data, path).entries)
        except Refused:
            continue  # a page or a list beside it
        found.append(
            FeedFile(
                slug=slug,
                path=path,
                url=url_of(parts, path),
                entries=entries,
                archive=path.startswith(ARCHIVE),
                changed=document.modified,
            )
        )
    return sorted(found, key=lambda it: (it.slug, it.archive, it.path))


def _slug(parts: Deps, path: str) -> str:
    """The feed that a document belongs to; "" where it is none's."""
    suffixes = {f".{format.suffix}" for format in parts.formats.values()}
    if path.startswith(OTHERS) or PurePosixPath(path).suffix not in suffixes:
        return next((s.slug for s in parts.feeds if path in getattr(s, "paths", {}).values()), "")
    first = path.removeprefix(ARCHIVE).partition("/")[0]
    name = first.rpartition(".")[0] or first
    for spec in parts.feeds:
        if name == spec.slug or path in getattr(spec, "paths", {}).values():
            return spec.slug
    return ""
