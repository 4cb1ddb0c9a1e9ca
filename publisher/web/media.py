"""Media types of documents, by their place and suffix: the same on every machine."""

from pathlib import Path

_TYPES = {
    ".atom": "application/atom+xml",
    ".avif": "image/avif",
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".opml": "text/x-opml; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
    ".zip": "application/zip",
}
_FEED_TYPES = {
    ".atom": "application/atom+xml",
    ".json": "application/feed+json",
    ".xml": "application/rss+xml",
}
_NO_FEEDS = frozenset({"assets", "digests", "posts"})


def is_feed(path: str) -> bool:
    """Whether the document at `path` (relative to public/) is a feed or an archive of one."""
    return (
        Path(path).suffix in _FEED_TYPES
        and path not in {"manifest.json", "sitemap.xml"}
        and path.partition("/")[0] not in _NO_FEEDS
    )


def content_type(path: str) -> str:
    """The media type of the document at `path`, by its suffix."""
    suffix = Path(path).suffix.lower()
    return _FEED_TYPES[suffix] if is_feed(path) else _TYPES.get(suffix, "application/octet-stream")
