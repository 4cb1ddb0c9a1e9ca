"""The documents under public/ that browsers and feed readers fetch: what the store remembers of each, their
media types, content codings and security policies. A suffix means the same on every machine.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from publisher.core.feeds.feed import FeedFormat
from publisher.core.feeds.feed_documents import FeedResource

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


ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Content codings of the compressed copies beside a document, with their suffixes; the better one first
(RFC 9110 8.4.1)."""

_TEXT_SUFFIXES = frozenset(
    {".atom", ".css", ".csv", ".htm", ".html", ".ics", ".js", ".json", ".map", ".md", ".opml", ".rdf", ".rss"}
    | {".svg", ".txt", ".webmanifest", ".xhtml", ".xml"}
)


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
class FeedVersion:
    """What a feed document held when its bytes had `hash` (SHA-256, 64 hex digits): a mark for each entry, so
    that a client that still has this version can be sent only the entries it lacks (RFC 3229).
    """

    path: str
    hash: str
    modified: datetime
    marks: tuple[str, ...]


def is_compressible(path: str) -> bool:
    """Whether the document at `path` gets compressed copies beside it: text of any kind, and paths without a
    suffix (the site may choose such paths for its feeds). Images, audio and archives are compressed already.
    """
    suffix = PurePosixPath(path).suffix.lower()
    return not suffix or suffix in _TEXT_SUFFIXES
