"""Feeds: views of the log, made into values only when a document needs them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache

from publisher.core.feeds import Category, Entry, Feed, FeedSpec
from publisher.core.log import Known
from publisher.services.assets import files_of, image_of
from publisher.services.documents import Wanted, fingerprint
from publisher.services.parts import Parts
from publisher.services.summaries import summary_of

EMPTY = datetime(1970, 1, 1, tzinfo=UTC)
"""`updated` of a feed before the first run; after it, an empty feed has the time of the baseline."""


def feed_documents(parts: Parts) -> list[Wanted]:
    """One document for each feed and format, not yet made."""
    return [wanted for spec in parts.feeds for wanted in _documents(parts, spec)]


def _documents(parts: Parts, spec: FeedSpec) -> list[Wanted]:
    newest = parts.store.newest(spec.limit)
    since = parts.store.head().baseline_at or EMPTY
    inputs = [_inputs(known) for known in newest]
    stamp = fingerprint(parts.stamp, parts.pages, parts.site, spec, since, inputs)

    @cache
    def value() -> Feed:
        return feed_value(parts, spec, newest, since)

    def make(name: str) -> Callable[[], bytes]:
        return lambda: parts.formats[name].write(value())

    return [
        Wanted(
            path=feed_path(parts, spec, name),
            fingerprint=fingerprint(stamp, name),
            make=make(name),
            topic=parts.site.public_url + feed_path(parts, spec, name),
        )
        for name in spec.formats
    ]


def feed_path(parts: Parts, spec: FeedSpec, format: str) -> str:
    """Where a feed stands under public/: "<slug>.<suffix>"."""
    return f"{spec.slug}.{parts.formats[format].suffix}"


def feed_value(parts: Parts, spec: FeedSpec, newest: Sequence[Known], since: datetime) -> Feed:
    """The feed as a value, newest first by log order; `updated` is its newest change (RFC 4287 4.2.15)."""
    bodies = parts.store.bodies({known.post.body_hash for known in newest})
    entries = tuple(_entry(parts, spec, known, bodies[known.post.body_hash]) for known in newest)
    site = parts.site
    return Feed(
        id=f"tag:{site.id_authority}:feed/{spec.slug}",
        title=spec.title or site.title,
        site_url=site.url,
        self_urls={name: site.public_url + feed_path(parts, spec, name) for name in spec.formats},
        updated=max((entry.updated for entry in entries), default=since),
        language=site.language,
        description=site.description,
        author=site.author,
        copyright=site.copyright,
        entries=entries,
    )


def _entry(parts: Parts, spec: FeedSpec, known: Known, body: str) -> Entry:
    post = known.post
    assert post.instant is not None  # noqa: S101  # what is in the log has passed the gate
    files = files_of(parts, post)
    html = parts.markup.html(body, post.markup, base_url=post.base_url, title=post.title, files=files)
    language = "" if post.language == parts.site.language else post.language
    return Entry(
        id=known.id,
        url=post.url,
        title=post.title,
        published=post.instant,
        updated=max(known.updated_at, post.instant),
        summary=summary_of(parts.markup, post, body, html),
        content=html if spec.content == "full" else None,
        language=language,
        authors=post.authors,
        categories=_categories((*post.categories, *post.tags)),
        image=image_of(parts, post),
    )


def _categories(terms: Sequence[str]) -> tuple[Category, ...]:
    """Each term once, however it is written, in the author's order."""
    once = {term.casefold(): term for term in reversed(terms) if term}
    return tuple(Category(term=term) for term in reversed(once.values()))


def _inputs(known: Known) -> tuple[str, datetime, object]:
    return (known.id, known.updated_at, known.post)
