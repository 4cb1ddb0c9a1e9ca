"""Pages under public/ by which readers find what to follow: the home page, a page for each feed and one for
the parts of a split feed, and feeds.opml.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from itertools import groupby
from pathlib import PurePosixPath

from publisher.core.errors import Refused
from publisher.core.feeds.feed import FeedSpec, Outline
from publisher.core.publishing.log import PublishedPost
from publisher.services.deps import Deps
from publisher.services.feeds.documents import ARCHIVE_FOLDER, DocumentSpec, fingerprint
from publisher.services.feeds.feed_views import FeedView
from publisher.services.feeds.feeds import CurrentFeed, document_url, feed_url
from publisher.services.posts.content import stored_contents

OPML = "feeds.opml"

RECENT_POSTS = 10
"""How many posts the home page lists."""

OTHER_FOLDERS = ("posts/", "assets/", "digests/")
"""Folders under public/ that hold no feeds."""

Values = dict[str, object]
"""What a template is given."""


def home_page(deps: Deps) -> DocumentSpec:
    """public/index.html: what this publication is and how to follow it. Its links to our own documents and
    pages are paths, so that they also work where it is only tried out.
    """
    site = deps.rules.site
    base = site.home

    def local(url: str) -> str:
        return base + url.removeprefix(site.public_url) if url.startswith(site.public_url) else url

    lists: list[Values] = [
        {
            "slug": spec.slug,
            "title": spec.title,
            "description": spec.description,
            "url": f"{base}subscribe/{spec.slug}",
            "archive": f"{base}digests/{spec.slug}/",
        }
        for spec in deps.rules.lists
    ]
    recent = recent_posts(deps)
    posts: list[Values] = [
        {
            "title": known.post.title,
            "url": local(known.post.url) if deps.rules.post_pages else known.post.url,
            "date": known.instant,
            "summary": known.post.summary,
            "language": known.post.language,
            "pinned": known.post.options.pinned,
        }
        for known in recent
    ]
    values: Values = {
        "site": site,
        **feed_links(deps, local),
        "outline": base + OPML,
        "lists": lists,
        "posts": posts,
        "posts_home": local(site.url) if deps.rules.post_pages else site.url,
    }

    def make() -> bytes:
        contents = stored_contents(deps, recent)
        summarized = [
            {**post, "summary": content.summary} for post, content in zip(posts, contents, strict=True)
        ]
        return deps.adapters.renderer.page("index", {**values, "posts": summarized}).encode()

    bodies = tuple((known.post.body_hash, known.post.lead) for known in recent)
    stamp = fingerprint(deps.process.template_fingerprint, "index", values, bodies)
    return DocumentSpec(path="index.html", fingerprint=stamp, make=make)


def recent_posts(deps: Deps) -> list[PublishedPost]:
    """The posts that the home page lists: the pinned, then the newest."""
    pinned = deps.adapters.store.pinned_posts(RECENT_POSTS)
    ids = {known.id for known in pinned}
    newest = (known for known in deps.adapters.store.newest_posts(RECENT_POSTS) if known.id not in ids)
    return [*pinned, *newest][:RECENT_POSTS]


def feed_pages(deps: Deps, feeds: Sequence[CurrentFeed]) -> list[DocumentSpec]:
    """The page of each feed, those that list the parts of a split feed, and feeds.opml, not yet made."""
    lists: list[Values] = [
        {"title": spec.title, "url": f"{deps.rules.site.public_url}subscribe/{spec.slug}"}
        for spec in deps.rules.lists
    ]
    views = [feed.view for feed in feeds]
    pages = [feed_page(deps, feed, lists) for feed in feeds]
    pages += [parts_page(deps, spec, views) for spec in deps.rules.feeds if spec.split_by]
    return [*pages, opml(deps, views)]


def feed_page(deps: Deps, feed: CurrentFeed, lists: Sequence[Values]) -> DocumentSpec:
    """<slug>.html: the entries of a feed, and how to follow it."""
    view = feed.view
    links = _links(deps, view.spec, view.name, view.title)

    def make() -> bytes:
        value = feed.build()
        values: Values = {
            "site": deps.rules.site,
            "feed": links,
            "lists": lists,
            "entries": value.entries,
            "snippet": autodiscovery_links(deps, view),
            "more": not value.history.complete,
        }
        return deps.adapters.renderer.page("feed", values).encode()

    stamp = fingerprint(feed.fingerprint, "page", links, lists)
    return DocumentSpec(path=f"{view.path}.html", fingerprint=stamp, make=make)


def parts_page(deps: Deps, spec: FeedSpec, views: Sequence[FeedView]) -> DocumentSpec:
    """<slug>/index.html: the parts of a split feed, by name."""
    own = sorted((v for v in views if v.spec == spec), key=lambda v: (v.label.casefold(), v.name))
    feeds = [_links(deps, spec, view.name, view.label) for view in own]
    values: Values = {"site": deps.rules.site, "title": spec.title, "kind": spec.split_by, "feeds": feeds}
    return DocumentSpec(
        path=f"{spec.slug}/index.html",
        fingerprint=fingerprint(deps.process.template_fingerprint, "feeds", values),
        make=lambda: deps.adapters.renderer.page("feeds", values).encode(),
    )


def opml(deps: Deps, views: Sequence[FeedView]) -> DocumentSpec:
    """The list of feeds that feed readers import. Each has one URL there: that of its first format."""
    outlines: list[Outline] = []
    for spec, own in groupby(views, key=lambda view: view.spec):
        lines = tuple(
            Outline(
                title=view.title,
                url=feed_url(deps, spec, spec.formats[0], view.name),
                page=document_url(deps.rules, f"{view.path}.html"),
            )
            for view in own
        )
        outlines += [Outline(title=spec.title, parts=lines)] if spec.split_by else lines
    return DocumentSpec(
        path=OPML,
        fingerprint=fingerprint(deps.process.template_fingerprint, deps.rules.site, tuple(outlines)),
        make=lambda: deps.adapters.write_opml(deps.rules.site, tuple(outlines)),
    )


def feed_links(deps: Deps, written: Callable[[str], str] = str) -> Values:
    """The feeds that every page links to: {feeds: [{slug, title, page, links: [{name, url, media_type}]}],
    parted: [{title, url}]}. `written` makes of a URL what the page says.
    """
    return {
        "feeds": [_links(deps, spec, written=written) for spec in deps.rules.feeds if not spec.split_by],
        "parted": [
            {"title": spec.title, "url": written(document_url(deps.rules, f"{spec.slug}/"))}
            for spec in deps.rules.feeds
            if spec.split_by
        ],
    }


def _links(
    deps: Deps, spec: FeedSpec, name: str = "", title: str = "", written: Callable[[str], str] = str
) -> Values:
    """A feed, or the part `name` of one, with its page and its URL in each format."""
    path = f"{spec.slug}/{name}" if name else spec.slug
    links = [
        {
            "name": deps.adapters.formats[format].label,
            "url": written(feed_url(deps, spec, format, name)),
            "media_type": deps.adapters.formats[format].media_type,
        }
        for format in spec.formats
    ]
    page = written(document_url(deps.rules, f"{path}.html"))
    return {"slug": path, "title": title or spec.title, "page": page, "links": links}


def autodiscovery_links(deps: Deps, view: FeedView) -> list[str]:
    """The lines in the head of a page by which feed readers find a feed."""
    return [
        f'<link rel="alternate" type="{escape(deps.adapters.formats[name].media_type)}" '
        f'title="{escape(view.title)}" '
        f'href="{escape(feed_url(deps, view.spec, name, view.name))}">'
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


def list_feed_files(deps: Deps) -> list[FeedFile]:
    """The documents of feeds under public/, by slug, subscription documents first. Raises StoreError,
    OutputError.
    """
    found: list[FeedFile] = []
    for path, document in deps.adapters.store.documents().items():
        slug = _slug_of(deps, path)
        data = deps.adapters.public_folder.read(path) if slug else None
        if data is None:
            continue
        try:
            entries = len(deps.adapters.feed_reader().feed(data, path).entries)
        except Refused:
            continue  # a page or a list that only looks like a feed by its name
        found.append(
            FeedFile(
                slug=slug,
                path=path,
                url=document_url(deps.rules, path),
                entries=entries,
                archive=path.startswith(ARCHIVE_FOLDER),
                changed=document.modified,
            )
        )
    return sorted(found, key=lambda it: (it.slug, it.archive, it.path))


def _slug_of(deps: Deps, path: str) -> str:
    """The slug of the feed that a document belongs to; "" for any other document."""
    suffixes = {f".{format.suffix}" for format in deps.adapters.formats.values()}
    if path.startswith(OTHER_FOLDERS) or PurePosixPath(path).suffix not in suffixes:
        name = None
    else:
        first = path.removeprefix(ARCHIVE_FOLDER).partition("/")[0]
        name = first.rpartition(".")[0] or first
    specs = (spec for spec in deps.rules.feeds if spec.slug == name or path in spec.paths.values())
    return next((spec.slug for spec in specs), "")
