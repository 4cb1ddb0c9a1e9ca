"""Feeds and their archive documents: what each contains, built only when one of its documents is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from urllib.parse import quote

from publisher.core.caching import LruCache
from publisher.core.feeds.feed import (
    MAX_SEQ,
    PART_PLACEHOLDER,
    ArchivePage,
    Category,
    Enclosure,
    Feed,
    FeedEntry,
    FeedSpec,
    History,
    Tombstone,
    page_size,
    truncate_feed,
)
from publisher.core.posts.post import Image, Post
from publisher.core.publishing.log import PublishedPost
from publisher.core.site import license_url
from publisher.ports import Store
from publisher.services.deps import Deps, SiteRules
from publisher.services.feeds.documents import ARCHIVE_FOLDER, DocumentSpec, fingerprint, write_documents
from publisher.services.feeds.feed_views import (
    MAX_CHANGES,
    FeedView,
    feed_views,
    forget_archives,
    newest_allowed,
    with_allowed_entries,
)
from publisher.services.posts.content import PostContent, stored_contents

MAX_TOMBSTONES = 100
"""Tombstones in a document."""

MAX_SHARED_BYTES = 32_000_000
"""Bytes of entries, as they stand in documents, that are kept while a publish makes its documents."""

ENCLOSURE_TYPES = {
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
"""Assets that become enclosures, by suffix: their media types."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentFeed:
    """A feed as it is now. `fingerprint` names all that it is made of; `build` builds it, once. `cache` keeps
    entries, as values and as they are written, for all feeds of a publish: a post with ten tags is in thirty
    documents.
    """

    view: FeedView
    fingerprint: str
    build: Callable[[], Feed]
    cache: LruCache


def current_feeds(deps: Deps) -> list[CurrentFeed]:
    """Every feed that exists now, not yet built, in the order of `feed_views`."""
    feeds: list[CurrentFeed] = []
    store, shared = deps.adapters.store, LruCache(MAX_SHARED_BYTES, bytes_kept)
    permalinks = sorted(deps.rules.id_rules.adopted.permalinks.items())
    for view in with_allowed_entries(store, feed_views(deps.rules, store)):
        last = view.pages[-1].number if view.pages else 0
        inputs = (view.spec, view.path, view.label, view.version, view.updated, last)
        feeds.append(
            CurrentFeed(
                view=view,
                fingerprint=fingerprint(
                    deps.process.template_fingerprint,
                    deps.rules.post_pages,
                    deps.rules.site,
                    deps.rules.hubs,
                    inputs,
                    *((view.allowed.after, tuple(sorted(view.allowed.kept))) if view.allowed else ()),
                    *((permalinks,) if permalinks else ()),
                ),
                build=cache(partial(build_feed, deps, view, shared)),
                cache=shared,
            )
        )
    return feeds


def feed_documents(deps: Deps, feed: CurrentFeed) -> list[DocumentSpec]:
    """The documents of a feed in each of its formats, archives included, not yet made."""
    view = feed.view
    specs = [
        DocumentSpec(
            path=feed_path(deps, view.spec, name, view.name),
            fingerprint=fingerprint(feed.fingerprint, name),
            make=partial(write_format, deps, name, feed.build, feed.cache),
            topic=feed_url(deps, view.spec, name, view.name),
        )
        for name in view.spec.formats
    ]
    if view.pages:
        newest = view.pages[-1].number + 1
        inputs = ("unfinished", feed.fingerprint)
        build = partial(build_newest_archive, deps, view, feed.cache)
        specs += _archive_documents(deps, feed, newest, inputs, build)
    # A full archive changes only when a post is withdrawn, addresses change or an operator rebuilds it: no
    # template, version or later edit is in its fingerprint.
    site = (deps.rules.site.url, deps.rules.site.public_url, _feed_urls(deps, view))
    for page in view.pages:
        stamp = fingerprint("archive", view.path, page, site)
        build = partial(build_full_archive, deps, view, page, feed.cache)
        specs += _archive_documents(deps, feed, page.number, (stamp,), build)
    return specs


def _archive_documents(
    deps: Deps, feed: CurrentFeed, number: int, inputs: tuple[str, ...], build: Callable[[], Feed]
) -> list[DocumentSpec]:
    """Archive document `number` in each format; the feed is built once for all of them."""
    build = cache(build)
    return [
        DocumentSpec(
            path=archive_path(deps, feed.view, number, name),
            fingerprint=fingerprint(*inputs, name),
            make=partial(write_format, deps, name, build, feed.cache),
        )
        for name in feed.view.spec.formats
    ]


def write_format(deps: Deps, name: str, build: Callable[[], Feed], cache: LruCache) -> bytes:
    """The bytes of a feed in the format of that name."""
    return deps.adapters.formats[name].write(build(), cache)


def bytes_kept(value: FeedEntry | bytes) -> int:
    """How much room a value takes in the cache of entries, about."""
    if isinstance(value, bytes):
        return len(value) + 200
    return len(value.content or "") + len(value.summary) + 2_000


def build_feed(deps: Deps, view: FeedView, cache: LruCache) -> Feed:
    """The subscription document: the newest posts, last first by log order, then older ones that changed
    since the oldest of these came (RFC 5005 4: a later edit is published again under its id).
    """
    limit = view.spec.limit
    found, hides_any = newest_allowed(deps.adapters.store, view, limit + 1)
    newest, is_all = list(found[:limit]), len(found) <= limit and not hides_any
    since = newest[-1].first_seq if newest and not is_all else 0
    newest += deps.adapters.store.recently_changed_of(view.filters, since, limit) if since else []
    history = History(
        complete=is_all and not view.pages,
        previous=_archive_urls(deps, view, len(view.pages)) if view.pages else {},
    )
    gone = tombstones(deps.adapters.store, view, since)
    return _feed(deps, view, newest, history, _feed_urls(deps, view), gone, [view.updated], cache)


def build_newest_archive(deps: Deps, view: FeedView, cache: LruCache) -> Feed:
    """The newest archive document, not yet full. All that is in it is also in the subscription document,
    which links to the full one before; so nobody who follows `prev-archive` meets one that changes.
    """
    last = view.pages[-1]
    newest, _ = newest_allowed(deps.adapters.store, view, view.spec.limit)
    rest = [known for known in newest if known.first_seq > last.until]
    posts = rest[max(0, len(rest) - page_size(view.spec.limit) + 1) :]
    return _archive(deps, view, posts, last.number + 1, cache, after=last.until)


def build_full_archive(deps: Deps, view: FeedView, page: ArchivePage, cache: LruCache) -> Feed:
    """A full archive document: the posts of `page` as they were when it became full."""
    posts = deps.adapters.store.posts_as_of(view.filters, page)
    return _archive(deps, view, posts, page.number, cache, after=page.after, until=page.until)


def _archive(
    deps: Deps,
    view: FeedView,
    posts: Sequence[PublishedPost],
    number: int,
    cache: LruCache,
    *,
    after: int,
    until: int = MAX_SEQ,
) -> Feed:
    last = len(view.pages) + 1
    history = History(
        archive=True,
        current=_feed_urls(deps, view),
        previous=_archive_urls(deps, view, number - 1) if number > 1 else {},
        following=_archive_urls(deps, view, number + 1) if number < last else {},
    )
    gone = tombstones(deps.adapters.store, view, 0, after=after, until=until)
    times = [tombstone.at for tombstone in gone]
    return _feed(deps, view, posts, history, _archive_urls(deps, view, number), gone, times, cache)


def _feed(
    deps: Deps,
    view: FeedView,
    posts: Sequence[PublishedPost],
    history: History,
    urls: Mapping[str, str],
    gone: tuple[Tombstone, ...],
    times: Sequence[datetime],
    cache: LruCache,
) -> Feed:
    """The feed of one document. Its `updated` is the newest change (RFC 4287 4.2.15), of its entries or at
    one of `times`.
    """
    site, logo = deps.rules.site, deps.rules.site.logo
    entries = feed_entries(deps, view.spec, posts, cache)
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
        license=license_url(site.copyright),
        logo=Image(url=logo.url, alt=logo.alt, width=logo.width, height=logo.height) if logo else None,
        icon=site.icon,
        hubs=() if history.archive else deps.rules.hubs,
        history=history,
        tombstones=gone,
        entries=entries,
    )
    return truncate_feed(feed)


def feed_entries(
    deps: Deps, spec: FeedSpec, posts: Sequence[PublishedPost], cache: LruCache
) -> tuple[FeedEntry, ...]:
    """Posts as entries of a feed. Bodies of those that are not cached are read together."""
    keys = [(spec.content, known) for known in posts]
    new = [known for key, known in zip(keys, posts, strict=True) if key not in cache]
    made = {content.known: content for content in stored_contents(deps, new)}

    def make(known: PublishedPost) -> FeedEntry:
        content = made.get(known) or stored_contents(deps, [known])[0]  # evicted meanwhile
        return feed_entry(deps.rules, spec, content)

    return tuple(cache.get_or_make(key, partial(make, known)) for key, known in zip(keys, posts, strict=True))


def feed_entry(rules: SiteRules, spec: FeedSpec, content: PostContent) -> FeedEntry:
    """A post as an entry of a feed."""
    known, post = content.known, content.known.post
    return FeedEntry(
        id=known.id,
        url=post.url,
        title=post.title,
        published=known.instant,
        updated=max(known.updated_at, known.instant),
        summary=content.summary,
        content=content.html if spec.content == "full" else None,
        language="" if post.language == rules.site.language else post.language,
        authors=post.authors,
        categories=_categories(rules.site.id_authority, post),
        image=content.image,
        enclosures=_enclosures(rules, post),
        is_permalink=rules.id_rules.adopted.permalinks.get(known.id),
    )


def _categories(authority: str, post: Post) -> tuple[Category, ...]:
    """Each term once, whatever its case, in the author's order; the scheme tells categories from tags, and
    the label is what readers show (RFC 4287 4.2.2.3).
    """
    found: dict[str, Category] = {}
    for scheme, terms in (("categories", post.categories), ("tags", post.tags)):
        for term in filter(None, terms):
            category = Category(term=term, scheme=f"tag:{authority}:{scheme}", label=term)
            found.setdefault(term.casefold(), category)
    return tuple(found.values())


def _enclosures(rules: SiteRules, post: Post) -> tuple[Enclosure, ...]:
    """The audio and video files beside the post: their type and length are known (RFC 4287 4.2.7.2)."""
    if not rules.post_pages:
        return ()
    assets = {asset.document: asset for asset in post.assets}
    return tuple(
        Enclosure(url=rules.site.public_url + path, media_type=ENCLOSURE_TYPES[suffix], size=asset.size)
        for path, asset in assets.items()
        if (suffix := path.rpartition(".")[2]) in ENCLOSURE_TYPES
    )


def tombstones(
    store: Store, view: FeedView, since: int, *, after: int = 0, until: int = MAX_SEQ
) -> tuple[Tombstone, ...]:
    """The posts of `view` that were withdrawn by log rows after `since`, the last ones first (RFC 6721 3),
    of those whose first log row is in (after, until].
    """
    withdrawn = store.recently_withdrawn(since, MAX_CHANGES, after=after, until=until)
    gone = [known for known in withdrawn if all(f.matches(known.post) for f in view.filters)]
    return tuple(Tombstone(id=known.id, at=known.updated_at) for known in gone[:MAX_TOMBSTONES])


def feed_path(deps: Deps, spec: FeedSpec, format: str, name: str = "") -> str:
    """Where a feed, or the part `name` of one, stands under public/: "<slug>.<suffix>", or by its `paths`."""
    usual = f"{spec.slug}/{PART_PLACEHOLDER}" if spec.split_by else spec.slug
    return spec.paths.get(format, f"{usual}.{deps.adapters.formats[format].suffix}").replace(
        PART_PLACEHOLDER, name
    )


def feed_url(deps: Deps, spec: FeedSpec, format: str, name: str = "") -> str:
    """The URL of a feed, or of the part `name` of one."""
    return document_url(deps.rules, feed_path(deps, spec, format, name))


def _feed_urls(deps: Deps, view: FeedView) -> dict[str, str]:
    return {name: feed_url(deps, view.spec, name, view.name) for name in view.spec.formats}


def archive_path(deps: Deps, view: FeedView, number: int, format: str) -> str:
    """Where an archive document stands under public/."""
    return f"{ARCHIVE_FOLDER}{view.path}/{number}.{deps.adapters.formats[format].suffix}"


def _archive_urls(deps: Deps, view: FeedView, number: int) -> dict[str, str]:
    formats = view.spec.formats
    return {name: document_url(deps.rules, archive_path(deps, view, number, name)) for name in formats}


def document_url(rules: SiteRules, path: str) -> str:
    """The URL of the document at `path`."""
    return rules.site.public_url + quote(path, safe="/~")


def rebuild_archives(deps: Deps, slugs: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Makes the archives of these feeds again from the first post on, with the posts as they are now, and
    removes documents that are then too many. Returns the paths whose bytes changed. Safe to call again after
    a crash.
    """
    forget_archives(deps.adapters.store, slugs)
    feeds = [feed for feed in current_feeds(deps) if feed.view.spec.slug in slugs]
    specs = [spec for feed in feeds for spec in feed_documents(deps, feed)]
    return write_documents(deps, specs, now, owned=tuple(f"{ARCHIVE_FOLDER}{slug}/" for slug in slugs))
