"""What a feed document says of itself, read from its bytes: where its entries are, its own URL, its hubs.

A client that still has an older version can be sent the same bytes without the entries it holds (RFC 3229
with "A-IM: feed"); nothing is parsed and written anew, so what is left is as the format wrote it.

Documents: the files under public/ that readers and feed readers fetch.

Feeds that stay small enough for every reader: where whole posts are too much, summaries do.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, cast
from xml.parsers import expat

from publisher.core.feeds.feed import Feed, FeedEntry

ATOM = "http://www.w3.org/2005/Atom"
HISTORY = "http://purl.org/syndication/history/1.0"
JSON_FEED = "https://jsonfeed.org/version/"
_SUFFIXES = frozenset({"", ".atom", ".json", ".rdf", ".rss", ".xml"})
_NO_FEEDS = frozenset({"assets", "digests", "posts"})
_ENTRIES = {("feed", f"{ATOM} entry"), ("rss", "item")}
_ROOTS = {f"{ATOM} feed": "feed", "rss": "rss"}
_DEPTHS = {"feed": 2, "rss": 3}


class DocumentFormat(StrEnum):
    """The formats a document can be in."""

    ATOM = "atom"
    RSS = "rss"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the document that can be cut out: bytes from `start` to `end`. `mark` names what it says:
    16 hex digits, "" for what is never held (fh:complete, which is untrue once an entry is missing).
    """

    start: int
    end: int
    mark: str


@dataclass(frozen=True, slots=True)
class FeedResource:
    """A feed, as far as serving it needs to know."""

    kind: DocumentFormat
    self_url: str
    hubs: tuple[str, ...]
    spans: tuple[Span, ...]
    marks: tuple[str, ...]


def may_be_feed(path: str) -> bool:
    """Whether the document at `path` (relative to public/) may be a feed or an archive of one: it is one when
    its bytes say so, for a site may choose the paths of its feeds.
    """
    return PurePosixPath(path).suffix.lower() in _SUFFIXES and path.partition("/")[0] not in _NO_FEEDS


def read_feed(data: bytes) -> FeedResource | None:
    """The feed in `data`; None: it is none, or broken."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{":
        return _read_json(data)
    return _read_xml(data) if start == b"<" else None


def without(data: bytes, document: FeedResource, held: Collection[str]) -> bytes | None:
    """`data`, which `document` was read from, without the entries whose marks are in `held`; None: it holds
    none of them.
    """
    if not set(document.marks) & set(held):
        return None
    if document.kind is DocumentFormat.JSON:
        feed = json.loads(data)
        feed["items"] = [item for item in feed["items"] if _mark(_dumped(item)) not in held]
        return json.dumps(feed, ensure_ascii=False, indent=1).encode() + b"\n"
    kept: list[bytes] = []
    at = 0
    for span in document.spans:
        if not span.mark or span.mark in held:
            kept.append(data[at : span.start])
            at = span.end
    return b"".join((*kept, data[at:]))


def _read_json(data: bytes) -> FeedResource | None:
    try:
        feed: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(feed, dict):
        return None
    found = cast(dict[str, Any], feed)
    if not str(found.get("version", "")).startswith(JSON_FEED):
        return None
    return FeedResource(
        kind=DocumentFormat.JSON,
        self_url=str(found.get("feed_url") or ""),
        hubs=tuple(str(hub["url"]) for hub in _objects(found, "hubs") if hub.get("url")),
        spans=(),
        marks=tuple(_mark(_dumped(item)) for item in _objects(found, "items")),
    )


def _objects(found: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects of a list; none where there is no such list."""
    values: Any = found.get(key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []  # pyright: ignore[reportUnknownVariableType]  # any JSON


def _dumped(item: Any) -> bytes:
    return json.dumps(item, sort_keys=True).encode()


def _mark(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


@dataclass(slots=True)
class _EntryFinder:
    """expat's callbacks: where entries stand, by byte, and the links of the feed itself."""

    data: bytes
    parser: Any
    path: list[str] = field(default_factory=list[str])
    links: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    spans: list[Span] = field(default_factory=list[Span])
    root: str = ""
    began: int = 0

    def start(self, name: str, given: dict[str, str]) -> None:
        self.root = self.root or _ROOTS.get(name, "")
        if not self.root:
            raise expat.ExpatError("not a feed")
        self.path.append(name)
        if len(self.path) == _DEPTHS[self.root]:
            self.began = self.parser.CurrentByteIndex
            if name == f"{ATOM} link":
                self.links.append((given.get("rel", "alternate"), given.get("href", "")))

    def end(self, name: str) -> None:
        here = len(self.path) == _DEPTHS[self.root]
        if here and ((self.root, name) in _ENTRIES or name == f"{HISTORY} complete"):
            stop = self._end()
            start = self.began
            while start and self.data[start - 1] in b" \t\r\n":
                start -= 1
            mark = "" if name == f"{HISTORY} complete" else _mark(self.data[self.began : stop])
            self.spans.append(Span(start, stop, mark))
        self.path.pop()

    def _end(self) -> int:
        """Behind the end tag. Of an empty element ("<a/>") expat names the byte behind it."""
        here: int = self.parser.CurrentByteIndex
        if self.data[here - 2 : here] == b"/>" and self.data.index(b">", self.began) == here - 1:
            return here
        return self.data.index(b">", here) + 1

    def doctype(self, *_: Any) -> None:
        raise expat.ExpatError("no feed has a document type")


def _read_xml(data: bytes) -> FeedResource | None:
    parser = expat.ParserCreate(namespace_separator=" ")
    reader = _EntryFinder(data, parser)
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError):
        return None
    links = reader.links
    return FeedResource(
        kind=DocumentFormat.ATOM if reader.root == "feed" else DocumentFormat.RSS,
        self_url=next((href for rel, href in links if rel == "self"), ""),
        hubs=tuple(href for rel, href in links if rel == "hub" and href),
        spans=tuple(reader.spans),
        marks=tuple(span.mark for span in reader.spans if span.mark),
    )


ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings that stand beside a document and their suffixes, the better first (RFC 9110 8.4.1)."""

_WORDS = frozenset(
    {".atom", ".css", ".csv", ".htm", ".html", ".ics", ".js", ".json", ".map", ".md", ".opml", ".rdf", ".rss"}
    | {".svg", ".txt", ".webmanifest", ".xhtml", ".xml"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A written document as the store remembers it.

    `path` is relative to public/, with "/". `fingerprint` names the inputs it was made from: equal
    inputs need no new rendering. `hash` is SHA-256 of the bytes (64 hex digits), the ETag's source.
    `modified` (UTC, whole seconds) is when the bytes changed: Last-Modified and the file's mtime.
    """

    path: str
    fingerprint: str
    hash: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a feed document held when its bytes had `hash` (SHA-256, 64 hex digits): a mark for each entry, so
    that a client which still has that version can be sent only what it lacks (RFC 3229).
    """

    path: str
    hash: str
    modified: datetime
    marks: tuple[str, ...]


def compressible(path: str) -> bool:
    """Whether encodings stand beside the document at `path`: text in any form, and what has no suffix (a
    feed at a path of the site's own). Pictures, sound and archives are compressed already.
    """
    suffix = PurePosixPath(path).suffix.lower()
    return not suffix or suffix in _WORDS


LARGEST = 5_000_000
"""Bytes of a document, in any format."""

ROOM = 3_000
"""Bytes that the elements around an entry's text may take."""

SHORT = 300
"""Characters of a summary, a title or a term where there is hardly any room."""


def fitted(feed: Feed, largest: int = LARGEST) -> Feed:
    """`feed` as a value that no format makes more than `largest` bytes of. From the newest on, entries keep
    their content while there is room for the summaries of the rest; where not even these fit, they are cut
    short, and what is older than fits is left out.
    """
    room = largest - ROOM
    if sum(map(_weight, feed.entries)) <= room:
        return feed
    entries = [replace(entry, content=None) for entry in feed.entries]
    if sum(map(_weight, entries)) > room:
        entries = _within([_cut(entry) for entry in entries], room)
    room -= sum(map(_weight, entries))
    whole: list[FeedEntry] = []
    for entry, full in zip(entries, feed.entries, strict=False):
        more = _escaped(full.content or "")
        fits = full.content is not None and entry.summary == full.summary and more <= room
        room -= more if fits else 0
        whole.append(full if fits else entry)
    return replace(feed, entries=tuple(whole))


def _within(entries: list[FeedEntry], room: int) -> list[FeedEntry]:
    kept: list[FeedEntry] = []
    for entry in entries:
        room -= _weight(entry)
        if room < 0:
            break
        kept.append(entry)
    return kept


def _cut(entry: FeedEntry) -> FeedEntry:
    return replace(
        entry,
        title=_shortened(entry.title),
        summary=_shortened(entry.summary),
        categories=entry.categories[:20],
        authors=entry.authors[:20],
        enclosures=entry.enclosures[:5],
    )


def _shortened(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"


def _weight(entry: FeedEntry) -> int:
    """At most so many bytes is `entry` in any format."""
    small = [entry.id, entry.url, entry.title, entry.summary, entry.summary]
    small += [word for c in entry.categories for word in (c.term, c.scheme, c.label, " " * 60)]
    small += [word for p in entry.authors for word in (p.name, p.email or "", p.url or "", " " * 60)]
    small += [word for f in entry.enclosures for word in (f.url, f.media_type, " " * 100)]
    small += [entry.image.url, entry.image.url] if entry.image else []
    return 1_000 + sum(map(_escaped, small)) + _escaped(entry.content or "")


def _escaped(text: str) -> int:
    """Bytes of UTF-8, where & and < become six characters twice over, as in the HTML of an RSS summary."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data) + 10 * (data.count(b"&") + data.count(b"<")) + 9 * data.count(b">") + data.count(b'"')
