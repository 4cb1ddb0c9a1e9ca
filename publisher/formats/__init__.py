"""Feed formats: each turns a `core.feeds.feed.Feed` into the bytes of a document. Add one as a file and an
entry here.

Cheap to import: the first `write` of an XML format loads feedgen and lxml.
"""

from collections.abc import Mapping
from types import MappingProxyType

from publisher.formats.atom import Atom
from publisher.formats.json_feed import JsonFeed
from publisher.formats.rss import Rss
from publisher.formats.shared import feedgen, opml
from publisher.ports import Format

__all__ = ["FORMATS", "feedgen", "opml"]

_ALL: tuple[Format, ...] = (
    Atom(),
    Rss(),
    JsonFeed(),
)

FORMATS: Mapping[str, Format] = MappingProxyType({format.name: format for format in _ALL})
"""Every format by the name that settings know it by ("atom"), in the order they are offered to readers."""
