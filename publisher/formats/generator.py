"""feedgen, with what Atom and RSS have in common and the extension that completes its output.

feedgen 1.0.0 writes most of a feed correctly; what it gets wrong or lacks (hubs, archive links,
enclosures, tombstones, the license) is corrected on its elements before they are serialized. Import this
within `write` only: feedgen and lxml take a tenth of a second to load.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from feedgen.entry import FeedEntry  # pyright: ignore[reportMissingTypeStubs]  # ships no types
from feedgen.feed import FeedGenerator  # pyright: ignore[reportMissingTypeStubs]  # ships no types

from publisher.core.feeds.feed import Feed
from publisher.core.feeds.feed import FeedEntry as Entry
from publisher.formats.shared import GENERATOR, namespaces, shown_categories

if TYPE_CHECKING:
    from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage]  # its only name

_UNTITLED = "-"


class FeedgenExtension:
    """A feedgen extension: calls `complete` with the element that feedgen has built."""

    def __init__(self, complete: Callable[["Element"], None], namespaces: dict[str, str]) -> None:
        self._complete, self._namespaces = complete, namespaces

    def extend_ns(self) -> dict[str, str]:
        return self._namespaces

    def extend_atom(self, element: "Element") -> "Element":
        self._complete(element)
        return element

    extend_rss = extend_atom


def new_feed(
    feed: Feed, self_type: tuple[str, str], complete: Callable[[Feed, "Element"], None], **spaces: str
) -> Any:
    """A FeedGenerator with what both formats share. `self_type` is the format's name and media type.

    The site's link comes last, because RSS takes the last one for the channel's.
    """
    name, media_type = self_type
    generator: Any = FeedGenerator()
    all_spaces = {**spaces, **namespaces(feed)}
    generator.register_extension("publisher", partial(FeedgenExtension, partial(complete, feed), all_spaces))
    generator.id(feed.id)
    generator.title(feed.title)
    generator.updated(feed.updated)
    generator.generator(GENERATOR)
    if name in feed.self_urls:
        generator.link(href=feed.self_urls[name], rel="self", type=media_type)
    generator.link(href=feed.site_url, rel="alternate", type="text/html")
    generator.language(feed.language or None)
    generator.rights(feed.copyright or None)
    return generator


def new_entry(generator: Any, entry: Entry, complete: Callable[[Entry, "Element"], None]) -> Any:
    """A FeedEntry after the existing ones, with what both formats share.

    feedgen refuses an empty title, so it gets a placeholder; `elements.complete_entry` restores the true
    one.
    """
    item: Any = FeedEntry()
    item.register_extension("publisher", partial(FeedgenExtension, partial(complete, entry), {}))
    item.guid(entry.id, permalink=entry.id == entry.url)
    item.title(entry.title or _UNTITLED)
    item.link(href=entry.url, rel="alternate")
    for category in shown_categories(entry):
        label = {"label": category.label} if category.label else {}
        item.category(term=category.term, scheme=category.scheme, **label)
    return generator.add_entry(item, order="append")
