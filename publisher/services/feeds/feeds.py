"""Feeds: views of the log, made into values only when a document needs them.

Archive documents made anew, by an operator's wish: as the posts are now.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import quote

from publisher.core.feeds.feed import VALUE, Feed, FeedSpec, History, Tombstone
from publisher.core.feeds.feed_documents import fitted
from publisher.core.feeds.paging import MAX_SEQ, ArchivePage, page_size
from publisher.core.posts.post import Image
from publisher.core.publishing.log import PublishedPost
from publisher.core.site import license_of
from publisher.services.deps import Deps
from publisher.services.feeds.documents import DocumentSpec, fingerprint, write
from publisher.services.feeds.entries import entry_of, tombstones
from publisher.services.feeds.feed_views import FeedView, feed_views, forget_archives

FOLDER = "archive/"
"""Where archive documents stand under public/."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentFeed:
    """A feed as it is now. `stamp` names all that it is made of; `value` makes it, once."""

    view: FeedView
    stamp: str
    value: Callable[[], Feed]


def current(parts: Deps, view: FeedView) -> CurrentFeed:
    """The feed of `view`, not yet made."""
    last = view.pages[-1].number if view.pages else 0
    of = (view.spec, view.path, view.label, view.version, view.updated, last)
    stamp = fingerprint(parts.stamp, parts.pages, parts.site, parts.hubs, of)
    return CurrentFeed(view=view, stamp=stamp, value=cache(lambda: feed_value(parts, view)))


def feed_documents(parts: Deps, feed: CurrentFeed) -> list[DocumentSpec]:
    """The documents of a feed in each format, archives and all, not yet made."""
    view = feed.view
    wanted = [
        DocumentSpec(
            path=feed_path(parts, view.spec, name, view.name),
            fingerprint=fingerprint(feed.stamp, name),
            make=_maker(parts, name, feed.value),
            topic=feed_url(parts, view.spec, name, view.name),
        )
        for name in view.spec.formats
    ]
    if view.pages:
        wanted += _unfinished(parts, feed)
    return [*wanted, *_archives(parts, view)]


def feed_path(parts: Deps, spec: FeedSpec, format: str, name: str = "") -> str:
    """Where a feed, or the part `name` of one, stands under public/: "<slug>.<suffix>", or by its `paths`."""
    usual = f"{spec.slug}/{VALUE}" if spec.split_by else spec.slug
    return spec.paths.get(format, f"{usual}.{parts.formats[format].suffix}").replace(VALUE, name)


def feed_url(parts: Deps, spec: FeedSpec, format: str, name: str = "") -> str:
    """Where it is fetched from."""
    return url_of(parts, feed_path(parts, spec, format, name))


def url_of(parts: Deps, path: str) -> str:
    """The address of the document at `path`."""
    return parts.site.public_url + quote(path, safe="/~")


def feed_value(parts: Deps, view: FeedView) -> Feed:
    """The subscription document: the newest posts, last first by log order, then older ones that changed
    since the oldest of these came (RFC 5005 4: a later edit is published again under its id).
    """
    limit = view.spec.limit
    found = parts.store.newest_of(view.meant, limit + 1)
    newest = list(found[:limit])
    since = newest[-1].first_seq if len(found) > limit else 0
    newest += parts.store.renewed_of(view.meant, since, limit) if since else []
    history = History(
        complete=not since and not view.pages,
        previous=_archive_urls(parts, view, len(view.pages)) if view.pages else {},
    )
    gone = tombstones(parts, view, since)
    return _feed(parts, view, newest, history, _urls(parts, view), gone, [view.updated])


def _unfinished(parts: Deps, feed: CurrentFeed) -> list[DocumentSpec]:
    """The newest archive document, not yet full. All that is in it is also in the subscription document,
    which links to the full one before; so nobody who follows `prev-archive` meets one that changes.
    """
    view, last = feed.view, feed.view.pages[-1]

    @cache
    def value() -> Feed:
        newest = parts.store.newest_of(view.meant, view.spec.limit)
        rest = [known for known in newest if known.first_seq > last.until]
        filling = rest[max(0, len(rest) - page_size(view.spec.limit) + 1) :]
        return _archive(parts, view, filling, last.number + 1, after=last.until)

    return [
        DocumentSpec(
            path=archive_path(parts, view, last.number + 1, name),
            fingerprint=fingerprint("unfinished", feed.stamp, name),
            make=_maker(parts, name, value),
        )
        for name in view.spec.formats
    ]


def _archives(parts: Deps, view: FeedView) -> list[DocumentSpec]:
    """Full archive documents. What they are made of does not change but as SPEC allows: neither templates,
    nor versions, nor later edits are in their fingerprint.
    """
    wanted: list[DocumentSpec] = []
    site = (parts.site.url, parts.site.public_url, _urls(parts, view))
    for page in view.pages:
        stamp = fingerprint("archive", view.path, page, site)
        value = _archived(parts, view, page)
        wanted += [
            DocumentSpec(
                path=archive_path(parts, view, page.number, name),
                fingerprint=fingerprint(stamp, name),
                make=_maker(parts, name, value),
            )
            for name in view.spec.formats
        ]
    return wanted


def _archived(parts: Deps, view: FeedView, page: ArchivePage) -> Callable[[], Feed]:
    @cache
    def value() -> Feed:
        posts = parts.store.as_of(view.meant, page)
        return _archive(parts, view, posts, page.number, after=page.after, until=page.until)

    return value


def _archive(
    parts: Deps,
    view: FeedView,
    posts: Sequence[PublishedPost],
    number: int,
    *,
    after: int,
    until: int = MAX_SEQ,
) -> Feed:
    last = len(view.pages) + 1
    history = History(
        archive=True,
        current=_urls(parts, view),
        previous=_archive_urls(parts, view, number - 1) if number > 1 else {},
        following=_archive_urls(parts, view, number + 1) if number < last else {},
    )
    gone = tombstones(parts, view, 0, after=after, until=until)
    times = [tombstone.at for tombstone in gone]
    return _feed(parts, view, posts, history, _archive_urls(parts, view, number), gone, times)


def _feed(
    parts: Deps,
    view: FeedView,
    posts: Sequence[PublishedPost],
    history: History,
    urls: Mapping[str, str],
    gone: tuple[Tombstone, ...],
    times: Sequence[datetime],
) -> Feed:
    """The value of a document; `updated` is its newest change (RFC 4287 4.2.15), of its entries or at one of
    `times`.
    """
    site, spec = parts.site, view.spec
    bodies = parts.store.bodies({known.post.body_hash for known in posts})
    entries = tuple(entry_of(parts, spec, known, bodies[known.post.body_hash]) for known in posts)
    feed = Feed(
        id=f"tag:{site.id_authority}:feed/{quote(view.path, safe='/~')}",
        title=view.title,
        site_url=site.url,
        self_urls=urls,
        updated=max([*times, *(entry.updated for entry in entries)], default=view.updated),
        language=site.language,
        description=site.description,
        author=site.author,
        copyright=site.copyright,
        license=license_of(site.copyright),
        logo=_logo(parts),
        hubs=() if history.archive else parts.hubs,
        history=history,
        tombstones=gone,
        entries=entries,
    )
    return fitted(feed)


def archive_path(parts: Deps, view: FeedView, number: int, format: str) -> str:
    """Where an archive document stands under public/."""
    return f"{FOLDER}{view.path}/{number}.{parts.formats[format].suffix}"


def _archive_urls(parts: Deps, view: FeedView, number: int) -> dict[str, str]:
    formats = view.spec.formats
    return {name: url_of(parts, archive_path(parts, view, number, name)) for name in formats}


def _urls(parts: Deps, view: FeedView) -> dict[str, str]:
    return {name: feed_url(parts, view.spec, name, view.name) for name in view.spec.formats}


def _maker(parts: Deps, name: str, value: Callable[[], Feed]) -> Callable[[], bytes]:
    return lambda: parts.formats[name].write(value())


def _logo(parts: Deps) -> Image | None:
    logo = parts.site.logo
    return Image(url=logo.url, alt=logo.alt, width=logo.width, height=logo.height) if logo else None


def rebuild_archives(parts: Deps, slugs: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Makes the archives of these feeds again, from the first post on, and removes what is then too much.
    Returns the paths whose bytes changed. A crash in between is made good by the next call.
    """
    forget_archives(parts, slugs)
    feeds = [current(parts, view) for view in feed_views(parts) if view.spec.slug in slugs]
    wanted = [wanted for feed in feeds for wanted in feed_documents(parts, feed)]
    return write(parts, wanted, now, owned=tuple(f"{FOLDER}{slug}/" for slug in slugs))
