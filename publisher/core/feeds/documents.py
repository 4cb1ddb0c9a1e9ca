"""Documents under public/ that browsers and feed readers fetch: their media types, content codings and
security policies, what the store remembers of each, and what a feed document says about itself.

A client that has an older version of a feed can be sent the same bytes without the entries it holds (RFC 3229
with "A-IM: feed"). Entries are cut out of the bytes; nothing is parsed and written again, so what remains is
exactly what the format wrote.

WebSub: the hubs that still have to hear of a changed feed, and when to try again (W3C WebSub 5.1, 6).
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Any, cast
from xml.parsers import expat

from publisher.core.feeds.feed import FeedFormat

MEDIA_TYPES = {
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".flac": "audio/flac",
    ".gif": "image/gif",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".ics": "text/calendar; charset=utf-8",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".md": "text/markdown; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".opml": "text/x-opml; charset=utf-8",
    ".opus": "audio/ogg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".rss": "application/rss+xml",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
FEED_TYPES = {
    FeedFormat.ATOM: "application/atom+xml",
    FeedFormat.RSS: "application/rss+xml",
    FeedFormat.JSON: "application/feed+json",
}

PAGE_POLICY = (
    b"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src * data:; media-src * data:; "
    b"font-src 'self' data:; manifest-src 'self'; form-action 'self'; base-uri 'none'"
)
"""The policy of pages: they show images, video and audio from anywhere, and run no scripts."""

DATA_POLICY = b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""The policy of everything else a browser may open on its own, above all SVG images."""

PREFLIGHT = {
    "Allow": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*, A-IM, Cache-Control, If-Modified-Since, If-None-Match, Range",
    "Access-Control-Max-Age": "86400",
}
"""The answer to a browser that asks whether a page of another site may read a document with conditional
headers (CORS preflight).
"""

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings of the compressed copies beside a document, with their suffixes; the better one first
(RFC 9110 8.4.1)."""

_TEXT_SUFFIXES = frozenset(
    {".atom", ".css", ".csv", ".htm", ".html", ".ics", ".js", ".json", ".map", ".md", ".opml", ".rdf", ".rss"}
    | {".svg", ".txt", ".webmanifest", ".xhtml", ".xml"}
)
ATOM = "http://www.w3.org/2005/Atom"
HISTORY = "http://purl.org/syndication/history/1.0"
JSON_FEED = "https://jsonfeed.org/version/"
_SUFFIXES = frozenset({"", ".atom", ".json", ".rdf", ".rss", ".xml"})
_FOLDERS_WITHOUT_FEEDS = frozenset({"assets", "digests", "posts"})
_ENTRY_ELEMENTS = {("feed", f"{ATOM} entry"), ("rss", "item")}
_KIND_OF_ROOT = {f"{ATOM} feed": "feed", "rss": "rss"}
_ENTRY_DEPTH = {"feed": 2, "rss": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A written document, as the store remembers it.

    `path` is relative to public/, with "/". `fingerprint` names the inputs it was made from: equal inputs
    need no new rendering. `hash` is the SHA-256 of its bytes (64 hex digits), from which the ETag is made.
    `modified` (UTC, whole seconds) is when the bytes last changed: Last-Modified and the file's mtime.
    """

    path: str
    fingerprint: str
    hash: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """A file of the author's that is copied as it is. `path` is relative to public/; `name` is what the
    author calls it; `changed_ns` is its mtime in nanoseconds.
    """

    path: str
    name: str
    size: int
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticListing:
    """What is in the folder of such files, by path, and a line for each that cannot be copied. `unreadable`
    says why nothing is known of the folder, "" otherwise.
    """

    files: tuple[StaticFile, ...] = ()
    problems: tuple[str, ...] = ()
    unreadable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedVersion:
    """What a feed document held when its bytes had `hash` (SHA-256, 64 hex digits): a mark for each entry, so
    that a client that still has this version can be sent only the entries it lacks (RFC 3229).
    """

    path: str
    hash: str
    modified: datetime
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntrySpan:
    """A part of the document that can be cut out: the bytes from `start` to `end`. `mark` identifies an entry
    and its content (16 hex digits). It is "" for fh:complete, which is always cut out because it is no longer
    true once an entry is missing.
    """

    start: int
    end: int
    mark: str


@dataclass(frozen=True, slots=True)
class FeedResource:
    """What serving a feed document needs to know about it. `marks` are those of its entries."""

    kind: FeedFormat
    self_url: str
    hubs: tuple[str, ...]
    spans: tuple[EntrySpan, ...]
    marks: tuple[str, ...]


def content_security_policy(kind: str) -> bytes:
    """The Content-Security-Policy for a media type; "" for types that browsers open in a viewer of their own,
    which a policy would only break.
    """
    if kind.startswith("text/html"):
        return PAGE_POLICY
    return b"" if kind == "application/pdf" or kind.startswith(("audio/", "video/")) else DATA_POLICY


def allows_any_origin(path: str) -> bool:
    """Whether scripts of any origin may read the document (CORS): it is data, not a page."""
    return PurePosixPath(path).suffix.lower() in {".atom", ".opml", ".rss"}


def content_type(path: str, feed: FeedResource | None = None) -> str:
    """The media type of the document at `path`: a feed's by its format, any other's by its suffix."""
    if feed is not None:
        return FEED_TYPES[feed.kind]
    return MEDIA_TYPES.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")


def is_compressible(path: str) -> bool:
    """Whether the document at `path` gets compressed copies beside it: text of any kind, and paths without a
    suffix (the site may choose such paths for its feeds). Images, audio and archives are compressed already.
    """
    suffix = PurePosixPath(path).suffix.lower()
    return not suffix or suffix in _TEXT_SUFFIXES


def may_be_feed(path: str) -> bool:
    """Whether the document at `path` (relative to public/) may be a feed or one of its archives. Only its
    bytes can tell for sure, because a site may choose the paths of its feeds.
    """
    return (
        PurePosixPath(path).suffix.lower() in _SUFFIXES
        and path.partition("/")[0] not in _FOLDERS_WITHOUT_FEEDS
    )


def read_feed(data: bytes) -> FeedResource | None:
    """The feed in `data`; None if it is broken or not a feed."""
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"{":
        return _read_json(data)
    return _read_xml(data) if start == b"<" else None


def without_entries(data: bytes, document: FeedResource, held: Collection[str]) -> bytes | None:
    """`data`, from which `document` was read, without the entries whose marks are in `held`; None if it has
    none of them.
    """
    if not set(document.marks) & set(held):
        return None
    if document.kind is FeedFormat.JSON:
        feed = json.loads(data)
        feed["items"] = [item for item in feed["items"] if _item_mark(item) not in held]
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
        kind=FeedFormat.JSON,
        self_url=str(found.get("feed_url") or ""),
        hubs=tuple(str(hub["url"]) for hub in _objects(found, "hubs") if hub.get("url")),
        spans=(),
        marks=tuple(_item_mark(item) for item in _objects(found, "items")),
    )


def _objects(found: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The objects in a list of the feed; none if it has no such list."""
    values: Any = found.get(key)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []  # pyright: ignore[reportUnknownVariableType]  # any JSON


def _item_mark(item: Any) -> str:
    return _mark(json.dumps(item, sort_keys=True).encode())


def _mark(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


@dataclass(slots=True)
class _EntryFinder:
    """expat callbacks that find the byte range of each entry, and the links of the feed itself."""

    data: bytes
    parser: Any
    path: list[str] = field(default_factory=list[str])
    links: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    spans: list[EntrySpan] = field(default_factory=list[EntrySpan])
    root: str = ""
    entry_start: int = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.root = self.root or _KIND_OF_ROOT.get(name, "")
        if not self.root:
            raise expat.ExpatError("not a feed")
        self.path.append(name)
        if len(self.path) == _ENTRY_DEPTH[self.root]:
            self.entry_start = self.parser.CurrentByteIndex
            if name == f"{ATOM} link":
                self.links.append((attributes.get("rel", "alternate"), attributes.get("href", "")))

    def end(self, name: str) -> None:
        complete = name == f"{HISTORY} complete"
        at_entry_depth = len(self.path) == _ENTRY_DEPTH[self.root]
        if at_entry_depth and (complete or (self.root, name) in _ENTRY_ELEMENTS):
            stop: int = self.parser.CurrentByteIndex
            # expat names the first byte of an end tag, but of an empty element ("<a/>") the byte behind it.
            is_empty = (
                self.data[stop - 2 : stop] == b"/>" and self.data.index(b">", self.entry_start) == stop - 1
            )
            if not is_empty:
                stop = self.data.index(b">", stop) + 1
            start = self.entry_start
            while start and self.data[start - 1] in b" \t\r\n":
                start -= 1
            mark = "" if complete else _mark(self.data[self.entry_start : stop])
            self.spans.append(EntrySpan(start, stop, mark))
        self.path.pop()

    def doctype(self, *_: Any) -> None:
        raise expat.ExpatError("a feed has no document type")


def _read_xml(data: bytes) -> FeedResource | None:
    parser = expat.ParserCreate(namespace_separator=" ")
    finder = _EntryFinder(data, parser)
    parser.StartElementHandler = finder.start
    parser.EndElementHandler = finder.end
    parser.StartDoctypeDeclHandler = finder.doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError):
        return None
    links = finder.links
    return FeedResource(
        kind=FeedFormat.ATOM if finder.root == "feed" else FeedFormat.RSS,
        self_url=next((href for rel, href in links if rel == "self"), ""),
        hubs=tuple(href for rel, href in links if rel == "hub" and href),
        spans=tuple(finder.spans),
        marks=tuple(span.mark for span in finder.spans if span.mark),
    )


RETRY_DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    *[timedelta(hours=12)] * 5,
)
"""How long to wait after each failure. After the last one, Publisher gives up until the feed changes
again.
"""

MAX_RETRY_DELAY = RETRY_DELAYS[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """One hub to be notified that the feed at `topic` (its self URL) has changed. `version` is the hash of
    the changed bytes. `next_at` is None once Publisher gave up; `reply` is the hub's last reply.
    """

    hub: str
    topic: str
    version: str
    since: datetime
    attempts: int = 0
    next_at: datetime | None = None
    reply: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingResult:
    """What a hub answered. `wait` is the delay it asked for (Retry-After)."""

    ok: bool
    reply: str
    wait: timedelta | None = None


def next_attempt(attempts: int, now: datetime, wait: timedelta | None) -> datetime | None:
    """When to try again after `attempts` failures: not before `wait`, the delay the hub asked for (twelve
    hours at most), is over. None: give up.
    """
    if attempts > len(RETRY_DELAYS):
        return None
    return now + max(RETRY_DELAYS[attempts - 1], min(wait or timedelta(), MAX_RETRY_DELAY))
