"""Media types of documents, by what they are and by their suffix: the same on every machine."""

from pathlib import PurePosixPath

from publisher.core.feeds.feed_documents import DocumentFormat, FeedResource

TYPES = {
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
FEEDS = {
    DocumentFormat.ATOM: "application/atom+xml",
    DocumentFormat.RSS: "application/rss+xml",
    DocumentFormat.JSON: "application/feed+json",
}


PAGE = (
    b"default-src 'none'; style-src 'self' 'unsafe-inline'; img-src * data:; media-src * data:; "
    b"font-src 'self' data:; manifest-src 'self'; form-action 'self'; base-uri 'none'"
)
"""The policy of pages: they show pictures, films and sound from anywhere, and run nothing."""

DATA = b"default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""The policy of all else that a browser may open by itself, pictures in SVG above all."""


def policy(kind: str) -> bytes:
    """The Content-Security-Policy of a document of that media type; "" for one that browsers show in a
    viewer of their own, which a policy would only break.
    """
    if kind.startswith("text/html"):
        return PAGE
    return b"" if kind == "application/pdf" or kind.startswith(("audio/", "video/")) else DATA


def for_programs(path: str) -> bool:
    """Whether programs of every origin may read it: it is data, not a page."""
    return PurePosixPath(path).suffix.lower() in {".atom", ".opml", ".rss"}


def content_type(path: str, feed: FeedResource | None = None) -> str:
    """The media type of the document at `path`: of a feed by its format, else by its suffix."""
    if feed is not None:
        return FEEDS[feed.kind]
    return TYPES.get(PurePosixPath(path).suffix.lower(), "application/octet-stream")
