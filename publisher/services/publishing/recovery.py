"""Recovering: the feeds under public/, read back when the store is new."""

from collections.abc import Iterable
from urllib.parse import unquote

from publisher.core.errors import Refused
from publisher.core.publishing.adoption import OldEntry, OldFeed
from publisher.core.publishing.log import Head
from publisher.core.publishing.recovery import Recovered
from publisher.services.deps import Parts
from publisher.services.feeds.feeds import feed_path

SOURCES = ("json", "atom", "rss")
"""Which format is asked first: JSON Feed has ids as they are, and when an entry changed."""

DOCUMENTS = 10_000
"""How many archive documents are followed."""


def recovered(parts: Parts, head: Head) -> Recovered:
    """What the feeds that stand under public/ say, archives and all; nothing where none stands, or the store
    has a baseline: then it is the store that knows."""
    if head.baseline_at is not None:
        return Recovered()
    feeds = [_history(parts, path) for path in _paths(parts)]
    feeds.sort(key=len, reverse=True)  # the order of the whole before that of a part
    return Recovered([entry for feed in feeds for entry in feed])


def _paths(parts: Parts) -> Iterable[str]:
    """One document for each feed that is not split: the best of its formats that stands."""
    for spec in parts.feeds:
        if getattr(spec, "split_by", None):
            continue
        formats = [name for name in SOURCES if name in spec.formats]
        there = (feed_path(parts, spec, name) for name in formats)
        yield from [path for path in there if parts.shelf.standing(path)][:1]


def _history(parts: Parts, path: str) -> list[OldEntry]:
    """A feed's entries in the order of first publication: the oldest archive first, each from its end."""
    pages: list[OldFeed] = []
    seen: set[str] = set()
    while path and path not in seen and len(seen) < DOCUMENTS:
        seen.add(path)
        page = _read(parts, path)
        if page is None:
            break
        pages.append(page)
        url = page.older.removeprefix(parts.site.public_url)
        path = unquote(url) if url != page.older else ""
    return [entry for page in reversed(pages) for entry in reversed(page.entries)]


def _read(parts: Parts, path: str) -> OldFeed | None:
    data = parts.shelf.read(path)
    try:
        return parts.reader().feed(data, path) if data else None
    except Refused:
        return None
